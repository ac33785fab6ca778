-- Who sent a sample. What is there already was acknowledged when every sample counted, so it
-- counts as the operator's. An older program beside a newer one does not know these columns: what
-- it adds is nobody's, and waits to be confirmed.
ALTER TABLE samples ADD COLUMN trusted BIGINT NOT NULL DEFAULT 0;  -- by the token's holder
ALTER TABLE samples ADD COLUMN visitor TEXT;    -- SHA-256 of the secret that a visitor's browser keeps
ALTER TABLE samples ADD COLUMN client TEXT NOT NULL DEFAULT '';    -- the visitor's network, for some weeks
ALTER TABLE samples ADD COLUMN bytes BIGINT NOT NULL DEFAULT 0;    -- of the input and the glyph
UPDATE samples SET trusted = 1, bytes = LENGTH(raw) + 784;
-- All that is asked often is in an index, so that no input is read for it: a visitor's own samples,
-- what quotas are counted by and what gives way, and all counts.
CREATE INDEX samples_by_visitor ON samples (visitor, id);
CREATE INDEX samples_by_room ON samples (trusted, client, confirmed, deleted, id, source, bytes);
CREATE INDEX samples_by_kind ON samples (label, prediction, trusted, confirmed, deleted);
CREATE INDEX samples_by_progress ON samples (labelled, deleted, trusted, confirmed, label);
CREATE INDEX samples_by_counts ON samples (source, deleted, label, prediction, trusted, confirmed, labelled);
