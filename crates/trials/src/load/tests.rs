use super::outcome::{Failure, Outcome};
use super::record::Recorder;
use super::*;

fn settings(rate: f64, seconds: u64) -> Settings {
    Settings::new(["http://127.0.0.1:1"], rate, Duration::from_secs(seconds))
}

#[test]
fn the_schedule_does_not_drift() {
    let schedule = Schedule::starting(Instant::now(), &settings(3.0, 1_000)).unwrap();
    assert_eq!(schedule.total(), 3_000);
    assert_eq!(schedule.offset(2_997), Duration::from_secs(999));
    assert_eq!(schedule.seconds(), 1_000);
}

#[test]
fn what_makes_no_load_is_refused() {
    for (rate, seconds) in [(0.0, 1), (-5.0, 1), (f64::NAN, 1), (f64::INFINITY, 1), (0.5, 1), (10.0, 0)] {
        let refused = Schedule::starting(Instant::now(), &settings(rate, seconds));
        assert!(matches!(refused, Err(Error::NoRequests { .. })), "{rate} for {seconds} s");
    }
}

#[test]
fn addresses_are_checked() {
    for bad in ["", "127.0.0.1:80", "https://127.0.0.1", "http://a/b", "http://a?b", "http://"] {
        assert_eq!(Client::new(bad).err(), Some(Error::BadBase(bad.to_owned())));
    }
    assert!(Client::new("http://localhost/").is_ok());
}

/// A report of a run at 10 requests per second; one letter per request: `.` ok, `s` status, `t` timeout, `?` lost.
fn report(outcomes: &str) -> Report {
    let settings = Settings::new(["http://a"], 10.0, Duration::from_millis(100 * outcomes.len() as u64));
    let schedule = Schedule::starting(Instant::now(), &settings).unwrap();
    let mut recorder = Recorder::new(&schedule).unwrap();
    // answers come in any order
    for (n, letter) in outcomes.char_indices().rev() {
        let outcome = match letter {
            '.' => Outcome::Ok,
            's' => Outcome::Failed(Failure::Status),
            't' => Outcome::Failed(Failure::Timeout),
            _ => continue,
        };
        recorder.add(Ok((n as u64, outcome, Duration::from_millis(n as u64))));
    }
    recorder.finish(&settings)
}

#[test]
fn every_planned_request_is_accounted_for() {
    let report = report("..s.t?....?.");
    assert_eq!((report.requests, report.ok), (12, 8));
    assert_eq!(report.failures, Failures { status: 1, timeout: 1, broken: 2, ..Failures::default() });
    let series: u64 = report.series.iter().map(|second| second.ok + second.failures.total()).sum();
    assert_eq!((series, report.series.len()), (12, 2));
    assert_eq!(report.series[1].ok, 1);
    assert_eq!(report.series[1].failures.broken, 1);
}

#[test]
fn a_run_of_failures_ends_with_a_good_answer_and_an_outage_with_calm() {
    let report = report("..ss.tttt...s.s.s.s.s.....s");
    assert_eq!((report.longest_run.failures, report.longest_run.lasted_ms), (4, 400.0));
    assert_eq!(report.longest_run.start_ms, 500.0);
    assert_eq!(report.longest_outage.failures, 11);
    assert_eq!((report.longest_outage.start_ms, report.longest_outage.lasted_ms), (200.0, 1_900.0));
    assert_eq!(self::report("....").longest_outage.lasted_ms, 0.0);
}
