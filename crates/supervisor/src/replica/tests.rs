//! The replica by table, and in worlds where anything happens in any order.

mod any_order;

use super::*;
use crate::events::Reason;
use crate::settings::{Command, Probe, ProbeKind, Probes, RestartPolicy, Service};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

const SECOND: Duration = Duration::from_secs(1);

fn probe() -> Option<Probe> {
    Some(Probe::new(ProbeKind::Tcp))
}

fn service() -> Service {
    Service { probes: Probes::none(), ..Service::new("shop", Command::Shell("x".into())) }
}

/// A replica, and the time it lives in.
struct Bed {
    replica: Replica,
    now: Instant,
}

impl Bed {
    /// Whose process runs.
    fn launched(service: Service) -> (Self, Vec<Action>) {
        let now = Instant::now();
        let mut bed = Self { replica: Replica::new(Arc::new(service), now, 7), now };
        assert_eq!(bed.replica.phase(), Phase::Pending);
        assert_eq!(bed.step(Input::Start), [Action::Launch { run: 1 }]);
        assert_eq!(bed.replica.phase(), Phase::Starting);
        let actions = bed.step(Input::Launched { run: 1 });
        (bed, actions)
    }

    fn step(&mut self, input: Input) -> Vec<Action> {
        self.replica.step(self.now, input)
    }

    fn after(&mut self, time: Duration) -> Vec<Action> {
        self.now += time;
        self.step(Input::Tick)
    }

    /// At the next moment it wants a tick.
    fn next(&mut self) -> Vec<Action> {
        self.now = self.replica.next().expect("something is to come");
        self.step(Input::Tick)
    }

    fn answer(&mut self, which: Which, well: bool) -> Vec<Action> {
        let result = if well { Ok(()) } else { Err("no".to_owned()) };
        let run = self.replica.run();
        self.step(Input::Probed { run, which, result })
    }

    fn exit(&mut self, success: bool) -> Vec<Action> {
        let reason = if success { Reason::Completed } else { Reason::Error };
        let ending = Ending { success, reason, words: "ended".to_owned() };
        let run = self.replica.run();
        self.step(Input::Exited { run, ending })
    }

    fn phase(&self) -> Phase {
        self.replica.phase()
    }
}

fn asks(actions: &[Action], which: Which) -> bool {
    actions.iter().any(|action| matches!(action, Action::Probe { which: asked, .. } if *asked == which))
}

fn notes(actions: &[Action], wanted: Reason) -> bool {
    actions.iter().any(|action| matches!(action, Action::Note(reason, _) if *reason == wanted))
}

#[test]
fn without_probes_it_is_ready_as_soon_as_it_runs() {
    let (bed, actions) = Bed::launched(service());
    assert_eq!(bed.phase(), Phase::Ready);
    assert!(notes(&actions, Reason::Ready));
    assert_eq!(bed.replica.next(), None, "there is nothing to wait for");
}

#[test]
fn start_up_comes_before_everything_else() {
    let probes = Probes { startup: probe(), liveness: probe(), readiness: probe() };
    let (mut bed, actions) = Bed::launched(Service { probes, ..service() });
    assert_eq!(actions, [Action::Probe { run: 1, which: Which::Startup }], "at once");
    assert_eq!(bed.phase(), Phase::Starting);
    let actions = bed.answer(Which::Startup, true);
    assert_eq!(bed.phase(), Phase::Started);
    assert!(asks(&actions, Which::Liveness) && asks(&actions, Which::Readiness), "{actions:?}");
    bed.answer(Which::Readiness, true);
    assert_eq!(bed.phase(), Phase::Ready);
}

#[test]
fn nothing_is_asked_within_the_delay() {
    let probe = Some(Probe { initial_delay: 5 * SECOND, ..Probe::new(ProbeKind::Tcp) });
    let probes = Probes { readiness: probe, ..Probes::none() };
    let (mut bed, actions) = Bed::launched(Service { probes, ..service() });
    assert_eq!(actions, []);
    assert_eq!(bed.replica.next(), Some(bed.now + 5 * SECOND));
    assert!(asks(&bed.next(), Which::Readiness));
}

#[test]
fn until_it_is_ready_it_is_asked_in_between_and_that_does_not_count() {
    let probes = Probes { readiness: probe(), ..Probes::none() };
    let (mut bed, _) = Bed::launched(Service { probes, ..service() });
    let start = bed.now;
    let counted = bed.answer(Which::Readiness, false);
    assert!(matches!(counted[..], [Action::Unhealthy { .. }]), "{counted:?}");
    let mut asked = 0;
    while bed.now < start + SECOND {
        assert!(asks(&bed.next(), Which::Readiness));
        assert_eq!(bed.answer(Which::Readiness, false), []);
        asked += 1;
    }
    // at most every 5 ms, and late by no more than a twentieth
    assert!((20..=100).contains(&asked), "{asked}");
    assert!(asks(&bed.next(), Which::Readiness));
    bed.answer(Which::Readiness, true);
    assert_eq!(bed.phase(), Phase::Ready);
    // from now on only when it counts
    assert_eq!(bed.replica.next(), Some(start + 10 * SECOND));
}

#[test]
fn readiness_comes_and_goes_with_its_thresholds() {
    let probe = Probe { success_threshold: 2, failure_threshold: 3, ..Probe::new(ProbeKind::Tcp) };
    let probes = Probes { readiness: Some(probe), ..Probes::none() };
    let (mut bed, _) = Bed::launched(Service { probes, ..service() });
    let mut phases = Vec::new();
    for (n, well) in [true, true, false, false, true, false, false, false, true, true].into_iter().enumerate()
    {
        if n > 0 {
            assert!(asks(&bed.after(10 * SECOND), Which::Readiness));
        }
        bed.answer(Which::Readiness, well);
        phases.push(bed.phase());
    }
    use Phase::{NotReady, Ready, Started};
    let expected = [Started, Ready, Ready, Ready, Ready, Ready, Ready, NotReady, NotReady, Ready];
    assert_eq!(phases, expected);
}

#[test]
fn one_whose_liveness_fails_is_ended_and_started_again() {
    let probes = Probes { liveness: probe(), ..Probes::none() };
    let (mut bed, _) = Bed::launched(Service { probes, ..service() });
    assert_eq!(bed.phase(), Phase::Ready);
    bed.answer(Which::Liveness, false);
    for _ in 0..2 {
        assert!(asks(&bed.after(10 * SECOND), Which::Liveness));
        let actions = bed.answer(Which::Liveness, false);
        if bed.phase() == Phase::Stopping {
            assert!(notes(&actions, Reason::Killing) && actions.contains(&Action::Terminate), "{actions:?}");
        }
    }
    assert_eq!(bed.phase(), Phase::Stopping);
    // it ends as if all were well; that it was ill counts
    bed.exit(true);
    assert_eq!(bed.phase(), Phase::CrashLoopBackOff);
    assert_eq!(bed.replica.last_ending().map(|ending| ending.reason), Some(Reason::Unhealthy));
    assert_eq!(bed.next(), [Action::Launch { run: 2 }]);
    assert_eq!((bed.replica.restarts(), bed.phase()), (1, Phase::Starting));
}

#[test]
fn it_takes_no_more_requests_then_is_asked_then_is_killed() {
    let (mut bed, _) = Bed::launched(service());
    let actions = bed.step(Input::Stop);
    assert!(actions.contains(&Action::Drain { run: 1 }) && !actions.contains(&Action::Terminate));
    assert_eq!(bed.phase(), Phase::Draining);
    assert_eq!(bed.step(Input::Drained { run: 9 }), [], "of another run");
    assert_eq!(bed.step(Input::Drained { run: 1 }), [Action::Terminate]);
    assert_eq!(bed.phase(), Phase::Stopping);
    let actions = bed.after(30 * SECOND);
    assert!(notes(&actions, Reason::ExceededGracePeriod) && actions.contains(&Action::Kill));
    assert!(bed.next().contains(&Action::Kill), "again, as long as it is there");
    bed.exit(false);
    assert_eq!((bed.phase(), bed.replica.next()), (Phase::Stopped, None));
}

#[test]
fn a_drain_that_takes_too_long_is_cut_short() {
    let (mut bed, _) = Bed::launched(service());
    bed.step(Input::Stop);
    assert_eq!(bed.after(29 * SECOND), []);
    let actions = bed.after(SECOND);
    assert!(notes(&actions, Reason::ExceededGracePeriod) && actions.contains(&Action::Terminate));
}

#[test]
fn one_that_never_had_a_request_is_not_drained() {
    let probes = Probes { readiness: probe(), ..Probes::none() };
    let (mut bed, _) = Bed::launched(Service { probes, ..service() });
    assert!(bed.step(Input::Stop).contains(&Action::Terminate));
    // nothing was started yet, or nothing runs: nothing to end
    for exit in [false, true] {
        let (mut bed, _) = Bed::launched(service());
        if exit {
            bed.exit(false);
            assert_eq!(bed.step(Input::Stop), []);
        } else {
            bed = Bed { replica: Replica::new(Arc::new(service()), bed.now, 7), now: bed.now };
            assert_eq!(bed.step(Input::Stop), []);
        }
        assert_eq!(bed.phase(), Phase::Stopped);
    }
}

#[test]
fn one_that_is_stopped_while_it_is_being_started_is_ended_once_it_runs() {
    let now = Instant::now();
    let mut bed = Bed { replica: Replica::new(Arc::new(service()), now, 7), now };
    bed.step(Input::Start);
    assert_eq!(bed.step(Input::Stop), []);
    assert_eq!((bed.phase(), bed.replica.next()), (Phase::Stopping, None));
    assert_eq!(bed.step(Input::Launched { run: 1 }), [Action::Terminate]);
    assert_eq!(bed.replica.next(), Some(now + 30 * SECOND));
    bed.exit(true);
    assert_eq!(bed.phase(), Phase::Stopped);
}

#[test]
fn the_policy_decides_what_follows_an_end() {
    use RestartPolicy::{Always, Never, OnFailure};
    let table = [
        (Always, true, Phase::CrashLoopBackOff),
        (Always, false, Phase::CrashLoopBackOff),
        (OnFailure, true, Phase::Completed),
        (OnFailure, false, Phase::CrashLoopBackOff),
        (Never, true, Phase::Completed),
        (Never, false, Phase::Failed),
    ];
    for (policy, success, phase) in table {
        let mut service = service();
        service.restart.policy = policy;
        let (mut bed, _) = Bed::launched(service);
        bed.exit(success);
        assert_eq!(bed.phase(), phase, "{policy:?} {success}");
    }
}

#[test]
fn the_wait_grows_and_a_long_run_forgives() {
    let (mut bed, _) = Bed::launched(service());
    let mut waits = Vec::new();
    for run in 2..14 {
        bed.exit(false);
        waits.push((bed.replica.next().unwrap() - bed.now, bed.replica.failures()));
        assert_eq!(bed.next(), [Action::Launch { run }]);
        bed.step(Input::Launched { run });
    }
    let limits = [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300];
    for ((wait, failures), limit) in waits.iter().zip(limits) {
        assert!(*wait <= limit * SECOND, "{failures}: {wait:?} of {limit} s");
    }
    // full jitter: not one of them stands for the rest
    assert!(waits[8..].windows(2).any(|pair| pair[0].0 != pair[1].0), "{waits:?}");
    bed.now += 600 * SECOND;
    bed.exit(false);
    assert_eq!(bed.replica.failures(), 1);
}

#[test]
fn one_that_is_taken_over_shows_anew_that_it_is_ready() {
    let now = Instant::now();
    let probes = Probes { readiness: probe(), ..Probes::none() };
    let replica = Replica::adopted(Arc::new(Service { probes, ..service() }), now, now, 7);
    let mut bed = Bed { replica, now };
    assert_eq!((bed.phase(), bed.replica.run()), (Phase::Started, 1));
    assert!(asks(&bed.next(), Which::Readiness));
    bed.answer(Which::Readiness, true);
    assert_eq!((bed.phase(), bed.replica.restarts()), (Phase::Ready, 0));
}
