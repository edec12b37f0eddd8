//! One series and what is kept of it.

use super::Labels;
use super::strip::Strip;
use std::sync::Arc;

/// What the series of one metric are, and how many numbers each of their samples has.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Counter,
    Gauge,
    /// A count per bound, one for what exceeds them all, and the sum in nanoseconds: whole numbers are stored small.
    Histogram(Arc<[f64]>),
}

/// Of a gauge in a slot: the least, the greatest, the sum, the number of samples, the last.
pub(super) const GAUGE_COLUMNS: usize = 5;

impl Kind {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram(_) => "histogram",
        }
    }

    /// The numbers of a sample.
    pub(super) fn width(&self) -> usize {
        match self {
            Self::Counter | Self::Gauge => 1,
            Self::Histogram(bounds) => bounds.len() + 2,
        }
    }

    /// The numbers of a slot.
    pub(super) fn slot_width(&self) -> usize {
        match self {
            Self::Gauge => GAUGE_COLUMNS,
            grows => grows.width(),
        }
    }
}

/// All series of one metric, in the order of their labels.
#[derive(Debug)]
pub(super) struct Family {
    pub(super) name: Arc<str>,
    pub(super) kind: Kind,
    pub(super) tracks: Vec<Track>,
}

#[derive(Debug)]
pub(super) struct Track {
    pub(super) labels: Labels,
    /// What was sampled.
    pub(super) raw: Strip,
    /// What was made of it per slot: of gauges their five numbers, of all others what they grew by so far.
    pub(super) slots: Strip,
    /// The tick of the first sample if what it shows grew from zero under our eyes.
    pub(super) born: Option<u64>,
    /// Whether it was sampled before in this process.
    pub(super) seen: bool,
    /// The tick of its first slot.
    pub(super) first_slot: Option<u64>,
    /// What goes into the slot under way; empty before its first sample.
    pub(super) pending: Vec<f64>,
    /// Its number in the segment that is being written, and whether the segment believes it is there.
    pub(super) written: Option<Written>,
}

#[derive(Debug)]
pub(super) struct Written {
    pub(super) id: u64,
    pub(super) there: bool,
}

impl Track {
    pub(super) fn new(labels: Labels) -> Self {
        Self {
            labels,
            raw: Strip::default(),
            slots: Strip::default(),
            born: None,
            seen: false,
            first_slot: None,
            pending: Vec::new(),
            written: None,
        }
    }

    /// Takes a sample of the slot under way. `growth` is what a counter's columns grew by since the last one, `None`
    /// where that is not known.
    pub(super) fn collect(&mut self, kind: &Kind, row: &[f64], growth: Option<&[f64]>) {
        if *kind == Kind::Gauge {
            return self.collect_gauge(row.first().copied().unwrap_or_default());
        }
        self.pending.resize(row.len(), 0.0);
        for (pending, grown) in self.pending.iter_mut().zip(growth.into_iter().flatten()) {
            *pending += grown;
        }
    }

    fn collect_gauge(&mut self, value: f64) {
        match self.pending.as_mut_slice() {
            [least, greatest, sum, count, last] => {
                (*least, *greatest) = (least.min(value), greatest.max(value));
                (*sum, *count, *last) = (*sum + value, *count + 1.0, value);
            }
            _ => self.pending = vec![value, value, value, 1.0, value],
        }
    }

    /// Ends a slot: adds what it holds to the slots before. Leaves `pending` for whoever writes it down.
    pub(super) fn end_slot(&mut self, kind: &Kind, tick: u64, generation: u64) {
        if self.pending.is_empty() {
            return;
        }
        self.first_slot.get_or_insert(tick);
        if *kind == Kind::Gauge {
            return self.slots.push(tick, generation, &self.pending);
        }
        let so_far =
            self.slots.last().map_or(&[][..], |(_, row)| row).iter().copied().chain(std::iter::repeat(0.0));
        let row: Vec<f64> = self.pending.iter().zip(so_far).map(|(grown, so_far)| grown + so_far).collect();
        self.slots.push(tick, generation, &row);
    }

    /// Memory in use, its labels' strings not counted: those are shared.
    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>()
            + self.labels.len() * size_of::<(Arc<str>, Arc<str>)>()
            + self.raw.bytes()
            + self.slots.bytes()
            + self.pending.capacity() * size_of::<f64>()
    }
}

/// What a row grew by since another. A row with a number below the one before began again at zero.
pub(super) fn grown(last: &[f64], row: &[f64], out: &mut Vec<f64>) {
    out.clear();
    let again = last.iter().zip(row).any(|(last, value)| value < last);
    if again {
        out.extend_from_slice(row);
    } else {
        out.extend(last.iter().zip(row).map(|(last, value)| value - last));
    }
}
