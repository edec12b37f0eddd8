//! Jobs that are ours in the database and unknown here: the answer to a claim was lost on its way, so nobody runs them,
//! and our own sign of life keeps others from taking them.

use super::session::Session;
use std::collections::HashMap;
use tokio::time::Instant;

/// Jobs, by their fence, that were found unknown, and when that was.
#[derive(Debug, Default)]
pub(super) struct Strays(HashMap<(i64, i64), Instant>);

impl Strays {
    /// Looks at what the database says is ours; those that were unknown at the last look too are to be given back. A
    /// claim that is under way since before a job was first seen may be the one that is about to bring it.
    pub(super) fn look(
        &mut self,
        session: &Session,
        ours: impl IntoIterator<Item = (i64, i64)>,
    ) -> Vec<(i64, i64)> {
        let now = Instant::now();
        let claiming = session.claiming_since();
        let unknown = ours.into_iter().filter(|(id, fence)| !session.knows(*id, *fence));
        let mut seen = HashMap::new();
        let mut lost = Vec::new();
        for stray in unknown {
            let first = self.0.get(&stray).copied();
            if first.is_some_and(|first| claiming.is_none_or(|claiming| claiming > first)) {
                lost.push(stray);
            }
            seen.insert(stray, first.unwrap_or(now));
        }
        self.0 = seen;
        lost
    }
}
