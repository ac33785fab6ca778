-- What a job does: 'samples' goes on from what serves with what was taught; 'scratch'
-- trains a network of this kind anew, on data alone, for so many epochs.
ALTER TABLE jobs ADD COLUMN recipe TEXT NOT NULL DEFAULT 'samples';
ALTER TABLE jobs ADD COLUMN network TEXT;
ALTER TABLE jobs ADD COLUMN epochs BIGINT;
