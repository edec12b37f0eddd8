-- Requests that carried an Idempotency-Key, and what came of them. Times are microseconds since 1970-01-01 UTC.

CREATE TABLE api_requests (
    key TEXT PRIMARY KEY,
    -- SHA-256 of the request
    fingerprint TEXT NOT NULL,
    at BIGINT NOT NULL,
    job_id BIGINT,
    duplicate BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX api_requests_at ON api_requests (at);
