//! From a query to its results: find the series, read them, put them together.

use super::curve::Sliding;
use super::query::{Aggregate, Query};
use super::read::{self, Span};
use super::shape::{self, Finish, Pick, Shape};
use super::state::State;
use super::track::{Family, Track};
use super::{Error, Labels};
use std::collections::BTreeMap;

/// How many times a range may have.
const TIMES: usize = 11_000;
/// How many numbers an answer may hold while it is put together.
const NUMBERS: usize = 2_000_000;

/// The results of one series or group, one for each time.
type Results = BTreeMap<Labels, Vec<Option<f64>>>;

/// The times from `from` to `to`.
pub(super) fn times(from: i64, to: i64, step: i64) -> Result<Vec<i64>, Error> {
    if to < from {
        return Err(Error::Order);
    }
    let count = to.saturating_sub(from) / step.max(1) + 1;
    if count > TIMES as i64 {
        return Err(Error::TooLarge { limit: TIMES });
    }
    Ok((0..count).map(|i| from + i * step).collect())
}

/// Answers for rising times; `window` in milliseconds.
pub(super) fn answer(state: &State, query: &Query, window: i64, times: &[i64]) -> Result<Results, Error> {
    let (Some(first), Some(last)) = (times.first(), times.last()) else { return Ok(Results::new()) };
    let Some((family, shape)) = shape::of(state, query)? else { return Ok(Results::new()) };
    // where only slots are left a window of levels holds at least one
    let span = Span::new(state, first.saturating_sub(window.max(state.slot)), *last);
    let asked = Asked { state, family, span, window, times };
    let mut groups: BTreeMap<Labels, Vec<Group>> = BTreeMap::new();
    let mut numbers = 0;
    let merge = match &shape {
        Shape::Growth(columns, finish) => {
            finish.merges(*columns) && (query.by.is_none() || query.aggregate == Aggregate::Sum)
        }
        Shape::Level { .. } => false,
    };
    for track in family.tracks.iter().filter(|track| query.selector.matches(&track.labels)) {
        let key = query.by.as_ref().map_or_else(|| track.labels.clone(), |by| track.labels.only(by));
        let group = groups.entry(key).or_insert_with(|| {
            numbers += times.len() * if merge { family.kind.width() } else { 1 };
            vec![Group::default(); if numbers > NUMBERS { 0 } else { times.len() }]
        });
        if numbers > NUMBERS {
            return Err(Error::TooLarge { limit: NUMBERS });
        }
        match &shape {
            Shape::Level { pick, of_gauge } => asked.level(track, *pick, *of_gauge, group),
            Shape::Growth(columns, finish) => asked.growth(track, *columns, finish, merge, group),
        }
    }
    let finish = match &shape {
        Shape::Growth(_, finish) if merge => Some(finish),
        _ => None,
    };
    let aggregate = query.by.as_ref().map_or(Aggregate::Sum, |_| query.aggregate);
    let finished =
        |group: Vec<Group>| group.into_iter().map(|group| group.finish(finish, aggregate)).collect();
    Ok(groups.into_iter().map(|(labels, group)| (labels, finished(group))).collect())
}

struct Asked<'a> {
    state: &'a State,
    family: &'a Family,
    span: Span,
    window: i64,
    times: &'a [i64],
}

impl Asked<'_> {
    /// The start of the window of levels that ends at `time`.
    fn start(&self, time: i64) -> i64 {
        let old = self.span.slots_until.is_some_and(|until| time <= until);
        time.saturating_sub(if old { self.window.max(self.state.slot) } else { self.window })
    }

    fn level(&self, track: &Track, pick: Pick, of_gauge: bool, group: &mut [Group]) {
        let curve = read::level(self.state, track, pick, of_gauge, self.span);
        let mut sliding = Sliding::new(&curve, pick == Pick::Greatest);
        for (time, group) in self.times.iter().zip(group) {
            let number = match pick {
                Pick::Last => self
                    .span
                    .last(self.state, *time)
                    .filter(|last| *last > self.start(*time))
                    .and_then(|last| curve.at(last)),
                _ => sliding.within(self.start(*time), *time),
            };
            if let Some(number) = number {
                group.add(number);
            }
        }
    }

    fn growth(
        &self,
        track: &Track,
        columns: shape::Columns,
        finish: &Finish,
        merge: bool,
        group: &mut [Group],
    ) {
        let growth = read::growth(self.state, &self.family.kind, track, columns, self.span);
        let mut row = Vec::new();
        for (time, group) in self.times.iter().zip(group) {
            let start = time.saturating_sub(self.window);
            if !growth.within(start, *time, &mut row) {
                continue;
            }
            if merge {
                group.merge(&row);
            } else if let Some(number) = finish.number(&row, self.window as f64 / 1e3) {
                group.add(number);
            }
        }
    }
}

/// Several series at one time.
#[derive(Debug, Clone, Default)]
struct Group {
    series: u32,
    sum: f64,
    least: f64,
    greatest: f64,
    row: Vec<f64>,
}

impl Group {
    fn add(&mut self, number: f64) {
        (self.least, self.greatest) = match self.series {
            0 => (number, number),
            _ => (self.least.min(number), self.greatest.max(number)),
        };
        self.sum += number;
        self.series += 1;
    }

    fn merge(&mut self, row: &[f64]) {
        self.row.resize(row.len(), 0.0);
        self.row.iter_mut().zip(row).for_each(|(sum, number)| *sum += number);
    }

    /// `finish` where rows were added up.
    fn finish(&self, finish: Option<&Finish>, aggregate: Aggregate) -> Option<f64> {
        if let Some(finish) = finish {
            return finish.number(&self.row, 1.0);
        }
        let series = f64::from(self.series);
        let number = match aggregate {
            _ if self.series == 0 => return None,
            Aggregate::Sum => self.sum,
            Aggregate::Max => self.greatest,
            Aggregate::Min => self.least,
            Aggregate::Mean => self.sum / series,
            Aggregate::Count => series,
        };
        number.is_finite().then_some(number)
    }
}
