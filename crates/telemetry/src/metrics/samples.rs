//! Values as they are at one scrape.

use super::family::{self, Series};
use super::name::{self, Labels, Spellings};
use super::{Label, Snapshot};
use std::collections::BTreeMap;

/// Takes the values that a collector pulls at a scrape.
///
/// The same bound holds as for registered series: what exceeds it is dropped and counted.
#[derive(Debug)]
pub struct Samples {
    series_limit: usize,
    families: BTreeMap<String, Family>,
    dropped: BTreeMap<String, u64>,
}

#[derive(Debug)]
pub(crate) struct Family {
    /// As it was registered or pulled first, before it was rendered.
    pub(crate) name: String,
    pub(crate) spellings: Spellings,
    pub(crate) help: String,
    pub(crate) series: BTreeMap<Labels, Value>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Counter(f64),
    Gauge(f64),
    Histogram(Snapshot),
}

impl Samples {
    pub(super) fn new(series_limit: usize) -> Self {
        Self { series_limit, families: BTreeMap::new(), dropped: BTreeMap::new() }
    }

    /// A number that only grows.
    pub fn counter(&mut self, name: &str, help: &str, labels: &[Label], value: f64) {
        self.push(name, help, labels, Value::Counter(value));
    }

    /// A number that goes up and down.
    pub fn gauge(&mut self, name: &str, help: &str, labels: &[Label], value: f64) {
        self.push(name, help, labels, Value::Gauge(value));
    }

    fn push(&mut self, name: &str, help: &str, labels: &[Label], value: Value) {
        let spelt = name;
        let name = name::metric(name);
        let family = self.families.entry(name.clone()).or_insert_with(|| Family::new(spelt, help));
        let mixed = family.series.values().next().is_some_and(|first| !first.same_kind(&value));
        if mixed || family.series.len() >= self.series_limit {
            *self.dropped.entry(name).or_default() += 1;
            return;
        }
        name::note(&mut family.spellings, labels);
        family.series.insert(name::labels(labels), value);
    }

    /// Adds what is registered; where a collector pulled the same name as another kind, the registered one stays.
    pub(super) fn registered(&mut self, name: &str, registered: &family::Family) {
        if registered.dropped > 0 {
            *self.dropped.entry(name.to_owned()).or_default() += registered.dropped;
        }
        let family = self
            .families
            .entry(name.to_owned())
            .or_insert_with(|| Family::new(&registered.name, &registered.help));
        family
            .spellings
            .extend(registered.spellings.iter().map(|(rendered, spelt)| (rendered.clone(), *spelt)));
        let values: Vec<_> =
            registered.series.iter().map(|(labels, series)| (labels.clone(), series.value())).collect();
        if let Some((_, first)) = values.first() {
            family.series.retain(|_, pulled| pulled.same_kind(first));
        }
        family.series.extend(values);
    }

    pub(super) fn finish(mut self) -> BTreeMap<String, Family> {
        let help = "label sets beyond a metric's bound, recorded in its overflow series or left out";
        for (metric, count) in std::mem::take(&mut self.dropped) {
            let labels = [("metric", metric)];
            self.push("seaworthy.telemetry.series_dropped", help, &labels, Value::Counter(count as f64));
        }
        self.families.retain(|_, family| !family.series.is_empty());
        self.families
    }
}

impl Family {
    fn new(name: &str, help: &str) -> Self {
        let (name, help) = (name.to_owned(), help.to_owned());
        Self { name, spellings: Spellings::new(), help, series: BTreeMap::new() }
    }
}

impl Value {
    fn same_kind(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}

impl Series {
    fn value(&self) -> Value {
        match self {
            Self::Counter(counter) => Value::Counter(counter.value() as f64),
            Self::Gauge(gauge) => Value::Gauge(gauge.value()),
            Self::Histogram(histogram) => Value::Histogram(histogram.snapshot()),
        }
    }
}
