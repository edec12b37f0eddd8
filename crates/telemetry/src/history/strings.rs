use super::Labels;
use std::collections::HashSet;
use std::sync::Arc;

/// Names and values of labels, each kept once.
#[derive(Debug, Default)]
pub(super) struct Strings {
    known: HashSet<Arc<str>>,
    bytes: usize,
}

/// What a shared string costs beside its bytes: two counters, and its place in the set.
const OVERHEAD: usize = 40;

impl Strings {
    pub(super) fn get(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.known.get(text) {
            return Arc::clone(known);
        }
        let new: Arc<str> = Arc::from(text);
        self.bytes += text.len() + OVERHEAD;
        self.known.insert(Arc::clone(&new));
        new
    }

    /// Labels from pairs that are sorted and unique.
    pub(super) fn labels(&mut self, pairs: &[(String, String)]) -> Labels {
        Labels::sorted(pairs.iter().map(|(name, value)| (self.get(name), self.get(value))))
    }

    /// The same labels, of strings kept here.
    pub(super) fn shared(&mut self, labels: &Labels) -> Labels {
        Labels::sorted(labels.iter().map(|(name, value)| (self.get(name), self.get(value))))
    }

    /// Gives back what nobody uses any more.
    pub(super) fn forget(&mut self) {
        self.known.retain(|text| Arc::strong_count(text) > 1);
        self.bytes = self.known.iter().map(|text| text.len() + OVERHEAD).sum();
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}
