//! What can be set, and what holds where nothing is said.

use crate::audit::AuditSettings;
use crate::password::{Hashing, PasswordPolicy};
use crate::rbac::Role;
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

/// How people, keys and tokens are handled. The defaults hold where nothing is said.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Who issues tokens: the `iss` of access tokens, and the name in authenticator apps. `seaworthy`.
    pub issuer: String,
    /// Roles beyond the built-in ones.
    pub roles: Vec<Role>,
    /// What a password must be.
    pub password: PasswordPolicy,
    /// What hashing one costs.
    pub hashing: Hashing,
    /// When log-ins are refused.
    pub lockout: Lockout,
    /// How long sessions last.
    pub sessions: Sessions,
    /// API keys.
    pub keys: Keys,
    /// Own tokens.
    pub tokens: Tokens,
    /// Grants and requests for access.
    pub grants: Grants,
    /// The audit log.
    pub audit: AuditSettings,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            issuer: "seaworthy".to_owned(),
            roles: Vec::new(),
            password: PasswordPolicy::default(),
            hashing: Hashing::default(),
            lockout: Lockout::default(),
            sessions: Sessions::default(),
            keys: Keys::default(),
            tokens: Tokens::default(),
            grants: Grants::default(),
            audit: AuditSettings::default(),
        }
    }
}

/// When log-ins are refused. Nobody can lock somebody else out of a device that is known: what strangers fail counts for
/// strangers only.
#[derive(Debug, Clone)]
pub struct Lockout {
    /// Failures of one account from one network, or from one known device, that lock it for them. 5.
    pub failures: u32,
    /// Failures of one account from all networks together that lock it for strangers. 20.
    pub account_failures: u32,
    /// Failures from one network over all accounts that lock strangers there out. 100.
    pub network_failures: u32,
    /// Within this. 15 minutes.
    pub window: Duration,
    /// How long the first time; each further time twice as long. 15 minutes.
    pub first: Duration,
    /// At most. 24 hours.
    pub longest: Duration,
    /// How long a device is known after a log-in. 90 days.
    pub device: Duration,
}

impl Default for Lockout {
    fn default() -> Self {
        Self {
            failures: 5,
            account_failures: 20,
            network_failures: 100,
            window: 15 * MINUTE,
            first: 15 * MINUTE,
            longest: DAY,
            device: 90 * DAY,
        }
    }
}

/// How long sessions last.
#[derive(Debug, Clone)]
pub struct Sessions {
    /// Without being used. 1 hour.
    pub idle: Duration,
    /// At all. 12 hours.
    pub absolute: Duration,
    /// The most of one person; the oldest ends for a new one. 20.
    pub most: u32,
    /// How long the second factor is waited for. 5 minutes.
    pub challenge: Duration,
    /// How many codes may be tried for one log-in. 5.
    pub challenge_tries: u32,
}

impl Default for Sessions {
    fn default() -> Self {
        Self { idle: HOUR, absolute: 12 * HOUR, most: 20, challenge: 5 * MINUTE, challenge_tries: 5 }
    }
}

/// API keys.
#[derive(Debug, Clone)]
pub struct Keys {
    /// The longest a key may live; `None` allows keys without an end. 365 days.
    pub longest: Option<Duration>,
    /// What a key lives where nothing is said. 90 days.
    pub default: Duration,
    /// How long a key works on once it has a successor. 24 hours.
    pub grace: Duration,
    /// The most of one person. 100.
    pub most: u32,
    /// How often uses are written down. 1 minute.
    pub last_used_every: Duration,
}

impl Default for Keys {
    fn default() -> Self {
        Self { longest: Some(365 * DAY), default: 90 * DAY, grace: DAY, most: 100, last_used_every: MINUTE }
    }
}

/// Own tokens.
#[derive(Debug, Clone)]
pub struct Tokens {
    /// Whom access tokens are for: their `aud`. `seaworthy`.
    pub audience: String,
    /// How long an access token lasts. 1 hour.
    pub access: Duration,
    /// How long a refresh token lasts, and all that come of it. 7 days.
    pub refresh: Duration,
    /// How often the signing key is replaced. 30 days.
    pub rotate: Duration,
    /// How long a new key is published before it signs. 1 hour.
    pub publish: Duration,
    /// What clocks may differ by. 30 seconds.
    pub leeway: Duration,
    /// The most families of tokens of one person; the oldest ends for a new one. 50.
    pub most: u32,
}

impl Default for Tokens {
    fn default() -> Self {
        Self {
            audience: "seaworthy".to_owned(),
            access: HOUR,
            refresh: 7 * DAY,
            rotate: 30 * DAY,
            publish: HOUR,
            leeway: Duration::from_secs(30),
            most: 50,
        }
    }
}

/// Grants and requests for access.
#[derive(Debug, Clone)]
pub struct Grants {
    /// The longest a grant may last. 30 days.
    pub longest: Duration,
    /// How long a request waits for an answer. 7 days.
    pub request: Duration,
    /// The most requests of one person that wait. 20.
    pub most: u32,
}

impl Default for Grants {
    fn default() -> Self {
        Self { longest: 30 * DAY, request: 7 * DAY, most: 20 }
    }
}
