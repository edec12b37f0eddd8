//! Both halves side by side, as text.

use std::fmt::Write as _;

use seaworthy_trials::load::{Failure, Report};

use super::gateway::Counters;

pub(super) struct Comparison {
    pub(super) seed: u64,
    pub(super) direct: Side,
    pub(super) gateway: Side,
    pub(super) counters: Counters,
}

/// One half.
pub(super) struct Side {
    pub(super) name: &'static str,
    pub(super) report: Report,
    /// How often a crashed replica was started again.
    pub(super) restarts: u64,
}

/// One line of the table.
pub(super) struct Line {
    pub(super) label: String,
    pub(super) direct: String,
    pub(super) gateway: String,
}

/// What is compared, in the order people ask for it.
pub(super) fn lines(comparison: &Comparison) -> Vec<Line> {
    let both = |label: &str, value: &dyn Fn(&Report) -> String| Line {
        label: label.to_owned(),
        direct: value(&comparison.direct.report),
        gateway: value(&comparison.gateway.report),
    };
    let only = |label: &str, count: u64| Line {
        label: label.to_owned(),
        direct: "–".to_owned(),
        gateway: count.to_string(),
    };
    let mut lines = vec![
        both("requests", &|report| report.requests.to_string()),
        both("good answers", &|report| percent(report.success_rate)),
        both("p50", &|report| millis(report.latency.p50_ms)),
        both("p95", &|report| millis(report.latency.p95_ms)),
        both("p99", &|report| millis(report.latency.p99_ms)),
        both("longest", &|report| millis(report.latency.max_ms)),
        both("time to recover", &|report| match report.longest_outage.failures {
            0 => "never failed".to_owned(),
            _ => millis(report.longest_outage.lasted_ms),
        }),
    ];
    for failure in Failure::ALL {
        let count = |report: &Report| report.failures.count(failure);
        if count(&comparison.direct.report) + count(&comparison.gateway.report) > 0 {
            lines.push(both(&format!("failed: {}", failure.label()), &|report| count(report).to_string()));
        }
    }
    lines.push(Line {
        label: "replica crashes".to_owned(),
        direct: comparison.direct.restarts.to_string(),
        gateway: comparison.gateway.restarts.to_string(),
    });
    lines.push(only("retries spent", comparison.counters.retries));
    lines.push(only("requests saved by a retry", comparison.counters.recovered));
    lines.push(only("breaker trips", comparison.counters.trips));
    lines
}

/// The table, with the gateway's column in bold where that is shown.
pub(super) fn table(comparison: &Comparison, bold: bool) -> String {
    let (on, off) = if bold { ("\u{1b}[1m", "\u{1b}[0m") } else { ("", "") };
    let (direct, gateway) = (comparison.direct.name, comparison.gateway.name);
    let mut out = format!("{:<28}{direct:>12}{on}{gateway:>22}{off}\n", "");
    for Line { label, direct, gateway } in lines(comparison) {
        // writing to a string does not fail
        let _infallible = writeln!(out, "{label:<28}{direct:>12}{on}{gateway:>22}{off}");
    }
    out
}

/// Never rounded up to a perfection that was not there.
pub(super) fn percent(share: f64) -> String {
    let hundredths = (share * 10_000.0).floor() / 100.0;
    if share >= 1.0 { "100 %".to_owned() } else { format!("{hundredths:.2} %") }
}

pub(super) fn millis(ms: f64) -> String {
    match ms {
        ms if ms >= 1_000.0 => format!("{:.2} s", ms / 1_000.0),
        ms if ms >= 10.0 => format!("{ms:.0} ms"),
        ms => format!("{ms:.1} ms"),
    }
}
