-- The audit log: a chain of hashes, append-only. Hashes and signatures are lower-case hexadecimal.

CREATE TABLE identity_audit (
    seq {key},
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    actor_name TEXT NOT NULL,
    action TEXT NOT NULL,
    resource TEXT NOT NULL,
    outcome TEXT NOT NULL,
    reason TEXT,
    before TEXT,
    after TEXT,
    client TEXT,
    request_id TEXT,
    trace_id TEXT,
    count BIGINT NOT NULL,
    prev TEXT NOT NULL,
    hash TEXT NOT NULL
);
CREATE INDEX identity_audit_at ON identity_audit (at);
CREATE INDEX identity_audit_actor ON identity_audit (actor, seq);
CREATE INDEX identity_audit_action ON identity_audit (action, seq);
CREATE INDEX identity_audit_resource ON identity_audit (resource, seq);

-- One row, which whoever appends holds: entries of several processes form one chain.
CREATE TABLE identity_audit_head (
    id {key},
    seq BIGINT NOT NULL,
    hash TEXT NOT NULL,
    checkpoint_seq BIGINT NOT NULL,
    checkpoint_at BIGINT NOT NULL,
    -- entries up to this one may be deleted: retention says so for the length of its own transaction
    prune_to BIGINT NOT NULL DEFAULT 0
);
INSERT INTO identity_audit_head (id, seq, hash, checkpoint_seq, checkpoint_at)
    VALUES (1, 0, '0000000000000000000000000000000000000000000000000000000000000000', 0, 0);

CREATE TABLE identity_audit_checkpoints (
    id {id},
    seq BIGINT NOT NULL,
    hash TEXT NOT NULL,
    at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    key_id TEXT NOT NULL,
    signature TEXT NOT NULL
);
CREATE INDEX identity_audit_checkpoints_seq ON identity_audit_checkpoints (seq, id);

-- How far each exporter has come.
CREATE TABLE identity_audit_exports (
    name TEXT PRIMARY KEY,
    seq BIGINT NOT NULL
);

{sqlite
CREATE TRIGGER identity_audit_no_update BEFORE UPDATE ON identity_audit
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER identity_audit_no_delete BEFORE DELETE ON identity_audit
WHEN NOT EXISTS (SELECT 1 FROM identity_audit_head WHERE id = 1 AND prune_to >= OLD.seq)
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER identity_audit_checkpoints_no_update BEFORE UPDATE ON identity_audit_checkpoints
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER identity_audit_checkpoints_no_delete BEFORE DELETE ON identity_audit_checkpoints
WHEN NOT EXISTS (SELECT 1 FROM identity_audit_head WHERE id = 1 AND prune_to >= OLD.seq)
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
}
{postgres
CREATE FUNCTION identity_audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $refuse$
BEGIN
    IF TG_OP = 'DELETE' AND TG_LEVEL = 'ROW' THEN
        IF EXISTS (SELECT 1 FROM identity_audit_head WHERE id = 1 AND prune_to >= OLD.seq) THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = 'integrity_constraint_violation';
END
$refuse$;
CREATE TRIGGER identity_audit_refuse BEFORE UPDATE OR DELETE ON identity_audit
    FOR EACH ROW EXECUTE FUNCTION identity_audit_refuse();
CREATE TRIGGER identity_audit_refuse_all BEFORE TRUNCATE ON identity_audit
    FOR EACH STATEMENT EXECUTE FUNCTION identity_audit_refuse();
CREATE TRIGGER identity_audit_checkpoints_refuse BEFORE UPDATE OR DELETE ON identity_audit_checkpoints
    FOR EACH ROW EXECUTE FUNCTION identity_audit_refuse();
CREATE TRIGGER identity_audit_checkpoints_refuse_all BEFORE TRUNCATE ON identity_audit_checkpoints
    FOR EACH STATEMENT EXECUTE FUNCTION identity_audit_refuse();
}
