use std::fmt::Write as _;

use maud::{Markup, html};

use super::frame::digit;
use crate::dashboard::traffic::Points;

const WIDTH: f64 = 120.0;
const HEIGHT: f64 = 28.0;

/// A line without axes: how a number came to be what it is. The number itself stands beside it.
pub(in crate::dashboard) fn spark(points: &Points) -> Markup {
    let values: Vec<_> = points.iter().filter(|(_, value)| value.is_finite()).collect();
    let most = values.iter().map(|(_, value)| *value).fold(0.0, f64::max);
    let (Some((first, _)), Some((last, _))) = (values.first(), values.last()) else {
        return Markup::default();
    };
    let length = last.duration_since(*first).unwrap_or_default().as_secs_f64();
    if values.len() < 2 || length <= 0.0 {
        return Markup::default();
    }
    let mut path = String::new();
    for (time, value) in &values {
        let share = time.duration_since(*first).unwrap_or_default().as_secs_f64() / length;
        let height = if most > 0.0 { value / most } else { 0.0 };
        let command = if path.is_empty() { 'M' } else { 'L' };
        let (x, y) = (digit(1.0 + share * (WIDTH - 2.0)), digit(HEIGHT - 2.0 - height * (HEIGHT - 4.0)));
        let _ = write!(path, "{command}{x} {y}");
    }
    let area = format!("{path}L{} {HEIGHT}L1 {HEIGHT}z", WIDTH - 1.0);
    html! {
        svg.spark viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } preserveAspectRatio="none" aria-hidden="true" {
            path.area d=(area) {}
            path.line d=(path) {}
        }
    }
}
