-- Times are microseconds since 1970-01-01 UTC by the store's clock. What only this program reads is JSON.

CREATE TABLE alerts (
    id TEXT PRIMARY KEY,
    fingerprint TEXT NOT NULL,
    name TEXT NOT NULL,
    severity TEXT NOT NULL,
    -- firing, resolved
    state TEXT NOT NULL,
    starts_at BIGINT NOT NULL,
    ends_at BIGINT,
    updated_at BIGINT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX alerts_state ON alerts (state, ends_at);
CREATE INDEX alerts_started ON alerts (starts_at);

CREATE TABLE alerts_silences (
    id TEXT PRIMARY KEY,
    ends_at BIGINT NOT NULL,
    body TEXT NOT NULL
);

-- What was told of alerts that are told of together, and how far their escalation has come.
CREATE TABLE alerts_groups (
    id TEXT PRIMARY KEY,
    body TEXT NOT NULL
);

-- Series that are wrong, but not for long enough.
CREATE TABLE alerts_pending (
    id TEXT PRIMARY KEY,
    body TEXT NOT NULL
);

-- Small things: when rules were last looked at, whose turn it is.
CREATE TABLE alerts_values (
    id TEXT PRIMARY KEY,
    body TEXT NOT NULL
);
