//! An entry or a checkpoint as one line of JSON. There is one way to write each: a line that reads well and is written
//! otherwise was changed.

use super::entry::{Outcome, Recorded, Settled};
use super::sign::{Checkpoint, Kind};
use crate::text::{hex, unhex};
use seaworthy_store::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;

/// The longest line, in bytes; ours are shorter.
pub(super) const LONGEST: usize = 256 << 10;

const CHECKPOINT: &[u8] = b"{\"checkpoint\":";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EntryLine<'a> {
    seq: u64,
    #[serde(borrow)]
    at: Cow<'a, str>,
    #[serde(borrow)]
    actor: Cow<'a, str>,
    #[serde(borrow)]
    actor_name: Cow<'a, str>,
    #[serde(borrow)]
    action: Cow<'a, str>,
    #[serde(borrow)]
    resource: Cow<'a, str>,
    #[serde(borrow)]
    outcome: Cow<'a, str>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    reason: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    before: Option<&'a RawValue>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    after: Option<&'a RawValue>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    client: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    request_id: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    trace_id: Option<Cow<'a, str>>,
    count: u64,
    #[serde(borrow)]
    prev: Cow<'a, str>,
    #[serde(borrow)]
    hash: Cow<'a, str>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CheckpointLine {
    checkpoint: CheckpointBody,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CheckpointBody {
    seq: u64,
    hash: String,
    at: String,
    kind: String,
    key_id: String,
    signature: String,
}

/// What a line says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    Entry(Box<Recorded>),
    Checkpoint(Checkpoint),
    NoEntry,
    NoCheckpoint,
}

/// Whether it was written as a checkpoint, or was before somebody changed a few characters of it.
fn is_checkpoint(line: &[u8]) -> bool {
    let same = line.iter().zip(CHECKPOINT).filter(|(a, b)| a == b).count();
    same + 4 > CHECKPOINT.len()
}

pub(super) fn read(line: &[u8]) -> Said {
    if is_checkpoint(line) {
        return read_checkpoint(line).map_or(Said::NoCheckpoint, Said::Checkpoint);
    }
    read_entry(line).map_or(Said::NoEntry, |entry| Said::Entry(Box::new(entry)))
}

fn read_entry(line: &[u8]) -> Option<Recorded> {
    let read: EntryLine<'_> = serde_json::from_slice(line).ok()?;
    if serde_json::to_vec(&read).ok()? != line {
        return None;
    }
    let owned = |text: Option<Cow<'_, str>>| text.map(Cow::into_owned);
    let at = moment(&read.at)?;
    Some(Recorded {
        seq: read.seq,
        at,
        prev: unhex(&read.prev)?,
        hash: unhex(&read.hash)?,
        entry: Settled {
            actor: read.actor.into_owned(),
            actor_name: read.actor_name.into_owned(),
            action: read.action.into_owned(),
            resource: read.resource.into_owned(),
            outcome: Outcome::parse(&read.outcome)?,
            reason: owned(read.reason),
            before: read.before.map(|raw| raw.get().to_owned()),
            after: read.after.map(|raw| raw.get().to_owned()),
            client: owned(read.client),
            request_id: owned(read.request_id),
            trace_id: owned(read.trace_id),
            count: read.count,
        },
    })
}

fn read_checkpoint(line: &[u8]) -> Option<Checkpoint> {
    let read: CheckpointLine = serde_json::from_slice(line).ok()?;
    if serde_json::to_vec(&read).ok()? != line {
        return None;
    }
    let body = read.checkpoint;
    Some(Checkpoint {
        seq: body.seq,
        hash: unhex(&body.hash)?,
        at: moment(&body.at)?,
        kind: Kind::parse(&body.kind)?,
        key_id: body.key_id,
        signature: unhex(&body.signature)?,
    })
}

impl Recorded {
    /// The entry as a line of JSON, without its end. `None` where its `before` or `after` is no JSON, which means that
    /// somebody has changed it.
    pub fn to_line(&self) -> Option<String> {
        let raw = |text: &Option<String>| -> Result<Option<Box<RawValue>>, serde_json::Error> {
            text.clone().map(RawValue::from_string).transpose()
        };
        let (before, after) = (raw(&self.entry.before).ok()?, raw(&self.entry.after).ok()?);
        let text = |text: &'_ Option<String>| text.clone().map(Cow::Owned);
        let line = EntryLine {
            seq: self.seq,
            at: written(self.at).into(),
            actor: (&self.entry.actor).into(),
            actor_name: (&self.entry.actor_name).into(),
            action: (&self.entry.action).into(),
            resource: (&self.entry.resource).into(),
            outcome: self.entry.outcome.as_str().into(),
            reason: text(&self.entry.reason),
            before: before.as_deref(),
            after: after.as_deref(),
            client: text(&self.entry.client),
            request_id: text(&self.entry.request_id),
            trace_id: text(&self.entry.trace_id),
            count: self.entry.count,
            prev: hex(&self.prev).into(),
            hash: hex(&self.hash).into(),
        };
        serde_json::to_string(&line).ok()
    }
}

impl Checkpoint {
    /// The checkpoint as a line of JSON, without its end.
    pub fn to_line(&self) -> String {
        let body = CheckpointBody {
            seq: self.seq,
            hash: hex(&self.hash),
            at: written(self.at),
            kind: self.kind.as_str().to_owned(),
            key_id: self.key_id.clone(),
            signature: hex(&self.signature),
        };
        serde_json::to_string(&CheckpointLine { checkpoint: body }).unwrap_or_default()
    }

    /// Reads a checkpoint that was kept elsewhere, as [`to_line`](Self::to_line) wrote it.
    pub fn from_line(line: &str) -> Option<Self> {
        read_checkpoint(line.trim().as_bytes())
    }
}

/// RFC 3339, always with six decimals.
pub(super) fn written(at: Timestamp) -> String {
    jiff::Timestamp::from_microsecond(at.as_micros()).map_or_else(
        // beyond year 9999, where no clock of ours is
        |_| format!("{}us", at.as_micros()),
        |at| format!("{at:.6}"),
    )
}

fn moment(text: &str) -> Option<Timestamp> {
    let micros = match text.strip_suffix("us") {
        Some(micros) => micros.parse().ok()?,
        None => text.parse::<jiff::Timestamp>().ok()?.as_microsecond(),
    };
    let at = Timestamp::from_micros(micros);
    // one way to write it
    (written(at) == text).then_some(at)
}
