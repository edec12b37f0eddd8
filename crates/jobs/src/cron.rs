//! Cron expressions on the clock of a time zone.
//!
//! What an expression means on a calendar is the crate croner's business. What it means in a zone whose clocks are
//! put forward and back is ours: see [`Daylight`].

mod daylight;
mod explain;
mod occurrences;
#[cfg(test)]
mod tests;

pub use daylight::{Daylight, Repeated, Skipped};
pub use explain::{Explanation, Firing, explain};

use crate::Error;
use croner::parser::{CronParser, Seconds, Year};
use jiff::tz::TimeZone;

/// The longest expression, in bytes.
const LONGEST: usize = 256;
const NICKNAMES: [&str; 8] =
    ["@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly", "@minutely"];

/// An expression of five fields, or six with seconds first, and the zone it is read in.
///
/// Fields are minute, hour, day of month, month, day of week (0 and 7 are Sunday), with `*`, lists, ranges, steps,
/// names (`JAN`, `MON`), `L` (the last day of a month, `5L` the last Friday), `15W` (the weekday nearest) and `MON#2`
/// (the second Monday). As in Vixie cron, where both the day of month and the day of week are restricted, either will do;
/// where one of them begins with `*`, both must fit.
#[derive(Debug, Clone)]
pub struct Cron {
    text: String,
    pattern: croner::Cron,
    zone: TimeZone,
    zone_name: String,
    daylight: Daylight,
    every_hour: bool,
}

impl Cron {
    /// Reads an expression.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an expression that is none or that never comes true, and for a zone nobody knows.
    pub fn parse(expression: &str, zone: &str, daylight: Daylight) -> Result<Self, Error> {
        let text = expression.trim();
        let pattern = parse_pattern(text)?;
        let tz = parse_zone(zone)?;
        let hour = hour_field(text);
        let cron = Self {
            text: text.to_owned(),
            pattern,
            zone: tz,
            zone_name: zone.to_owned(),
            daylight,
            every_hour: hour.starts_with('*'),
        };
        if !cron.ever_fires() {
            return Err(Error::invalid("cron", "never comes true: there is no such day"));
        }
        Ok(cron)
    }

    /// The expression as it was given.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The name of its zone.
    pub fn zone(&self) -> &str {
        &self.zone_name
    }

    /// In words.
    pub fn words(&self) -> String {
        self.pattern.describe().trim_end_matches('.').to_owned()
    }
}

fn parse_pattern(text: &str) -> Result<croner::Cron, Error> {
    if text.is_empty() || text.len() > LONGEST {
        return Err(Error::invalid("cron", format!("must be 1 to {LONGEST} bytes long")));
    }
    if !text.is_ascii() || text.chars().any(|c| c.is_ascii_control() && c != '\t') {
        return Err(Error::invalid("cron", "must be ASCII, without control characters"));
    }
    if text.contains('@') && !NICKNAMES.contains(&text.to_ascii_lowercase().as_str()) {
        let known = NICKNAMES.join(", ");
        return Err(Error::invalid("cron", format!("of names with @, these are known: {known}")));
    }
    if text.contains('+') {
        return Err(Error::invalid("cron", "\"+\" has no meaning here"));
    }
    // croner takes only a bare `*` for "any day"; Vixie cron whatever begins with it
    let fields: Vec<&str> = text.split_whitespace().collect();
    let starred = |back: usize| {
        let field = fields.len().checked_sub(back).and_then(|at| fields.get(at));
        field.is_some_and(|field| field.starts_with(['*', '?']))
    };
    let parser = CronParser::builder()
        .seconds(Seconds::Optional)
        .year(Year::Disallowed)
        .dom_and_dow(starred(3) || starred(1))
        .build();
    let parsed = parser.parse(text);
    parsed.map_err(|error| Error::invalid("cron", explain::reason(&error)))
}

fn parse_zone(name: &str) -> Result<TimeZone, Error> {
    let ours = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '_' | '-' | '+');
    if name.is_empty() || name.len() > 64 || !name.chars().all(ours) {
        return Err(Error::invalid("timezone", "is not the name of a zone, such as Europe/Berlin"));
    }
    if name.eq_ignore_ascii_case("utc") {
        return Ok(TimeZone::UTC);
    }
    TimeZone::get(name)
        .map_err(|_| Error::invalid("timezone", "is not known; names are those of the IANA database"))
}

fn hour_field(text: &str) -> &str {
    let fields: Vec<&str> = text.split_whitespace().collect();
    match fields.len() {
        5 => fields[1],
        6 => fields[2],
        _ if matches!(text.to_ascii_lowercase().as_str(), "@hourly" | "@minutely") => "*",
        _ => "0",
    }
}
