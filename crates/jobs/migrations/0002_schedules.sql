-- A schedule's definition is one JSON text; beside it stands what the scheduler looks for and changes.
CREATE TABLE schedules (
    name TEXT PRIMARY KEY,
    status TEXT NOT NULL,
    -- why it is not active
    reason TEXT,
    definition TEXT NOT NULL,
    -- as the configuration said, where it comes from there
    declared TEXT,
    -- what an interval counts from
    anchor BIGINT NOT NULL,
    -- the next tick, and when it is to be fired: jitter and the pace of catching up make it later
    next_at BIGINT,
    fire_at BIGINT,
    last_at BIGINT,
    executions BIGINT NOT NULL DEFAULT 0,
    -- in a row
    failures BIGINT NOT NULL DEFAULT 0,
    -- of a schedule that waits for others: those that have ended as needed, and how long it goes on waiting
    dependent BIGINT NOT NULL DEFAULT 0,
    waiting TEXT,
    waiting_until BIGINT,
    version BIGINT NOT NULL DEFAULT 1,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX schedules_due ON schedules (fire_at) WHERE status = 'active' AND fire_at IS NOT NULL;
CREATE INDEX schedules_dependent ON schedules (name) WHERE dependent = 1;

-- What became of every tick. The key is what makes a tick happen once.
CREATE TABLE schedule_runs (
    schedule TEXT NOT NULL,
    tick BIGINT NOT NULL,
    cause TEXT NOT NULL,
    outcome TEXT NOT NULL,
    -- ticks that were missed together are one row: up to which, and how many where they were counted
    until BIGINT,
    count BIGINT,
    note TEXT,
    job_id BIGINT,
    recorded_at BIGINT NOT NULL,
    finished_at BIGINT,
    PRIMARY KEY (schedule, tick)
);
CREATE INDEX schedule_runs_open ON schedule_runs (schedule, job_id) WHERE outcome = 'enqueued';

CREATE TABLE schedule_events (
    id {id},
    schedule TEXT NOT NULL,
    at BIGINT NOT NULL,
    event TEXT NOT NULL,
    detail TEXT
);
CREATE INDEX schedule_events_of ON schedule_events (schedule, id);

CREATE TABLE schedule_leader (
    id {key},
    holder TEXT NOT NULL,
    -- grows with every change of hands: who writes with an older one is refused
    fence BIGINT NOT NULL,
    until BIGINT NOT NULL
);
INSERT INTO schedule_leader VALUES (1, '', 0, 0);
