//! All series of one name, with a bound on how many.

use super::name::{Labels, Spellings};
use super::{Counter, Gauge, Histogram};
use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Debug, Clone)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Histogram(Arc<[f64]>),
}

impl Kind {
    pub(super) fn same_shape(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }

    fn series(&self) -> Series {
        match self {
            Self::Counter => Series::Counter(Counter::new()),
            Self::Gauge => Series::Gauge(Gauge::new()),
            Self::Histogram(bounds) => Series::Histogram(Histogram::new(Arc::clone(bounds))),
        }
    }
}

#[derive(Debug, Clone)]
pub(super) enum Series {
    Counter(Counter),
    Gauge(Gauge),
    Histogram(Histogram),
}

pub(super) struct Family {
    /// As it was registered.
    pub(super) name: String,
    pub(super) spellings: Spellings,
    pub(super) help: String,
    pub(super) kind: Kind,
    pub(super) series: BTreeMap<Labels, Series>,
    /// Label sets that found no room and went to the overflow series.
    pub(super) dropped: u64,
}

impl Family {
    pub(super) fn new(name: &str, help: &str, kind: Kind) -> Self {
        let (name, help) = (name.to_owned(), help.to_owned());
        Self { name, spellings: Spellings::new(), help, kind, series: BTreeMap::new(), dropped: 0 }
    }

    pub(super) fn get_or_register(&mut self, labels: Labels, limit: usize) -> Series {
        if let Some(series) = self.series.get(&labels) {
            return series.clone();
        }
        let full = self.series.len() - usize::from(self.series.contains_key(&overflow())) >= limit;
        let labels = if full { overflow() } else { labels };
        self.dropped += u64::from(full);
        self.series.entry(labels).or_insert_with(|| self.kind.series()).clone()
    }
}

/// The one series that takes what found no room.
pub(super) fn overflow() -> Labels {
    vec![("overflow".to_owned(), "true".to_owned())]
}
