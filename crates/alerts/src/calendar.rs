//! Weekly times in a time zone.

use crate::Error;
use jiff::civil::{DateTime, Time, Weekday};
use jiff::tz::TimeZone;
use seaworthy_store::Timestamp;

/// A stretch of some days of the week, by the clocks of a zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Weekly {
    /// On which days it begins; all where none is given.
    pub days: Vec<Weekday>,
    /// From this time of day on.
    pub from: Time,
    /// Until this time of day; of the next day where it is not after `from`.
    pub to: Time,
}

impl Weekly {
    /// Whether clocks that show this are in it.
    pub fn contains(&self, local: DateTime) -> bool {
        let (day, time) = (local.weekday(), local.time());
        let begins = |day: Weekday| self.days.is_empty() || self.days.contains(&day);
        if self.from < self.to {
            begins(day) && self.from <= time && time < self.to
        } else {
            (begins(day) && self.from <= time) || (begins(day.previous()) && time < self.to)
        }
    }
}

/// Times at which routes tell nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MuteTime {
    /// What routes call it.
    pub name: String,
    /// An IANA time zone, such as `Europe/Berlin`.
    pub zone: String,
    /// When.
    pub times: Vec<Weekly>,
}

/// A mute time whose zone was found.
#[derive(Debug, Clone)]
pub(crate) struct Muted {
    zone: TimeZone,
    times: Vec<Weekly>,
}

impl Muted {
    pub(crate) fn new(setting: MuteTime) -> Result<Self, Error> {
        if setting.times.is_empty() || setting.times.len() > 64 {
            return Err(Error::invalid(format!("mute time {}", setting.name), "has from 1 to 64 times"));
        }
        Ok(Self { zone: zone(&setting.zone)?, times: setting.times })
    }

    pub(crate) fn contains(&self, at: Timestamp) -> bool {
        let local = local(&self.zone, at);
        self.times.iter().any(|weekly| weekly.contains(local))
    }
}

/// An IANA time zone by name.
pub(crate) fn zone(name: &str) -> Result<TimeZone, Error> {
    TimeZone::get(name)
        .map_err(|_| Error::invalid("zone", format!("\"{}\" is no time zone", crate::text::line(name, 64))))
}

/// What clocks of a zone show.
pub(crate) fn local(zone: &TimeZone, at: Timestamp) -> DateTime {
    let at = jiff::Timestamp::from_microsecond(at.as_micros()).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    zone.to_datetime(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::{datetime, time};

    fn at(text: &str) -> Timestamp {
        crate::time::parse(text).expect(text)
    }

    #[test]
    fn nights_belong_to_the_day_they_begin_on() {
        let days = vec![Weekday::Friday];
        let night = Weekly { days, from: time(22, 0, 0, 0), to: time(6, 0, 0, 0) };
        // 2026-01-02 is a Friday
        assert!(!night.contains(datetime(2026, 1, 2, 5, 0, 0, 0)));
        assert!(night.contains(datetime(2026, 1, 2, 22, 0, 0, 0)));
        assert!(night.contains(datetime(2026, 1, 3, 5, 59, 0, 0)));
        assert!(!night.contains(datetime(2026, 1, 3, 6, 0, 0, 0)));
        assert!(!night.contains(datetime(2026, 1, 3, 22, 0, 0, 0)));
        let always = Weekly { days: vec![], from: time(0, 0, 0, 0), to: time(0, 0, 0, 0) };
        assert!(always.contains(datetime(2026, 1, 3, 0, 0, 0, 0)));
    }

    #[test]
    fn zones_and_their_changes_of_clocks_are_heeded() {
        let times = vec![Weekly { days: vec![], from: time(8, 0, 0, 0), to: time(9, 0, 0, 0) }];
        let setting = MuteTime { name: "m".to_owned(), zone: "Europe/Berlin".to_owned(), times };
        let muted = Muted::new(setting.clone()).expect("a zone");
        assert!(muted.contains(at("2026-01-15T07:30:00Z")), "winter");
        assert!(!muted.contains(at("2026-07-15T07:30:00Z")));
        assert!(muted.contains(at("2026-07-15T06:30:00Z")), "summer");
        assert!(Muted::new(MuteTime { zone: "Europe/Atlantis".to_owned(), ..setting }).is_err());
    }
}
