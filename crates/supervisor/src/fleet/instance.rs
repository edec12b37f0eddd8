//! One replica with everything that belongs to it.

use super::labels::{Place, Revision};
use super::ports::Lease;
use super::run::{Key, Live};
use crate::replica::{Action, Input, Phase, Replica, State, Then, Which};
use crate::rollout::{Member, Standing};
use crate::status::{ReplicaStatus, UsageStatus};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::time::Instant;

pub(super) struct Instance {
    pub(super) key: Key,
    pub(super) place: Place,
    pub(super) name: Arc<str>,
    pub(super) revision: Revision,
    pub(super) replica: Replica,
    pub(super) lease: Option<Lease>,
    pub(super) live: Option<Live>,
    pub(super) adopted: bool,
    /// Whether it was ready at any time.
    pub(super) was_ready: bool,
    /// Why it is not further, where that is known.
    pub(super) complaint: Option<String>,
    pub(super) last_lines: Vec<String>,
    pub(super) usage: Option<UsageStatus>,
    /// Processor time at the last look at it.
    pub(super) cpu_seen: Option<(Instant, Duration)>,
    phase_since: SystemTime,
}

impl Instance {
    pub(super) fn new(key: Key, place: Place, service: &str, revision: Revision, replica: Replica) -> Self {
        Self {
            key,
            place,
            name: place.name(service).into(),
            revision,
            replica,
            lease: None,
            live: None,
            adopted: false,
            was_ready: false,
            complaint: None,
            last_lines: Vec::new(),
            usage: None,
            cpu_seen: None,
            phase_since: SystemTime::now(),
        }
    }

    pub(super) fn step(&mut self, now: Instant, input: Input) -> Vec<Action> {
        let before = self.replica.phase();
        let actions = self.replica.step(now, input);
        let phase = self.replica.phase();
        if phase != before {
            self.phase_since = SystemTime::now();
            self.complaint = None;
        }
        self.was_ready |= phase == Phase::Ready;
        actions
    }

    /// The latest failure of a probe is what keeps it from being ready, until that probe succeeds.
    pub(super) fn note_answer(&mut self, which: Which, result: &Result<(), String>) {
        let begins = format!("{} probe failed", which.as_str());
        match result {
            Err(why) => self.complaint = Some(format!("{begins}: {why}")),
            Ok(()) if self.complaint.as_ref().is_some_and(|text| text.starts_with(&begins)) => {
                self.complaint = None
            }
            Ok(()) => {}
        }
    }

    pub(super) fn is_ready(&self) -> bool {
        self.replica.phase() == Phase::Ready
    }

    /// Whether there is nothing left of it and nothing to come.
    pub(super) const fn has_ended(&self) -> bool {
        matches!(self.replica.state(), State::Ended(_))
    }

    pub(super) fn addr(&self) -> Option<SocketAddr> {
        self.lease.as_ref().map(Lease::addr)
    }

    pub(super) fn member(&self, current: bool) -> Member<Key> {
        let standing = match self.replica.state() {
            State::Ready => Standing::Ready,
            State::Draining { .. } | State::Stopping { then: Then::End, .. } => Standing::Leaving,
            _ => Standing::Unready,
        };
        Member { id: self.key, current, standing }
    }

    pub(super) fn status(&self, updated: bool) -> ReplicaStatus {
        ReplicaStatus {
            name: Arc::clone(&self.name),
            phase: self.replica.phase(),
            since: self.phase_since,
            message: self.complaint.clone(),
            template: self.revision.template.clone(),
            updated,
            addr: self.addr(),
            pid: self.live.as_ref().and_then(|live| live.pid),
            started_at: self.live.as_ref().map(|live| live.started_at),
            adopted: self.adopted,
            restarts: self.replica.restarts(),
            last_exit: self.replica.last_ending().map(|ending| ending.words.clone()),
            last_lines: self.last_lines.clone(),
            usage: self.usage,
        }
    }
}

impl Instance {
    /// What keeps it from being ready, in words.
    pub(super) fn trouble(&self) -> String {
        let ended = self.replica.last_ending().map(|ending| format!("its last run {}", ending.words));
        let why: Vec<String> = self.complaint.clone().into_iter().chain(ended).collect();
        let phase = self.replica.phase().as_str();
        if why.is_empty() {
            format!("{} is {phase}", self.name)
        } else {
            format!("{} is {phase}: {}", self.name, why.join("; "))
        }
    }
}
