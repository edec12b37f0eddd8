use super::behavior::Past;
use super::metric::{Judgement, Reading, average, whole};
use super::*;
use crate::settings::Autoscale;
use proptest::prelude::*;
use std::time::Duration;
use tokio::time::Instant;

const SECOND: Duration = Duration::from_secs(1);

fn ready(values: &[f64]) -> Vec<Reading> {
    values.iter().map(|value| Reading { ready: true, value: Some(*value) }).collect()
}

fn proposed(judgement: Judgement) -> Option<u32> {
    match judgement {
        Judgement::Proposal(proposal) => Some(proposal.replicas),
        Judgement::Unknown => None,
    }
}

/// The worked examples of "Algorithm details" in Kubernetes' documentation of the HorizontalPodAutoscaler.
#[test]
fn the_ratio_of_value_to_target_decides() {
    let of = |values: &[f64], target| {
        let current = u32::try_from(values.len()).unwrap();
        proposed(average(current, target, &ready(values)))
    };
    assert_eq!(of(&[200.0, 200.0], 100.0), Some(4), "twice the target doubles");
    assert_eq!(of(&[50.0, 50.0], 100.0), Some(1), "half the target halves");
    assert_eq!(of(&[109.0, 109.0], 100.0), Some(2), "within a tenth nothing happens");
    assert_eq!(of(&[91.0, 91.0], 100.0), Some(2), "nor below it");
    assert_eq!(of(&[110.0, 110.0, 110.0], 100.0), Some(3), "a tenth is still within");
    assert_eq!(of(&[120.0, 120.0, 120.0], 100.0), Some(4), "rounded up");
    assert_eq!(of(&[0.0, 0.0], 100.0), Some(0));
    assert_eq!(of(&[], 100.0), None);
}

#[test]
fn replicas_that_are_not_ready_count_as_idle_when_it_would_go_up() {
    let mut readings = ready(&[150.0, 150.0]);
    // alone they ask for 3; with one idle the average is the target
    assert_eq!(proposed(average(2, 100.0, &readings)), Some(3));
    readings.push(Reading { ready: false, value: None });
    assert_eq!(proposed(average(3, 100.0, &readings)), Some(3));
    // what an unready one reads does not matter
    readings[2].value = Some(900.0);
    assert_eq!(proposed(average(3, 100.0, &readings)), Some(3));
    // a load that is high enough still adds
    let mut readings = ready(&[400.0, 400.0]);
    readings.push(Reading { ready: false, value: None });
    assert_eq!(proposed(average(3, 100.0, &readings)), Some(8));
    // going down they are not counted at all
    let mut readings = ready(&[20.0, 20.0]);
    readings.push(Reading { ready: false, value: None });
    assert_eq!(proposed(average(3, 100.0, &readings)), Some(1));
}

#[test]
fn replicas_that_say_nothing_never_turn_the_direction_around() {
    let silent = Reading { ready: true, value: None };
    // up: as idle
    let mut readings = ready(&[200.0, 200.0]);
    readings.push(silent);
    assert_eq!(proposed(average(3, 100.0, &readings)), Some(4));
    // up, but with the silent ones it would be down: nothing
    let readings = [ready(&[120.0]), vec![silent; 3]].concat();
    assert_eq!(proposed(average(4, 100.0, &readings)), Some(4));
    // down: as at the target
    let readings = [ready(&[20.0]), vec![silent; 2]].concat();
    assert_eq!(proposed(average(3, 100.0, &readings)), Some(3), "2.2 of 3 is rounded up");
    let readings = [ready(&[0.0, 0.0]), vec![silent]].concat();
    assert_eq!(proposed(average(3, 100.0, &readings)), Some(1));
    // nobody says anything
    assert_eq!(average(2, 100.0, &[silent, silent]), Judgement::Unknown);
}

#[test]
fn a_target_for_the_whole_multiplies_those_that_are_ready() {
    let two = ready(&[0.0, 0.0]);
    assert_eq!(proposed(whole(2, 0.2, Some(0.5), &two)), Some(5));
    assert_eq!(proposed(whole(2, 0.2, Some(0.21), &two)), Some(2));
    assert_eq!(proposed(whole(2, 0.2, None, &two)), None);
    assert_eq!(proposed(whole(2, 0.2, Some(0.5), &[])), None);
}

/// The example of KEP-853, "Stabilization before scaling down": one recommendation a minute, a window of ten.
#[test]
fn the_highest_recommendation_of_the_window_counts() {
    let start = Instant::now();
    let mut past = Past::default();
    let recommended = [10, 9, 8, 9, 9, 8, 9, 8, 9, 8, 7];
    let window = 600 * SECOND;
    let counted: Vec<_> = (0_u32..)
        .zip(recommended)
        .map(|(minute, recommended)| past.stabilized(start + minute * 60 * SECOND, window, recommended))
        .collect();
    assert_eq!(counted, [10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 9]);
}

#[test]
fn the_number_taken_away_is_rounded_up_and_the_period_remembered() {
    let start = Instant::now();
    let mut past = Past::default();
    assert_eq!([1, 3, 8].map(|n| past.floor(start, n)), [0, 1, 4]);
    assert_eq!([1, 3, 8].map(|n| past.ceiling(start, n)), [2, 6, 16]);
    past.changed(start, 8, 5);
    assert_eq!(past.floor(start + 59 * SECOND, 5), 4, "one more of the eight");
    assert_eq!(past.floor(start + 60 * SECOND, 5), 2, "a new minute");
    assert_eq!(past.ceiling(start + SECOND, 5), 10, "going down does not count as room to go up");
    past.changed(start + 60 * SECOND, 5, 10);
    assert_eq!(past.ceiling(start + 74 * SECOND, 10), 10);
    assert_eq!(past.ceiling(start + 75 * SECOND, 10), 20);
}

fn cpu(values: &[f64]) -> Sample {
    let load = |value: &f64| Load { ready: true, cpu_percent: Some(*value), ..Load::default() };
    Sample { replicas: values.iter().map(load).collect(), p95: None }
}

#[test]
fn up_at_once_down_after_five_minutes() {
    let settings = Autoscale { cpu_percent: Some(70), ..Autoscale::between(1, 6) };
    let mut scaler = Scaler::default();
    let start = Instant::now();
    let up = scaler.decide(start, &settings, 1, &cpu(&[350.0]));
    assert_eq!((up.to, up.recommended, up.limited_by), (2, 5, Some(Limit::ScaleUpLimit)), "{}", up.reason);
    let same = scaler.decide(start + 14 * SECOND, &settings, 2, &cpu(&[350.0, 350.0]));
    assert_eq!((same.to, same.limited_by), (2, Some(Limit::ScaleUpLimit)));
    let more = scaler.decide(start + 15 * SECOND, &settings, 2, &cpu(&[350.0, 350.0]));
    assert_eq!(more.to, 4);
    let most = scaler.decide(start + 30 * SECOND, &settings, 4, &cpu(&[350.0; 4]));
    assert_eq!((most.to, most.limited_by), (6, Some(Limit::TooManyReplicas)));
    // it gets quiet
    let quiet = scaler.decide(start + 45 * SECOND, &settings, 6, &cpu(&[7.0; 6]));
    assert_eq!((quiet.to, quiet.limited_by), (6, Some(Limit::ScaleDownStabilized)));
    let last_high = 30;
    let before = scaler.decide(start + (last_high + 299) * SECOND, &settings, 6, &cpu(&[7.0; 6]));
    assert_eq!(before.to, 6);
    let down = scaler.decide(start + (last_high + 300) * SECOND, &settings, 6, &cpu(&[7.0; 6]));
    assert_eq!((down.to, down.recommended, down.limited_by), (3, 1, Some(Limit::ScaleDownLimit)));
    assert_eq!(down.reason, "cpu 7.0 % of 70 %; 1 recommended: at most 50 % fewer within 1 min");
    let later = scaler.decide(start + 400 * SECOND, &settings, 3, &cpu(&[7.0; 3]));
    assert_eq!((later.to, later.limited_by), (1, None));
}

#[test]
fn the_target_that_asks_for_most_decides_and_an_unknown_one_forbids_to_go_down() {
    let settings = Autoscale { cpu_percent: Some(70), in_flight: Some(10.0), ..Autoscale::between(1, 100) };
    let both = |cpu, in_flight| Sample {
        replicas: vec![Load { ready: true, cpu_percent: Some(cpu), in_flight, ..Load::default() }; 2],
        p95: None,
    };
    let now = Instant::now();
    let decide = |sample: &Sample| Scaler::default().decide(now, &settings, 2, sample);
    let decision = decide(&both(7.0, Some(20.0)));
    assert_eq!((decision.to, decision.reason.as_str()), (4, "cpu 7.0 % of 70 %, in flight 20.0 of 10"));
    let decision = decide(&both(7.0, None));
    assert_eq!((decision.to, decision.limited_by), (2, Some(Limit::MetricsUnknown)));
    assert_eq!(decide(&both(140.0, None)).to, 4, "up it may go");
}

#[test]
fn without_requests_the_latency_asks_for_nothing() {
    let settings = Autoscale { p95: Some(Duration::from_millis(200)), ..Autoscale::between(1, 9) };
    let now = Instant::now();
    let decide = |p95, in_flight| {
        let replicas = vec![Load { ready: true, in_flight, ..Load::default() }; 2];
        Scaler::default().decide(now, &settings, 2, &Sample { replicas, p95 })
    };
    assert_eq!(decide(Some(Duration::from_millis(400)), Some(3.0)).to, 4);
    assert_eq!(decide(None, Some(0.0)).to, 1, "nobody asks");
    assert_eq!(decide(None, Some(3.0)).to, 2, "requests hang: nothing is known");
    assert_eq!(decide(None, None).to, 2);
}

fn load() -> impl Strategy<Value = Load> {
    let value = prop_oneof![Just(None), any::<f64>().prop_map(Some), (0.0..500.0).prop_map(Some)];
    (any::<bool>(), value.clone(), value.clone(), value).prop_map(
        |(ready, cpu_percent, memory_percent, in_flight)| Load {
            ready,
            cpu_percent,
            memory_percent,
            in_flight,
        },
    )
}

proptest! {
    #[test]
    fn whatever_is_measured_the_bounds_hold(
        samples in prop::collection::vec((prop::collection::vec(load(), 0..6), 1..90_u64), 1..40),
    ) {
        let settings = Autoscale {
            cpu_percent: Some(70), memory_percent: Some(80), in_flight: Some(5.0), ..Autoscale::between(2, 9)
        };
        let (mut scaler, mut now, mut current) = (Scaler::default(), Instant::now(), 2);
        for (replicas, seconds) in samples {
            let decision = scaler.decide(now, &settings, current, &Sample { replicas, p95: None });
            prop_assert!((2..=9).contains(&decision.to));
            prop_assert!(decision.to <= current * 2);
            prop_assert!(decision.to >= current / 2);
            current = decision.to;
            now += Duration::from_secs(seconds);
        }
    }
}
