//! Who is on call: rotations by the clocks of a zone, and who stands in.

use crate::Error;
use crate::calendar::{Weekly, local, zone};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use seaworthy_store::Timestamp;

/// How many rotations, participants or overrides a schedule may have.
const MOST: usize = 256;

/// Who is on call, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// What escalations call it.
    pub name: String,
    /// An IANA time zone, such as `Europe/Berlin`.
    pub zone: String,
    /// The first one that has somebody on duty decides.
    pub rotations: Vec<Rotation>,
    /// Who stands in for whoever it would be; of several at a time the last.
    pub overrides: Vec<Override>,
}

/// People who take turns. Their names are those of receivers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotation {
    /// Who, in turn.
    pub participants: Vec<String>,
    /// When the first one's first shift begins, by the clocks of the zone. Shifts change at this time of day, whatever
    /// becomes of daylight-saving time.
    pub start: DateTime,
    /// How long a shift is, in hours as clocks show them; 168 is a week.
    pub shift_hours: u32,
    /// When somebody is on duty at all; always where nothing is given.
    pub hours: Vec<Weekly>,
}

/// Somebody stands in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// From when on.
    pub from: Timestamp,
    /// Until when.
    pub to: Timestamp,
    /// Who: the name of a receiver.
    pub participant: String,
}

/// A schedule whose zone was found.
#[derive(Debug, Clone)]
pub(crate) struct OnCall {
    zone: TimeZone,
    schedule: Schedule,
}

impl OnCall {
    pub(crate) fn new(schedule: Schedule) -> Result<Self, Error> {
        let refuse = |reason: &str| Err(Error::invalid(format!("schedule {}", schedule.name), reason));
        if schedule.rotations.len() > MOST || schedule.overrides.len() > MOST {
            return refuse("has at most 256 rotations and 256 overrides");
        }
        for rotation in &schedule.rotations {
            if rotation.participants.is_empty() || rotation.participants.len() > MOST {
                return refuse("a rotation has from 1 to 256 participants");
            }
            if rotation.shift_hours == 0 || rotation.shift_hours > 24 * 366 {
                return refuse("a shift is from 1 hour to a year");
            }
        }
        Ok(Self { zone: zone(&schedule.zone)?, schedule })
    }

    /// Everybody who may be on call.
    pub(crate) fn participants(&self) -> impl Iterator<Item = &str> {
        let turns = self.schedule.rotations.iter().flat_map(|rotation| &rotation.participants);
        turns.chain(self.schedule.overrides.iter().map(|o| &o.participant)).map(String::as_str)
    }

    /// Who is on call at a moment.
    pub(crate) fn at(&self, at: Timestamp) -> Option<&str> {
        let stands_in = self.schedule.overrides.iter().rev().find(|o| o.from <= at && at < o.to);
        if let Some(stands_in) = stands_in {
            return Some(&stands_in.participant);
        }
        let local = local(&self.zone, at);
        self.schedule.rotations.iter().find_map(|rotation| rotation.on_duty(local))
    }
}

impl Rotation {
    fn on_duty(&self, local: DateTime) -> Option<&str> {
        if !self.hours.is_empty() && !self.hours.iter().any(|weekly| weekly.contains(local)) {
            return None;
        }
        let passed = local.duration_since(self.start).as_secs();
        let shift = passed.div_euclid(i64::from(self.shift_hours) * 3_600);
        // nobody before the first shift
        let turn = usize::try_from(shift).ok()?;
        self.participants.get(turn % self.participants.len()).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::{Weekday, date, time};

    fn at(text: &str) -> Timestamp {
        crate::time::parse(text).expect(text)
    }

    fn weekly(names: &[&str]) -> Rotation {
        Rotation {
            participants: names.iter().map(|name| (*name).to_owned()).collect(),
            start: date(2026, 3, 23).at(9, 0, 0, 0),
            shift_hours: 168,
            hours: vec![],
        }
    }

    fn schedule(rotations: Vec<Rotation>) -> Schedule {
        Schedule { name: "s".to_owned(), zone: "Europe/Berlin".to_owned(), rotations, overrides: vec![] }
    }

    #[test]
    fn shifts_change_at_the_same_time_of_day_over_a_change_of_clocks() {
        let on_call = OnCall::new(schedule(vec![weekly(&["anna", "ben"])])).expect("a schedule");
        // clocks go forward on 29 March 2026: nine o'clock is 08:00 UTC before and 07:00 after
        assert_eq!(on_call.at(at("2026-03-23T07:59:59Z")), None, "before the first shift");
        assert_eq!(on_call.at(at("2026-03-23T08:00:00Z")), Some("anna"));
        assert_eq!(on_call.at(at("2026-03-30T06:59:59Z")), Some("anna"));
        assert_eq!(on_call.at(at("2026-03-30T07:00:00Z")), Some("ben"));
        assert_eq!(on_call.at(at("2026-04-06T07:00:00Z")), Some("anna"), "and round again");
    }

    #[test]
    fn finer_rotations_come_first_and_who_stands_in_before_all() {
        let mut nights = weekly(&["carl"]);
        nights.hours = vec![Weekly {
            days: vec![Weekday::Saturday, Weekday::Sunday],
            from: time(0, 0, 0, 0),
            to: time(0, 0, 0, 0),
        }];
        let mut schedule = schedule(vec![nights, weekly(&["anna"])]);
        let (from, to) = (at("2026-04-04T12:00:00Z"), at("2026-04-04T13:00:00Z"));
        schedule.overrides = vec![Override { from, to, participant: "dora".to_owned() }];
        let on_call = OnCall::new(schedule).expect("a schedule");
        assert_eq!(on_call.at(at("2026-04-03T12:00:00Z")), Some("anna"), "a Friday");
        assert_eq!(on_call.at(at("2026-04-04T11:59:00Z")), Some("carl"));
        assert_eq!(on_call.at(at("2026-04-04T12:00:00Z")), Some("dora"));
        assert_eq!(on_call.at(at("2026-04-04T13:00:00Z")), Some("carl"));
    }
}
