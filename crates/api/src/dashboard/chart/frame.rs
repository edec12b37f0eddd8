//! Where things stand in a chart: its edges, its axes, and the round numbers on them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use maud::{Markup, html};

use crate::jobs::moment;

/// The place that a chart has, and where its drawing ends in it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Place {
    pub(super) view: &'static str,
    right: f64,
    /// How far marks on the axis of time are apart at least: one of so many parts.
    marks: u64,
}

impl Place {
    /// Whether a narrow page shows a part of it.
    pub(super) fn is_whole(&self) -> bool {
        self.view == WHOLE.view
    }
}

/// Half of a page's width.
pub(super) const HALF: Place = Place { view: "0 0 640 210", right: 596.0, marks: 7 };
/// All of it.
pub(super) const WHOLE: Place = Place { view: "0 0 1296 210", right: 1_252.0, marks: 14 };
const LEFT: f64 = 62.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 182.0;

/// How far apart marks on the axis of time may be, in seconds.
const STEPS: [u64; 14] =
    [60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800];

/// A chart's coordinates.
pub(super) struct Frame {
    place: Place,
    pub(super) from: SystemTime,
    pub(super) to: SystemTime,
    /// The greatest value that has a place.
    pub(super) most: f64,
}

fn seconds(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

impl Frame {
    /// With room for the greatest of these values, up to a round number.
    pub(super) fn new(
        place: Place,
        (from, to): (SystemTime, SystemTime),
        values: impl Iterator<Item = f64>,
    ) -> Self {
        let most = values.filter(|value| value.is_finite()).fold(0.0, f64::max);
        Self { place, from, to, most: round_up(most) }
    }

    /// A time's place from the left.
    pub(super) fn x(&self, time: SystemTime) -> f64 {
        let length = (seconds(self.to) - seconds(self.from)).max(1.0);
        LEFT + (self.place.right - LEFT) * ((seconds(time) - seconds(self.from)) / length).clamp(0.0, 1.0)
    }

    /// A value's place from the top.
    pub(super) fn y(&self, value: f64) -> f64 {
        BOTTOM - (BOTTOM - TOP) * (value / self.most).clamp(0.0, 1.0)
    }

    /// The place of a share of the height, from the bottom.
    pub(super) const fn height() -> f64 {
        BOTTOM - TOP
    }

    pub(super) const fn edges(&self) -> (f64, f64, f64, f64) {
        (LEFT, self.place.right, TOP, BOTTOM)
    }

    /// Both axes, with lines across at round values.
    pub(super) fn axes(&self, unit: fn(f64) -> String) -> Markup {
        html! {
            g.axis {
                @for part in 0..=4_u8 {
                    @let value = self.most * f64::from(part) / 4.0;
                    @let y = self.y(value);
                    line.grid x1=(LEFT) x2=(self.place.right) y1=(digit(y)) y2=(digit(y)) {}
                    text x=(LEFT - 8.0) y=(digit(y + 4.0)) text-anchor="end" { (unit(value)) }
                }
                (self.time_axis())
            }
        }
    }

    /// The axis of time.
    pub(super) fn time_axis(&self) -> Markup {
        let (from, to) = (seconds(self.from) as u64, seconds(self.to) as u64);
        let length = to.saturating_sub(from);
        let step = STEPS.into_iter().find(|step| length / step <= self.place.marks).unwrap_or(604_800);
        let first = from.div_ceil(step) * step;
        let marks = (0..=self.place.marks).map(|n| first + n * step).filter(|mark| *mark <= to);
        html! {
            @for mark in marks {
                @let time = UNIX_EPOCH + Duration::from_secs(mark);
                @let x = digit(self.x(time));
                line.tick x1=(x) x2=(x) y1=(BOTTOM) y2=(BOTTOM + 4.0) {}
                text x=(x) y=(BOTTOM + 18.0) text-anchor="middle" { (clock(time, step >= 86_400)) }
            }
            text.zone x=(LEFT - 24.0) y=(BOTTOM + 18.0) text-anchor="end" { "UTC" }
        }
    }
}

/// A time of day, or a day.
pub(super) fn clock(time: SystemTime, is_day: bool) -> String {
    let moment = moment(time.into());
    moment.get(if is_day { 5..10 } else { 11..16 }).unwrap_or_default().to_owned()
}

/// The next number of 1, 2, 4 and 8 times a power of ten: a quarter of it is round as well.
fn round_up(value: f64) -> f64 {
    if !(value > 0.0 && value.is_finite()) {
        return 1.0;
    }
    let power = 10_f64.powf(value.log10().floor());
    let steps = [1.0, 2.0, 4.0, 6.0, 8.0, 10.0];
    steps.iter().map(|step| step * power).find(|step| *step >= value * 0.999_999).unwrap_or(10.0 * power)
}

/// A coordinate: a tenth is finer than anybody sees.
pub(super) fn digit(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_end_at_round_numbers() {
        let ends: Vec<_> = [0.0, f64::NAN, 0.9, 1.0, 1.1, 3.0, 47.0, 0.0123, 99_999.0].map(round_up).into();
        assert_eq!(ends, [1.0, 1.0, 1.0, 1.0, 2.0, 4.0, 60.0, 0.02, 100_000.0]);
        let day = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let frame =
            Frame::new(HALF, (day, day + Duration::from_secs(3_600)), [7.0, f64::INFINITY].into_iter());
        assert_eq!(
            (frame.x(day), frame.y(0.0), frame.y(8.0), frame.y(f64::NAN).is_nan()),
            (LEFT, BOTTOM, TOP, true)
        );
        let drawn = frame.axes(super::super::super::number::rate).0;
        assert!(drawn.contains(">8:00<") || drawn.contains(">08:00<"), "{drawn}");
        assert!(drawn.contains("2\u{a0}/s") && drawn.contains(">UTC<"));
    }
}
