//! Durations as people write them: `"250ms"`, `"30s"`, `"1m30s"`, `"2h"`, `"7d"`.

use std::time::Duration;

/// Why a text is not a duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Nothing was written.
    #[error("a duration is a number and a unit, such as \"30s\"; this is empty")]
    Empty,
    /// A number without a unit: seconds or milliseconds cannot be told apart.
    #[error("\"{0}\" has no unit; write \"{0}s\" for seconds or \"{0}ms\" for milliseconds")]
    NoUnit(String),
    /// A unit nobody knows.
    #[error("\"{0}\" is not a unit of time; use ms, s, m, h or d")]
    UnknownUnit(String),
    /// A unit without a number, or a number that is none.
    #[error("\"{0}\" does not start with a number")]
    NoNumber(String),
    /// More than 100 years.
    #[error("\"{0}\" is longer than 100 years")]
    TooLong(String),
}

const UNITS: [(&str, u64); 6] = [
    ("us", 1),
    ("ms", 1_000),
    ("s", 1_000_000),
    ("m", 60_000_000),
    ("h", 3_600_000_000),
    ("d", 86_400_000_000),
];
const LONGEST_US: u64 = 100 * 365 * 86_400_000_000;

/// Reads a duration. Units: `us`, `ms`, `s`, `m`, `h`, `d`, largest first by convention but in any order;
/// whole numbers or decimals (`"1.5s"`).
pub fn parse(text: &str) -> Result<Duration, Error> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(Error::Empty);
    }
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let value: f64 = number.parse().map_err(|_| Error::NoNumber(rest.to_owned()))?;
        let unit_end = after.find(|c: char| !c.is_ascii_alphabetic() && c != 'µ').unwrap_or(after.len());
        let (unit, next) = after.split_at(unit_end);
        if unit.is_empty() {
            return Err(Error::NoUnit(number.to_owned()));
        }
        let unit_us = UNITS
            .iter()
            .find(|(name, _)| *name == unit || (*name == "us" && unit == "µs"))
            .map(|(_, us)| *us)
            .ok_or_else(|| Error::UnknownUnit(unit.to_owned()))?;
        let micros = value * unit_us as f64;
        if !micros.is_finite() || micros > LONGEST_US as f64 {
            return Err(Error::TooLong(text.to_owned()));
        }
        total += micros.round() as u64;
        if total > LONGEST_US {
            return Err(Error::TooLong(text.to_owned()));
        }
        rest = next.trim_start();
    }
    Ok(Duration::from_micros(total))
}

/// Writes a duration the way [`parse`] reads it, in the fewest whole units: `90s` → `"1m30s"`.
pub fn format(duration: Duration) -> String {
    let mut left = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    if left == 0 {
        return "0s".to_owned();
    }
    let mut out = String::new();
    for (name, us) in UNITS.iter().rev() {
        if left >= *us {
            out.push_str(&(left / us).to_string());
            out.push_str(name);
            left %= us;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_what_people_write() {
        for (text, ms) in
            [("30s", 30_000), ("250ms", 250), ("1m30s", 90_000), ("1.5s", 1_500), ("2h", 7_200_000)]
        {
            assert_eq!(parse(text), Ok(Duration::from_millis(ms)), "{text}");
        }
    }

    #[test]
    fn says_what_is_wrong() {
        assert_eq!(parse(""), Err(Error::Empty));
        assert_eq!(parse("30"), Err(Error::NoUnit("30".into())));
        assert_eq!(parse("30 parsecs"), Err(Error::NoUnit("30".into())));
        assert_eq!(parse("3q"), Err(Error::UnknownUnit("q".into())));
        assert_eq!(parse("s"), Err(Error::NoNumber("s".into())));
        assert_eq!(parse("-3s"), Err(Error::NoNumber("-3s".into())));
        assert!(matches!(parse("999999999d"), Err(Error::TooLong(_))));
        assert!(matches!(parse("1.2.3s"), Err(Error::NoNumber(_))));
    }

    proptest! {
        #[test]
        fn formats_what_it_reads(us in 0..LONGEST_US) {
            let duration = Duration::from_micros(us);
            prop_assert_eq!(parse(&format(duration)), Ok(duration));
        }

        #[test]
        fn never_panics(text in ".*") {
            let _ = parse(&text);
        }
    }
}
