use super::{Cron, Daylight};
use crate::Error;
use croner::errors::CronError;
use seaworthy_store::Timestamp;
use serde::Serialize;

/// The most firings that are shown.
const MOST: usize = 100;

/// An expression for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// As it was given.
    pub expression: String,
    /// The zone it is read in.
    pub timezone: String,
    /// In words.
    pub words: String,
    /// What its field for hours means when clocks change.
    pub daylight: String,
    /// The next times.
    pub next: Vec<Firing>,
}

/// One time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Firing {
    /// Microseconds since 1970 UTC.
    pub at: i64,
    /// RFC 3339, UTC.
    pub utc: String,
    /// RFC 3339, with the zone's offset then.
    pub local: String,
}

/// Says in words what an expression means and gives its next `count` times after `from`; at most 100.
///
/// # Errors
/// [`Error::Invalid`]: see [`Cron::parse`].
pub fn explain(
    expression: &str,
    timezone: &str,
    daylight: Daylight,
    from: Timestamp,
    count: usize,
) -> Result<Explanation, Error> {
    let cron = Cron::parse(expression, timezone, daylight)?;
    let mut next = Vec::new();
    let mut after = from;
    while next.len() < count.min(MOST)
        && let Some(at) = cron.next_after(after)
    {
        next.push(cron.firing(at));
        after = at;
    }
    Ok(Explanation {
        expression: cron.text().to_owned(),
        timezone: cron.zone().to_owned(),
        words: cron.words(),
        daylight: cron.daylight_in_words(),
        next,
    })
}

impl Cron {
    fn firing(&self, at: Timestamp) -> Firing {
        let format = |zone: &jiff::tz::TimeZone| {
            let instant = jiff::Timestamp::from_microsecond(at.as_micros()).unwrap_or_default();
            instant.to_zoned(zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
        };
        Firing { at: at.as_micros(), utc: format(&jiff::tz::TimeZone::UTC), local: format(&self.zone) }
    }

    fn daylight_in_words(&self) -> String {
        let skipped = if self.daylight.runs_at_gap_end(self.every_hour) {
            "a time that clocks skip runs as soon as they have been put forward"
        } else {
            "a time that clocks skip does not run"
        };
        let repeated = if self.daylight.runs_twice(self.every_hour) {
            "one they show twice runs twice"
        } else {
            "one they show twice runs the first time"
        };
        format!("{skipped}; {repeated}")
    }
}

/// Croner's words, in our style.
pub(super) fn reason(error: &CronError) -> String {
    let text = match error {
        CronError::EmptyPattern => "is empty".to_owned(),
        CronError::InvalidPattern(_) => {
            "must have five fields (minute, hour, day of month, month, day of week), or six with seconds first"
                .to_owned()
        }
        CronError::IllegalCharacters(text) | CronError::ComponentError(text) => text.clone(),
        other => other.to_string(),
    };
    let mut chars = text.trim_end_matches('.').chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}
