use std::time::SystemTime;

use maud::{Markup, html};
use seaworthy_telemetry::metrics::DURATION_BUCKETS;

use super::frame::{Frame, WHOLE, clock, digit};
use super::{Caption, Key, numbers};
use crate::dashboard::number;
use crate::dashboard::traffic::Range;

/// Five steps from few to many: the logarithm of the count decides, so that single slow requests are seen.
const SHADES: [&str; 5] = ["h1", "h2", "h3", "h4", "h5"];
/// Which of the buckets' bounds are written at the axis.
const MARKED: [usize; 6] = [0, 3, 5, 7, 9, 13];

/// How many requests took how long when: a cell for each bucket and step of time.
pub(in crate::dashboard) fn heat(
    caption: &Caption<'_>,
    range: Range,
    now: SystemTime,
    columns: &[(SystemTime, Vec<f64>)],
) -> Markup {
    let times = range.times(now);
    let frame = Frame::new(WHOLE, (times.0 - range.step, times.1), std::iter::empty());
    let most = columns.iter().flat_map(|(_, counts)| counts.iter().copied()).fold(1.0, f64::max);
    let (left, right, top, bottom) = frame.edges();
    let row = Frame::height() / (DURATION_BUCKETS.len() + 1) as f64;
    let width = frame.x(times.0) - frame.x(times.0 - range.step);
    let drawing = html! {
        rect.ground x=(left) y=(top) width=(right - left) height=(bottom - top) {}
        @for (at, shade) in SHADES.into_iter().enumerate() {
            path class=(shade) d=(cells(&frame, columns, (width, row), |count| shade_of(count, most) == Some(at))) {}
        }
        g.axis {
            @for at in MARKED {
                @let y = digit(bottom - row * (at + 1) as f64);
                line.grid x1=(left) x2=(right) y1=(y) y2=(y) {}
                text x=(left - 8.0) y=(digit(y + 4.0)) text-anchor="end" { (number::seconds(DURATION_BUCKETS[at])) }
            }
            (frame.time_axis())
        }
    };
    let key = |(at, class): (usize, &'static str)| {
        let from = most.powf(at as f64 / SHADES.len() as f64).ceil();
        Key { class, name: format!("from {}", number::si(from, "")) }
    };
    let keys: Vec<_> = SHADES.into_iter().enumerate().map(key).collect();
    caption.figure(WHOLE, &keys, &drawing, &table(columns))
}

/// Which shade a count has; none for no requests.
fn shade_of(count: f64, most: f64) -> Option<usize> {
    if count < 0.5 {
        return None;
    }
    let share = if most > 1.0 { count.max(1.0).ln() / most.ln() } else { 1.0 };
    Some(((share * SHADES.len() as f64) as usize).min(SHADES.len() - 1))
}

fn cells(
    frame: &Frame,
    columns: &[(SystemTime, Vec<f64>)],
    (width, row): (f64, f64),
    is_meant: impl Fn(f64) -> bool,
) -> String {
    use std::fmt::Write as _;
    let (.., bottom) = frame.edges();
    let mut path = String::new();
    for (time, counts) in columns {
        let left = digit(frame.x(*time) - width);
        for (at, _) in counts.iter().enumerate().filter(|(_, count)| is_meant(**count)) {
            let top = digit(bottom - row * (at + 1) as f64);
            let (w, h) = (digit(width), digit(row));
            let _ = write!(path, "M{left} {top}h{w}v{h}h-{w}z");
        }
    }
    path
}

/// Three shares are enough where there is no picture.
fn table(columns: &[(SystemTime, Vec<f64>)]) -> Markup {
    let rows: Vec<_> = columns
        .iter()
        .map(|(time, counts)| {
            let sum = |buckets: std::ops::Range<usize>| counts[buckets].iter().sum::<f64>();
            let parts = [sum(0..6), sum(6..10), sum(10..counts.len())];
            let parts = parts.map(|count| number::count(count as u64));
            std::iter::once(clock(*time, false)).chain(parts).collect()
        })
        .collect();
    numbers(&["Until (UTC)", "up to 100 ms", "up to 1 s", "more"], &rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_requests_are_seen_beside_many() {
        assert_eq!(shade_of(0.0, 1_000.0), None);
        assert_eq!(shade_of(1.0, 1_000.0), Some(0));
        assert_eq!(shade_of(1_000.0, 1_000.0), Some(4));
        assert_eq!(shade_of(40.0, 1_000.0), Some(2));
        assert_eq!(shade_of(1.0, 1.0), Some(4));
    }
}
