use maud::Markup;
use maud::html;

use super::frame::{Frame, HALF, clock, digit};
use super::{Caption, Key, numbers};
use crate::dashboard::number;
use crate::dashboard::traffic::{CLASSES, Classes, Range};
use std::time::SystemTime;

/// The classes' signs.
const SIGNS: [&str; 4] = ["c2", "c3", "c4", "c5"];

/// Requests per second as bars, put together from classes of statuses.
pub(in crate::dashboard) fn bars(
    caption: &Caption<'_>,
    range: Range,
    now: SystemTime,
    points: &[(SystemTime, Classes)],
) -> Markup {
    let times = range.times(now);
    let frame =
        Frame::new(HALF, (times.0 - range.step, times.1), points.iter().map(|(_, classes)| classes.total()));
    let width = frame.x(times.0) - frame.x(times.0 - range.step);
    let drawing = html! {
        defs {
            pattern id={ (caption.id) "-hatch" } class="hatch" width="5" height="5" patternUnits="userSpaceOnUse" {
                rect width="5" height="5" {}
                path d="M0 5L5 0" {}
            }
        }
        (frame.axes(number::rate))
        @for (at, sign) in SIGNS.into_iter().enumerate() {
            // one path for all bars of a class: a page of bars is sent often
            path class={ "bar-" (sign) } fill=[(at == 3).then(|| format!("url(#{}-hatch)", caption.id))]
                d=(path(&frame, points, at, width)) {}
        }
    };
    let keys: Vec<_> = CLASSES
        .iter()
        .zip(SIGNS)
        .map(|((name, what), class)| Key { class, name: format!("{name} {what}") })
        .collect();
    let rows: Vec<_> = points
        .iter()
        .map(|(time, classes)| {
            let cells = classes.0.iter().map(|value| number::rate(*value));
            std::iter::once(clock(*time, false)).chain(cells).collect()
        })
        .collect();
    caption.figure(HALF, &keys, &drawing, &numbers(&["Until (UTC)", "2xx", "3xx", "4xx", "5xx"], &rows))
}

/// The bars of one class, each on top of those below.
fn path(frame: &Frame, points: &[(SystemTime, Classes)], class: usize, width: f64) -> String {
    use std::fmt::Write as _;
    let mut path = String::new();
    for (time, classes) in points {
        let value = classes.0[class];
        if value <= 0.0 {
            continue;
        }
        let below: f64 = classes.0[..class].iter().sum();
        let (top, bottom) = (frame.y(below + value), frame.y(below));
        // what is there is seen, however little it is
        let height = (bottom - top).max(1.0);
        let (left, bar) = (frame.x(*time) - width + 0.5, (width - 1.0).max(1.0));
        let _ = write!(
            path,
            "M{} {}h{}v{}h-{}z",
            digit(left),
            digit(bottom - height),
            digit(bar),
            digit(height),
            digit(bar)
        );
    }
    path
}
