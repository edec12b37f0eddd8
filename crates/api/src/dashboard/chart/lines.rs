use std::time::{Duration, SystemTime};

use maud::{Markup, html};

use super::frame::{Frame, HALF, clock, digit};
use super::{Caption, Key, numbers};
use crate::dashboard::number::NONE;
use crate::dashboard::traffic::Points;

/// A line with its sign.
pub(in crate::dashboard) struct Line<'a> {
    pub(in crate::dashboard) class: &'static str,
    pub(in crate::dashboard) name: &'static str,
    pub(in crate::dashboard) points: &'a Points,
}

/// What the height of a chart is.
pub(in crate::dashboard) struct Scale {
    /// How its values are written.
    pub(in crate::dashboard) unit: fn(f64) -> String,
    /// What it reaches up to at least.
    pub(in crate::dashboard) least: f64,
}

/// Lines over time. Where nothing is known, there is none.
pub(in crate::dashboard) fn lines(
    caption: &Caption<'_>,
    (from, to): (SystemTime, SystemTime),
    step: Duration,
    Scale { unit, least }: Scale,
    all: &[Line<'_>],
) -> Markup {
    let values = all.iter().flat_map(|line| line.points.iter().map(|(_, value)| *value));
    let frame = Frame::new(HALF, (from, to), values.chain([least]));
    let drawing = html! {
        (frame.axes(unit))
        @for line in all {
            path class={ "line " (line.class) } d=(path(&frame, line.points, step)) {}
        }
        @for (line, y) in labels(&frame, all) {
            text.label x="602" y=(digit(y)) { (line.name) }
        }
    };
    let keys: Vec<_> = all.iter().map(|line| Key { class: line.class, name: line.name.to_owned() }).collect();
    let days = to.duration_since(from).is_ok_and(|length| length.as_secs() > 172_800);
    let longest = all.iter().map(|line| line.points).max_by_key(|points| points.len());
    let rows: Vec<_> = longest
        .into_iter()
        .flatten()
        .map(|(time, _)| {
            let value = |line: &Line<'_>| {
                let found = line.points.iter().find(|(at, _)| at == time);
                found.map_or_else(|| NONE.to_owned(), |(_, value)| unit(*value))
            };
            std::iter::once(clock(*time, days)).chain(all.iter().map(value)).collect()
        })
        .collect();
    let heads: Vec<_> = std::iter::once("Until (UTC)").chain(all.iter().map(|line| line.name)).collect();
    caption.figure(HALF, &keys, &drawing, &numbers(&heads, &rows))
}

/// A line that is broken where points are missing.
pub(super) fn path(frame: &Frame, points: &Points, step: Duration) -> String {
    use std::fmt::Write as _;
    let (mut path, mut last) = (String::new(), None::<SystemTime>);
    for (time, value) in points.iter().filter(|(_, value)| value.is_finite()) {
        let goes_on = last.is_some_and(|last| time.duration_since(last).is_ok_and(|gap| gap <= step * 3 / 2));
        let (x, y) = (digit(frame.x(*time)), digit(frame.y(*value)));
        // a point alone is a dot: a line of no length with round ends
        let _ = if goes_on { write!(path, "L{x} {y}") } else { write!(path, "M{x} {y}h0") };
        last = Some(*time);
    }
    path
}

/// Where the names stand at the lines' ends: not on top of each other.
fn labels<'a, 'b>(frame: &Frame, all: &'a [Line<'b>]) -> Vec<(&'a Line<'b>, f64)> {
    let end = |line: &'a Line<'b>| Some((line, frame.y(line.points.last()?.1) + 4.0));
    let mut ends: Vec<_> = all.iter().filter_map(end).collect();
    ends.sort_by(|a, b| b.1.total_cmp(&a.1));
    let mut lowest = f64::INFINITY;
    for (_, y) in &mut ends {
        *y = y.min(lowest - 12.0);
        lowest = *y;
    }
    ends
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_breaks_a_line() {
        let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let at = |seconds: u64, value: f64| (start + Duration::from_secs(seconds), value);
        let points = vec![at(0, 1.0), at(60, 2.0), at(120, f64::NAN), at(180, 3.0), at(240, 4.0)];
        let frame = Frame::new(HALF, (start, start + Duration::from_secs(300)), [4.0].into_iter());
        let drawn = path(&frame, &points, Duration::from_secs(60));
        assert_eq!(drawn.matches('M').count(), 2, "{drawn}");
        assert_eq!(drawn.matches('L').count(), 2, "{drawn}");
        let (low, high) = (vec![at(0, 1.0)], vec![at(0, 1.1)]);
        let line = |points| Line { class: "p50", name: "x", points };
        let all = [line(&low), line(&high)];
        let ends = labels(&frame, &all);
        assert!((ends[0].1 - ends[1].1).abs() >= 12.0, "names do not cover each other");
    }
}
