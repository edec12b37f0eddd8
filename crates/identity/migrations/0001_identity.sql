-- Times are microseconds since 1970-01-01 UTC by the store's clock. Truth is 0 or 1. Of tokens, only digests are kept.

CREATE TABLE identity_users (
    id TEXT PRIMARY KEY,
    -- lower case, normalised
    name TEXT NOT NULL UNIQUE,
    display_name TEXT,
    email TEXT,
    -- a JSON list of names
    roles TEXT NOT NULL,
    tenant TEXT,
    enabled BIGINT NOT NULL DEFAULT 1,
    -- PHC string
    password TEXT NOT NULL,
    password_at BIGINT NOT NULL,
    must_change BIGINT NOT NULL DEFAULT 0,
    -- sealed
    totp TEXT,
    totp_confirmed BIGINT NOT NULL DEFAULT 0,
    -- the last time step whose code was used: no code is good twice
    totp_step BIGINT NOT NULL DEFAULT 0,
    -- access tokens issued before are refused
    tokens_from BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL,
    last_log_in_at BIGINT
);

CREATE TABLE identity_password_history (
    user_id TEXT NOT NULL REFERENCES identity_users (id) ON DELETE CASCADE,
    replaced_at BIGINT NOT NULL,
    password TEXT NOT NULL
);
CREATE INDEX identity_password_history_user ON identity_password_history (user_id, replaced_at);

CREATE TABLE identity_recovery_codes (
    user_id TEXT NOT NULL REFERENCES identity_users (id) ON DELETE CASCADE,
    digest TEXT NOT NULL,
    PRIMARY KEY (user_id, digest)
);

-- Failures per account and network, per account, per network, per second factor: see lockout.rs.
CREATE TABLE identity_failures (
    scope TEXT PRIMARY KEY,
    failures BIGINT NOT NULL,
    since BIGINT NOT NULL,
    locked_until BIGINT NOT NULL DEFAULT 0,
    -- how often it was locked in a row
    locks BIGINT NOT NULL DEFAULT 0,
    forget_at BIGINT NOT NULL
);
CREATE INDEX identity_failures_forget ON identity_failures (forget_at);

-- Where somebody has logged in before: may try even while the account is locked for strangers.
CREATE TABLE identity_devices (
    digest TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES identity_users (id) ON DELETE CASCADE,
    expires_at BIGINT NOT NULL
);
CREATE INDEX identity_devices_user ON identity_devices (user_id, expires_at);

CREATE TABLE identity_challenges (
    digest TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES identity_users (id) ON DELETE CASCADE,
    expires_at BIGINT NOT NULL,
    tries BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX identity_challenges_expires ON identity_challenges (expires_at);

CREATE TABLE identity_sessions (
    id TEXT PRIMARY KEY,
    digest TEXT NOT NULL UNIQUE,
    user_id TEXT NOT NULL REFERENCES identity_users (id) ON DELETE CASCADE,
    method TEXT NOT NULL,
    client TEXT,
    agent TEXT,
    created_at BIGINT NOT NULL,
    used_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX identity_sessions_user ON identity_sessions (user_id, created_at);
CREATE INDEX identity_sessions_expires ON identity_sessions (expires_at);

CREATE TABLE identity_keys (
    id TEXT PRIMARY KEY,
    owner TEXT NOT NULL REFERENCES identity_users (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    -- HMAC-SHA-256 under the pepper of this version of the key file
    digest TEXT NOT NULL,
    pepper BIGINT NOT NULL,
    roles TEXT NOT NULL,
    -- JSON; absent: all that the roles allow
    scopes TEXT,
    tenant TEXT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    last_used_at BIGINT,
    -- the key that takes its place
    successor TEXT
);
CREATE INDEX identity_keys_owner ON identity_keys (owner, id);
CREATE INDEX identity_keys_expires ON identity_keys (expires_at);

CREATE TABLE identity_signing_keys (
    id TEXT PRIMARY KEY,
    -- Ed25519 seed, sealed
    seed TEXT NOT NULL,
    public TEXT NOT NULL,
    published_at BIGINT NOT NULL,
    signs_from BIGINT NOT NULL
);

CREATE TABLE identity_token_families (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES identity_users (id) ON DELETE CASCADE,
    -- JSON; absent: all that the roles allow
    scopes TEXT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    revoked_at BIGINT
);
CREATE INDEX identity_token_families_user ON identity_token_families (user_id);
CREATE INDEX identity_token_families_expires ON identity_token_families (expires_at);

CREATE TABLE identity_refresh_tokens (
    digest TEXT PRIMARY KEY,
    family TEXT NOT NULL REFERENCES identity_token_families (id) ON DELETE CASCADE,
    expires_at BIGINT NOT NULL,
    used_at BIGINT
);
CREATE INDEX identity_refresh_tokens_family ON identity_refresh_tokens (family);

-- Access tokens that are refused before their time: jti:… and family:…
CREATE TABLE identity_revocations (
    what TEXT PRIMARY KEY,
    until BIGINT NOT NULL
);
CREATE INDEX identity_revocations_until ON identity_revocations (until);

CREATE TABLE identity_grants (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES identity_users (id) ON DELETE CASCADE,
    -- a role's name, or resource:action
    what TEXT NOT NULL,
    reason TEXT NOT NULL,
    granted_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX identity_grants_user ON identity_grants (user_id, expires_at);
CREATE INDEX identity_grants_expires ON identity_grants (expires_at);

CREATE TABLE identity_requests (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES identity_users (id) ON DELETE CASCADE,
    what TEXT NOT NULL,
    reason TEXT NOT NULL,
    duration_us BIGINT NOT NULL,
    state TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    decided_by TEXT,
    decided_at BIGINT,
    decision_reason TEXT
);
CREATE INDEX identity_requests_state ON identity_requests (state, created_at);
CREATE INDEX identity_requests_user ON identity_requests (user_id, created_at);

-- What happens once in the life of a store.
CREATE TABLE identity_once (
    name TEXT PRIMARY KEY,
    at BIGINT NOT NULL
);

-- Grows with every change that views of keys, tokens and people must hear of.
CREATE TABLE identity_generation (
    id {key},
    generation BIGINT NOT NULL
);
INSERT INTO identity_generation (id, generation) VALUES (1, 1);
