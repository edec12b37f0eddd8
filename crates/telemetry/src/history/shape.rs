//! What a function needs of a series' samples, and how it makes a number of them.

use super::Error;
use super::query::{Function, Query};
use super::state::State;
use super::track::{Family, Kind};
use crate::metrics::interpolated;
use std::sync::Arc;

/// Nanoseconds of a histogram's sum in a second.
const NANOS: f64 = 1e9;

#[derive(Debug, Clone)]
pub(super) enum Shape {
    /// One of a gauge's five numbers, or a counter's only one.
    Level { pick: Pick, of_gauge: bool },
    /// What columns grew by.
    Growth(Columns, Finish),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pick {
    Least,
    Greatest,
    Last,
}

/// Columns made of those that are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Columns {
    Counter,
    /// The observations in the first so many buckets.
    Buckets(usize),
    /// A histogram's sum in seconds.
    Sum,
    /// Everything a histogram has.
    All,
    /// The sum of a gauge's samples and their number, or a histogram's sum and count.
    Mean {
        of_gauge: bool,
    },
}

/// How what columns grew by becomes a number.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Finish {
    Number,
    PerSecond,
    Ratio,
    Quantile { share: f64, bounds: Arc<[f64]> },
}

impl Columns {
    pub(super) fn width(self, kind: &Kind) -> usize {
        match self {
            Self::All => kind.width(),
            Self::Mean { .. } => 2,
            _ => 1,
        }
    }

    /// Adds what a row of samples or slots says to `out`; `by_slot` tells which it is.
    pub(super) fn reduce(self, row: &[f64], by_slot: bool, out: &mut [f64]) {
        let number = |at: usize| row.get(at).copied().unwrap_or_default();
        let buckets = row.len().saturating_sub(1);
        let count = |until: usize| row[..until.min(buckets)].iter().sum::<f64>();
        match (self, out) {
            (Self::All, out) => out.iter_mut().zip(row).for_each(|(out, value)| *out = *value),
            (Self::Counter, [out, ..]) => *out = number(0),
            (Self::Buckets(until), [out, ..]) => *out = count(until),
            (Self::Sum, [out, ..]) => *out = number(buckets) / NANOS,
            (Self::Mean { of_gauge: true }, [sum, samples]) => {
                (*sum, *samples) = if by_slot { (number(2), number(3)) } else { (number(0), 1.0) };
            }
            (Self::Mean { of_gauge: false }, [sum, observations]) => {
                (*sum, *observations) = (number(buckets) / NANOS, count(buckets));
            }
            _ => {}
        }
    }
}

impl Finish {
    /// `None` where nothing was observed.
    pub(super) fn number(&self, row: &[f64], seconds: f64) -> Option<f64> {
        let number = match (self, row) {
            (Self::Number, [value, ..]) => *value,
            (Self::PerSecond, [value, ..]) => value / seconds,
            (Self::Ratio, [sum, count, ..]) if *count > 0.0 => sum / count,
            (Self::Quantile { share, bounds }, [counts @ .., _sum]) => interpolated(bounds, counts, *share)?,
            _ => return None,
        };
        number.is_finite().then_some(number)
    }

    /// Whether rows of several series can be added up before a number is made of them, and have to be.
    pub(super) fn merges(&self, columns: Columns) -> bool {
        matches!(self, Self::Quantile { .. }) || columns == (Columns::Mean { of_gauge: false })
    }
}

/// The family a query is about and what is made of it; `None` where there is no such metric.
pub(super) fn of<'a>(state: &'a State, query: &Query) -> Result<Option<(&'a Family, Shape)>, Error> {
    if let Function::Quantile(share) = query.function
        && !(0.0..=1.0).contains(&share)
    {
        return Err(Error::Quantile(share));
    }
    let name = query.selector.name();
    if let Some(family) = state.families.get(name) {
        return whole(family, query).map(|shape| Some((family, shape)));
    }
    for (ending, sum) in [("_count", false), ("_sum", true)] {
        let family = name.strip_suffix(ending).and_then(|stem| state.families.get(stem));
        if let Some((family, Kind::Histogram(bounds))) = family.map(|family| (family, &family.kind)) {
            let columns = if sum { Columns::Sum } else { Columns::Buckets(bounds.len() + 1) };
            let finish = growth(&query.function).ok_or_else(|| unsuitable(query, "counter"))?;
            return Ok(Some((family, Shape::Growth(columns, finish))));
        }
    }
    Ok(None)
}

fn whole(family: &Family, query: &Query) -> Result<Shape, Error> {
    let unsuitable = || unsuitable(query, family.kind.name());
    match &family.kind {
        Kind::Counter if query.function == Function::Latest => {
            Ok(Shape::Level { pick: Pick::Last, of_gauge: false })
        }
        Kind::Counter => growth(&query.function)
            .map(|finish| Shape::Growth(Columns::Counter, finish))
            .ok_or_else(unsuitable),
        Kind::Gauge => {
            let level = |pick| Ok(Shape::Level { pick, of_gauge: true });
            match query.function {
                Function::Latest => level(Pick::Last),
                Function::Max => level(Pick::Greatest),
                Function::Min => level(Pick::Least),
                Function::Mean => Ok(Shape::Growth(Columns::Mean { of_gauge: true }, Finish::Ratio)),
                _ => Err(unsuitable()),
            }
        }
        Kind::Histogram(bounds) => match query.function {
            Function::Quantile(share) => {
                Ok(Shape::Growth(Columns::All, Finish::Quantile { share, bounds: Arc::clone(bounds) }))
            }
            Function::Mean => Ok(Shape::Growth(Columns::Mean { of_gauge: false }, Finish::Ratio)),
            Function::Observations => Ok(Shape::Growth(Columns::Buckets(bounds.len() + 1), Finish::Number)),
            Function::Below(seconds) => below(bounds, seconds, query),
            _ => Err(unsuitable()),
        },
    }
}

fn growth(function: &Function) -> Option<Finish> {
    match function {
        Function::Increase => Some(Finish::Number),
        Function::Rate => Some(Finish::PerSecond),
        _ => None,
    }
}

fn below(bounds: &[f64], seconds: f64, query: &Query) -> Result<Shape, Error> {
    let near = |bound: &f64| (bound - seconds).abs() <= bound.abs() * 1e-9;
    match bounds.iter().position(near) {
        Some(at) => Ok(Shape::Growth(Columns::Buckets(at + 1), Finish::Number)),
        None => {
            let metric = query.selector.name().to_owned();
            Err(Error::Bound { metric, seconds, bounds: bounds.to_vec() })
        }
    }
}

fn unsuitable(query: &Query, kind: &'static str) -> Error {
    Error::Unsuitable { metric: query.selector.name().to_owned(), kind, function: query.function.name() }
}
