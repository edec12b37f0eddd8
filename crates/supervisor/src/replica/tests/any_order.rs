//! Whatever happens in whatever order: never two processes, never traffic to none, and an end once it was ordered.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

/// What there is of its process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Process {
    None,
    /// It was asked for.
    Asked(u64),
    Runs(u64),
}

#[derive(Debug, Clone, Copy)]
enum Happening {
    Start,
    Launch(bool),
    Exit(bool),
    Answer(bool),
    Drained,
    Stop,
    /// To the next moment it wants a tick, or some time on.
    Wait(Option<u64>),
    /// Something about a run that is over.
    Stale,
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        3 => Just(Happening::Start),
        8 => prop::bool::weighted(0.8).prop_map(Happening::Launch),
        3 => any::<bool>().prop_map(Happening::Exit),
        10 => prop::bool::weighted(0.6).prop_map(Happening::Answer),
        2 => Just(Happening::Drained),
        1 => Just(Happening::Stop),
        8 => Just(Happening::Wait(None)),
        4 => (0..20_000_u64).prop_map(|ms| Happening::Wait(Some(ms))),
        1 => Just(Happening::Stale),
    ]
}

struct World {
    bed: Bed,
    process: Process,
    asked: BTreeSet<&'static str>,
    started: bool,
    stopped: bool,
    was_ready: bool,
    drained: bool,
}

impl World {
    fn new(service: Service) -> Self {
        let now = Instant::now();
        let bed = Bed { replica: Replica::new(Arc::new(service), now, 7), now };
        let (asked, process) = (BTreeSet::new(), Process::None);
        Self { bed, process, asked, started: false, stopped: false, was_ready: false, drained: false }
    }

    fn happen(&mut self, happening: Happening) -> Result<(), TestCaseError> {
        let actions = match (happening, self.process) {
            (Happening::Start, _) => self.bed.step(Input::Start),
            (Happening::Launch(true), Process::Asked(run)) => {
                self.process = Process::Runs(run);
                (self.started, self.was_ready, self.drained) = (false, false, false);
                self.asked.clear();
                self.bed.step(Input::Launched { run })
            }
            (Happening::Launch(false), Process::Asked(_)) | (Happening::Exit(_), Process::Runs(_)) => {
                self.process = Process::None;
                self.bed.exit(matches!(happening, Happening::Exit(true)))
            }
            (Happening::Answer(well), Process::Runs(_)) => self.answer(well),
            (Happening::Drained, Process::Runs(run)) => {
                self.drained = true;
                self.bed.step(Input::Drained { run })
            }
            (Happening::Stop, _) => {
                self.stopped = true;
                self.bed.step(Input::Stop)
            }
            (Happening::Wait(None), _) => match self.bed.replica.next() {
                Some(next) => {
                    self.bed.now = next.max(self.bed.now);
                    self.bed.step(Input::Tick)
                }
                None => Vec::new(),
            },
            (Happening::Wait(Some(ms)), _) => self.bed.after(Duration::from_millis(ms)),
            (Happening::Stale, _) => {
                let run = self.bed.replica.run().wrapping_sub(1);
                let before = self.bed.replica.state();
                let actions = self.bed.step(Input::Drained { run });
                prop_assert_eq!(&actions, &[]);
                prop_assert_eq!(self.bed.replica.state(), before);
                actions
            }
            _ => return Ok(()),
        };
        self.obey(&actions)?;
        self.check()
    }

    fn answer(&mut self, well: bool) -> Vec<Action> {
        let which = Which::ALL.into_iter().find(|which| self.asked.contains(which.as_str()));
        let Some(which) = which else { return Vec::new() };
        self.asked.remove(which.as_str());
        self.started |= well && which == Which::Startup;
        self.bed.answer(which, well)
    }

    fn obey(&mut self, actions: &[Action]) -> Result<(), TestCaseError> {
        for action in actions {
            match action {
                Action::Launch { run } => {
                    prop_assert_eq!(self.process, Process::None, "two processes at once");
                    prop_assert!(!self.stopped, "started although it was stopped");
                    self.process = Process::Asked(*run);
                }
                Action::Probe { run, which } => {
                    prop_assert_eq!(self.process, Process::Runs(*run), "nobody could answer");
                    prop_assert!(self.asked.insert(which.as_str()), "asked twice at once");
                    prop_assert!(self.started || *which == Which::Startup, "before it has started");
                }
                Action::Terminate | Action::Kill => {
                    prop_assert!(matches!(self.process, Process::Runs(_)), "there is nobody to end");
                }
                Action::Drain { run } => {
                    prop_assert_eq!(self.process, Process::Runs(*run));
                    prop_assert!(self.was_ready && self.stopped);
                }
                Action::Unhealthy { .. } | Action::Note(..) => {}
            }
        }
        Ok(())
    }

    fn check(&mut self) -> Result<(), TestCaseError> {
        let state = self.bed.replica.state();
        let runs = matches!(self.process, Process::Runs(_));
        let waits = self.bed.replica.next().is_some();
        match state {
            State::Ready | State::NotReady => {
                prop_assert!(runs && self.started);
                self.was_ready = true;
            }
            State::Started => prop_assert!(runs && self.started),
            State::Draining { .. } => prop_assert!(runs && waits),
            State::Stopping { kill_at, .. } => {
                prop_assert_eq!(kill_at.is_some(), runs);
                prop_assert!(self.process != Process::None);
            }
            State::Backoff { .. } => prop_assert!(!runs && waits && !self.stopped),
            State::Starting { launched } => {
                prop_assert_eq!(launched, runs);
                prop_assert!(!launched || waits || !self.asked.is_empty(), "it would wait for ever");
            }
            State::Ended(_) => prop_assert_eq!(self.process, Process::None),
            State::Pending => prop_assert_eq!(self.bed.replica.run(), 0),
        }
        Ok(())
    }
}

fn all_probes(policy: RestartPolicy) -> Service {
    let often = Some(Probe { failure_threshold: 2, ..Probe::new(ProbeKind::Tcp) });
    let mut service = service();
    service.probes = Probes { startup: often.clone(), liveness: often.clone(), readiness: often };
    service.restart.policy = policy;
    service
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn never_two_and_always_an_end(
        policy in prop_oneof![
            4 => Just(RestartPolicy::Always), 1 => Just(RestartPolicy::OnFailure), 1 => Just(RestartPolicy::Never),
        ],
        happenings in prop::collection::vec(happening(), 0..150),
    ) {
        let mut world = World::new(all_probes(policy));
        for happening in happenings {
            world.happen(happening)?;
        }
        // whatever it is at, it comes to an end: a kill is always obeyed in the end
        world.happen(Happening::Stop)?;
        for _ in 0..6 {
            world.happen(Happening::Launch(true))?;
            world.happen(Happening::Wait(None))?;
        }
        world.happen(Happening::Exit(false))?;
        prop_assert!(matches!(world.bed.replica.state(), State::Ended(_)), "{:?}", world.bed.replica.state());
    }
}
