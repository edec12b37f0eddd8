use super::chain::{self, Hash, ZERO};
use super::entry::Recorded;
use super::line::{self, Said};
use super::sign::{Checkpoint, Kind, PublicKeys};
use std::io::{BufRead, Read as _};

/// What was done to a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// An entry is not what was written.
    Edited,
    /// Entries are gone.
    Missing,
    /// Entries stand in another order, or twice.
    Reordered,
    /// A checkpoint is not one of ours.
    ForgedCheckpoint,
    /// Every hash was made anew: the checkpoint knows another one.
    Rewritten,
    /// Entries that a checkpoint knows are gone from the end.
    Truncated,
}

impl FaultKind {
    /// Its stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Edited => "edited",
            Self::Missing => "missing",
            Self::Reordered => "reordered",
            Self::ForgedCheckpoint => "forged_checkpoint",
            Self::Rewritten => "rewritten",
            Self::Truncated => "truncated",
        }
    }
}

/// The first place where a log is not what it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The entry.
    pub seq: u64,
    /// What was done.
    pub kind: FaultKind,
    /// In words.
    pub detail: String,
}

/// What a verification found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// How many entries were read.
    pub entries: u64,
    /// How many checkpoints.
    pub checkpoints: u64,
    /// The first entry that is there; the ones before it were removed by retention.
    pub first: u64,
    /// The last entry; 0 for none.
    pub last: u64,
    /// The hash of the last.
    pub head: Hash,
    /// The last entry that a signed checkpoint vouches for. What comes after it could be made anew by whoever can write.
    pub vouched: u64,
    /// What is wrong.
    pub fault: Option<Fault>,
}

impl Report {
    /// Whether nothing is wrong.
    pub const fn is_sound(&self) -> bool {
        self.fault.is_none()
    }
}

/// Reads a log from its beginning and finds the first place that is not what it was. Keeps one hash.
#[derive(Debug)]
pub struct Verifier {
    keys: PublicKeys,
    known: Option<Checkpoint>,
    next: u64,
    prev: Hash,
    first: u64,
    entries: u64,
    checkpoints: u64,
    vouched: u64,
    fault: Option<Fault>,
    /// Was not there where it should have been, and may yet come.
    gap: Option<(u64, FaultKind, String)>,
}

impl Verifier {
    /// Believes the checkpoints of these keys.
    pub const fn new(keys: PublicKeys) -> Self {
        Self {
            keys,
            known: None,
            next: 1,
            prev: ZERO,
            first: 1,
            entries: 0,
            checkpoints: 0,
            vouched: 0,
            fault: None,
            gap: None,
        }
    }

    /// A checkpoint that was kept elsewhere: the log must reach it, and agree.
    #[must_use]
    pub fn knowing(mut self, known: Checkpoint) -> Self {
        if self.keys.believe(&known) {
            self.known = Some(known);
        } else {
            self.found(
                known.seq,
                FaultKind::ForgedCheckpoint,
                "the checkpoint that is known is not signed by us",
            );
        }
        self
    }

    /// Whether reading on changes nothing.
    pub const fn is_settled(&self) -> bool {
        self.fault.is_some()
    }

    /// The next line of an export.
    pub fn line(&mut self, line: &[u8]) {
        match line::read(line) {
            Said::Entry(entry) => self.entry(&entry),
            Said::Checkpoint(checkpoint) => self.checkpoint(&checkpoint),
            Said::NoEntry => self.found(self.next, FaultKind::Edited, "the line is not as it was written"),
            Said::NoCheckpoint => {
                self.found(
                    self.last(),
                    FaultKind::ForgedCheckpoint,
                    "the checkpoint is not as it was written",
                );
            }
        }
    }

    /// The next entry.
    pub fn entry(&mut self, entry: &Recorded) {
        if self.fault.is_some() {
            return;
        }
        self.entries += 1;
        if let Some((missing, kind, detail)) = &mut self.gap {
            if entry.seq == *missing {
                (*kind, *detail) =
                    (FaultKind::Reordered, "it stands after entries that came later".to_owned());
            } else if *kind == FaultKind::Truncated {
                (*kind, *detail) = (FaultKind::Missing, "entries are gone before later ones".to_owned());
            }
            return;
        }
        if chain::hash(entry.seq, entry.at, &entry.entry, &entry.prev) != entry.hash {
            return self.found(self.next, FaultKind::Edited, "its hash is not that of what it says");
        }
        if entry.seq > self.next {
            let detail = format!("{} entries are gone", entry.seq - self.next);
            self.gap = Some((self.next, FaultKind::Missing, detail));
        } else if entry.seq < self.next {
            self.found(entry.seq, FaultKind::Reordered, "it stands after entries that came later, or twice");
        } else if entry.prev != self.prev {
            let at = if self.entries > 1 { entry.seq - 1 } else { entry.seq };
            self.found(at, FaultKind::Edited, "the entry after it follows another one");
        } else {
            (self.prev, self.next) = (entry.hash, entry.seq + 1);
            self.compare_known();
        }
    }

    /// The next checkpoint.
    pub fn checkpoint(&mut self, checkpoint: &Checkpoint) {
        if self.fault.is_some() {
            return;
        }
        self.checkpoints += 1;
        if self.gap.is_some() {
            return;
        }
        if !self.keys.believe(checkpoint) {
            return self.found(self.last(), FaultKind::ForgedCheckpoint, "it is not signed by us");
        }
        let begins = self.entries == 0 && self.next == 1;
        if begins && checkpoint.kind == Kind::Anchor {
            (self.next, self.prev) = (checkpoint.seq + 1, checkpoint.hash);
            (self.first, self.vouched) = (self.next, checkpoint.seq);
            return;
        }
        if checkpoint.seq > self.last() {
            let detail = format!("a checkpoint knows {} more entries", checkpoint.seq - self.last());
            self.gap = Some((self.next, FaultKind::Truncated, detail));
        } else if checkpoint.seq < self.last() {
            self.found(checkpoint.seq, FaultKind::Reordered, "its checkpoint stands after later entries");
        } else if checkpoint.hash == self.prev {
            self.vouched = checkpoint.seq;
        } else {
            self.rewritten(checkpoint.seq);
        }
    }

    /// What was found, the log having ended here.
    pub fn finish(mut self) -> Report {
        if let Some((seq, kind, detail)) = self.gap.take() {
            self.found(seq, kind, &detail);
        }
        let known = self.known.as_ref().map_or(0, |known| known.seq);
        if known > self.last() {
            let detail = format!("{} entries that are known of are gone", known - self.last());
            self.found(self.next, FaultKind::Truncated, &detail);
        }
        Report {
            entries: self.entries,
            checkpoints: self.checkpoints,
            first: self.first,
            last: self.last(),
            head: self.prev,
            vouched: self.vouched,
            fault: self.fault,
        }
    }

    /// The end as the store knows it.
    pub(super) fn head(&mut self, seq: u64, hash: &Hash) {
        if self.fault.is_some() || self.gap.is_some() {
            return;
        }
        if seq > self.last() {
            let detail = format!("{} entries are gone from the end", seq - self.last());
            self.found(self.next, FaultKind::Truncated, &detail);
        } else if seq < self.last() || *hash != self.prev {
            self.rewritten(self.last());
        }
    }

    const fn last(&self) -> u64 {
        self.next - 1
    }

    fn compare_known(&mut self) {
        let Some(known) = &self.known else { return };
        if known.seq == self.last() {
            if known.hash == self.prev {
                self.vouched = self.last();
            } else {
                self.rewritten(self.last());
            }
        }
    }

    fn rewritten(&mut self, seq: u64) {
        let from = self.vouched + 1;
        let detail =
            format!("one of the entries {from} to {seq} is another than the one that was signed for");
        self.found(from, FaultKind::Rewritten, &detail);
    }

    fn found(&mut self, seq: u64, kind: FaultKind, detail: &str) {
        // whatever comes behind a gap comes second
        if self.fault.is_none() && self.gap.is_none() {
            self.fault = Some(Fault { seq, kind, detail: detail.to_owned() });
        }
    }
}

/// Verifies an export, line by line.
///
/// # Errors
/// What reading says.
pub fn verify(mut reader: impl BufRead, mut verifier: Verifier) -> std::io::Result<Report> {
    let mut buffer = Vec::new();
    while !verifier.is_settled() {
        buffer.clear();
        let most = line::LONGEST as u64 + 1;
        if (&mut reader).take(most).read_until(b'\n', &mut buffer)? == 0 {
            break;
        }
        // a line that is too long has lost its end, and reads as none of ours
        let line = buffer.strip_suffix(b"\n").unwrap_or(&buffer);
        verifier.line(line);
    }
    Ok(verifier.finish())
}
