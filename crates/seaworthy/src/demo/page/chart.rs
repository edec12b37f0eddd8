//! A line chart as SVG. Lines differ in colour *and* in their dashes.

use std::fmt::Write as _;

use super::escape;

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 56.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 30.0;
const BOTTOM: f64 = 28.0;
/// At most so many labels along the time.
const TIME_LABELS: usize = 10;

pub(super) struct Chart {
    /// Unique on the page.
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    /// What the chart shows, for who can't see it.
    pub(super) description: String,
    pub(super) ticks: Vec<Tick>,
    pub(super) series: [Series; 2],
}

/// A line across, at a height from 0 to 1.
#[derive(Clone)]
pub(super) struct Tick {
    pub(super) at: f64,
    pub(super) label: String,
}

/// A line of points, one per second, at heights from 0 to 1.
pub(super) struct Series {
    pub(super) name: &'static str,
    pub(super) class: &'static str,
    pub(super) points: Vec<f64>,
}

impl Chart {
    pub(super) fn svg(&self) -> String {
        let mut out = format!(
            "<figure><figcaption>{title}</figcaption>\n\
             <svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-labelledby=\"{id}-title {id}-desc\">\n\
             <title id=\"{id}-title\">{title}</title>\n<desc id=\"{id}-desc\">{description}</desc>\n",
            id = self.id,
            title = escape(self.title),
            description = escape(&self.description),
        );
        let seconds = self.series.iter().map(|series| series.points.len()).max().unwrap_or_default();
        // writing to a string does not fail
        let _infallible = self.grid(&mut out, seconds).and_then(|()| self.lines(&mut out, seconds));
        out + "</svg></figure>"
    }

    fn grid(&self, out: &mut String, seconds: usize) -> std::fmt::Result {
        for Tick { at, label } in &self.ticks {
            let (y, right) = (y(*at), WIDTH - RIGHT);
            writeln!(out, "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{right}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>")?;
            let (x, y, label) = (LEFT - 6.0, y + 4.0, escape(label));
            writeln!(out, "<text class=\"end\" x=\"{x}\" y=\"{y:.1}\">{label}</text>")?;
        }
        for second in (0..seconds).step_by(seconds.div_ceil(TIME_LABELS).max(1)) {
            let (x, y) = (x(second, seconds), HEIGHT - 8.0);
            writeln!(out, "<text class=\"middle\" x=\"{x:.1}\" y=\"{y}\">{second} s</text>")?;
        }
        Ok(())
    }

    fn lines(&self, out: &mut String, seconds: usize) -> std::fmt::Result {
        for (i, Series { name, class, points }) in self.series.iter().enumerate() {
            let points: Vec<String> = points
                .iter()
                .enumerate()
                .map(|(second, at)| format!("{:.1},{:.1}", x(second, seconds), y(*at)))
                .collect();
            writeln!(out, "<polyline class=\"{class}\" points=\"{}\"/>", points.join(" "))?;
            let start = LEFT + 150.0 * i as f64;
            let (end, text, name) = (start + 28.0, start + 34.0, escape(name));
            writeln!(out, "<line class=\"{class}\" x1=\"{start}\" x2=\"{end}\" y1=\"14\" y2=\"14\"/>")?;
            writeln!(out, "<text x=\"{text}\" y=\"18\">{name}</text>")?;
        }
        Ok(())
    }
}

fn x(second: usize, seconds: usize) -> f64 {
    LEFT + (WIDTH - LEFT - RIGHT) * second as f64 / seconds.saturating_sub(1).max(1) as f64
}

fn y(at: f64) -> f64 {
    TOP + (HEIGHT - TOP - BOTTOM) * (1.0 - at.clamp(0.0, 1.0))
}
