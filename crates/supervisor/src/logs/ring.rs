use super::{BEHIND, Follow, KEPT_BYTES, KEPT_LINES, LogLine};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::broadcast;

/// The lines of one service. Names of replicas are used again, so that there are never many.
#[derive(Debug)]
pub(crate) struct Ring {
    kept: Mutex<Kept>,
    live: broadcast::Sender<Arc<LogLine>>,
}

#[derive(Debug, Default)]
struct Kept {
    by_replica: BTreeMap<Arc<str>, Lines>,
    /// Lines so far: their order over all replicas.
    count: u64,
}

#[derive(Debug, Default)]
struct Lines {
    lines: VecDeque<(u64, Arc<LogLine>)>,
    bytes: usize,
}

impl Ring {
    pub(crate) fn new() -> Self {
        Self { kept: Mutex::default(), live: broadcast::Sender::new(BEHIND) }
    }

    pub(crate) fn push(&self, line: LogLine) {
        let line = Arc::new(line);
        let mut kept = self.lock();
        kept.count += 1;
        let count = kept.count;
        kept.by_replica.entry(Arc::clone(&line.replica)).or_default().push(count, Arc::clone(&line));
        // with the lock: who begins to follow gets each line once, from one of the two
        let _ = self.live.send(line);
    }

    /// The latest lines, `most` at the most, of one replica or of all.
    pub(crate) fn latest(&self, replica: Option<&str>, most: usize) -> Vec<Arc<LogLine>> {
        self.lock().latest(replica, most)
    }

    /// The latest lines, and all that follow them.
    pub(crate) fn follow(&self, replica: Option<&str>, most: usize) -> (Vec<Arc<LogLine>>, Follow) {
        let kept = self.lock();
        let live = self.live.subscribe();
        (kept.latest(replica, most), Follow(live))
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn latest(&self, replica: Option<&str>, most: usize) -> Vec<Arc<LogLine>> {
        let wanted = |name: &str| replica.is_none_or(|replica| replica == name);
        let of = |lines: &Lines| lines.lines.iter().rev().take(most).cloned().collect::<Vec<_>>();
        let mut lines: Vec<_> = self
            .by_replica
            .iter()
            .filter(|(name, _)| wanted(name))
            .flat_map(|(_, lines)| of(lines))
            .collect();
        lines.sort_by_key(|(count, _)| *count);
        let first = lines.len().saturating_sub(most);
        lines.drain(first..).map(|(_, line)| line).collect()
    }
}

impl Lines {
    fn push(&mut self, count: u64, line: Arc<LogLine>) {
        self.bytes += line.text.len();
        self.lines.push_back((count, line));
        while self.lines.len() > KEPT_LINES || self.bytes > KEPT_BYTES {
            let Some((_, oldest)) = self.lines.pop_front() else { break };
            self.bytes -= oldest.text.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::Followed;
    use seaworthy_process::Stream;
    use std::time::SystemTime;

    fn line(replica: &str, text: &str) -> LogLine {
        let (replica, text) = (replica.into(), text.to_owned());
        LogLine { at: SystemTime::UNIX_EPOCH, replica, stream: Stream::Stdout, text, cut: false }
    }

    #[test]
    fn lines_and_bytes_are_bounded() {
        let ring = Ring::new();
        for n in 0..KEPT_LINES + 5 {
            ring.push(line("a", &n.to_string()));
        }
        let kept = ring.latest(None, usize::MAX);
        assert_eq!((kept.len(), kept[0].text.as_str()), (KEPT_LINES, "5"));
        for _ in 0..200 {
            ring.push(line("b", &"x".repeat(16 << 10)));
        }
        assert_eq!(ring.latest(Some("b"), usize::MAX).len(), KEPT_BYTES / (16 << 10));
        assert_eq!(ring.latest(Some("a"), 10).len(), 10);
        let last: Vec<_> = ring.latest(None, 17).iter().map(|line| line.replica.to_string()).collect();
        assert_eq!((last[0].as_str(), last[1].as_str(), last.len()), ("a", "b", 17));
    }

    #[tokio::test]
    async fn who_is_too_slow_is_told_how_much_was_missed() {
        let ring = Ring::new();
        ring.push(line("a", "before"));
        let (before, mut follow) = ring.follow(None, 10);
        assert_eq!(before.len(), 1);
        for n in 0..BEHIND + 7 {
            ring.push(line("a", &n.to_string()));
        }
        assert_eq!(follow.next().await, Some(Followed::Missed(7)));
        assert_eq!(follow.next().await, Some(Followed::Line(Arc::new(line("a", "7")))));
        drop(ring);
        for _ in 8..BEHIND + 7 {
            assert!(matches!(follow.next().await, Some(Followed::Line(_))));
        }
        assert_eq!(follow.next().await, None);
    }
}
