use super::Definition;
use crate::Error;
use seaworthy_store::{Row, Timestamp};
use serde::Serialize;
use std::fmt;
use std::str::FromStr;

/// A schedule as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// What it is.
    pub definition: Definition,
    /// Whether it runs.
    pub status: Status,
    /// Why it does not.
    pub reason: Option<String>,
    /// What the configuration says it is, where it comes from there; different from `definition` where it was changed
    /// since.
    pub declared: Option<Definition>,
    /// The next tick.
    pub next_at: Option<Timestamp>,
    /// When that tick is to be fired: its jitter, and the pace of catching up, make it later.
    pub fire_at: Option<Timestamp>,
    /// The last tick that was looked at.
    pub last_at: Option<Timestamp>,
    /// How many jobs were made of it.
    pub executions: u64,
    /// How many of them were discarded in a row.
    pub failures: u32,
    /// What an interval counts from.
    pub anchor: Timestamp,
    /// Grows with every change.
    pub version: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    pub(super) waiting: Option<String>,
}

/// Whether a schedule runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It does.
    Active,
    /// It does not for now: somebody said so, or too many runs failed.
    Paused,
    /// It will not any more: its time or its number of runs is over.
    Expired,
    /// It is switched off, and cannot be run by hand either.
    Disabled,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 4] = [Self::Active, Self::Paused, Self::Expired, Self::Disabled];

    /// The name in the database and in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Paused => "paused",
            Self::Expired => "expired",
            Self::Disabled => "disabled",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that names no status.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a schedule's status")]
pub struct UnknownStatus(String);

impl FromStr for Status {
    type Err = UnknownStatus;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|s| s.as_str() == text).ok_or_else(|| UnknownStatus(text.to_owned()))
    }
}

impl Schedule {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.definition.name
    }

    /// Whether it was changed since the configuration declared it.
    pub fn has_drifted(&self) -> bool {
        self.declared.as_ref().is_some_and(|declared| *declared != self.definition)
    }

    pub(super) fn read(row: &Row) -> Result<Self, Error> {
        let time = |name| Ok::<_, Error>(row.get::<Option<i64>>(name)?.map(Timestamp::from_micros));
        let status: String = row.get("status")?;
        let declared: Option<String> = row.get("declared")?;
        Ok(Self {
            definition: Definition::from_text(&row.get::<String>("definition")?)?,
            status: status
                .parse()
                .map_err(|_| seaworthy_store::Error::Corrupt("a schedule's status".to_owned()))?,
            reason: row.get("reason")?,
            declared: declared.map(|text| Definition::from_text(&text)).transpose()?,
            next_at: time("next_at")?,
            fire_at: time("fire_at")?,
            last_at: time("last_at")?,
            executions: u64::try_from(row.get::<i64>("executions")?).unwrap_or(0),
            failures: u32::try_from(row.get::<i64>("failures")?).unwrap_or(0),
            anchor: Timestamp::from_micros(row.get("anchor")?),
            version: row.get("version")?,
            created_at: Timestamp::from_micros(row.get("created_at")?),
            updated_at: Timestamp::from_micros(row.get("updated_at")?),
            waiting: row.get("waiting")?,
        })
    }
}
