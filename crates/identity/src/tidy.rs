//! What is over goes, a bounded piece at a time.

use crate::{Error, Identity};
use seaworthy_store::seal::Place;
use seaworthy_store::{Query, Timestamp};
use std::time::Duration;

/// The most rows of one kind that go at a time.
const MOST: i64 = 1_000;
/// The most audit entries that go at a time.
const MOST_ENTRIES: u64 = 10_000;
/// How long answered requests and dead keys are shown.
const SHOWN: Duration = Duration::from_secs(90 * 86_400);

/// What went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tidied {
    /// Rows that were over: sessions, devices, challenges, failures, tokens, grants, requests, keys.
    pub rows: u64,
    /// Audit entries beyond their retention.
    pub entries: u64,
    /// Sealed values that are under the newest key now.
    pub rewrapped: u64,
    /// Whether there is more, so that it is worth coming again soon.
    pub more: bool,
}

impl Identity {
    /// Removes what is over, rotates keys that are due, signs for the audit log: a bounded piece of it.
    ///
    /// # Errors
    /// [`Error::Store`]: what was done before stays done.
    pub async fn tidy(&self) -> Result<Tidied, Error> {
        let mut tidied = Tidied::default();
        self.write_uses().await?;
        let now = self.now();
        let sessions = &self.0.settings.sessions;
        let moments: [(&'static str, Timestamp); 11] = [
            (
                "DELETE FROM identity_sessions WHERE id IN (SELECT id FROM identity_sessions WHERE expires_at <= $1 LIMIT $2)",
                now,
            ),
            (
                "DELETE FROM identity_sessions WHERE id IN (SELECT id FROM identity_sessions WHERE used_at <= $1 LIMIT $2)",
                now.minus(sessions.idle),
            ),
            (
                "DELETE FROM identity_challenges WHERE digest IN (SELECT digest FROM identity_challenges WHERE expires_at <= $1 LIMIT $2)",
                now,
            ),
            (
                "DELETE FROM identity_devices WHERE digest IN (SELECT digest FROM identity_devices WHERE expires_at <= $1 LIMIT $2)",
                now,
            ),
            (
                "DELETE FROM identity_failures WHERE scope IN (SELECT scope FROM identity_failures WHERE forget_at <= $1 LIMIT $2)",
                now,
            ),
            (
                "DELETE FROM identity_refresh_tokens WHERE digest IN (SELECT digest FROM identity_refresh_tokens WHERE expires_at <= $1 LIMIT $2)",
                now,
            ),
            (
                "DELETE FROM identity_token_families WHERE id IN (SELECT id FROM identity_token_families WHERE expires_at <= $1 LIMIT $2)",
                now,
            ),
            (
                "DELETE FROM identity_revocations WHERE what IN (SELECT what FROM identity_revocations WHERE until <= $1 LIMIT $2)",
                now,
            ),
            (
                "DELETE FROM identity_grants WHERE id IN (SELECT id FROM identity_grants WHERE expires_at <= $1 LIMIT $2)",
                now,
            ),
            (
                "DELETE FROM identity_requests WHERE id IN (SELECT id FROM identity_requests WHERE expires_at <= $1 LIMIT $2)",
                now.minus(SHOWN),
            ),
            (
                "DELETE FROM identity_keys WHERE id IN (SELECT id FROM identity_keys WHERE expires_at <= $1 LIMIT $2)",
                now.minus(SHOWN),
            ),
        ];
        for (text, moment) in moments {
            let gone = self.0.store.execute(Query::new(text).bind(moment).bind(MOST)).await?;
            tidied.rows += gone;
            tidied.more |= i64::try_from(gone).unwrap_or(MOST) >= MOST;
        }
        self.rotate_signing_key_if_due().await?;
        tidied.rewrapped = self.rewrap().await?;
        tidied.entries = self.0.log.prune(MOST_ENTRIES).await?;
        tidied.more |= tidied.entries >= MOST_ENTRIES;
        self.0.log.checkpoint_if_due().await?;
        Ok(tidied)
    }

    /// Tidies every minute, until it is dropped.
    pub async fn keep_tidy(&self) {
        loop {
            let pause = match self.tidy().await {
                Ok(Tidied { more: true, .. }) => Duration::from_secs(1),
                Ok(_) => self.0.settings.keys.last_used_every.max(Duration::from_secs(1)),
                Err(error) => {
                    tracing::warn!(%error, "what is over could not be removed");
                    Duration::from_secs(60)
                }
            };
            tokio::time::sleep(pause).await;
        }
    }

    /// Seals anew what an older key has sealed.
    async fn rewrap(&self) -> Result<u64, Error> {
        let newest = format!("v{}:%", self.0.keyring.newest());
        let mut count = 0;
        for (select, update, column) in SEALED {
            let query = Query::new(select).bind(newest.as_str());
            for row in self.0.store.fetch_all(query.bind(MOST)).await? {
                let (id, sealed): (String, String) = (row.get("id")?, row.get("sealed")?);
                match self.0.keyring.rewrap(Place { column, row: &id }, &sealed) {
                    Ok(Some(again)) => {
                        let query = Query::new(update).bind(id).bind(sealed).bind(again);
                        count += self.0.store.execute(query).await?;
                    }
                    Ok(None) => {}
                    // its key was lost, or it was moved: nobody can open it, and it is told where it is used
                    Err(error) => tracing::error!(%error, column, id, "a sealed value cannot be opened"),
                }
            }
        }
        Ok(count)
    }
}

const SEALED: [(&str, &str, &str); 2] = [
    (
        "SELECT id, totp AS sealed FROM identity_users WHERE totp NOT LIKE $1 LIMIT $2",
        "UPDATE identity_users SET totp = $3 WHERE id = $1 AND totp = $2",
        "identity_users.totp",
    ),
    (
        "SELECT id, seed AS sealed FROM identity_signing_keys WHERE seed NOT LIKE $1 LIMIT $2",
        "UPDATE identity_signing_keys SET seed = $3 WHERE id = $1 AND seed = $2",
        "identity_signing_keys.seed",
    ),
];
