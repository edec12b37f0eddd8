//! A story while it happens.

use super::{Ending, Story};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// Bounds on one story. A request that is tried a hundred times is told up to here.
const SPANS: usize = 64;
const ATTRIBUTES: usize = 256;
const TEXT: usize = 256;
const PATH: usize = 512;

/// A span within its story: its place among them. The request itself is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Part(u16);

impl Part {
    /// What has found no room.
    const NOWHERE: Self = Self(u16::MAX);

    pub(super) fn at(index: usize) -> Self {
        u16::try_from(index).map_or(Self::NOWHERE, Self)
    }

    /// Its place in [`Story::spans`].
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// A phase of a request, or an attempt made for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// `route`, `attempt`, …
    pub name: &'static str,
    /// What it is a piece of; none: of the request itself.
    pub parent: Option<Part>,
    /// When it began, after the request did.
    pub start: Duration,
    /// How long it took; none: it had not ended when the request did.
    pub took: Option<Duration>,
    /// Why it failed, where it did.
    pub error: Option<&'static str>,
}

/// Something known of a span.
#[derive(Debug, Clone, PartialEq)]
pub struct Attribute {
    /// The span.
    pub part: Part,
    /// In the spelling of OpenTelemetry's conventions (`server.address`).
    pub key: &'static str,
    /// The value.
    pub value: Text,
}

/// The value of an attribute. Shared and static texts cost no allocation; what exceeds 256 bytes is cut off.
#[derive(Debug, Clone, PartialEq)]
pub enum Text {
    /// Known when this was compiled.
    Static(&'static str),
    /// Shared with whoever else knows it, such as an endpoint's name.
    Shared(Arc<str>),
    /// Of this request alone.
    Own(Box<str>),
    /// A whole number.
    Whole(u64),
}

impl From<&'static str> for Text {
    fn from(text: &'static str) -> Self {
        Self::Static(text)
    }
}

impl From<Arc<str>> for Text {
    fn from(text: Arc<str>) -> Self {
        if text.len() > TEXT { Self::Own(cut(&text, TEXT).into()) } else { Self::Shared(text) }
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self::Own(cut(&text, TEXT).into())
    }
}

impl From<u64> for Text {
    fn from(number: u64) -> Self {
        Self::Whole(number)
    }
}

impl From<u32> for Text {
    fn from(number: u32) -> Self {
        Self::Whole(number.into())
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Static(text) => f.write_str(text),
            Self::Shared(text) => f.write_str(text),
            Self::Own(text) => f.write_str(text),
            Self::Whole(number) => write!(f, "{number}"),
        }
    }
}

impl Attribute {
    /// A shared text is counted with whoever shares it.
    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>() + if let Text::Own(text) = &self.value { text.len() } else { 0 }
    }
}

/// A story while it happens: belongs to one request, costs nothing before something is noted.
#[derive(Debug)]
pub struct Draft {
    started: Instant,
    kept: bool,
    spans: Vec<Span>,
    attributes: Vec<Attribute>,
    left_out: u32,
}

impl Draft {
    pub(super) fn new(started: Instant, kept: bool) -> Self {
        Self { started, kept, spans: Vec::new(), attributes: Vec::new(), left_out: 0 }
    }

    /// Whether anybody will read it: where preparing an attribute costs something, ask first.
    pub fn is_kept(&self) -> bool {
        self.kept
    }

    /// Begins a phase or an attempt.
    pub fn begin(&mut self, name: &'static str, parent: Option<Part>, now: Instant) -> Part {
        if !self.kept || self.spans.len() >= SPANS {
            self.left_out += u32::from(self.kept);
            return Part::NOWHERE;
        }
        if self.spans.capacity() == 0 {
            self.spans.reserve(4);
        }
        let start = now.saturating_duration_since(self.started);
        let parent = parent.filter(|parent| parent.index() < self.spans.len());
        self.spans.push(Span { name, parent, start, took: None, error: None });
        Part::at(self.spans.len() - 1)
    }

    /// Adds what is known of a span.
    pub fn attribute(&mut self, part: Part, key: &'static str, value: impl Into<Text>) {
        if part.index() >= self.spans.len() || self.attributes.len() >= ATTRIBUTES {
            self.left_out += u32::from(self.kept && part != Part::NOWHERE);
            return;
        }
        let value = match value.into() {
            Text::Static(text) => Text::Static(cut(text, TEXT)),
            Text::Shared(text) => Text::from(text),
            Text::Own(text) if text.len() > TEXT => Text::Own(cut(&text, TEXT).into()),
            other => other,
        };
        if self.attributes.capacity() == 0 {
            self.attributes.reserve(4);
        }
        self.attributes.push(Attribute { part, key, value });
    }

    /// Ends a span, with why it failed where it did. The first end holds.
    pub fn end(&mut self, part: Part, now: Instant, error: Option<&'static str>) {
        if let Some(span) = self.spans.get_mut(part.index())
            && span.took.is_none()
        {
            span.took = Some(now.saturating_duration_since(self.started).saturating_sub(span.start));
            span.error = error;
        }
    }

    pub(super) fn finish(self, ending: &Ending<'_>, now: Instant) -> Story {
        let took = now.saturating_duration_since(self.started);
        Story {
            request_id: ending.request_id,
            trace_id: ending.trace_id,
            route: ending.route.into(),
            service: ending.service.into(),
            method: ending.method,
            path: cut(ending.path, PATH).into(),
            status: ending.status,
            reason: ending.reason,
            started: SystemTime::now().checked_sub(took).unwrap_or(SystemTime::UNIX_EPOCH),
            took,
            spans: self.spans,
            attributes: self.attributes,
            left_out: self.left_out,
        }
    }
}

/// The beginning of a text, without half a character.
fn cut(text: &str, limit: usize) -> &str {
    &text[..text.floor_char_boundary(limit)]
}
