//! A story as lines of text.

use super::{Part, Span, Story};
use crate::access::escape;
use std::fmt::Write;
use std::time::{Duration, SystemTime};

/// How a story is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Columns of the bars, 8 to 200. Default: 30.
    pub bar: usize,
    /// Plain ASCII, where box drawing characters can't be shown.
    pub ascii: bool,
}

impl Default for Style {
    fn default() -> Self {
        Self { bar: 30, ascii: false }
    }
}

/// What lines are drawn of.
struct Strokes {
    branch: &'static str,
    last: &'static str,
    down: &'static str,
    blank: &'static str,
    full: char,
    empty: char,
}

const BOX: Strokes =
    Strokes { branch: "├─ ", last: "└─ ", down: "│  ", blank: "   ", full: '█', empty: '·' };
const ASCII: Strokes =
    Strokes { branch: "|- ", last: "`- ", down: "|  ", blank: "   ", full: '#', empty: '.' };

struct Line {
    label: String,
    start: Duration,
    took: Option<Duration>,
    rest: String,
}

pub(super) fn draw(story: &Story, style: &Style) -> String {
    let strokes = if style.ascii { ASCII } else { BOX };
    let mut lines = vec![Line {
        label: title(story),
        start: Duration::ZERO,
        took: Some(story.took),
        rest: reason(story),
    }];
    children(story, None, "", &strokes, &mut lines);
    let width = lines.iter().map(|line| line.label.chars().count()).max().unwrap_or_default();
    let mut out = head(story);
    for line in &lines {
        let pad = width - line.label.chars().count();
        let took =
            line.took.map_or_else(|| "open".to_owned(), |took| format!("{:.2} ms", took.as_secs_f64() * 1e3));
        let bar = bar(line, story.took, style.bar.clamp(8, 200), &strokes);
        let text = format!("{}{:pad$}  {took:>12}  {bar}  {}", line.label, "", line.rest);
        let _ = writeln!(out, "{}", text.trim_end());
    }
    if story.left_out > 0 {
        let _ = writeln!(out, "({} more details found no room)", story.left_out);
    }
    out
}

fn head(story: &Story) -> String {
    let millis = story.started.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis();
    let trace: String = story.trace_id.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    let mut out =
        format!("request {}  trace {trace}  at {}.{:03}", story.request_id, millis / 1_000, millis % 1_000);
    for (name, value) in [("route", &story.route), ("service", &story.service)] {
        if !value.is_empty() {
            let _ = write!(out, "  {name} {}", plain(value));
        }
    }
    out.push('\n');
    out
}

fn title(story: &Story) -> String {
    format!("{} {} {}", plain(story.method), plain(&story.path), story.status)
}

fn reason(story: &Story) -> String {
    story.reason.map_or_else(String::new, |reason| format!("! {}", plain(reason)))
}

/// Adds what is a piece of `parent`. A parent begins before its pieces, so that this ends.
fn children(story: &Story, parent: Option<Part>, indent: &str, strokes: &Strokes, lines: &mut Vec<Line>) {
    let of: Vec<(Part, &Span)> = story.parts().filter(|(_, span)| span.parent == parent).collect();
    for (i, (part, span)) in of.iter().enumerate() {
        let last = i + 1 == of.len();
        let label =
            format!("{indent}{}{}", if last { strokes.last } else { strokes.branch }, plain(span.name));
        lines.push(Line { label, start: span.start, took: span.took, rest: rest(story, *part, span) });
        let deeper = format!("{indent}{}", if last { strokes.blank } else { strokes.down });
        children(story, Some(*part), &deeper, strokes, lines);
    }
}

fn rest(story: &Story, part: Part, span: &Span) -> String {
    let attributes = story.attributes_of(part).map(|attribute| {
        let mut text = format!("{}=", attribute.key);
        escape::bare(&mut text, &attribute.value.to_string());
        text
    });
    let error = span.error.map(|error| format!("! {}", plain(error)));
    attributes.chain(error).collect::<Vec<_>>().join(" ")
}

fn bar(line: &Line, whole: Duration, width: usize, strokes: &Strokes) -> String {
    let share = |at: Duration| (at.as_secs_f64() / whole.as_secs_f64().max(1e-9)).clamp(0.0, 1.0);
    let end = line.took.map_or(whole, |took| line.start + took);
    let from = ((share(line.start) * width as f64) as usize).min(width - 1);
    let to = ((share(end) * width as f64).ceil() as usize).clamp(from + 1, width);
    (0..width).map(|at| if (from..to).contains(&at) { strokes.full } else { strokes.empty }).collect()
}

/// Text from outside may drive a terminal.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    escape::bare(&mut out, text);
    out
}
