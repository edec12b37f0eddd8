//! Slots as bytes, until somebody writes them to the disk.

use super::{FRAME, HEAD, MAGIC, record};
use crate::history::track::{Family, Kind, Track, Written};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A file is complete when it has this share of the folder's bytes …
const FILES: u64 = 16;
/// … or this many slots: deleting a file then takes few days of history away.
const SLOTS: u64 = 512;
/// How many bytes may wait to be written.
const WAITING: usize = 16 << 20;

/// Bytes for the disk.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// A new file, named after the time of its first slot in milliseconds.
    Begin(i64),
    /// More of the file.
    More(Vec<u8>),
}

#[derive(Debug)]
pub(crate) struct Writer {
    limit: u64,
    /// Bytes and slots of the file under way; none before its first slot.
    file: Option<(u64, u64)>,
    next_id: u64,
    waiting: Vec<Piece>,
    waiting_bytes: usize,
    /// Slots that were never written.
    lost: u64,
}

impl Writer {
    pub(crate) fn new(folder_bytes: u64) -> Self {
        let limit = (folder_bytes / FILES).max(1);
        Self { limit, file: None, next_id: 0, waiting: Vec::new(), waiting_bytes: 0, lost: 0 }
    }

    /// What is to be written, in order.
    pub(crate) fn take(&mut self) -> Vec<Piece> {
        self.waiting_bytes = 0;
        std::mem::take(&mut self.waiting)
    }

    /// Slots that were lost since this was last asked.
    pub(crate) fn take_lost(&mut self) -> u64 {
        std::mem::take(&mut self.lost)
    }

    /// Something could not be written: the next slot begins a file that needs none before it.
    pub(crate) fn failed(&mut self, slots: u64) {
        self.lost += slots;
        self.file = None;
    }

    /// Adds the slot that ends at `time` with what the series have pending.
    pub(crate) fn write(&mut self, time: i64, families: &mut BTreeMap<Arc<str>, Family>) {
        if self.waiting_bytes > WAITING {
            let slots = self.take().iter().filter(|piece| matches!(piece, Piece::More(_))).count();
            self.failed(slots as u64);
        }
        let (written, slots) = match self.file {
            Some((bytes, slots)) if bytes < self.limit && slots < SLOTS => (bytes, slots),
            _ => {
                self.begin(time, families);
                (MAGIC.len() as u64, 0)
            }
        };
        let Some(frame) = frame(&self.payload(time, families)) else { return self.failed(1) };
        self.file = Some((written + frame.len() as u64, slots + 1));
        self.waiting_bytes += frame.len();
        self.waiting.push(Piece::More(frame));
    }

    fn begin(&mut self, time: i64, families: &mut BTreeMap<Arc<str>, Family>) {
        self.next_id = 0;
        families.values_mut().flat_map(|family| &mut family.tracks).for_each(|track| track.written = None);
        self.waiting.push(Piece::Begin(time));
    }

    fn payload(&mut self, time: i64, families: &mut BTreeMap<Arc<str>, Family>) -> Vec<u8> {
        let (mut definitions, mut entries, first_id) = (Vec::new(), Vec::new(), self.next_id);
        for family in families.values_mut() {
            for track in &mut family.tracks {
                self.entry(&family.name, &family.kind, track, &mut definitions, &mut entries);
            }
        }
        let mut payload = Vec::with_capacity(definitions.len() + entries.len() + 16);
        crate::history::codec::varint(&mut payload, self.next_id - first_id);
        payload.append(&mut definitions);
        payload.extend_from_slice(&time.to_le_bytes());
        payload.append(&mut entries);
        payload
    }

    fn entry(
        &mut self,
        name: &str,
        kind: &Kind,
        track: &mut Track,
        definitions: &mut Vec<u8>,
        entries: &mut Vec<u8>,
    ) {
        match &mut track.written {
            None if track.pending.is_empty() || !record::is_writable(name, kind, &track.labels) => {}
            None => {
                record::define(definitions, name, kind, &track.labels);
                record::present(entries, self.next_id, &track.pending);
                track.written = Some(Written { id: self.next_id, there: true });
                self.next_id += 1;
            }
            Some(written) if track.pending.is_empty() => {
                if std::mem::take(&mut written.there) {
                    record::gone(entries, written.id);
                }
            }
            Some(written) => {
                let before = track.slots.last().map(|(_, row)| row);
                let as_before = match kind {
                    Kind::Gauge => before == Some(&*track.pending),
                    _ => track.pending.iter().all(|grown| *grown == 0.0),
                };
                if !(as_before && written.there) {
                    record::present(entries, written.id, &track.pending);
                    written.there = true;
                }
            }
        }
    }
}

fn frame(payload: &[u8]) -> Option<Vec<u8>> {
    if payload.len() > FRAME {
        return None;
    }
    let mut frame = Vec::with_capacity(HEAD + payload.len());
    frame.extend_from_slice(&u32::try_from(payload.len()).ok()?.to_le_bytes());
    frame.extend_from_slice(&crc32fast::hash(payload).to_le_bytes());
    frame.extend_from_slice(payload);
    Some(frame)
}
