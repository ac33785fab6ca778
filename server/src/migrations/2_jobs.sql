-- Training jobs. At most one is active in a database, whoever asks: `active` is
-- 1 or nothing, and unique.
CREATE TABLE jobs (
    id            TEXT PRIMARY KEY,
    created       BIGINT NOT NULL,
    reason        TEXT NOT NULL,     -- asked, samples, schedule
    state         TEXT NOT NULL,     -- queued, running, promoted, candidate, failed, cancelled
    active        BIGINT UNIQUE,
    owner         TEXT,              -- the server that runs it
    heartbeat     BIGINT,            -- when that server last said so
    attempts      BIGINT NOT NULL,
    cancel        BIGINT NOT NULL,
    parent        TEXT,
    candidate     TEXT,
    samples       BIGINT NOT NULL,   -- labelled ones when it began
    progress      TEXT NOT NULL,     -- JSON
    message       TEXT,              -- how it ended, for a person
    started       BIGINT,
    finished      BIGINT
);
