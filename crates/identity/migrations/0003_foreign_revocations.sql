-- What others vouched for can be taken back here too. Where `since` is set, only what was issued until then is refused.
ALTER TABLE identity_revocations ADD COLUMN since BIGINT;
