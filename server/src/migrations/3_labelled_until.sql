-- The newest labelling (samples.labelled) when the job was asked for or begun: what
-- came after it is new. Labellings are compared with each other and never with
-- the clock, which is another one on every server and can be set back.
ALTER TABLE jobs ADD COLUMN labelled_until BIGINT NOT NULL DEFAULT 0;
UPDATE jobs SET labelled_until = COALESCE(started, created);
