//! What is kept in memory, and how a sample gets into it.

use super::rollup::Writer;
use super::strings::Strings;
use super::ticks::Ticks;
use super::track::{self, Family, Kind, Track};
use super::{Labels, Settings};
use crate::metrics::{RenderedLabels, SampledFamily, Value, rendered_name};
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// How many generations a full window has. One more is kept until all its samples are beyond the window.
const GENERATIONS: u128 = 8;
/// How many resolutions without a sample are a gap.
const GAP: i64 = 3;

#[derive(Debug)]
pub(super) struct State {
    pub(super) families: BTreeMap<Arc<str>, Family>,
    /// When samples were taken.
    pub(super) ticks: Ticks,
    /// When slots ended: at full multiples of their length, or when they were cut.
    pub(super) slots: Ticks,
    pub(super) strings: Strings,
    /// Milliseconds, as everything below.
    pub(super) gap: i64,
    pub(super) slot: i64,
    window: i64,
    retention: i64,
    limit: Limit,
    /// The end of the slot under way.
    slot_end: Option<i64>,
    pub(super) series: usize,
    pub(super) bytes: Bytes,
    pub(super) writer: Option<Writer>,
}

#[derive(Debug, Clone, Copy)]
struct Limit {
    series: usize,
    bytes: usize,
}

/// Memory in use.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Bytes {
    pub(super) samples: usize,
    pub(super) slots: usize,
    pub(super) series: usize,
}

/// What became of one sample of everything.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Taken {
    /// Series that found no room.
    pub(super) dropped: usize,
    /// Generations that were forgotten before their time.
    pub(super) forgotten: u64,
}

/// What all series of one sample have in common.
#[derive(Debug, Clone, Copy)]
struct Moment {
    tick: u64,
    generation: u64,
    time: i64,
    /// Whether what is new now has grown from zero since the sample before.
    fresh: bool,
}

pub(super) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 4).clamp(1, i64::MAX / 4)
}

impl State {
    pub(super) fn new(settings: &Settings) -> Self {
        let slots = &settings.slots;
        let length = |window: Duration, step: Duration| {
            let ticks = window.as_millis() / step.as_millis().max(1) / GENERATIONS;
            u64::try_from(ticks).unwrap_or(u64::MAX).clamp(16, 65_536)
        };
        Self {
            families: BTreeMap::new(),
            ticks: Ticks::new(length(settings.window, settings.resolution)),
            slots: Ticks::new(length(slots.retention, slots.length)),
            strings: Strings::default(),
            gap: millis(settings.resolution).saturating_mul(GAP),
            slot: millis(slots.length),
            window: millis(settings.window),
            retention: millis(slots.retention),
            limit: Limit { series: settings.series, bytes: settings.bytes },
            slot_end: None,
            series: 0,
            bytes: Bytes::default(),
            writer: slots.folder.is_some().then(|| Writer::new(slots.bytes)),
        }
    }

    /// Takes one sample of everything. `None`: the time is not after that of the last one.
    pub(super) fn sample(&mut self, time: i64, sampled: &BTreeMap<String, SampledFamily>) -> Option<Taken> {
        let last = self.ticks.latest();
        if last.is_some_and(|last| time <= last) {
            return None;
        }
        if let Some(end) = self.slot_end.filter(|end| time > *end) {
            self.end_slot(end);
        }
        self.slot_end = Some(time.div_euclid(self.slot).saturating_mul(self.slot))
            .map(|start| if start == time { time } else { start.saturating_add(self.slot) });
        let tick = self.ticks.push(time);
        let fresh = last.is_some_and(|last| time - last <= self.gap);
        let moment = Moment { tick, generation: self.ticks.generation(), time, fresh };
        if self.ticks.forget_before(time.saturating_sub(self.window)) {
            self.forget();
        }
        let mut taken = Taken::default();
        for (name, family) in sampled {
            self.take(name, family, moment, &mut taken);
        }
        self.fit(&mut taken);
        Some(taken)
    }

    fn take(&mut self, name: &str, sampled: &SampledFamily, moment: Moment, taken: &mut Taken) {
        let Some(first) = sampled.series.values().next() else { return };
        let (name, kind) = (rendered_name(name, first), kind(first));
        if self.families.get(&*name).is_none_or(|family| family.kind != kind) {
            // another kind, or a histogram with other bounds: what was before can't be compared with what comes
            self.series -= self.families.remove(&*name).map_or(0, |family| family.tracks.len());
            let name = self.strings.get(&name);
            self.families.insert(Arc::clone(&name), Family { name, kind, tracks: Vec::new() });
        }
        let Some(family) = self.families.get_mut(&*name) else { return };
        let room = self.limit.series.saturating_sub(self.series);
        let before = family.tracks.len();
        family.take(&sampled.series, moment, &self.ticks, self.gap.max(self.slot), |labels| {
            (labels.1 < room).then(|| self.strings.labels(labels.0)).or_else(|| {
                taken.dropped += 1;
                None
            })
        });
        self.series += family.tracks.len() - before;
    }

    /// Ends the slot under way before its time.
    pub(super) fn cut_slot(&mut self) {
        if let (Some(_), Some(latest)) = (self.slot_end, self.ticks.latest()) {
            self.end_slot(latest);
        }
    }

    fn end_slot(&mut self, time: i64) {
        self.slot_end = None;
        if self.slots.latest().is_some_and(|last| time <= last) {
            // slots of an earlier run were written by a clock that was ahead
            self.families
                .values_mut()
                .flat_map(|family| &mut family.tracks)
                .for_each(|track| track.pending.clear());
            return;
        }
        let tick = self.slots.push(time);
        let generation = self.slots.generation();
        if let Some(writer) = &mut self.writer {
            writer.write(time, &mut self.families);
        }
        for family in self.families.values_mut() {
            for track in &mut family.tracks {
                track.end_slot(&family.kind, tick, generation);
                track.pending.clear();
            }
        }
        if self.slots.forget_before(time.saturating_sub(self.retention)) {
            self.forget();
        }
    }

    /// Gives back what ticks and slots have forgotten.
    pub(super) fn forget(&mut self) {
        let (tick, slot) = (self.ticks.first(), self.slots.first());
        for family in self.families.values_mut() {
            family.tracks.retain_mut(|track| {
                let nothing = track.raw.forget_before(tick) & track.slots.forget_before(slot);
                // one that is written down lives until the segment is told that it is gone
                !(nothing
                    && track.pending.is_empty()
                    && track.written.as_ref().is_none_or(|written| !written.there))
            });
        }
        self.families.retain(|_, family| !family.tracks.is_empty());
        self.series = self.families.values().map(|family| family.tracks.len()).sum();
        self.strings.forget();
    }

    /// Forgets the oldest until what is left has room.
    fn fit(&mut self, taken: &mut Taken) {
        self.measure();
        while self.bytes.total() > self.limit.bytes {
            let samples_first = self.bytes.samples >= self.bytes.slots;
            let forgot = (samples_first && self.ticks.forget_generation())
                || self.slots.forget_generation()
                || self.ticks.forget_generation();
            if !forgot {
                // what is being written can be forgotten only when it is closed
                self.ticks.begin_generation();
                self.slots.begin_generation();
                break;
            }
            taken.forgotten += 1;
            self.forget();
            self.measure();
        }
    }

    pub(super) fn measure(&mut self) {
        let mut bytes = Bytes { series: self.strings.bytes(), ..Bytes::default() };
        for track in self.families.values().flat_map(|family| &family.tracks) {
            let (samples, slots) = (track.raw.bytes(), track.slots.bytes());
            bytes.samples += samples;
            bytes.slots += slots;
            bytes.series += track.bytes() - samples - slots;
        }
        bytes.samples += self.ticks.len() * size_of::<i64>();
        bytes.slots += self.slots.len() * size_of::<i64>();
        self.bytes = bytes;
    }
}

impl Bytes {
    pub(super) fn total(self) -> usize {
        self.samples + self.slots + self.series
    }
}

impl Family {
    /// Both sides are sorted by labels, so that one walk finds all. `admit` makes the labels of a new series, the
    /// so-manieth of this sample, if there is room for it.
    fn take(
        &mut self,
        sampled: &BTreeMap<RenderedLabels, Value>,
        moment: Moment,
        ticks: &Ticks,
        patience: i64,
        mut admit: impl FnMut((&RenderedLabels, usize)) -> Option<Labels>,
    ) {
        let (mut at, mut new, mut row, mut growth) = (0, Vec::new(), Vec::new(), Vec::new());
        for (labels, value) in sampled {
            if !fill(&mut row, value) {
                continue;
            }
            while self.tracks.get(at).is_some_and(|track| order(&track.labels, labels) == Ordering::Less) {
                at += 1;
            }
            let known =
                self.tracks.get_mut(at).filter(|track| order(&track.labels, labels) == Ordering::Equal);
            if let Some(track) = known {
                track.take(&self.kind, &row, &mut growth, moment, ticks, patience);
            } else if let Some(labels) = admit((labels, new.len())) {
                let mut track = Track::new(labels);
                track.take(&self.kind, &row, &mut growth, moment, ticks, patience);
                new.push(track);
            }
        }
        if !new.is_empty() {
            self.tracks.append(&mut new);
            self.tracks.sort_by(|a, b| a.labels.cmp(&b.labels));
        }
    }
}

impl Track {
    fn take(
        &mut self,
        kind: &Kind,
        row: &[f64],
        growth: &mut Vec<f64>,
        moment: Moment,
        ticks: &Ticks,
        patience: i64,
    ) {
        let last = self.raw.last().filter(|(_, last)| last.len() == row.len());
        let close = |tick| ticks.time(tick).is_some_and(|last| moment.time - last <= patience);
        let growth: Option<&[f64]> = match last {
            Some((tick, last)) if close(tick) => {
                track::grown(last, row, growth);
                Some(growth)
            }
            None if moment.fresh && !self.seen => {
                self.born = Some(moment.tick);
                Some(row)
            }
            _ => None,
        };
        self.collect(kind, row, growth);
        self.seen = true;
        self.raw.push(moment.tick, moment.generation, row);
    }
}

fn kind(value: &Value) -> Kind {
    match value {
        Value::Counter(_) => Kind::Counter,
        Value::Gauge(_) => Kind::Gauge,
        Value::Histogram(snapshot) => Kind::Histogram(Arc::clone(&snapshot.bounds)),
    }
}

/// Whether there is a sample: what is not finite is none.
fn fill(row: &mut Vec<f64>, value: &Value) -> bool {
    row.clear();
    match value {
        Value::Counter(value) | Value::Gauge(value) => row.push(*value),
        Value::Histogram(snapshot) => {
            row.extend(snapshot.counts.iter().map(|count| *count as f64));
            row.push((snapshot.sum * 1e9).round());
        }
    }
    row.iter().all(|value| value.is_finite())
}

/// As both sides are sorted.
fn order(labels: &Labels, rendered: &RenderedLabels) -> Ordering {
    labels.iter().cmp(rendered.iter().map(|(name, value)| (name.as_str(), value.as_str())))
}
