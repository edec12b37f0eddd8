-- A saga is a job with steps: its row has the number of the job.
CREATE TABLE sagas (
    id {key},
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    -- 1: it goes back, undoing
    backward BIGINT NOT NULL DEFAULT 0,
    cancel_requested BIGINT NOT NULL DEFAULT 0,
    failed_step BIGINT,
    error_code TEXT,
    error TEXT,
    -- of the job, when it was last begun: more of them by now mean that somebody wants it to go on
    replays BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL,
    finished_at BIGINT
);
CREATE INDEX sagas_in ON sagas (state, id);

-- Written before what it speaks of is done, and again after.
CREATE TABLE saga_steps (
    saga_id BIGINT NOT NULL,
    position BIGINT NOT NULL,
    action TEXT NOT NULL,
    input TEXT NOT NULL,
    -- the idempotency key: never another one for this step
    key TEXT NOT NULL,
    state TEXT NOT NULL,
    -- 1: it was begun, and how it ended was not told
    in_flight BIGINT NOT NULL DEFAULT 0,
    -- 1: something may have been done
    doubtful BIGINT NOT NULL DEFAULT 0,
    -- 1: what it found was there before, and is not ours to undo
    adopted BIGINT NOT NULL DEFAULT 0,
    attempts BIGINT NOT NULL DEFAULT 0,
    undo_attempts BIGINT NOT NULL DEFAULT 0,
    output TEXT,
    error_code TEXT,
    error TEXT,
    instructions TEXT,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (saga_id, position)
);
