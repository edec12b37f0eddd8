use crate::retry::{Backoff, Jitter};
use crate::stack::Settings;
use std::collections::BTreeMap;
use std::time::Duration;

/// What the environment changed.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
pub struct Applied(BTreeMap<&'static str, String>);

impl Applied {
    /// The variables that were applied.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.0.keys().copied()
    }

    /// The variables that were applied, with their values.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.iter().map(|(name, value)| (*name, value.as_str()))
    }

    /// Whether none was.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A variable that cannot be applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OverrideError {
    /// The value is not what the variable takes.
    #[error("{name}=\"{value}\" is not {wanted}")]
    Value {
        /// The variable.
        name: String,
        /// Its value.
        value: String,
        /// What it takes.
        wanted: &'static str,
    },
    /// It is named like one of ours and is none.
    #[error("{name} is not a variable; did you mean {suggestion}?")]
    Unknown {
        /// The variable.
        name: String,
        /// The most similar one that exists.
        suggestion: &'static str,
    },
    /// The values are fine, but not together.
    #[error("with these variables {0}")]
    Contradiction(#[from] crate::Contradiction),
}

type Set = fn(&mut Settings, &str) -> Result<(), &'static str>;

const WHOLE: &str = "a whole number of at least 1";
const SECONDS: &str = "a number of seconds above 0";
const FACTOR: &str = "a number of at least 1";
const SWITCH: &str = "true or false";

/// Every variable and what it changes. A policy that is off is switched on by its variable.
const VARIABLES: [(&str, Set); 9] = [
    ("SEAWORTHY_CIRCUIT_BREAKER_FAILURE_THRESHOLD", |settings, text| {
        settings.breaker.get_or_insert_default().consecutive_failures = Some(whole(text)?);
        Ok(())
    }),
    ("SEAWORTHY_CIRCUIT_BREAKER_RECOVERY_TIMEOUT_SECONDS", |settings, text| {
        let breaker = settings.breaker.get_or_insert_default();
        breaker.open_for = seconds(text)?;
        breaker.open_max = breaker.open_max.max(breaker.open_for);
        Ok(())
    }),
    ("SEAWORTHY_CIRCUIT_BREAKER_HALF_OPEN_SUCCESS_THRESHOLD", |settings, text| {
        settings.breaker.get_or_insert_default().successes_to_close = whole(text)?;
        Ok(())
    }),
    ("SEAWORTHY_RETRY_MAX_ATTEMPTS", |settings, text| {
        settings.retry.get_or_insert_default().max_attempts = whole(text)?;
        Ok(())
    }),
    ("SEAWORTHY_RETRY_BACKOFF_BASE_SECONDS", |settings, text| {
        backoff(settings).base = seconds(text)?;
        Ok(())
    }),
    ("SEAWORTHY_RETRY_MULTIPLIER", |settings, text| {
        let factor = text.parse().map_err(|_| FACTOR)?;
        backoff(settings).multiplier =
            if (1.0..f64::INFINITY).contains(&factor) { factor } else { return Err(FACTOR) };
        Ok(())
    }),
    ("SEAWORTHY_RETRY_MAX_SECONDS", |settings, text| {
        backoff(settings).max = seconds(text)?;
        Ok(())
    }),
    ("SEAWORTHY_RETRY_USE_JITTER", |settings, text| {
        backoff(settings).jitter = match text {
            "true" => Jitter::Full,
            "false" => Jitter::None,
            _ => return Err(SWITCH),
        };
        Ok(())
    }),
    ("SEAWORTHY_BULKHEAD_DEFAULT_MAX_CONCURRENCY", |settings, text| {
        settings.bulkhead.get_or_insert_default().max_concurrent = whole::<usize>(text)?;
        Ok(())
    }),
];

/// Our variables start with one of these; other names are somebody else's.
const FAMILIES: [&str; 3] = ["SEAWORTHY_CIRCUIT_BREAKER_", "SEAWORTHY_RETRY_", "SEAWORTHY_BULKHEAD_"];

/// Applies the `SEAWORTHY_*` variables among `vars`.
///
/// # Errors
/// Everything that is wrong with them, at once; `settings` are then unchanged.
pub fn apply_overrides(
    settings: &mut Settings,
    vars: impl IntoIterator<Item = (String, String)>,
) -> Result<Applied, Vec<OverrideError>> {
    let mut changed = settings.clone();
    let mut applied = Applied::default();
    let mut errors = Vec::new();
    for (name, value) in vars {
        match VARIABLES.iter().find(|(known, _)| *known == name) {
            Some((known, set)) => match set(&mut changed, value.trim()) {
                Ok(()) => {
                    applied.0.insert(known, value);
                }
                Err(wanted) => errors.push(OverrideError::Value { name, value, wanted }),
            },
            None if FAMILIES.iter().any(|family| name.starts_with(family)) => {
                let suggestion = most_similar(&name);
                errors.push(OverrideError::Unknown { name, suggestion });
            }
            None => {}
        }
    }
    let retries = changed.retry.as_ref().is_some_and(|retry| retry.max_attempts > 1);
    if !retries && changed.hedge.is_none() {
        // whoever switches retries off by a variable need not know that the preset has a budget for them
        changed.budget = None;
    }
    if errors.is_empty() {
        // only what the variables brought in: contradictions of the settings themselves are reported with them
        let before = settings.validate();
        let new = changed.validate().into_iter().filter(|found| !before.contains(found));
        errors.extend(new.map(OverrideError::from));
    }
    if errors.is_empty() {
        *settings = changed;
        Ok(applied)
    } else {
        Err(errors)
    }
}

fn backoff(settings: &mut Settings) -> &mut Backoff {
    &mut settings.retry.get_or_insert_default().backoff
}

fn whole<N: std::str::FromStr + PartialOrd + From<u8>>(text: &str) -> Result<N, &'static str> {
    text.parse().ok().filter(|number| *number >= N::from(1)).ok_or(WHOLE)
}

fn seconds(text: &str) -> Result<Duration, &'static str> {
    let seconds: f64 = text.parse().map_err(|_| SECONDS)?;
    Duration::try_from_secs_f64(seconds).ok().filter(|duration| !duration.is_zero()).ok_or(SECONDS)
}

/// The variable that shares the most words with a misspelt one.
fn most_similar(name: &str) -> &'static str {
    let shared =
        |known: &str| known.split('_').filter(|word| name.split('_').any(|other| other == *word)).count();
    VARIABLES.iter().map(|(known, _)| *known).max_by_key(|known| shared(known)).unwrap_or_default()
}
