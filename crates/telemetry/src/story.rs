//! What happened to one request: its phases and attempts, looked up by the id that its client was told.
//!
//! Whoever serves a request keeps a [`Draft`] beside it and hands it in when the last byte has left. Finished stories
//! stay in memory, failed ones, the slowest of every route and a sample of the others longer than the rest. Every
//! thread writes to a shelf of its own, so that cores do not wait for each other; whoever reads looks at all of them.
//!
//! ```
//! use seaworthy_core::RequestId;
//! use seaworthy_telemetry::metrics::Registry;
//! use seaworthy_telemetry::story::{Ending, Recorder, Settings};
//! use std::time::{Duration, Instant};
//!
//! let stories = Recorder::new(&Registry::new(), Settings::default());
//! let (id, start) = (RequestId::generate(), Instant::now());
//! let mut draft = stories.begin(start);
//! let attempt = draft.begin("attempt", None, start + Duration::from_millis(1));
//! draft.attribute(attempt, "server.address", "10.0.0.7:80");
//! draft.end(attempt, start + Duration::from_millis(40), Some("upstream_refused"));
//! let ending = Ending { route: "items", method: "GET", path: "/items/7", status: 502, ..Ending::new(id, [7; 16]) };
//! stories.finish(draft, &ending, start + Duration::from_millis(41));
//! let story = stories.by_request(&id).expect("it has just been told");
//! assert!(story.tree(&Default::default()).contains("attempt"));
//! ```

mod draft;
mod shelf;
mod tree;

#[cfg(test)]
mod tests;

pub use draft::{Attribute, Draft, Part, Span, Text};
pub use tree::Style;

use crate::metrics::slot::{self, Slot};
use crate::metrics::{Counter, Registry};
use seaworthy_core::RequestId;
use shelf::{Bounds, Shelf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// How many stories are kept. Numbers are for the whole process if `threads` serve alike; a thread keeps its share.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The last requests, whatever became of them. Default: 2,000; 0 keeps no stories at all.
    pub recent: usize,
    /// Failed ones (from 500 on, or with a reason). Default: 500.
    pub failed: usize,
    /// The slowest of every route within the last hour. Default: 5.
    pub slowest: usize,
    /// A share of the others, from 0 to 1, that is kept as long as …. Default: 0.01.
    pub sample: f64,
    /// … there are fewer than this. Default: 500.
    pub sampled: usize,
    /// Memory in bytes; the oldest are dropped. Default: 16 MiB.
    pub bytes: usize,
    /// How many threads serve requests. Default: one per core.
    pub threads: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            recent: 2_000,
            failed: 500,
            slowest: 5,
            sample: 0.01,
            sampled: 500,
            bytes: 16 << 20,
            threads: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        }
    }
}

/// One finished request.
#[derive(Debug, Clone, PartialEq)]
pub struct Story {
    /// The id its client was told.
    pub request_id: RequestId,
    /// The trace it belongs to.
    pub trace_id: [u8; 16],
    /// The route's name; empty where none was found.
    pub route: Box<str>,
    /// The service's name; empty where none was reached.
    pub service: Box<str>,
    /// The method.
    pub method: &'static str,
    /// The path, redacted and cut.
    pub path: Box<str>,
    /// The status that was answered.
    pub status: u16,
    /// Why it failed, where it did.
    pub reason: Option<&'static str>,
    /// When it began.
    pub started: SystemTime,
    /// How long it took until its last byte had left.
    pub took: Duration,
    /// Its phases and attempts, in the order in which they began.
    pub spans: Vec<Span>,
    /// What was known of them, in any order.
    pub attributes: Vec<Attribute>,
    /// Spans and attributes that found no room.
    pub left_out: u32,
}

impl Story {
    /// Whether it counts as failed: from 500 on, or with a reason.
    pub fn has_failed(&self) -> bool {
        self.status >= 500 || self.reason.is_some()
    }

    /// Its spans with their places.
    pub fn parts(&self) -> impl Iterator<Item = (Part, &Span)> {
        self.spans.iter().enumerate().map(|(at, span)| (Part::at(at), span))
    }

    /// What is known of one of its spans.
    pub fn attributes_of(&self, part: Part) -> impl Iterator<Item = &Attribute> {
        self.attributes.iter().filter(move |attribute| attribute.part == part)
    }

    /// It and its spans as a tree for people, one line each, with bars that show when each was under way.
    pub fn tree(&self, style: &Style) -> String {
        tree::draw(self, style)
    }

    fn bytes(&self) -> usize {
        size_of::<Self>()
            + self.route.len()
            + self.service.len()
            + self.path.len()
            + self.spans.capacity() * size_of::<Span>()
            + self.attributes.iter().map(Attribute::bytes).sum::<usize>()
            + (self.attributes.capacity() - self.attributes.len()) * size_of::<Attribute>()
    }
}

/// What is known of a request at its end.
#[derive(Debug, Clone, Copy)]
pub struct Ending<'a> {
    /// The id its client was told.
    pub request_id: RequestId,
    /// The trace it belongs to.
    pub trace_id: [u8; 16],
    /// The route's name.
    pub route: &'a str,
    /// The service's name.
    pub service: &'a str,
    /// The method, one of few.
    pub method: &'static str,
    /// The path, redacted; what exceeds 512 bytes is cut off.
    pub path: &'a str,
    /// The status that was answered.
    pub status: u16,
    /// Why it failed, where it did.
    pub reason: Option<&'static str>,
}

impl Ending<'_> {
    /// One of which nothing else is known.
    pub fn new(request_id: RequestId, trace_id: [u8; 16]) -> Self {
        Self { request_id, trace_id, route: "", service: "", method: "", path: "", status: 0, reason: None }
    }
}

/// Which stories are looked for; by default all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of this route only.
    pub route: Option<String>,
    /// Of this service only.
    pub service: Option<String>,
    /// Of this class of status only: 5 is 500–599.
    pub class: Option<u16>,
    /// Failed ones only.
    pub failed: bool,
    /// Those that took at least this long.
    pub min: Duration,
    /// Those that began before this.
    pub before: Option<SystemTime>,
}

impl Filter {
    /// Whether it is one of them.
    pub fn admits(&self, story: &Story) -> bool {
        let is = |wanted: &Option<String>, is: &str| wanted.as_ref().is_none_or(|wanted| wanted == is);
        is(&self.route, &story.route)
            && is(&self.service, &story.service)
            && self.class.is_none_or(|class| story.status / 100 == class)
            && (!self.failed || story.has_failed())
            && story.took >= self.min
            && self.before.is_none_or(|before| story.started < before)
    }
}

/// Takes stories and finds them again. Cloning is cheap and shares them.
#[derive(Clone)]
pub struct Recorder(Arc<Inner>);

struct Inner {
    shelves: Box<[Aligned]>,
    bounds: Bounds,
    left_out: Counter,
}

/// Neighbours must not share a cache line.
#[repr(align(128))]
struct Aligned(Mutex<Shelf>);

impl Recorder {
    /// Nothing told yet.
    pub fn new(registry: &Registry, settings: Settings) -> Self {
        let shelves = (0..slot::count()).map(|_| Aligned(Mutex::default())).collect();
        let help = "spans and attributes that found no room in the story of their request";
        let left_out = registry.counter("seaworthy.stories.left_out", help, &[]);
        let inner = Arc::new(Inner { shelves, bounds: Bounds::new(&settings), left_out });
        let weak = Arc::downgrade(&inner);
        registry.collect_with(Box::new(move |samples| {
            let Some(inner) = weak.upgrade() else { return };
            let (stories, bytes) = Self(inner).size();
            samples.gauge("seaworthy.stories", "requests whose story is kept", &[], stories as f64);
            samples.gauge("seaworthy.stories.memory.bytes", "memory of these stories", &[], bytes as f64);
        }));
        Self(inner)
    }

    /// Begins a story. Costs nothing before something is noted in it.
    pub fn begin(&self, started: Instant) -> Draft {
        Draft::new(started, self.0.bounds.recent > 0)
    }

    /// Ends a story at `now` and keeps it. Takes one lock of the calling thread's own, which only readers share.
    pub fn finish(&self, draft: Draft, ending: &Ending<'_>, now: Instant) {
        if !draft.is_kept() {
            return;
        }
        let story = draft.finish(ending, now);
        if story.left_out > 0 {
            self.0.left_out.add(story.left_out.into());
        }
        let shelf = &self.0.shelves[Slot::current().index()];
        let dropped =
            shelf.0.lock().unwrap_or_else(PoisonError::into_inner).put(Arc::new(story), &self.0.bounds);
        drop(dropped); // after the lock
    }

    /// The story of this request.
    pub fn by_request(&self, id: &RequestId) -> Option<Arc<Story>> {
        self.shelves(|shelf| shelf.stories().find(|story| story.request_id == *id).cloned()).flatten().next()
    }

    /// The stories of this trace, in the order in which they began: a service behind this gateway may have called
    /// through it again.
    pub fn by_trace(&self, trace_id: [u8; 16]) -> Vec<Arc<Story>> {
        let of = |shelf: &Shelf| {
            shelf.stories().filter(|story| story.trace_id == trace_id).cloned().collect::<Vec<_>>()
        };
        let mut stories: Vec<_> = self.shelves(of).flatten().collect();
        stories.sort_by_key(|story| story.started);
        stories
    }

    /// The latest stories, the newest first, at most `limit`.
    pub fn latest(&self, filter: &Filter, limit: usize) -> Vec<Arc<Story>> {
        let of =
            |shelf: &Shelf| shelf.stories().filter(|story| filter.admits(story)).cloned().collect::<Vec<_>>();
        let mut stories: Vec<_> = self.shelves(of).flatten().collect();
        stories.sort_by_key(|story| std::cmp::Reverse(story.started));
        stories.truncate(limit);
        stories
    }

    /// How many stories there are, and their memory in bytes.
    pub fn size(&self) -> (usize, usize) {
        self.shelves(Shelf::size).fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1))
    }

    fn shelves<'a, T>(&'a self, mut of: impl FnMut(&Shelf) -> T + 'a) -> impl Iterator<Item = T> + 'a {
        self.0.shelves.iter().map(move |shelf| of(&shelf.0.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (stories, bytes) = self.size();
        f.debug_struct("Recorder").field("stories", &stories).field("bytes", &bytes).finish_non_exhaustive()
    }
}
