//! The log from its oldest entry on, page by page, checkpoints where they belong.

use super::read::{self, PAGE};
use super::sign::{Checkpoint, Kind, PublicKeys};
use super::verify::{Report, Verifier};
use super::{Hash, Recorded};
use crate::Error;
use crate::text::unhex;
use seaworthy_store::{Query, Store};

/// The most checkpoints between two entries of a page that are read: far more than are ever made.
const MOST_CHECKPOINTS: usize = 10 * PAGE;

pub(super) enum Part<'a> {
    Entry(&'a Recorded),
    Checkpoint(&'a Checkpoint),
}

/// Shows every part up to the log's end as of now to `see`, until it says that it has seen enough. The end.
pub(super) async fn walk(
    store: &Store,
    mut see: impl FnMut(Part<'_>) -> Result<bool, Error> + Send,
) -> Result<(u64, Hash), Error> {
    // the checkpoint first: the end only grows, so one beyond it was left behind by somebody who cut the log
    let newest = read::newest_checkpoint(store, None).await?;
    let head = store.fetch_one(Query::new("SELECT seq, hash FROM identity_audit_head WHERE id = 1")).await?;
    let end = u64::try_from(head.get::<i64>("seq")?).unwrap_or(0);
    let hash = unhex(&head.get::<String>("hash")?).unwrap_or_default();
    let anchor = read::newest_checkpoint(store, Some(Kind::Anchor)).await?;
    let mut at = 0;
    if let Some(anchor) = &anchor {
        at = anchor.seq;
        if !see(Part::Checkpoint(anchor))? {
            return Ok((end, hash));
        }
    }
    // entries before the anchor, where somebody has put some, come first and are out of order
    let mut from = 0;
    loop {
        let page = read::after(store, from, PAGE).await?;
        let page: Vec<_> = page.into_iter().filter(|entry| entry.seq <= end).collect();
        let Some(last) = page.last().map(|entry| entry.seq) else { break };
        let marks = read::checkpoints(store, at + 1, last, MOST_CHECKPOINTS).await?;
        let mut marks = marks.iter().peekable();
        for entry in &page {
            while let Some(mark) = marks.next_if(|mark| mark.seq < entry.seq) {
                if !see(Part::Checkpoint(mark))? {
                    return Ok((end, hash));
                }
            }
            if !see(Part::Entry(entry))? {
                return Ok((end, hash));
            }
        }
        for mark in marks {
            if !see(Part::Checkpoint(mark))? {
                return Ok((end, hash));
            }
        }
        (from, at) = (last, last);
    }
    if let Some(newest) = newest.filter(|newest| newest.seq > at) {
        see(Part::Checkpoint(&newest))?;
    }
    Ok((end, hash))
}

pub(super) async fn verify(
    store: &Store,
    keys: &PublicKeys,
    known: Option<Checkpoint>,
) -> Result<Report, Error> {
    loop {
        let before = read::newest_checkpoint(store, Some(Kind::Anchor)).await?;
        let mut verifier = Verifier::new(keys.clone());
        if let Some(known) = &known {
            verifier = verifier.knowing(known.clone());
        }
        let (end, hash) = walk(store, |part| {
            match part {
                Part::Entry(entry) => verifier.entry(entry),
                Part::Checkpoint(checkpoint) => verifier.checkpoint(checkpoint),
            }
            Ok(!verifier.is_settled())
        })
        .await?;
        verifier.head(end, &hash);
        let report = verifier.finish();
        let after = read::newest_checkpoint(store, Some(Kind::Anchor)).await?;
        if report.is_sound() || before == after {
            return Ok(report);
        }
        // retention removed entries meanwhile
    }
}

pub(super) async fn lines(
    store: &Store,
    mut write: impl FnMut(&str) -> std::io::Result<()> + Send,
) -> Result<u64, Error> {
    let mut count = 0;
    walk(store, |part| {
        let mut line = match part {
            Part::Entry(entry) => {
                count += 1;
                // one that is damaged is told as such, in its place: the verifier names it
                entry.to_line().unwrap_or_else(|| format!("{{\"seq\":{},\"damaged\":true}}", entry.seq))
            }
            Part::Checkpoint(checkpoint) => checkpoint.to_line(),
        };
        line.push('\n');
        write(&line)
            .map(|()| true)
            .map_err(|error| Error::Conflict(format!("the export cannot be written: {error}")))
    })
    .await?;
    Ok(count)
}
