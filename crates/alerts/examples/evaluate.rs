//! How long an evaluation takes: 1,000 rules with 100 series each, all right, then one in a hundred wrong, then all.
//!
//! `cargo run --release -p seaworthy-alerts --example evaluate`

use seaworthy_alerts::Source;
use seaworthy_alerts::engine::Engine;
use seaworthy_alerts::rule::{Check, Op, Rule, Value};
use seaworthy_store::Timestamp;
use seaworthy_telemetry::history::{self, Aggregate, Function, Labels, Query, Sample, Selector, Series};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const RULES: usize = 1_000;
const SERIES: usize = 100;
const ROUNDS: u32 = 20;

/// Series that are there already: what the history takes is not measured here.
struct Prepared {
    labels: Vec<Labels>,
    /// One in so many is wrong.
    wrong: AtomicUsize,
}

impl Source for Prepared {
    fn query(&self, _: &Query, _: Timestamp) -> Result<Vec<Sample>, history::Error> {
        let wrong = self.wrong.load(Ordering::Relaxed);
        let value = |at: usize| if at.is_multiple_of(wrong) { 11.0 } else { 1.0 };
        let samples = self.labels.iter().enumerate();
        Ok(samples.map(|(at, labels)| Sample { labels: labels.clone(), value: value(at + 1) }).collect())
    }

    fn range(
        &self,
        _: &Query,
        _: Timestamp,
        _: Timestamp,
        _: Duration,
    ) -> Result<Vec<Series>, history::Error> {
        Ok(Vec::new())
    }
}

fn rule(at: usize) -> Result<Rule, seaworthy_alerts::Error> {
    let selector = Selector::new("m", vec![])?;
    let window = Duration::from_secs(300);
    let query = Query { selector, function: Function::Rate, window, by: None, aggregate: Aggregate::Sum };
    let value = Value::Query(query);
    let mut rule = Rule::new(
        format!("rule{at}"),
        Check::Threshold { value, op: Op::Above, threshold: 10.0, resolve: None },
    );
    rule.r#for = Duration::from_secs(30);
    Ok(rule)
}

#[allow(clippy::print_stdout, reason = "that is what it is for")]
fn main() -> Result<(), seaworthy_alerts::Error> {
    let service = |n: usize| [("service", format!("s{n}")), ("route", "/items/{id}".to_owned())];
    let labels = (0..SERIES).map(|n| service(n).into_iter().collect()).collect();
    let source = Prepared { labels, wrong: AtomicUsize::new(usize::MAX) };
    let rules = (0..RULES).map(rule).collect::<Result<Vec<_>, _>>()?;
    let mut engine = Engine::new(rules, SERIES);
    let mut at = Timestamp::from_micros(1_763_731_200_000_000);
    for (name, wrong) in [("all right", usize::MAX), ("one in a hundred wrong", 100), ("all wrong", 1)] {
        source.wrong.store(wrong, Ordering::Relaxed);
        let (mut worst, mut sum) = (Duration::ZERO, Duration::ZERO);
        for _ in 0..ROUNDS {
            at = at.plus(Duration::from_secs(10));
            let began = Instant::now();
            std::hint::black_box(engine.evaluate(&source, at));
            (worst, sum) = (worst.max(began.elapsed()), sum + began.elapsed());
        }
        println!("{name}: mean {:?}, worst {worst:?} of {ROUNDS} evaluations", sum / ROUNDS);
    }
    Ok(())
}
