//! The stories that one thread has told.

use super::{Settings, Story};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// The slowest of a route are those within this time.
const HOUR: Duration = Duration::from_secs(3_600);
/// Routes are as many as the configuration has; what is beyond this has no slowest.
const ROUTES: usize = 1_000;

/// One thread's share of the settings.
#[derive(Debug, Clone)]
pub(super) struct Bounds {
    pub(super) recent: usize,
    failed: usize,
    slowest: usize,
    sample: f64,
    sampled: usize,
    bytes: usize,
}

impl Bounds {
    pub(super) fn new(settings: &Settings) -> Self {
        let threads = settings.threads.max(1);
        Self {
            recent: settings.recent.div_ceil(threads),
            failed: settings.failed.div_ceil(threads),
            slowest: settings.slowest,
            sample: settings.sample,
            sampled: settings.sampled.div_ceil(threads),
            bytes: settings.bytes / threads,
        }
    }
}

/// Every story lies in one place only.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    recent: VecDeque<Arc<Story>>,
    failed: VecDeque<Arc<Story>>,
    sampled: VecDeque<Arc<Story>>,
    slowest: HashMap<Box<str>, Vec<Arc<Story>>>,
    slow: usize,
    bytes: usize,
}

impl Shelf {
    /// Keeps a story and hands out one that has no room any more; more of them where they are large.
    pub(super) fn put(&mut self, story: Arc<Story>, bounds: &Bounds) -> Option<Arc<Story>> {
        self.bytes += story.bytes();
        let dropped = if story.has_failed() {
            rotate(&mut self.failed, story, bounds.failed)
        } else {
            self.rank(story, bounds.slowest).and_then(|story| {
                if bounds.sample > 0.0 && fastrand::f64() < bounds.sample {
                    rotate(&mut self.sampled, story, bounds.sampled)
                } else {
                    rotate(&mut self.recent, story, bounds.recent)
                }
            })
        };
        self.bytes -= dropped.as_ref().map_or(0, |story| story.bytes());
        while self.bytes > bounds.bytes && self.drop_one() {}
        dropped
    }

    pub(super) fn stories(&self) -> impl Iterator<Item = &Arc<Story>> {
        self.recent.iter().chain(&self.failed).chain(&self.sampled).chain(self.slowest.values().flatten())
    }

    /// Stories and bytes.
    pub(super) fn size(&self) -> (usize, usize) {
        (self.recent.len() + self.failed.len() + self.sampled.len() + self.slow, self.bytes)
    }

    /// Keeps it if it is among the slowest of its route; hands out what is not among them.
    fn rank(&mut self, story: Arc<Story>, slowest: usize) -> Option<Arc<Story>> {
        if !self.slowest.contains_key(&story.route) {
            if slowest == 0 || self.slowest.len() >= ROUTES {
                return Some(story);
            }
            self.slowest.insert(story.route.clone(), Vec::with_capacity(slowest));
        }
        let Some(ranked) = self.slowest.get_mut(&story.route) else { return Some(story) };
        if ranked.len() < slowest {
            ranked.push(story);
            self.slow += 1;
            return None;
        }
        let horizon = story.started.checked_sub(HOUR);
        // one that is too old goes first, then the fastest
        let least = ranked
            .iter_mut()
            .min_by_key(|story| (horizon.is_none_or(|horizon| story.started >= horizon), story.took))?;
        let replaced = least.took < story.took || horizon.is_some_and(|horizon| least.started < horizon);
        Some(if replaced { std::mem::replace(least, story) } else { story })
    }

    /// Drops the oldest of what there is most of.
    fn drop_one(&mut self) -> bool {
        let most =
            [&mut self.recent, &mut self.sampled, &mut self.failed].into_iter().max_by_key(|ring| ring.len());
        let dropped = most.and_then(VecDeque::pop_front).or_else(|| {
            let ranked = self.slowest.values_mut().find(|ranked| !ranked.is_empty())?;
            self.slow -= 1;
            ranked.pop()
        });
        self.bytes -= dropped.as_ref().map_or(0, |story| story.bytes());
        dropped.is_some()
    }
}

/// Adds one at the end; hands out what has no room.
fn rotate(ring: &mut VecDeque<Arc<Story>>, story: Arc<Story>, limit: usize) -> Option<Arc<Story>> {
    if limit == 0 {
        return Some(story);
    }
    let oldest = if ring.len() >= limit { ring.pop_front() } else { None };
    ring.push_back(story);
    oldest
}
