use super::*;
use crate::rule::{Check, Op, Value};
use proptest::prelude::*;
use seaworthy_telemetry::history::{
    self, Aggregate, Function, Match, Matcher, Query, Sample, Selector, Series,
};
use std::sync::Mutex;

/// What every question is answered with: the values of series, or an error.
#[derive(Default)]
struct Given(Mutex<Option<Vec<(String, f64)>>>);

impl Given {
    fn set(&self, values: &[(&str, f64)]) {
        let values = values.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
        *self.0.lock().expect("no panic") = Some(values);
    }

    fn fail(&self) {
        *self.0.lock().expect("no panic") = None;
    }
}

fn labels(name: &str) -> Labels {
    [("service", name)].into_iter().collect()
}

impl Source for Given {
    fn query(&self, _: &Query, _: Timestamp) -> Result<Vec<Sample>, history::Error> {
        let given = self.0.lock().expect("no panic").clone();
        let given = given.ok_or(history::Error::Order)?;
        Ok(given.into_iter().map(|(name, value)| Sample { labels: labels(&name), value }).collect())
    }

    fn range(
        &self,
        _: &Query,
        _: Timestamp,
        _: Timestamp,
        _: Duration,
    ) -> Result<Vec<Series>, history::Error> {
        Err(history::Error::Order)
    }
}

fn query() -> Query {
    let matchers = vec![Matcher { label: "job".to_owned(), op: Match::Equal, value: "x".to_owned() }];
    let selector = Selector::new("m", matchers).expect("a selector");
    let window = Duration::from_secs(60);
    Query { selector, function: Function::Latest, window, by: None, aggregate: Aggregate::Sum }
}

/// Above 10 for 30 s; right again below 8 for 20 s.
fn rule() -> Rule {
    let value = Value::Query(query());
    let check = Check::Threshold { value, op: Op::Above, threshold: 10.0, resolve: Some(8.0) };
    let mut rule = Rule::new("High", check);
    rule.r#for = Duration::from_secs(30);
    rule.keep_firing_for = Duration::from_secs(20);
    rule.missing_for = Duration::from_secs(60);
    rule
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_micros(1_700_000_000_000_000).plus(Duration::from_secs(seconds))
}

/// `firing SERIES since SECONDS`, `resolved WHY`; what goes on is left out.
fn told(findings: Vec<Finding>) -> Vec<String> {
    let text = |finding: Finding| match finding.what {
        What::Firing(begun) => {
            let name = begun.labels.get("service").or(begun.labels.get("rule")).cloned().unwrap_or_default();
            let since = begun.since.since(at(0)).as_secs();
            Some(format!("firing {} {name} since {since}", begun.labels["alertname"]))
        }
        What::Still => None,
        What::Resolved(why) => Some(format!("resolved {}", why.word())),
    };
    findings.into_iter().filter_map(text).collect()
}

#[test]
fn a_series_is_pending_then_fires_then_keeps_firing_then_is_over() {
    let source = Given::default();
    let mut engine = Engine::new(vec![rule()], 10);
    let mut step = |seconds, value: f64| {
        source.set(&[("a", value), ("b", 1.0)]);
        told(engine.evaluate(&source, at(seconds)))
    };
    assert!(step(0, 11.0).is_empty() && step(10, 11.0).is_empty() && step(20, 11.0).is_empty());
    assert_eq!(step(30, 11.0), ["firing High a since 0"]);
    assert!(step(40, 9.0).is_empty(), "in the band nothing changes");
    assert!(step(50, 7.0).is_empty(), "right again, but not for long");
    assert!(step(60, 9.0).is_empty(), "back in the band: the wait begins anew");
    assert!(step(70, 7.0).is_empty() && step(80, 7.0).is_empty());
    assert_eq!(step(90, 7.0), ["resolved recovered"]);
    assert!(step(100, 11.0).is_empty(), "pending once more");
    assert!(step(110, 9.0).is_empty(), "below the bound: not wrong any more");
    assert!(step(120, 11.0).is_empty() && step(140, 11.0).is_empty());
    assert_eq!(step(150, 11.0), ["firing High a since 120"]);
}

#[test]
fn errors_gaps_and_lost_evaluations_end_nothing() {
    let source = Given::default();
    let mut engine = Engine::new(vec![rule()], 10);
    for seconds in [0, 10, 20, 30] {
        source.set(&[("a", 11.0)]);
        engine.evaluate(&source, at(seconds));
    }
    source.fail();
    let findings: Vec<String> = (4..100).flat_map(|n| told(engine.evaluate(&source, at(n * 10)))).collect();
    assert_eq!(findings, ["firing AlertRuleFailing High since 60"], "and that it fails is told");
    assert!(engine.status()[0].error.is_some());
    // nothing was looked at for an hour, and then there is no data yet
    source.set(&[]);
    let found = told(engine.evaluate(&source, at(5_000)));
    assert_eq!(found, ["resolved recovered"], "that was the failing rule");
    assert!(told(engine.evaluate(&source, at(5_050))).is_empty());
    assert_eq!(told(engine.evaluate(&source, at(5_060))), ["resolved no data"]);
}

#[test]
fn a_gap_in_the_data_does_not_begin_the_wait_anew_but_yesterday_does_not_count() {
    let source = Given::default();
    let mut engine = Engine::new(vec![rule()], 10);
    source.set(&[("a", 11.0)]);
    engine.evaluate(&source, at(0));
    source.set(&[]);
    engine.evaluate(&source, at(10));
    engine.evaluate(&source, at(20));
    source.set(&[("a", 11.0)]);
    assert_eq!(told(engine.evaluate(&source, at(30))), ["firing High a since 0"]);

    let mut engine = Engine::new(vec![rule()], 10);
    engine.evaluate(&source, at(0));
    assert!(told(engine.evaluate(&source, at(86_400))).is_empty(), "pending from now on");
    assert_eq!(told(engine.evaluate(&source, at(86_430))), ["firing High a since 86400"]);
}

#[test]
fn series_are_bounded_and_what_does_not_fit_is_told() {
    let source = Given::default();
    let mut engine = Engine::new(vec![Rule { r#for: Duration::ZERO, ..rule() }], 2);
    let many: Vec<(String, f64)> = (0..5).map(|n| (format!("s{n}"), 11.0)).collect();
    let many: Vec<(&str, f64)> = many.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    source.set(&many);
    let found = told(engine.evaluate(&source, at(0)));
    assert_eq!(found.len(), 3, "{found:?}");
    assert_eq!(found[2], "firing AlertRuleTooManySeries High since 0");
    assert_eq!((engine.status()[0].firing, engine.status()[0].overflow, engine.counts().overflow), (2, 3, 3));
    source.set(&[("s0", 11.0)]);
    assert_eq!(told(engine.evaluate(&source, at(10))), ["resolved recovered"]);
}

fn absence() -> Rule {
    let check = Check::Absence { query: query(), forget_after: Duration::from_secs(3_600) };
    Rule { r#for: Duration::from_secs(20), ..Rule::new("Gone", check) }
}

#[test]
fn what_was_never_there_and_what_is_gone_are_told() {
    let source = Given::default();
    let mut engine = Engine::new(vec![absence()], 10);
    source.set(&[]);
    assert!(told(engine.evaluate(&source, at(0))).is_empty());
    assert_eq!(told(engine.evaluate(&source, at(20))), ["firing Gone  since 0"]);
    source.set(&[("a", 1.0), ("b", 1.0)]);
    assert_eq!(told(engine.evaluate(&source, at(30))), ["resolved recovered"]);
    source.set(&[("a", 1.0)]);
    assert!(told(engine.evaluate(&source, at(40))).is_empty());
    assert_eq!(told(engine.evaluate(&source, at(60))), ["firing Gone b since 40"]);
    // it is told of while it is missing, not at the end
    assert!(told(engine.evaluate(&source, at(3_600))).is_empty());
    source.set(&[("a", 1.0), ("b", 1.0)]);
    assert_eq!(told(engine.evaluate(&source, at(3_610))), ["resolved recovered"]);
}

#[test]
fn after_a_restart_what_is_missing_is_still_missing() {
    let source = Given::default();
    let mut engine = Engine::new(vec![absence()], 10);
    let begun = Begun {
        rule: "Gone".to_owned(),
        series: labels("b"),
        labels: LabelSet::new(),
        annotations: BTreeMap::new(),
        since: at(0),
    };
    assert!(engine.restore_firing(&begun, "f"));
    source.set(&[("a", 1.0)]);
    for minute in 1..30 {
        assert!(told(engine.evaluate(&source, at(60 * minute))).is_empty());
    }
    source.set(&[("a", 1.0), ("b", 1.0)]);
    assert_eq!(told(engine.evaluate(&source, at(2_000))), ["resolved recovered"]);
}

#[test]
fn rules_are_looked_at_as_often_as_they_say_and_can_be_replaced() {
    let source = Given::default();
    let slow = Rule { interval: Some(Duration::from_secs(60)), ..rule() };
    let mut engine = Engine::new(vec![slow.clone()], 10);
    source.set(&[("a", 11.0)]);
    for seconds in (0..120).step_by(10) {
        engine.evaluate(&source, at(seconds));
    }
    assert_eq!(engine.counts().evaluations, 2);
    assert_eq!(engine.status()[0].firing, 1);
    assert!(engine.replace_rules(vec![Rule { summary: "new".to_owned(), ..slow }]).is_empty());
    assert_eq!(engine.status()[0].firing, 1, "its state stays");
    assert_eq!(told(engine.replace_rules(vec![])), ["resolved rule removed"]);
}

/// What a series looks like at one evaluation.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Look {
    Bad,
    Between,
    Good,
    Missing,
    /// The question has no answer.
    Error,
    /// The process died and came back before it.
    Killed(bool),
}

fn look() -> impl Strategy<Value = Look> {
    prop_oneof![
        6 => Just(Look::Bad),
        1 => Just(Look::Between),
        3 => Just(Look::Good),
        1 => Just(Look::Missing),
        1 => Just(Look::Error),
        1 => any::<bool>().prop_map(Look::Killed),
    ]
}

/// The same story told plainly, of one series.
#[derive(Debug, Default)]
struct Model {
    bad_since: Option<u64>,
    firing: Option<u64>,
    good_since: Option<u64>,
    missing_since: Option<u64>,
}

impl Model {
    fn look(&mut self, look: Look, now: u64) {
        match look {
            Look::Error => self.missing_since = None,
            Look::Missing => {
                let since = *self.missing_since.get_or_insert(now);
                if now - since >= 60 {
                    *self = Self::default();
                }
            }
            Look::Bad | Look::Killed(true) => {
                (self.missing_since, self.good_since) = (None, None);
                let since = *self.bad_since.get_or_insert(now);
                if self.firing.is_none() && now - since >= 30 {
                    self.firing = Some(since);
                }
            }
            Look::Between | Look::Good | Look::Killed(false) => {
                self.missing_since = None;
                if self.firing.is_none() {
                    self.bad_since = None;
                } else if look == Look::Between {
                    self.good_since = None;
                } else if now - *self.good_since.get_or_insert(now) >= 20 {
                    *self = Self::default();
                }
            }
        }
    }
}

proptest! {
    /// The engine against the model, over errors, gaps and kills: nothing that is wrong for long enough is missed,
    /// nothing else is told, and nothing ends early.
    #[test]
    fn the_engine_is_the_model(looks in proptest::collection::vec(look(), 1..120)) {
        let source = Given::default();
        let mut engine = Engine::new(vec![rule()], 10);
        let mut model = Model::default();
        let mut firing: Option<(u64, String)> = None;
        for (n, look) in looks.into_iter().enumerate() {
            let now = n as u64 * 10;
            if let Look::Killed(_) = look {
                engine = survive(&engine, firing.as_ref());
                // how long something has been right or missing is not written down: it may fire for longer
                (model.good_since, model.missing_since) = (None, None);
            }
            match look {
                Look::Error => source.fail(),
                Look::Missing => source.set(&[]),
                Look::Bad | Look::Killed(true) => source.set(&[("a", 11.0)]),
                Look::Between => source.set(&[("a", 9.0)]),
                Look::Good | Look::Killed(false) => source.set(&[("a", 7.0)]),
            }
            model.look(look, now);
            for finding in engine.evaluate(&source, at(now)) {
                match finding.what {
                    What::Firing(begun) if begun.rule == "High" => {
                        prop_assert!(firing.is_none(), "told twice");
                        firing = Some((begun.since.since(at(0)).as_secs(), finding.fingerprint.to_string()));
                    }
                    What::Resolved(_) if firing.as_ref().is_some_and(|told| *told.1 == *finding.fingerprint) => {
                        firing = None;
                    }
                    _ => {}
                }
            }
            prop_assert_eq!(model.firing, firing.as_ref().map(|told| told.0), "at {} after {:?}", now, look);
        }
    }
}

/// What is written down survives; the rest does not.
fn survive(engine: &Engine, firing: Option<&(u64, String)>) -> Engine {
    let mut next = Engine::new(vec![rule()], 10);
    let looked_at = engine.looked_at().unwrap_or(at(0));
    for (rule, series, since) in engine.all_pending() {
        next.restore_pending(rule, series.clone(), since, looked_at);
    }
    if let Some((since, fingerprint)) = firing {
        let begun = Begun {
            rule: "High".to_owned(),
            series: labels("a"),
            labels: LabelSet::new(),
            annotations: BTreeMap::new(),
            since: at(*since),
        };
        assert!(next.restore_firing(&begun, fingerprint));
    }
    next
}
