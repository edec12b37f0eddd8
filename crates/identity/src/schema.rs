use seaworthy_store::migrate::{Component, Migration};

/// The tables of this crate.
pub const SCHEMA: Component = Component {
    name: "identity",
    migrations: &[
        Migration { version: 1, name: "identity", sql: include_str!("../migrations/0001_identity.sql") },
        Migration { version: 2, name: "audit", sql: include_str!("../migrations/0002_audit.sql") },
        Migration {
            version: 3,
            name: "foreign revocations",
            sql: include_str!("../migrations/0003_foreign_revocations.sql"),
        },
    ],
};
