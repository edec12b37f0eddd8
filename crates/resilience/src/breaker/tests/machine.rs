//! Single rules, where a reader should see the numbers.

use super::super::*;
use crate::classify::Outcome::{self, Failure, Success, Throttled};
use std::time::Duration;

fn call(machine: &mut Machine, now: Instant, outcome: Outcome) -> Option<Transition> {
    let (ticket, _) = machine.admit(now);
    machine.record(now, ticket.expect("admitted"), outcome, false)
}

fn failing(times: u32) -> Machine {
    let now = Instant::now();
    let mut machine = Machine::new(Settings { jitter: 0.0, ..Settings::default() }, now, 1);
    for _ in 0..times {
        call(&mut machine, now, Failure);
    }
    machine
}

#[test]
fn five_in_a_row_trip_and_the_reason_has_the_number() {
    assert_eq!(failing(4).phase(), Phase::Closed);
    let tripped = failing(5);
    assert_eq!(tripped.phase(), Phase::Open);
    assert_eq!(tripped.trip(), Some(Trip::ConsecutiveFailures { count: 5 }));
}

#[test]
fn throttling_neither_adds_to_a_run_nor_ends_it() {
    let mut machine = failing(4);
    let now = Instant::now();
    for _ in 0..10 {
        assert_eq!(call(&mut machine, now, Throttled), None);
    }
    assert!(call(&mut machine, now, Failure).is_some());
}

#[test]
fn throttling_counts_toward_the_rate() {
    let now = Instant::now();
    let rate = FailureRate { ratio: 0.5, min_requests: 4, window: Duration::from_secs(10) };
    let settings = Settings { failure_rate: Some(rate), ..Settings::default() };
    let mut machine = Machine::new(settings, now, 1);
    for outcome in [Success, Success, Throttled] {
        assert_eq!(call(&mut machine, now, outcome), None);
    }
    let change = call(&mut machine, now, Throttled).expect("half of four");
    assert_eq!(change.trip, Some(Trip::FailureRate { failures: 2, requests: 4 }));
}

#[test]
fn open_time_doubles_to_its_bound_and_starts_over_once_closed() {
    let mut machine = failing(5);
    let mut now = Instant::now();
    for seconds in [60, 120, 240, 300, 300] {
        let left = machine.retry_after(now).expect("open");
        assert_eq!(left.as_secs_f64().round() as u64, seconds);
        now += left;
        call(&mut machine, now, Throttled).expect("throttling fails a probe");
    }
    now += Duration::from_secs(300);
    assert_eq!(call(&mut machine, now, Success), None);
    let closed = call(&mut machine, now, Success).expect("the second success closes");
    assert_eq!((closed.from, closed.to), (Phase::HalfOpen, Phase::Closed));
    for _ in 0..5 {
        call(&mut machine, now, Failure);
    }
    assert_eq!(machine.retry_after(now), Some(Duration::from_secs(60)));
}

#[test]
fn jitter_only_ever_lengthens_and_differs_by_seed() {
    let now = Instant::now();
    let open_for = |seed| {
        let mut machine = Machine::new(Settings { jitter: 0.5, ..Settings::default() }, now, seed);
        for _ in 0..5 {
            call(&mut machine, now, Failure);
        }
        machine.retry_after(now).expect("open")
    };
    let times: Vec<Duration> = (0..50).map(open_for).collect();
    assert!(times.iter().all(|time| (60..=90).contains(&time.as_secs())));
    assert!(times.iter().max() > times.iter().min());
}

#[test]
fn a_result_from_before_the_trip_does_not_count() {
    let now = Instant::now();
    let mut machine = Machine::new(Settings { jitter: 0.0, ..Settings::default() }, now, 1);
    let (old, _) = machine.admit(now);
    for _ in 0..5 {
        call(&mut machine, now, Failure);
    }
    let later = now + Duration::from_secs(60);
    let (probe, _) = machine.admit(later);
    assert_eq!(machine.record(later, old.expect("closed"), Failure, false), None);
    assert_eq!(machine.phase(), Phase::HalfOpen);
    assert_eq!(machine.record(later, probe.expect("time is over"), Success, false), None);
}

#[test]
fn an_idle_window_empties_itself() {
    let now = Instant::now();
    let rate = FailureRate { ratio: 0.5, min_requests: 2, window: Duration::from_secs(10) };
    let settings = Settings { consecutive_failures: None, failure_rate: Some(rate), ..Settings::default() };
    let mut machine = Machine::new(settings, now, 1);
    assert_eq!(call(&mut machine, now, Failure), None);
    assert_eq!(call(&mut machine, now + Duration::from_secs(11), Failure), None);
    assert!(call(&mut machine, now + Duration::from_secs(12), Failure).is_some());
}

#[test]
fn contradictions_are_listed_all_at_once() {
    let settings = Settings {
        consecutive_failures: Some(0),
        open_max: Duration::from_secs(1),
        probes: 0,
        jitter: 2.0,
        ..Settings::default()
    };
    let found: Vec<String> = settings.validate().into_iter().map(|problem| problem.setting).collect();
    assert_eq!(found, ["consecutive_failures", "open_max", "jitter", "probes"]);
    assert_eq!(Settings::default().validate(), []);
}
