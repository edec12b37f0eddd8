//! Slots from files into memory. Files may hold anything.

use super::record::{self, Definition};
use super::{FRAME, HEAD, MAGIC};
use crate::history::codec::Reader;
use crate::history::state::State;
use crate::history::track::{Family, Kind, Track};
use std::collections::HashMap;
use std::sync::Arc;

/// Puts slots of an earlier run into a state that has none.
#[derive(Debug)]
pub(crate) struct Loader<'a> {
    state: &'a mut State,
    /// Every series as it is defined, by its definition.
    known: HashMap<Vec<u8>, usize>,
    tracks: Vec<(Definition, Track)>,
    /// What a name is now; what it was in older files is left out.
    kinds: HashMap<Arc<str>, Kind>,
    limit: Limit,
    /// The times, in milliseconds, of which slots are taken.
    from: i64,
    until: i64,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Limit {
    /// Series in all.
    pub(crate) series: usize,
    /// Slots in all.
    pub(crate) slots: usize,
}

/// What was in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Read {
    /// How many slots were read.
    pub(crate) slots: usize,
    /// Whether something was left that makes no sense.
    pub(crate) damaged: bool,
}

/// A series as one file numbers it.
#[derive(Debug)]
struct Entry {
    kind: Kind,
    /// Its place among the tracks, where it has one.
    track: Option<usize>,
    there: bool,
    row: Vec<f64>,
}

impl<'a> Loader<'a> {
    pub(crate) fn new(state: &'a mut State, limit: Limit, from: i64, until: i64) -> Self {
        Self { state, known: HashMap::new(), tracks: Vec::new(), kinds: HashMap::new(), limit, from, until }
    }

    /// Reads one file. Files come in the order of their times.
    pub(crate) fn file(&mut self, bytes: &[u8]) -> Read {
        let Some(bytes) = bytes.strip_prefix(MAGIC) else { return Read { slots: 0, damaged: true } };
        let (mut frames, mut entries, mut last, mut slots) = (Reader::new(bytes), Vec::new(), i64::MIN, 0);
        while !frames.is_empty() {
            let time = payload(&mut frames).and_then(|payload| self.frame(payload, &mut entries, last));
            let Some(time) = time else { return Read { slots, damaged: true } };
            last = time;
            slots += 1;
        }
        Read { slots, damaged: false }
    }

    /// Hands everything over. How many series there are.
    pub(crate) fn finish(self) -> usize {
        let Self { state, tracks, kinds, .. } = self;
        for (definition, track) in tracks {
            let Definition { name, kind, .. } = definition;
            if kinds.get(&name) != Some(&kind) || track.first_slot.is_none() {
                continue;
            }
            let family = state.families.entry(Arc::clone(&name)).or_insert_with(|| Family {
                name,
                kind,
                tracks: Vec::new(),
            });
            family.tracks.push(track);
        }
        for family in state.families.values_mut() {
            family.tracks.sort_by(|a, b| a.labels.cmp(&b.labels));
        }
        state.series = state.families.values().map(|family| family.tracks.len()).sum();
        state.series
    }

    /// Takes one slot and returns its time. A payload that makes no sense changes nothing.
    fn frame(&mut self, payload: &[u8], entries: &mut Vec<Entry>, last: i64) -> Option<i64> {
        let mut reader = Reader::new(payload);
        let definitions = record::definitions(&mut reader, self.limit.series)?;
        let time = record::time(&mut reader).filter(|time| *time > last)?;
        let known = entries.len();
        if known + definitions.len() > self.limit.series.saturating_mul(4) {
            return None;
        }
        let new = definitions.iter().map(|definition| Entry::new(definition.kind.clone()));
        entries.extend(new);
        let changes = changes(&mut reader, entries);
        let Some(changes) = changes else {
            entries.truncate(known);
            return None;
        };
        for (entry, definition) in entries[known..].iter_mut().zip(definitions) {
            entry.track = self.track(definition);
        }
        for (id, row) in changes {
            entries[id].there = row.is_some();
            entries[id].row = row.unwrap_or_default();
        }
        self.slot(time, entries);
        Some(time)
    }

    fn track(&mut self, definition: Definition) -> Option<usize> {
        let mut key = Vec::new();
        record::define(&mut key, &definition.name, &definition.kind, &definition.labels);
        if let Some(known) = self.known.get(&key) {
            self.kinds.insert(definition.name, definition.kind);
            return Some(*known);
        }
        if self.tracks.len() >= self.limit.series {
            return None;
        }
        let name = self.state.strings.get(&definition.name);
        let labels = self.state.strings.shared(&definition.labels);
        self.kinds.insert(Arc::clone(&name), definition.kind.clone());
        self.known.insert(key, self.tracks.len());
        self.tracks
            .push((Definition { name, kind: definition.kind, labels: labels.clone() }, Track::new(labels)));
        Some(self.tracks.len() - 1)
    }

    fn slot(&mut self, time: i64, entries: &mut [Entry]) {
        let slots = &mut self.state.slots;
        let wanted = (self.from..=self.until).contains(&time)
            && slots.latest().is_none_or(|last| time > last)
            && slots.len() < self.limit.slots;
        let moment = wanted.then(|| (slots.push(time), slots.generation()));
        for entry in entries.iter_mut().filter(|entry| entry.there) {
            if let (Some((tick, generation)), Some(at)) = (moment, entry.track) {
                let track = &mut self.tracks[at].1;
                // one series twice in a file would count twice
                if track.slots.last().is_none_or(|(last, _)| last < tick) {
                    track.pending.clone_from(&entry.row);
                    track.end_slot(&entry.kind, tick, generation);
                    track.pending.clear();
                }
            }
            if entry.kind != Kind::Gauge {
                entry.row.fill(0.0); // it has not grown unless it is said again
            }
        }
    }
}

impl Entry {
    fn new(kind: Kind) -> Self {
        Self { kind, track: None, there: false, row: Vec::new() }
    }
}

fn payload<'a>(frames: &mut Reader<'a>) -> Option<&'a [u8]> {
    let head = frames.take(HEAD)?;
    let (length, sum) = head.split_at(4);
    let length = u32::from_le_bytes(length.try_into().ok()?) as usize;
    let payload = frames.take(length).filter(|payload| payload.len() <= FRAME)?;
    (crc32fast::hash(payload) == u32::from_le_bytes(sum.try_into().ok()?)).then_some(payload)
}

/// What a slot says of series; `None` of one that is there no longer.
type Changes = Vec<(usize, Option<Vec<f64>>)>;

fn changes(reader: &mut Reader<'_>, entries: &[Entry]) -> Option<Changes> {
    let mut changes = Changes::new();
    while !reader.is_empty() {
        // more than one per series make no sense, and would cost memory
        if changes.len() >= entries.len() {
            return None;
        }
        let (id, there) = record::entry(reader)?;
        let kind = &entries.get(id)?.kind;
        let mut row = Vec::new();
        if there {
            record::row(reader, kind, &mut row)?;
        }
        changes.push((id, there.then_some(row)));
    }
    Some(changes)
}
