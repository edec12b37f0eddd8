//! What happened to a service, in Kubernetes' words; a bounded number of the latest.

mod reason;

pub use reason::{Reason, Severity};

use crate::moment;
use serde::Serialize;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::SystemTime;

/// How many events are kept of each service.
pub const KEPT: usize = 256;
/// How much of a message is kept, in bytes.
const LONGEST_MESSAGE: usize = 2_048;

/// Something that happened, once or several times.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Event {
    /// When first.
    #[serde(serialize_with = "moment::serialize")]
    pub first: SystemTime,
    /// When last.
    #[serde(serialize_with = "moment::serialize")]
    pub last: SystemTime,
    /// How often.
    pub count: u64,
    /// Whether somebody should look.
    pub severity: Severity,
    /// What, in one word.
    pub reason: Reason,
    /// To which replica, where it is about one.
    pub replica: Option<Arc<str>>,
    /// What exactly.
    pub message: String,
}

/// The latest events of one service.
#[derive(Debug, Default)]
pub(crate) struct Ring(VecDeque<Event>);

impl Ring {
    /// Adds one; what was said in the same words is counted instead.
    pub(crate) fn note(&mut self, now: SystemTime, reason: Reason, replica: Option<Arc<str>>, message: &str) {
        let message = cut(message);
        let same =
            |event: &Event| event.reason == reason && event.replica == replica && event.message == message;
        let known = self.0.iter().rposition(same).and_then(|at| self.0.remove(at));
        if let Some(mut event) = known {
            event.last = now;
            event.count += 1;
            self.0.push_back(event);
            return;
        }
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        let severity = reason.severity();
        let message = message.to_owned();
        self.0.push_back(Event { first: now, last: now, count: 1, severity, reason, replica, message });
    }

    /// All of them, in the order in which they happened last.
    pub(crate) fn list(&self) -> Vec<Event> {
        self.0.iter().cloned().collect()
    }
}

fn cut(message: &str) -> &str {
    &message[..message.floor_char_boundary(LONGEST_MESSAGE)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn repetitions_are_counted_and_the_oldest_are_forgotten() {
        let mut ring = Ring::default();
        let start = SystemTime::UNIX_EPOCH;
        let replica: Option<Arc<str>> = Some("shop-1".into());
        for second in 0..3 {
            ring.note(start + Duration::from_secs(second), Reason::BackOff, replica.clone(), "again");
        }
        ring.note(start, Reason::BackOff, None, "again");
        let kept = ring.list();
        assert_eq!((kept.len(), kept[0].count), (2, 3));
        assert_eq!((kept[0].first, kept[0].last), (start, start + Duration::from_secs(2)));
        for n in 0..2 * KEPT {
            ring.note(start, Reason::Started, None, &n.to_string());
        }
        let kept = ring.list();
        assert_eq!((kept.len(), kept[0].message.as_str()), (KEPT, KEPT.to_string().as_str()));
    }

    #[test]
    fn long_messages_are_cut_between_characters() {
        let mut ring = Ring::default();
        ring.note(SystemTime::UNIX_EPOCH, Reason::Failed, None, &format!("a{}", "é".repeat(5_000)));
        assert_eq!(ring.list()[0].message.len(), LONGEST_MESSAGE - 1);
    }
}
