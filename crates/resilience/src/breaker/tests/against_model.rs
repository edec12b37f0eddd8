//! The machine against a model that keeps every result in a list and counts anew each time.

use super::super::*;
use crate::classify::Outcome;
use proptest::prelude::*;
use std::time::Duration;

const BUCKET_MS: u64 = 100;

fn settings() -> Settings {
    let window = Duration::from_millis(BUCKET_MS * 10);
    Settings {
        consecutive_failures: Some(4),
        failure_rate: Some(FailureRate { ratio: 0.5, min_requests: 6, window }),
        slow_calls: Some(SlowCalls {
            longer_than: Duration::from_millis(50),
            ratio: 0.75,
            min_requests: 4,
            window,
        }),
        open_for: Duration::from_millis(300),
        open_multiplier: 2.0,
        open_max: Duration::from_millis(1_000),
        jitter: 0.0,
        probes: 2,
        successes_to_close: 3,
    }
}

#[derive(Debug, Clone)]
enum Op {
    Wait(u64),
    Begin,
    End { which: usize, outcome: Outcome, slow: bool },
    Isolate,
    Release,
}

fn op() -> impl Strategy<Value = Op> {
    let outcome = prop_oneof![
        4 => Just(Outcome::Failure),
        3 => Just(Outcome::Success),
        1 => Just(Outcome::Throttled),
        1 => Just(Outcome::Neutral),
    ];
    prop_oneof![
        4 => (0..400_u64).prop_map(Op::Wait),
        12 => Just(Op::Begin),
        12 => (any::<usize>(), outcome, prop::bool::weighted(0.2))
            .prop_map(|(which, outcome, slow)| Op::End { which, outcome, slow }),
        1 => Just(Op::Isolate),
        1 => Just(Op::Release),
    ]
}

#[derive(Debug, PartialEq, Clone, Copy)]
enum State {
    Closed,
    Open { until: u64 },
    HalfOpen { probing: u32, successes: u32 },
    Isolated,
}

struct Model {
    now: u64,
    state: State,
    /// How often the state changed: tickets of another era are worthless.
    era: u64,
    seen: Vec<(u64, Outcome, bool)>,
    opened_in_a_row: u32,
}

impl Model {
    fn go(&mut self, state: State) {
        self.state = state;
        self.era += 1;
        self.seen.clear();
        if state == State::Closed {
            self.opened_in_a_row = 0;
        }
    }

    fn trip(&mut self) {
        let lasts = (300_u64 << self.opened_in_a_row.min(20)).min(1_000);
        self.opened_in_a_row += 1;
        self.go(State::Open { until: self.now + lasts });
    }

    fn begin(&mut self) -> Option<u64> {
        if let State::Open { until } = self.state
            && self.now >= until
        {
            self.go(State::HalfOpen { probing: 0, successes: 0 });
        }
        match &mut self.state {
            State::Closed => Some(self.era),
            State::HalfOpen { probing, .. } if *probing < 2 => {
                *probing += 1;
                Some(self.era)
            }
            _ => None,
        }
    }

    fn end(&mut self, era: u64, outcome: Outcome, slow: bool) {
        if era != self.era {
            return;
        }
        match &mut self.state {
            State::HalfOpen { probing, successes } => {
                *probing -= 1;
                if outcome == Outcome::Success && !slow {
                    *successes += 1;
                    if *successes == 3 {
                        self.go(State::Closed);
                    }
                } else if outcome != Outcome::Neutral {
                    self.trip();
                }
            }
            State::Closed if outcome != Outcome::Neutral => {
                self.seen.push((self.now, outcome, slow));
                if self.should_trip(outcome, slow) {
                    self.trip();
                }
            }
            _ => {}
        }
    }

    fn should_trip(&self, outcome: Outcome, slow: bool) -> bool {
        let run = self
            .seen
            .iter()
            .rev()
            .map(|(_, outcome, _)| *outcome)
            .take_while(|outcome| *outcome != Outcome::Success)
            .filter(|outcome| *outcome == Outcome::Failure)
            .count();
        let bucket = |at: u64| at / BUCKET_MS;
        let recent: Vec<_> =
            self.seen.iter().filter(|(at, _, _)| bucket(*at) + 10 > bucket(self.now)).collect();
        let bad = recent.iter().filter(|(_, outcome, _)| *outcome != Outcome::Success).count();
        let slow_ones = recent.iter().filter(|(_, _, slow)| *slow).count();
        (outcome == Outcome::Failure && run >= 4)
            || (outcome != Outcome::Success && recent.len() >= 6 && bad * 2 >= recent.len())
            || (slow && recent.len() >= 4 && slow_ones * 4 >= recent.len() * 3)
    }

    fn phase(&self) -> Phase {
        match self.state {
            State::Closed => Phase::Closed,
            State::Open { .. } => Phase::Open,
            State::HalfOpen { .. } => Phase::HalfOpen,
            State::Isolated => Phase::Isolated,
        }
    }
}

fn run(ops: Vec<Op>) -> Result<(), TestCaseError> {
    let start = Instant::now();
    let mut machine = Machine::new(settings(), start, 7);
    let mut model = Model { now: 0, state: State::Closed, era: 0, seen: vec![], opened_in_a_row: 0 };
    let mut calls = Vec::new();
    for op in ops {
        let now = start + Duration::from_millis(model.now);
        match op {
            Op::Wait(ms) => model.now += ms,
            Op::Begin => {
                let available = machine.is_available(now);
                let (ticket, _) = machine.admit(now);
                let expected = model.begin();
                prop_assert_eq!(available, expected.is_some());
                prop_assert_eq!(ticket.is_ok(), expected.is_some());
                match (ticket, expected) {
                    (Ok(ticket), Some(era)) => calls.push((ticket, era)),
                    (Err(refusal), _) => {
                        if let State::Open { until } = model.state {
                            let left = Duration::from_millis(until - model.now);
                            prop_assert_eq!(refusal.retry_after, Some(left));
                        }
                    }
                    (Ok(_), None) => unreachable!("compared above"),
                }
            }
            Op::End { which, outcome, slow } if !calls.is_empty() => {
                let (ticket, era) = calls.swap_remove(which % calls.len());
                machine.record(now, ticket, outcome, slow);
                model.end(era, outcome, slow);
            }
            Op::End { .. } => {}
            Op::Isolate => {
                machine.isolate(now);
                if model.state != State::Isolated {
                    model.go(State::Isolated);
                }
            }
            Op::Release => {
                machine.release(now);
                if model.state != State::Closed {
                    model.go(State::Closed);
                }
            }
        }
        prop_assert_eq!(machine.phase(), model.phase());
        prop_assert_eq!(machine.generation(), model.era);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn does_what_the_model_does(ops in prop::collection::vec(op(), 1..200)) {
        run(ops)?;
    }
}
