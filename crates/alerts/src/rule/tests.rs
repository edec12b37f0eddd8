use super::*;
use crate::Source;
use seaworthy_store::Timestamp;
use seaworthy_telemetry::history::{self, Aggregate, Function, Labels, Query, Sample, Selector, Series};
use std::collections::BTreeMap;

/// Answers by metric, and by metric over time.
#[derive(Default)]
struct Fixed {
    now: BTreeMap<String, Vec<(&'static str, f64)>>,
    past: BTreeMap<String, Vec<f64>>,
}

fn labels(service: &str) -> Labels {
    [("service", service)].into_iter().collect()
}

impl Source for Fixed {
    fn query(&self, query: &Query, _: Timestamp) -> Result<Vec<Sample>, history::Error> {
        let found = self.now.get(query.selector.name()).cloned().unwrap_or_default();
        Ok(found.into_iter().map(|(service, value)| Sample { labels: labels(service), value }).collect())
    }

    fn range(
        &self,
        query: &Query,
        from: Timestamp,
        _: Timestamp,
        step: Duration,
    ) -> Result<Vec<Series>, history::Error> {
        let past = self.past.get(query.selector.name()).cloned().unwrap_or_default();
        let times = (0..).map(|n| std::time::SystemTime::from(from.plus(step * n)));
        Ok(vec![Series { labels: labels("shop"), points: times.zip(past).collect() }])
    }
}

fn query(metric: &str) -> Query {
    let selector = Selector::new(metric, vec![]).expect("a selector");
    let window = Duration::from_secs(300);
    Query { selector, function: Function::Latest, window, by: None, aggregate: Aggregate::Sum }
}

fn verdicts(check: Check, source: &Fixed) -> Vec<(String, Verdict)> {
    let rule = Rule::new("r", check);
    rule.validate().expect("a rule");
    let observed = rule.observe(source, Timestamp::from_micros(0)).expect("observed");
    observed
        .into_iter()
        .map(|one| (one.labels.get("service").unwrap_or("").to_owned(), one.verdict))
        .collect()
}

fn source(metric: &str, values: &[(&'static str, f64)]) -> Fixed {
    Fixed { now: BTreeMap::from([(metric.to_owned(), values.to_vec())]), past: BTreeMap::new() }
}

#[test]
fn thresholds_have_two_sides_and_a_band() {
    let values = [("a", 11.0), ("b", 10.0), ("c", 8.5), ("d", 8.0), ("e", f64::NAN)];
    let check =
        |op, resolve| Check::Threshold { value: Value::Query(query("m")), op, threshold: 10.0, resolve };
    use Verdict::{Bad, Between, Good};
    let told = |check| verdicts(check, &source("m", &values)).into_iter().map(|v| v.1).collect::<Vec<_>>();
    assert_eq!(told(check(Op::Above, None)), [Bad, Good, Good, Good], "not a number is no value");
    assert_eq!(told(check(Op::AtLeast, Some(8.5))), [Bad, Bad, Between, Good]);
    assert_eq!(told(check(Op::Below, Some(10.5))), [Good, Between, Bad, Bad]);
    let wrong_side = Check::Threshold {
        value: Value::Query(query("m")),
        op: Op::Above,
        threshold: 10.0,
        resolve: Some(12.0),
    };
    assert!(Rule::new("r", wrong_side).validate().is_err());
}

#[test]
fn ratios_join_series_and_need_a_whole() {
    let mut source = source("whole", &[("a", 100.0), ("b", 100.0), ("c", 3.0), ("d", 0.0)]);
    source.now.insert("part".to_owned(), vec![("a", 10.0), ("c", 3.0), ("x", 1.0)]);
    let value = Value::Ratio { part: query("part"), whole: query("whole"), min_whole: 20.0 };
    let check = Check::Threshold { value, op: Op::Above, threshold: 0.05, resolve: None };
    let found = verdicts(check, &source);
    assert_eq!(found, [("a".to_owned(), Verdict::Bad), ("b".to_owned(), Verdict::Good)]);
}

#[test]
fn anomalies_are_far_from_the_median() {
    let past: Vec<f64> = (0..60).map(|n| 100.0 + f64::from(n % 5)).collect();
    let judge = |value: f64, side: Side, past: &[f64]| {
        let mut source = source("m", &[]);
        source.now.insert("m".to_owned(), vec![("shop", value), ("unknown", 1e9)]);
        source.past.insert("m".to_owned(), past.to_vec());
        let anomaly = Anomaly { side, ..Anomaly::default() };
        verdicts(Check::Anomaly { query: query("m"), anomaly }, &source)
    };
    let one = |verdict| vec![("shop".to_owned(), verdict)];
    assert_eq!(judge(104.0, Side::Both, &past), one(Verdict::Good));
    assert_eq!(judge(120.0, Side::Both, &past), one(Verdict::Bad));
    assert_eq!(judge(80.0, Side::Both, &past), one(Verdict::Bad));
    assert_eq!(judge(80.0, Side::Upper, &past), one(Verdict::Good));
    assert_eq!(judge(80.0, Side::Lower, &past), one(Verdict::Bad));
    assert_eq!(judge(120.0, Side::Both, &past[..10]), vec![], "too few points say nothing");
    // one outlier of the past does not hide the next: that is what the median is for
    let mut spiked = past.clone();
    spiked[30] = 1e12;
    assert_eq!(judge(120.0, Side::Both, &spiked), one(Verdict::Bad));
    let flat = [50.0; 60];
    assert_eq!(judge(50.5, Side::Both, &flat), one(Verdict::Good), "a past that never varied");
    assert_eq!(judge(60.0, Side::Both, &flat), one(Verdict::Bad));
}

#[test]
fn medians_of_odd_and_even_numbers() {
    let score = |past: &[f64], value| RobustZ.score(past, value);
    assert_eq!(score(&[], 1.0), None);
    assert_eq!(score(&[1.0, 3.0], 2.0), Some(0.0));
    assert_eq!(score(&[5.0, 1.0, 3.0], 3.0), Some(0.0));
    assert_eq!(score(&[f64::NAN, 3.0, f64::INFINITY], 3.0), Some(0.0));
}

#[test]
fn own_rules_replace_built_in_ones_and_can_switch_them_off() {
    let names = |rules: Vec<Rule>| rules.into_iter().map(|rule| rule.name).collect::<Vec<_>>();
    let built_in = names(assemble(&[], vec![]).expect("rules"));
    assert_eq!(built_in, ["DeadLetters", "HighErrorRate", "HighLatency", "QueueAge"]);
    let value = Value::Query(query("m"));
    let check = Check::Threshold { value, op: Op::Above, threshold: 1.0, resolve: None };
    let off = Rule { enabled: false, ..Rule::new("HighLatency", check.clone()) };
    let mut own = Rule::new("QueueAge", check.clone());
    own.summary = "mine".to_owned();
    let rules = assemble(&[], vec![off, own.clone()]).expect("rules");
    assert_eq!(rules.iter().filter(|rule| rule.summary == "mine").count(), 1);
    assert_eq!(names(rules), ["DeadLetters", "HighErrorRate", "QueueAge"]);
    assert!(assemble(&[], vec![own.clone(), own]).is_err(), "given twice");
    assert!(assemble(&[], vec![Rule::new("", check)]).is_err());
}

#[test]
fn alerts_have_the_labels_of_series_and_rule() {
    let value = Value::Query(query("m"));
    let check = Check::Threshold { value, op: Op::Above, threshold: 1.0, resolve: None };
    let mut rule = Rule::new("High", check);
    rule.labels.insert("team".to_owned(), "a".to_owned());
    rule.summary = "{{labels.service}} of {{labels.team}}: {{value}}".to_owned();
    let labels = rule.labels_of(&LabelSet::from([("service".to_owned(), "shop".to_owned())]));
    let text = serde_json::to_string(&labels).expect("json");
    assert_eq!(text, r#"{"alertname":"High","service":"shop","severity":"warning","team":"a"}"#);
    assert_eq!(rule.annotations_of(&labels, Some(2.0))["summary"], "shop of a: 2");
}
