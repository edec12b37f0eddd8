//! When an expression comes true.
//!
//! Between two transitions of a zone the offset stands still, and local time is UTC and that offset: within such a
//! segment an expression's times are those of the plain calendar. What is special happens where segments meet, and only
//! there: a gap (the next segment begins at a later local time than this one ended) or a fold (at an earlier one).

use super::Cron;
use jiff::Timestamp as Instant;
use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};
use seaworthy_store::Timestamp;

/// An expression that does not come true for so long never does: 29 February on a given weekday takes 40 years.
const HORIZON_YEARS: i16 = 100;
/// Transitions looked at for one answer: two a year over the horizon, with room.
const MOST_SEGMENTS: usize = 1_000;

/// A stretch of time with one offset.
struct Segment {
    offset: Offset,
    /// Where the next begins.
    end: Option<Instant>,
    /// Local times before this were shown in the segment before.
    repeated_until: Option<DateTime>,
}

impl Cron {
    /// The first time it comes true after a moment; `None` beyond the years a calendar here has.
    pub fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        // whole seconds: a moment within a second comes after that second's time
        let from = Instant::from_second(after.as_micros().div_euclid(1_000_000)).ok()?;
        let mut segment = Segment::at(&self.zone, from);
        let mut search = (segment.offset.to_datetime(from), false);
        for _ in 0..MOST_SEGMENTS {
            if let Some(found) = self.in_segment(&segment, search.0, search.1)? {
                return Timestamp::from_micros(found.as_microsecond()).into();
            }
            let begin = segment.end?;
            let next = Segment::at(&self.zone, begin);
            if let Some(found) = self.in_gap(&segment, &next, begin) {
                return Some(Timestamp::from_micros(found.as_microsecond()));
            }
            search = (next.offset.to_datetime(begin), true);
            segment = next;
        }
        None
    }

    /// Whether it comes true at all.
    pub(super) fn ever_fires(&self) -> bool {
        let today = DateTime::constant(2024, 1, 1, 0, 0, 0, 0);
        self.local_after(today, true).is_some()
    }

    /// `None`: never again; `Some(None)`: not in this segment.
    #[expect(clippy::option_option, reason = "two different ends of the search")]
    fn in_segment(&self, segment: &Segment, from: DateTime, inclusive: bool) -> Option<Option<Instant>> {
        let (mut from, mut inclusive) = (from, inclusive);
        if let Some(until) = segment.repeated_until
            && from < until
            && !self.daylight.runs_twice(self.every_hour)
        {
            (from, inclusive) = (until, true);
        }
        let found = self.local_after(from, inclusive)?;
        let Ok(instant) = segment.offset.to_timestamp(found) else { return None };
        Some(segment.end.is_none_or(|end| instant < end).then_some(instant))
    }

    /// The end of a gap, where one of the expression's times lies in it.
    fn in_gap(&self, before: &Segment, after: &Segment, at: Instant) -> Option<Instant> {
        let (from, to) = (before.offset.to_datetime(at), after.offset.to_datetime(at));
        if from >= to || !self.daylight.runs_at_gap_end(self.every_hour) {
            return None;
        }
        self.local_after(from, true).filter(|found| *found < to).map(|_| at)
    }

    fn local_after(&self, from: DateTime, inclusive: bool) -> Option<DateTime> {
        let found = self.pattern.find_next_occurrence(&from, inclusive).ok()?;
        (found.year() - from.year() <= HORIZON_YEARS).then_some(found)
    }
}

impl Segment {
    fn at(zone: &TimeZone, instant: Instant) -> Self {
        let offset = zone.to_offset(instant);
        // names and daylight flags change without the offset: that is no border
        let end = zone.following(instant).map(|t| t.timestamp()).find(|at| zone.to_offset(*at) != offset);
        let begin = begin(zone, instant, offset);
        let repeated_until = begin.and_then(|(begin, before)| {
            let (was, is) = (before.to_datetime(begin), offset.to_datetime(begin));
            (is < was).then_some(was)
        });
        Self { offset, end, repeated_until }
    }
}

/// Where the segment of `instant` begins, and the offset before it.
fn begin(zone: &TimeZone, instant: Instant, offset: Offset) -> Option<(Instant, Offset)> {
    let just_after = instant.checked_add(jiff::SignedDuration::from_nanos(1)).ok()?;
    for transition in zone.preceding(just_after).take(4) {
        let at = transition.timestamp();
        let before = zone.to_offset(at.checked_sub(jiff::SignedDuration::from_nanos(1)).ok()?);
        if before != offset {
            return Some((at, before));
        }
    }
    None
}
