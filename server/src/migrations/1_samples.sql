-- Times are milliseconds since 1970 (UTC). Truth values are 0 and 1.

CREATE TABLE samples (
    id            TEXT PRIMARY KEY,  -- orders by time
    created       BIGINT NOT NULL,
    source        TEXT NOT NULL,     -- who or what sent it
    label         TEXT,              -- what it shows; none: still to be labelled
    verdict       TEXT NOT NULL,     -- what the network said of it at that time
    prediction    TEXT NOT NULL,
    confidence    DOUBLE PRECISION NOT NULL,
    checkpoint    TEXT NOT NULL,
    preprocessing BIGINT NOT NULL,
    form          TEXT NOT NULL,     -- of `raw`: strokes, image or pixels
    raw           BLOB NOT NULL,
    glyph         BLOB NOT NULL,     -- 784 bytes
    glyph_hash    TEXT NOT NULL,
    held_back     BIGINT NOT NULL,   -- kept from training, to check on
    labelled      BIGINT,            -- when it got its label
    confirmed     BIGINT NOT NULL,   -- somebody looked at it and agreed
    deleted       BIGINT             -- when
);
CREATE INDEX samples_by_glyph ON samples (glyph_hash);
CREATE INDEX samples_by_label ON samples (label, prediction);
CREATE INDEX samples_by_source ON samples (source, deleted);
CREATE INDEX samples_by_labelling ON samples (labelled);

-- What was changed by hand, to be undone. Rows of one action share `batch`.
CREATE TABLE edits (
    batch         TEXT NOT NULL,
    sample        TEXT NOT NULL,
    what          TEXT NOT NULL,
    label         TEXT,              -- as they were before
    confirmed     BIGINT NOT NULL,
    deleted       BIGINT,
    PRIMARY KEY (batch, sample)
);
