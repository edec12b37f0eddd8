//! The payload of a frame: series that the file has not shown yet, then one slot.
//!
//! ```text
//! payload = varint(number of series) series* time(8, ms since 1970) entry*
//! series  = kind(1) text(name) varint(labels) (text(name) text(value))* varint(bounds) bound(8)*
//! entry   = varint(series * 2) row | varint(series * 2 + 1)       there, with these numbers | there no longer
//! text    = varint(length) bytes
//! ```
//!
//! Series have numbers in the order in which the file shows them. One that has no entry is as before: a gauge has the
//! same numbers, anything else has not grown.

use crate::history::Labels;
use crate::history::codec::{self, Reader, Step};
use crate::history::track::Kind;
use std::sync::Arc;

/// What a file may claim, so that a damaged one costs no memory.
const TEXT: usize = 16 * 1024;
const LABELS: usize = 64;
const BOUNDS: usize = 1_024;

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Definition {
    pub(super) name: Arc<str>,
    pub(super) kind: Kind,
    pub(super) labels: Labels,
}

pub(super) fn define(out: &mut Vec<u8>, name: &str, kind: &Kind, labels: &Labels) {
    out.push(match kind {
        Kind::Counter => 0,
        Kind::Gauge => 1,
        Kind::Histogram(_) => 2,
    });
    text(out, name);
    codec::varint(out, labels.len() as u64);
    for (name, value) in labels.iter() {
        text(out, name);
        text(out, value);
    }
    let bounds: &[f64] = if let Kind::Histogram(bounds) = kind { bounds } else { &[] };
    codec::varint(out, bounds.len() as u64);
    bounds.iter().for_each(|bound| out.extend_from_slice(&bound.to_le_bytes()));
}

pub(super) fn present(out: &mut Vec<u8>, id: u64, row: &[f64]) {
    codec::varint(out, id << 1);
    codec::row(out, &vec![0.0; row.len()], row);
}

pub(super) fn gone(out: &mut Vec<u8>, id: u64) {
    codec::varint(out, (id << 1) | 1);
}

/// Whether a reader would take it.
pub(super) fn is_writable(name: &str, kind: &Kind, labels: &Labels) -> bool {
    let bounds = if let Kind::Histogram(bounds) = kind { bounds.len() } else { 0 };
    let short = labels.iter().all(|(name, value)| name.len() <= TEXT && value.len() <= TEXT);
    name.len() <= TEXT && labels.len() <= LABELS && bounds <= BOUNDS && short
}

fn text(out: &mut Vec<u8>, text: &str) {
    codec::varint(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

pub(super) fn definitions(reader: &mut Reader<'_>, limit: usize) -> Option<Vec<Definition>> {
    let count = length(reader, limit)?;
    (0..count).map(|_| definition(reader)).collect()
}

pub(super) fn time(reader: &mut Reader<'_>) -> Option<i64> {
    Some(i64::from_le_bytes(reader.take(8)?.try_into().ok()?))
}

/// The number of a series, and whether it is there.
pub(super) fn entry(reader: &mut Reader<'_>) -> Option<(usize, bool)> {
    let tag = reader.varint()?;
    Some((usize::try_from(tag >> 1).ok()?, tag & 1 == 0))
}

/// The numbers of one slot; what no slot can hold is refused.
pub(super) fn row(reader: &mut Reader<'_>, kind: &Kind, row: &mut Vec<f64>) -> Option<()> {
    row.clear();
    row.resize(kind.slot_width(), 0.0);
    let plausible = |row: &[f64]| {
        row.iter().all(|value| value.is_finite())
            && (*kind == Kind::Gauge || row.iter().all(|value| *value >= 0.0))
    };
    (reader.step(row)? == Step::Row && plausible(row)).then_some(())
}

fn definition(reader: &mut Reader<'_>) -> Option<Definition> {
    let [kind] = *reader.take(1)? else { return None };
    let name = read_text(reader)?;
    let labels = length(reader, LABELS)?;
    let labels: Option<Labels> = (0..labels)
        .map(|_| Some((read_text(reader)?, read_text(reader)?)))
        .collect::<Option<Vec<_>>>()
        .map(|pairs| pairs.into_iter().collect());
    let bounds = length(reader, BOUNDS)?;
    let bounds: Option<Vec<f64>> =
        (0..bounds).map(|_| Some(f64::from_le_bytes(reader.take(8)?.try_into().ok()?))).collect();
    let (labels, bounds) = (labels?, bounds?);
    let rising = bounds.iter().all(|bound| bound.is_finite()) && bounds.is_sorted_by(|a, b| a < b);
    let kind = match kind {
        0 => Kind::Counter,
        1 => Kind::Gauge,
        2 if rising => Kind::Histogram(bounds.into()),
        _ => return None,
    };
    Some(Definition { name, kind, labels })
}

fn read_text(reader: &mut Reader<'_>) -> Option<Arc<str>> {
    let length = length(reader, TEXT)?;
    std::str::from_utf8(reader.take(length)?).ok().map(Arc::from)
}

fn length(reader: &mut Reader<'_>, limit: usize) -> Option<usize> {
    usize::try_from(reader.varint()?).ok().filter(|length| *length <= limit)
}
