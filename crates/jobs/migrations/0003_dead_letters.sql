-- What a job has once it was a dead letter. All of it is absent in jobs that never were, and costs them nothing.
ALTER TABLE jobs ADD COLUMN replays BIGINT;
-- 1: this replay is its last, the next death parks it
ALTER TABLE jobs ADD COLUMN last_replay BIGINT;
-- why it is kept apart; absent where it is not
ALTER TABLE jobs ADD COLUMN parked_reason TEXT;
-- when somebody last did something with it: it is kept from then on, rather than from its end
ALTER TABLE jobs ADD COLUMN touched_at BIGINT;
-- how often it was given a fresh idempotency key
ALTER TABLE jobs ADD COLUMN key_changes BIGINT;
-- what it was in the file it was imported from: a second import finds it here
ALTER TABLE jobs ADD COLUMN import_key TEXT;
CREATE UNIQUE INDEX jobs_imported ON jobs (import_key) WHERE import_key IS NOT NULL;
CREATE INDEX jobs_dead_signature ON jobs (error_signature, id) WHERE state = 'discarded';

-- Who changed the arguments of a dead letter. The texts are cut, their lengths are not.
CREATE TABLE job_edits (
    id {id},
    job_id BIGINT NOT NULL,
    at BIGINT NOT NULL,
    editor TEXT NOT NULL,
    old_text TEXT NOT NULL,
    old_bytes BIGINT NOT NULL,
    new_text TEXT NOT NULL,
    new_bytes BIGINT NOT NULL
);
CREATE INDEX job_edits_of ON job_edits (job_id, id);

-- Dead letters on their way back, so many per time.
CREATE TABLE job_redrives (
    id {id},
    state TEXT NOT NULL,
    filter TEXT NOT NULL,
    -- the queue they go to; absent: each to its own
    target TEXT,
    fresh_key BIGINT NOT NULL,
    most BIGINT,
    rate_count BIGINT NOT NULL,
    rate_period_us BIGINT NOT NULL,
    rate_burst BIGINT NOT NULL,
    rate_next BIGINT NOT NULL DEFAULT 0,
    -- when the next step may be made
    look_at BIGINT NOT NULL,
    -- how far the walk has come
    last_id BIGINT NOT NULL DEFAULT 0,
    matched BIGINT NOT NULL,
    moved BIGINT NOT NULL DEFAULT 0,
    refused BIGINT NOT NULL DEFAULT 0,
    asked_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    finished_at BIGINT
);
CREATE INDEX job_redrives_running ON job_redrives (look_at) WHERE state = 'running';
