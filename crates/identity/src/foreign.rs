//! What others vouched for, taken back here: a token, a session, everybody of a name.
//!
//! Others' tokens are good until they end, whoever was dismissed meanwhile. A revocation is kept in the store, so that it
//! outlives restarts and is heard of by every process, and is looked up in memory.

use crate::audit::{Entry, Outcome};
use crate::identity::Changed;
use crate::{Actor, Error, Identity, View, text};
use aws_lc_rs::digest::{Context, SHA256};
use seaworthy_store::{Query, Timestamp};
use std::time::{Duration, SystemTime};

/// How long a revocation is kept: longer than any token of others should be good for. 90 days.
const KEPT: Duration = Duration::from_secs(90 * 86_400);
/// The longest name, in bytes.
const LONGEST: usize = 1_024;

/// What is taken back. Issuers are named by their URL, as in `iss`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Foreign<'a> {
    /// One token, by its `jti`.
    Token {
        /// `iss`.
        issuer: &'a str,
        /// `jti`.
        id: &'a str,
    },
    /// All tokens and sessions of somebody that were issued until now.
    Subject {
        /// `iss`.
        issuer: &'a str,
        /// `sub`.
        subject: &'a str,
    },
    /// One session, by its own id.
    Session {
        /// `iss`.
        issuer: &'a str,
        /// The session.
        id: &'a str,
    },
}

impl Foreign<'_> {
    const fn parts(&self) -> (&'static str, &str, &str) {
        match self {
            Self::Token { issuer, id } => ("token", issuer, id),
            Self::Subject { issuer, subject } => ("subject", issuer, subject),
            Self::Session { issuer, id } => ("session", issuer, id),
        }
    }

    /// What the store knows it by. Names of others may be long, or nobody's business.
    pub(crate) fn key(&self) -> String {
        let (kind, issuer, name) = self.parts();
        let mut context = Context::new(&SHA256);
        for part in [kind, issuer, name] {
            // borders count
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part.as_bytes());
        }
        format!("{PREFIX}{}", text::hex(context.finish().as_ref()))
    }
}

/// What the keys of this kind begin with in the table of revocations.
pub(crate) const PREFIX: &str = "foreign:";

impl Identity {
    /// Takes back what others vouched for, at once here and within moments in other processes. Needs `tokens:write`, but
    /// for a session that its holder ends.
    ///
    /// # Errors
    /// [`Error::Denied`]; [`Error::Invalid`]: a name is empty or too long; [`Error::Store`]: it is still believed.
    pub async fn revoke_foreign(&self, actor: &Actor, what: Foreign<'_>) -> Result<(), Error> {
        let (kind, issuer, name) = what.parts();
        for (field, text) in [("issuer", issuer), (kind, name)] {
            if text.is_empty() || text.len() > LONGEST {
                return Err(Error::invalid(field, "is empty, or longer than 1,024 bytes"));
            }
        }
        let resource = match what {
            // whoever knows a session's id is the session
            Foreign::Session { .. } => format!("session of {issuer}"),
            _ => format!("{kind} {name} of {issuer}"),
        };
        if !matches!(what, Foreign::Session { .. }) {
            self.permit(actor, "tokens", "write", &resource)?;
        }
        let of_all = matches!(what, Foreign::Subject { .. });
        let (key, actor) = (what.key(), actor.clone());
        self.change(move |tx, _| {
            Box::pin(async move {
                let now = tx.now();
                let query = Query::new(
                    "INSERT INTO identity_revocations (what, until, since) VALUES ($1, $2, $3)
                     ON CONFLICT (what) DO UPDATE SET until = EXCLUDED.until, since = EXCLUDED.since",
                );
                let since = of_all.then_some(now);
                tx.execute(query.bind(key).bind(now.plus(KEPT)).bind(since)).await?;
                let entry = Entry::new(&actor, "token.revoke_foreign", resource, Outcome::Success);
                Ok(Changed::new((), entry).seen())
            })
        })
        .await
    }
}

impl View {
    /// Whether any of this was taken back. `issued`: when the token or session says it was made; what does not say it is
    /// as old as can be. Touches nothing but memory, and next to nothing where nothing was ever taken back.
    pub fn is_revoked(&self, all: &[Foreign<'_>], issued: Option<SystemTime>) -> bool {
        let snapshot = self.snapshot();
        if snapshot.foreign.is_empty() {
            return false;
        }
        let issued = issued.map(Timestamp::from);
        all.iter().filter_map(|what| snapshot.foreign.get(&what.key())).any(|since| match (since, issued) {
            (Some(since), Some(issued)) => issued <= *since,
            _ => true,
        })
    }
}
