-- Times are microseconds since 1970-01-01 UTC by the database's clock. Truth is 0 or 1.

CREATE TABLE jobs (
    id {key},
    queue TEXT NOT NULL,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    priority BIGINT NOT NULL DEFAULT 5,
    run_at BIGINT NOT NULL,
    payload TEXT NOT NULL,
    -- how often it was begun, give-backs not counted
    attempt BIGINT NOT NULL DEFAULT 0,
    max_attempts BIGINT NOT NULL,
    -- grows with every claim, give-backs too: who holds an older one cannot record anything
    fence BIGINT NOT NULL DEFAULT 0,
    worker BIGINT,
    -- waits for a place under its concurrency key
    held BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL,
    started_at BIGINT,
    finished_at BIGINT,
    timeout_us BIGINT,
    retry TEXT,
    -- as given, kept for show; the slot is what must be unique, and is emptied when it no longer must
    unique_key TEXT,
    unique_slot TEXT,
    unique_until BIGINT,
    concurrency_key TEXT,
    depends_mode TEXT,
    depends_delay_us BIGINT,
    depends_until BIGINT,
    has_dependents BIGINT NOT NULL DEFAULT 0,
    batch_id BIGINT,
    cancel_requested BIGINT NOT NULL DEFAULT 0,
    progress BIGINT,
    progress_note TEXT,
    result TEXT,
    error_code TEXT,
    error TEXT,
    error_signature TEXT,
    metadata TEXT,
    tags TEXT,
    traceparent TEXT
);

-- Every index but the key's is partial: a job passes through few of them, and only through those it needs.
CREATE INDEX jobs_ready ON jobs (queue, priority, run_at, id) WHERE state = 'available' AND held = 0;
CREATE INDEX jobs_due ON jobs (run_at) WHERE state IN ('scheduled', 'retryable');
CREATE INDEX jobs_running ON jobs (worker, queue) WHERE state = 'running';
CREATE UNIQUE INDEX jobs_unique ON jobs (unique_slot) WHERE unique_slot IS NOT NULL;
CREATE INDEX jobs_unique_until ON jobs (unique_until) WHERE unique_slot IS NOT NULL AND unique_until IS NOT NULL;
CREATE INDEX jobs_keyed ON jobs (concurrency_key, held, state, priority, run_at, id)
    WHERE concurrency_key IS NOT NULL AND finished_at IS NULL;
CREATE INDEX jobs_pending ON jobs (depends_until) WHERE state = 'pending';
CREATE INDEX jobs_batch ON jobs (batch_id) WHERE batch_id IS NOT NULL AND finished_at IS NULL;
CREATE INDEX jobs_dead ON jobs (queue, id) WHERE state = 'discarded';

CREATE TABLE job_workers (
    id {key},
    name TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    heartbeat_at BIGINT NOT NULL,
    lease_us BIGINT NOT NULL,
    queues TEXT NOT NULL
);

CREATE TABLE job_queues (
    name TEXT PRIMARY KEY,
    paused BIGINT NOT NULL DEFAULT 0,
    max_running BIGINT,
    -- so many starts per period, so many at once; the theoretical arrival time of the next (GCRA)
    rate_count BIGINT,
    rate_period_us BIGINT,
    rate_burst BIGINT,
    rate_next BIGINT NOT NULL DEFAULT 0
);

CREATE TABLE job_keys (
    key TEXT PRIMARY KEY,
    max_running BIGINT NOT NULL
);

CREATE TABLE job_dependencies (
    job_id BIGINT NOT NULL,
    on_id BIGINT NOT NULL,
    needs TEXT NOT NULL,
    -- absent while that job is unfinished; then whether it ended as needed
    met BIGINT,
    PRIMARY KEY (job_id, on_id)
);
CREATE INDEX job_dependencies_on ON job_dependencies (on_id);

CREATE TABLE job_batches (
    id {key},
    name TEXT,
    callback TEXT,
    callback_id BIGINT,
    sealed BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL,
    finished_at BIGINT
);
CREATE INDEX job_batches_open ON job_batches (id) WHERE sealed = 1 AND finished_at IS NULL;

-- Attempts that did not simply succeed; the last success stands in the job itself.
CREATE TABLE job_attempts (
    job_id BIGINT NOT NULL,
    fence BIGINT NOT NULL,
    attempt BIGINT NOT NULL,
    worker BIGINT,
    started_at BIGINT,
    finished_at BIGINT NOT NULL,
    outcome TEXT NOT NULL,
    error_code TEXT,
    error TEXT,
    PRIMARY KEY (job_id, fence)
);

CREATE TABLE job_logs (
    job_id BIGINT NOT NULL,
    fence BIGINT NOT NULL,
    line BIGINT NOT NULL,
    at BIGINT NOT NULL,
    level TEXT NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (job_id, fence, line)
);

{sqlite
CREATE TABLE job_ids (next BIGINT NOT NULL);
INSERT INTO job_ids VALUES (1);
}
{postgres
-- a process takes a thousand at a time
CREATE SEQUENCE job_ids INCREMENT BY 1000;
-- rows change thrice in their life: what they leave behind is cleared early
ALTER TABLE jobs SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000,
    autovacuum_vacuum_insert_scale_factor = 0.2, autovacuum_analyze_scale_factor = 0.05, fillfactor = 90);
}
