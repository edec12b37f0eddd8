use super::schedule::{Schedule, Which};
use super::state::{Outcome, Phase, State, Then};
use crate::events::Reason;
use crate::settings::{RestartPolicy, Service};
use seaworthy_core::duration;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// What was killed and is still there is killed again after so long.
const KILL_AGAIN: Duration = Duration::from_secs(10);

/// Something that happened to a replica, or is wanted of it. What belongs to another run than the present one is ignored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// It may be started: what it depends on is there.
    Start,
    /// Time has passed.
    Tick,
    /// Its process runs.
    Launched {
        /// Of which run.
        run: u64,
    },
    /// Its process ended, or could not be started.
    Exited {
        /// Of which run.
        run: u64,
        /// How.
        ending: Ending,
    },
    /// A probe was answered.
    Probed {
        /// In which run.
        run: u64,
        /// Which probe.
        which: Which,
        /// What is wrong, where something is.
        result: Result<(), String>,
    },
    /// No request is in flight any more.
    Drained {
        /// In which run.
        run: u64,
    },
    /// It is to end for good.
    Stop,
}

/// How a process ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// Whether with status 0.
    pub success: bool,
    /// The word for it: [`Reason::Completed`], [`Reason::Error`], [`Reason::OOMKilled`] or [`Reason::Failed`]; of the last
    /// run also [`Reason::Unhealthy`], where a probe was the cause.
    pub reason: Reason,
    /// How, in words.
    pub words: String,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Start a process; [`Input::Launched`] or [`Input::Exited`] must follow.
    Launch {
        /// The run that begins.
        run: u64,
    },
    /// Ask a probe; [`Input::Probed`] must follow.
    Probe {
        /// In which run.
        run: u64,
        /// Which.
        which: Which,
    },
    /// Wait until no request is in flight; [`Input::Drained`] may follow.
    Drain {
        /// In which run.
        run: u64,
    },
    /// Tell the process to end.
    Terminate,
    /// Kill it and whatever it left.
    Kill,
    /// A probe failed such that it counts.
    Unhealthy {
        /// Which.
        which: Which,
        /// What is wrong.
        why: String,
    },
    /// Tell what happened.
    Note(Reason, String),
}

/// One replica over all its runs.
#[derive(Debug)]
pub struct Replica {
    service: Arc<Service>,
    state: State,
    since: Instant,
    run: u64,
    started: Option<Instant>,
    /// Start-up until it succeeds, then the other two.
    probes: Vec<(Which, Schedule)>,
    /// Ends in a row without a long run in between.
    failures: u32,
    restarts: u64,
    last_ending: Option<Ending>,
    /// The probe that it is ended for, in words.
    ill: Option<String>,
    /// Whether its process runs since an earlier life of Seaworthy: requests were sent to it.
    adopted: bool,
    random: fastrand::Rng,
}

impl Replica {
    /// A replica that waits for [`Input::Start`].
    pub fn new(service: Arc<Service>, now: Instant, seed: u64) -> Self {
        Self {
            service,
            state: State::Pending,
            since: now,
            run: 0,
            started: None,
            probes: Vec::new(),
            failures: 0,
            restarts: 0,
            last_ending: None,
            ill: None,
            adopted: false,
            random: fastrand::Rng::with_seed(seed),
        }
    }

    /// A replica whose process runs already, since `started`. It must show anew that it has started and is ready.
    pub fn adopted(service: Arc<Service>, now: Instant, started: Instant, seed: u64) -> Self {
        let mut replica = Self::fallen(service, now, started, seed);
        replica.adopted = true;
        let mut nothing_to_say = Vec::new();
        replica.begin_probes(now, started, &mut nothing_to_say);
        replica
    }

    /// Takes over settings that do not touch what runs: those of the same template.
    pub fn renew(&mut self, service: Arc<Service>) {
        self.service = service;
    }

    /// A replica whose process ended while nobody looked: [`Input::Exited`] of its first run must follow.
    pub fn fallen(service: Arc<Service>, now: Instant, started: Instant, seed: u64) -> Self {
        let mut replica = Self::new(service, now, seed);
        replica.run = 1;
        replica.state = State::Starting { launched: true };
        replica.started = Some(started);
        replica
    }

    /// Where it stands.
    pub const fn state(&self) -> State {
        self.state
    }

    /// The name of its state.
    pub const fn phase(&self) -> Phase {
        self.state.phase()
    }

    /// Since when it stands there.
    pub const fn since(&self) -> Instant {
        self.since
    }

    /// The number of its present run, from 1.
    pub const fn run(&self) -> u64 {
        self.run
    }

    /// How often it was started again.
    pub const fn restarts(&self) -> u64 {
        self.restarts
    }

    /// How its last run ended.
    pub const fn last_ending(&self) -> Option<&Ending> {
        self.last_ending.as_ref()
    }

    /// What it runs.
    pub const fn service(&self) -> &Arc<Service> {
        &self.service
    }

    /// When it wants a [`Input::Tick`].
    pub fn next(&self) -> Option<Instant> {
        match self.state {
            State::Starting { launched: true } | State::Started | State::Ready | State::NotReady => {
                self.probes.iter().filter_map(|(_, schedule)| schedule.next()).min()
            }
            State::Draining { until } | State::Backoff { until } => Some(until),
            State::Stopping { kill_at, .. } => kill_at,
            State::Pending | State::Starting { launched: false } | State::Ended(_) => None,
        }
    }

    /// Takes an input at `now` and says what to do, in this order.
    pub fn step(&mut self, now: Instant, input: Input) -> Vec<Action> {
        let mut out = Vec::new();
        match input {
            Input::Start if self.state == State::Pending => self.launch(now, &mut out),
            Input::Start => {}
            Input::Tick => self.tick(now, &mut out),
            Input::Launched { run } if run == self.run => self.launched(now, &mut out),
            Input::Exited { run, ending } if run == self.run => self.exited(now, ending, &mut out),
            Input::Probed { run, which, result } if run == self.run => {
                self.probed(now, which, result, &mut out)
            }
            Input::Drained { run } if run == self.run && matches!(self.state, State::Draining { .. }) => {
                self.terminate(now, Then::End, &mut out);
            }
            Input::Stop => self.stop(now, &mut out),
            Input::Launched { .. } | Input::Exited { .. } | Input::Probed { .. } | Input::Drained { .. } => {}
        }
        out
    }

    fn go(&mut self, now: Instant, state: State) {
        if self.state.phase() != state.phase() {
            self.since = now;
        }
        self.state = state;
    }

    /// Pending or Backoff → Starting.
    fn launch(&mut self, now: Instant, out: &mut Vec<Action>) {
        self.run += 1;
        self.started = None;
        self.adopted = false;
        self.go(now, State::Starting { launched: false });
        out.push(Action::Launch { run: self.run });
    }

    /// Starting stays, with a process; Stopping without a process gets one to stop.
    fn launched(&mut self, now: Instant, out: &mut Vec<Action>) {
        match self.state {
            State::Starting { launched: false } => {
                self.go(now, State::Starting { launched: true });
                self.started = Some(now);
                self.begin_probes(now, now, out);
                self.tick(now, out);
            }
            State::Stopping { kill_at: None, then } => {
                self.started = Some(now);
                self.terminate(now, then, out);
            }
            _ => {}
        }
    }

    fn begin_probes(&mut self, now: Instant, started: Instant, out: &mut Vec<Action>) {
        self.probes.clear();
        match &self.service.probes.startup {
            Some(probe) => {
                self.probes.push((Which::Startup, Schedule::new(probe, Which::Startup, now, started)));
            }
            None => self.begun(now, out),
        }
    }

    /// Starting → Started, and on to Ready where nothing is asked.
    fn begun(&mut self, now: Instant, out: &mut Vec<Action>) {
        let started = self.started.unwrap_or(now);
        let probes = &self.service.probes;
        self.probes = [(Which::Liveness, &probes.liveness), (Which::Readiness, &probes.readiness)]
            .into_iter()
            .filter_map(|(which, probe)| Some((which, Schedule::new(probe.as_ref()?, which, now, started))))
            .collect();
        let asked = probes.readiness.is_some();
        self.go(now, State::Started);
        if !asked {
            self.ready(now, out);
        }
    }

    /// Started or NotReady → Ready.
    fn ready(&mut self, now: Instant, out: &mut Vec<Action>) {
        let again = self.state == State::NotReady;
        self.go(now, State::Ready);
        let took = self.started.map_or(Duration::ZERO, |started| now.duration_since(started));
        let took =
            duration::format(Duration::from_millis(u64::try_from(took.as_millis()).unwrap_or(u64::MAX)));
        let text = if again { "ready again".to_owned() } else { format!("ready {took} after its start") };
        out.push(Action::Note(Reason::Ready, text));
    }

    fn tick(&mut self, now: Instant, out: &mut Vec<Action>) {
        match self.state {
            State::Starting { launched: true } | State::Started | State::Ready | State::NotReady => {
                for (which, schedule) in &mut self.probes {
                    if schedule.ask(now) {
                        out.push(Action::Probe { run: self.run, which: *which });
                    }
                }
            }
            State::Draining { until } if now >= until => {
                let drain = duration::format(self.service.drain);
                let text = format!("requests were still in flight after {drain}");
                out.push(Action::Note(Reason::ExceededGracePeriod, text));
                self.terminate(now, Then::End, out);
            }
            State::Stopping { kill_at: Some(kill_at), then } if now >= kill_at => {
                let grace = duration::format(self.service.termination_grace);
                let text = format!("did not end within {grace} of SIGTERM: killed");
                out.push(Action::Note(Reason::ExceededGracePeriod, text));
                out.push(Action::Kill);
                self.go(now, State::Stopping { kill_at: Some(now + KILL_AGAIN), then });
            }
            State::Backoff { until } if now >= until => {
                self.restarts += 1;
                self.launch(now, out);
            }
            _ => {}
        }
    }

    fn probed(&mut self, now: Instant, which: Which, result: Result<(), String>, out: &mut Vec<Action>) {
        let Some((_, schedule)) = self.probes.iter_mut().find(|(known, _)| *known == which) else { return };
        let answer = schedule.answered(now, result.is_ok());
        let running = matches!(
            self.state,
            State::Starting { launched: true } | State::Started | State::Ready | State::NotReady
        );
        if !running {
            return;
        }
        if let Err(why) = &result
            && answer.counts
        {
            out.push(Action::Unhealthy { which, why: why.clone() });
        }
        match (which, answer.news, self.state) {
            (Which::Startup, Some(true), State::Starting { .. }) => {
                self.begun(now, out);
                self.tick(now, out);
            }
            (Which::Startup, Some(false), State::Starting { .. }) | (Which::Liveness, Some(false), _) => {
                let text = format!("the {} probe failed: it is ended and started again", which.as_str());
                out.push(Action::Note(Reason::Killing, text));
                let why = result.err().unwrap_or_default();
                self.ill = Some(format!("was ended because its {} probe failed ({why})", which.as_str()));
                self.terminate(now, Then::Restart, out);
            }
            (Which::Readiness, Some(true), State::Started | State::NotReady) => self.ready(now, out),
            (Which::Readiness, Some(false), State::Ready) => self.go(now, State::NotReady),
            _ => {}
        }
    }

    fn stop(&mut self, now: Instant, out: &mut Vec<Action>) {
        match self.state {
            // nothing runs
            State::Pending | State::Backoff { .. } => self.go(now, State::Ended(Outcome::Stopped)),
            // there will be a process in a moment
            State::Starting { launched: false } => {
                self.go(now, State::Stopping { kill_at: None, then: Then::End });
            }
            // no request was ever sent to it
            State::Starting { launched: true } | State::Started if !self.adopted => {
                out.push(Action::Note(Reason::Killing, "stopped before it was ready".to_owned()));
                self.terminate(now, Then::End, out);
            }
            State::Starting { launched: true } | State::Started | State::Ready | State::NotReady => {
                out.push(Action::Note(Reason::Killing, "takes no more requests, then ends".to_owned()));
                out.push(Action::Drain { run: self.run });
                self.go(now, State::Draining { until: now + self.service.drain });
            }
            State::Stopping { kill_at, then: Then::Restart } => {
                self.go(now, State::Stopping { kill_at, then: Then::End });
            }
            State::Draining { .. } | State::Stopping { then: Then::End, .. } | State::Ended(_) => {}
        }
    }

    /// → Stopping, with SIGTERM.
    fn terminate(&mut self, now: Instant, then: Then, out: &mut Vec<Action>) {
        let kill_at = Some(now + self.service.termination_grace);
        self.go(now, State::Stopping { kill_at, then });
        out.push(Action::Terminate);
    }

    fn exited(&mut self, now: Instant, ending: Ending, out: &mut Vec<Action>) {
        self.probes.clear();
        let ill = self.ill.take();
        let ending = match ill {
            Some(ill) => Ending { words: format!("{ill}; {}", ending.words), ..ending },
            None => ending,
        };
        let asked = matches!(self.state, State::Stopping { .. });
        let reason = if asked { Reason::Unhealthy } else { ending.reason };
        self.last_ending = Some(Ending { reason, ..ending.clone() });
        match self.state {
            // it was told to, or would have been
            State::Draining { .. } | State::Stopping { then: Then::End, .. } => {
                self.go(now, State::Ended(Outcome::Stopped));
            }
            State::Starting { .. }
            | State::Started
            | State::Ready
            | State::NotReady
            | State::Stopping { then: Then::Restart, .. } => {
                // one that was ended because it was ill did not complete, whatever its status
                out.push(Action::Note(ending.reason, ending.words.clone()));
                self.after(now, &ending, ending.success && !asked, out);
            }
            // no process: not of this run
            State::Pending | State::Backoff { .. } | State::Ended(_) => {}
        }
    }

    /// Ended by itself: → Backoff or Ended, as the policy says.
    fn after(&mut self, now: Instant, ending: &Ending, success: bool, out: &mut Vec<Action>) {
        match self.service.restart.policy {
            RestartPolicy::OnFailure | RestartPolicy::Never if success => {
                return self.go(now, State::Ended(Outcome::Completed));
            }
            RestartPolicy::Never => return self.go(now, State::Ended(Outcome::Failed)),
            RestartPolicy::Always | RestartPolicy::OnFailure => {}
        }
        let backoff = &self.service.restart.backoff;
        let ran = self.started.map_or(Duration::ZERO, |started| now.duration_since(started));
        self.failures = if ran >= backoff.reset_after { 1 } else { self.failures.saturating_add(1) };
        let limit = backoff.limit(self.failures);
        let wait = limit.mul_f64(self.random.f64());
        // without the wait itself, so that the same news is counted and not told anew
        let text = format!("{}; started again within {}", ending.words, duration::format(limit));
        out.push(Action::Note(Reason::BackOff, text));
        self.go(now, State::Backoff { until: now + wait });
    }

    /// How often in a row it ended without a long run in between.
    pub const fn failures(&self) -> u32 {
        self.failures
    }
}
