//! Medians over the rounds, and ratios to ours.

use crate::driver::{Phase, Round};
use std::collections::BTreeMap;
use std::fmt::Write;

pub(crate) struct Report {
    order: Vec<String>,
    rounds: BTreeMap<String, Vec<Round>>,
}

/// One figure of a round.
type Figure = fn(&Round) -> f64;

const FIGURES: [(&str, Figure); 7] = [
    ("enqueue/s, one by one", |round| per_second(&round.single)),
    ("enqueue/s, in bulk", |round| per_second(&round.bulk)),
    ("jobs/s", |round| per_second(&round.drain)),
    ("client CPU us/job", |round| round.drain.told.cpu_seconds / round.drain.told.jobs * 1e6),
    ("database CPU us/job", |round| round.drain.database_cpu / round.drain.told.jobs * 1e6),
    ("start p50 ms", |round| round.pace.told.p50_ms.unwrap_or(f64::NAN)),
    ("start p99 ms", |round| round.pace.told.p99_ms.unwrap_or(f64::NAN)),
];

fn per_second(phase: &Phase) -> f64 {
    phase.told.jobs / phase.told.seconds
}

impl Report {
    pub(crate) const fn new(order: Vec<String>) -> Self {
        Self { order, rounds: BTreeMap::new() }
    }

    pub(crate) fn add(&mut self, name: &str, round: Round) {
        self.rounds.entry(name.to_owned()).or_default().push(round);
    }

    pub(crate) fn table(&self) -> String {
        let mut text = String::from("| |");
        for name in &self.order {
            let _ = write!(text, " {name} |");
        }
        text.push_str("\n| --- |");
        text.push_str(&" ---: |".repeat(self.order.len()));
        text.push('\n');
        for (title, figure) in FIGURES {
            let _ = write!(text, "| {title} |");
            let first = self.order.first().map_or(f64::NAN, |name| self.median(name, figure));
            for name in &self.order {
                let value = self.median(name, figure);
                let _ = write!(text, " {} ({:.2}) |", shown(value), value / first);
            }
            text.push('\n');
        }
        text
    }

    fn median(&self, name: &str, figure: Figure) -> f64 {
        let mut values: Vec<f64> = self.rounds.get(name).into_iter().flatten().map(figure).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
    }
}

fn shown(value: f64) -> String {
    if value >= 100.0 { format!("{value:.0}") } else { format!("{value:.1}") }
}
