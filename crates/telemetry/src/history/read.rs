//! Samples and slots of one series put together: slots for what samples no longer reach.

use super::curve::{Curve, Growth};
use super::shape::{Columns, Pick};
use super::state::State;
use super::track::{Kind, Track, grown};

/// The time a query needs, and where slots end and samples begin.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    start: i64,
    end: i64,
    /// Slots are used up to here, where they are needed; samples after it.
    pub(super) slots_until: Option<i64>,
}

impl Span {
    pub(super) fn new(state: &State, start: i64, end: i64) -> Self {
        let slots_until = match state.ticks.earliest() {
            None => Some(i64::MAX),
            Some(earliest) if start >= earliest => None,
            // slots before the first sample come from an earlier run
            Some(earliest) if state.ticks.is_whole() => Some(earliest - 1),
            // what a sample shows that was taken until a slot's end is in the slot, whatever comes after is not
            Some(earliest) => Some(state.slots.at_or_after(earliest).unwrap_or(earliest)),
        };
        Self { start, end, slots_until }
    }

    /// The time of the last sample or slot at or before `time`.
    pub(super) fn last(self, state: &State, time: i64) -> Option<i64> {
        let slots = self.slots_until.and_then(|until| state.slots.at_or_before(time.min(until)));
        let samples =
            state.ticks.at_or_before(time).filter(|tick| self.slots_until.is_none_or(|until| *tick > until));
        samples.or(slots)
    }
}

/// Values as they were.
pub(super) fn level(state: &State, track: &Track, pick: Pick, of_gauge: bool, span: Span) -> Curve {
    let mut curve = Curve::new(1);
    if let Some(until) = span.slots_until.filter(|_| of_gauge) {
        let column = match pick {
            Pick::Least => 0,
            Pick::Greatest => 1,
            Pick::Last => 4,
        };
        let range = state.slots.covering(span.start, span.end.min(until));
        track.slots.read(range, Kind::Gauge.slot_width(), |slot, row| {
            if let Some(time) = state.slots.time(slot) {
                curve.push(time, row.get(column).copied());
            }
        });
    }
    let range = state.ticks.covering(span.start, span.end);
    track.raw.read(range, 1, |tick, row| {
        if let Some(time) =
            state.ticks.time(tick).filter(|time| span.slots_until.is_none_or(|until| *time > until))
        {
            curve.push(time, row.first().copied());
        }
    });
    curve
}

/// What columns grew by so far.
pub(super) fn growth(state: &State, kind: &Kind, track: &Track, columns: Columns, span: Span) -> Growth {
    let width = columns.width(kind);
    let mut growth =
        Growth { curve: Curve::new(width), from_zero: false, slots: 0, slot: state.slot, gap: i64::MAX };
    let mut so_far = vec![0.0; width];
    if let Some(until) = span.slots_until {
        slots(state, kind, track, columns, (span.start, span.end.min(until)), &mut growth, &mut so_far);
    }
    growth.slots = growth.curve.len();
    if columns != (Columns::Mean { of_gauge: true }) {
        growth.gap = state.gap;
    }
    samples(state, kind, track, columns, span, &mut growth, so_far);
    growth
}

fn slots(
    state: &State,
    kind: &Kind,
    track: &Track,
    columns: Columns,
    (start, end): (i64, i64),
    growth: &mut Growth,
    so_far: &mut [f64],
) {
    let adds = columns == (Columns::Mean { of_gauge: true });
    let mut reduced = vec![0.0; so_far.len()];
    track.slots.read(state.slots.covering(start, end), kind.slot_width(), |slot, row| {
        let Some(time) = state.slots.time(slot) else { return };
        if growth.curve.len() == 0 {
            growth.from_zero = adds || track.first_slot == Some(slot);
        }
        columns.reduce(row, true, &mut reduced);
        if adds {
            so_far.iter_mut().zip(&reduced).for_each(|(so_far, reduced)| *so_far += reduced);
        } else {
            so_far.copy_from_slice(&reduced);
        }
        growth.curve.push(time, so_far.iter().copied());
    });
}

fn samples(
    state: &State,
    kind: &Kind,
    track: &Track,
    columns: Columns,
    span: Span,
    growth: &mut Growth,
    mut so_far: Vec<f64>,
) {
    let adds = columns == (Columns::Mean { of_gauge: true });
    let (mut last, mut grew, mut reduced) = (Vec::new(), Vec::new(), vec![0.0; so_far.len()]);
    track.raw.read(state.ticks.covering(span.start, span.end), kind.width(), |tick, row| {
        let Some(time) = state.ticks.time(tick) else { return };
        let wanted = span.slots_until.is_none_or(|until| time > until);
        let born = last.is_empty() && track.born == Some(tick);
        if growth.curve.len() == 0 && wanted {
            growth.from_zero = adds || born || !last.is_empty();
        }
        if adds || born {
            columns.reduce(row, false, &mut reduced);
        } else if last.is_empty() {
            reduced.fill(0.0); // what it had grown by before is not known
        } else {
            grown(&last, row, &mut grew);
            columns.reduce(&grew, false, &mut reduced);
        }
        last.clear();
        last.extend_from_slice(row);
        if wanted {
            so_far.iter_mut().zip(&reduced).for_each(|(so_far, reduced)| *so_far += reduced);
            growth.curve.push(time, so_far.iter().copied());
        }
    });
}
