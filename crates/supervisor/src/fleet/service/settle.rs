//! Brings what there is nearer to what is wanted.

use super::Task;
use crate::events::Reason;
use crate::fleet::instance::Instance;
use crate::fleet::labels::{Place, Revision};
use crate::fleet::run::{Key, News};
use crate::replica::{Input, Phase, Replica};
use crate::rollout::{self, Bounds, Counts, Progress, Step, Verdict, View};
use crate::settings::Service;
use crate::traffic::Endpoint;
use std::sync::Arc;
use tokio::time::Instant;

/// One step can make room for the next one; never for many.
const ROUNDS: usize = 8;

impl Task {
    /// How many replicas are wanted now.
    pub(in crate::fleet) const fn desired(&self) -> u32 {
        if self.stopped || self.ending { 0 } else { self.replicas }
    }

    pub(super) fn settle(&mut self, now: Instant) {
        for _ in 0..ROUNDS {
            self.forget_ended();
            let mut steps = self.plan();
            if *self.held.borrow_and_update() {
                steps.retain(|step| matches!(step, Step::Start));
            }
            if steps.is_empty() {
                break;
            }
            steps.into_iter().for_each(|step| self.take_step(now, step));
        }
        self.settle_sandbox(now);
        self.start_pending(now);
        self.publish();
        self.follow_rollout(now);
        // what is shown, and answered, holds for requests as well
        if self.publisher.is_known() {
            self.show();
            for (reply, answer) in self.replies.drain(..) {
                // whoever ordered may have gone
                let _ = reply.send(answer);
            }
        }
    }

    /// What ended by order is gone; what ended by itself stays to be seen, as long as it runs what is wanted.
    fn forget_ended(&mut self) {
        // after a failed rollout that is what ran before it
        let wanted = self.wanted().0;
        self.members.retain(|member| match member.replica.phase() {
            Phase::Stopped => false,
            Phase::Completed | Phase::Failed => member.revision == wanted,
            _ => true,
        });
        if self.sandbox.as_ref().is_some_and(|sandbox| sandbox.replica.phase() == Phase::Stopped) {
            self.sandbox = None;
        }
    }

    fn plan(&self) -> Vec<Step<Key>> {
        let current = |member: &Instance| self.frozen || member.revision == self.revision;
        let members: Vec<_> = self.members.iter().map(|member| member.member(current(member))).collect();
        let replicas = self.desired();
        rollout::plan(&View { replicas, bounds: Bounds::of(&self.settings, replicas), members: &members })
    }

    fn take_step(&mut self, now: Instant, step: Step<Key>) {
        match step {
            Step::Start => {
                let (revision, service) = self.wanted();
                let place = self.free_place();
                let instance = self.create(now, place, revision, service);
                let text = format!("is to run {}", instance.revision.template);
                self.shared.note(Reason::Scheduled, Some(&instance.name), &text);
                self.members.push(instance);
            }
            Step::Stop(key) => {
                let Some(instance) = self.instance(key) else { return };
                let text = format!("ends {}", instance.name);
                // one that ended by itself is only taken off the list
                if instance.has_ended() {
                    self.members.retain(|member| member.key != key);
                } else {
                    self.step(key, now, Input::Stop);
                }
                self.shared.note(Reason::ScalingReplicaSet, None, &text);
            }
        }
    }

    /// What a new replica runs: after a failed rollout what ran before it, where that is known.
    fn wanted(&self) -> (Revision, Arc<Service>) {
        match &self.stable {
            Some((revision, service)) if self.frozen => (revision.clone(), Arc::clone(service)),
            _ => (self.revision.clone(), Arc::clone(&self.settings)),
        }
    }

    fn free_place(&self) -> Place {
        let taken = |place: &Place| self.members.iter().any(|member| member.place == *place);
        (1..=u32::MAX).map(Place::Ordinal).find(|place| !taken(place)).unwrap_or(Place::Ordinal(u32::MAX))
    }

    fn create(&mut self, now: Instant, place: Place, revision: Revision, service: Arc<Service>) -> Instance {
        let key = self.new_key();
        let replica = Replica::new(service, now, fastrand::u64(..));
        Instance::new(key, place, &self.shared.name, revision, replica)
    }

    fn settle_sandbox(&mut self, now: Instant) {
        let wanted = self.sandbox_wanted.clone().filter(|_| !self.stopped && !self.ending);
        match (&self.sandbox, wanted) {
            (Some(sandbox), wanted) if wanted.as_ref() != Some(&sandbox.revision) => {
                // one that ended by itself was only kept to be seen
                if sandbox.has_ended() {
                    self.sandbox = None;
                } else {
                    let key = sandbox.key;
                    self.step(key, now, Input::Stop);
                    self.forget_ended();
                }
            }
            (None, Some(revision)) if revision == self.revision => {
                let sandbox = self.create(now, Place::Sandbox, revision, Arc::clone(&self.settings));
                self.sandbox = Some(sandbox);
            }
            // what it was wanted for is not wanted any more
            (None, Some(_)) => self.sandbox_wanted = None,
            _ => {}
        }
    }

    /// Starts those whose turn it is, once what the service depends on is ready.
    fn start_pending(&mut self, now: Instant) {
        let pending = |instance: &&Instance| instance.replica.phase() == Phase::Pending;
        let keys: Vec<Key> = self.instances().filter(pending).map(|instance| instance.key).collect();
        if keys.is_empty() {
            return;
        }
        let missing: Vec<String> = {
            let ready = self.ready.borrow_and_update();
            self.settings.depends_on.iter().filter(|need| !ready.contains(need.as_str())).cloned().collect()
        };
        for key in keys {
            if missing.is_empty() {
                self.step(key, now, Input::Start);
            } else {
                self.wait_for(key, &missing);
            }
        }
    }

    fn wait_for(&mut self, key: Key, missing: &[String]) {
        let text = format!("waits for {}", missing.join(", "));
        let Some(instance) = self.instance(key) else { return };
        if instance.complaint.as_ref() != Some(&text) {
            instance.complaint = Some(text.clone());
            let name = Arc::clone(&instance.name);
            self.shared.note(Reason::DependencyNotReady, Some(&name), &text);
        }
    }

    fn publish(&mut self) {
        let endpoint = |instance: &Instance| {
            let addr = instance.addr().filter(|_| instance.is_ready())?;
            Some(Endpoint { addr, replica: Arc::clone(&instance.name) })
        };
        let endpoints: Vec<_> = self.members.iter().filter_map(endpoint).collect();
        let ready = !endpoints.is_empty();
        self.publisher.publish(endpoints, self.sandbox.as_ref().and_then(endpoint));
        self.context.note_ready(&self.shared.name, ready);
        for (key, run, addr) in std::mem::take(&mut self.drains) {
            let drained = self.publisher.drained(addr);
            let tell = self.tell.clone();
            self.chores.spawn(async move {
                drained.await;
                let _ = tell.send(News::Drained { key, run }).await;
            });
        }
    }

    /// Sees whether the rollout moves.
    fn follow_rollout(&mut self, now: Instant) {
        if self.ending {
            return;
        }
        let replicas = self.desired() as usize;
        let current = |member: &&Instance| member.revision == self.revision;
        let ready_new = self.members.iter().filter(current).filter(|member| member.is_ready()).count();
        let old = self.members.iter().filter(|member| member.revision != self.revision).count();
        let Some(progress) = &mut self.progress else { return };
        match progress.observe(now, Counts { replicas, ready_new, old }) {
            Some(Verdict::Complete) => {
                self.progress = None;
                self.failed = None;
                self.stable = Some((self.revision.clone(), Arc::clone(&self.settings)));
                let text = format!("{replicas} replicas run {}", self.revision.template);
                self.shared.note(Reason::NewReplicaSetAvailable, None, &text);
            }
            Some(Verdict::TooLate) => self.give_up(now),
            None => {}
        }
    }

    /// The rollout failed: what is old stays, or comes back where it had to go first; what is new and never was ready ends.
    fn give_up(&mut self, now: Instant) {
        let stuck = |member: &&Instance| member.revision == self.revision && !member.is_ready();
        let why = self
            .members
            .iter()
            .find(stuck)
            .map_or_else(|| "no replica took a step".to_owned(), Instance::trouble);
        let deadline = seaworthy_core::duration::format(self.settings.rollout.progress_deadline);
        let reason = format!("no progress within {deadline}: {why}");
        self.shared.note(Reason::ProgressDeadlineExceeded, None, &reason);
        self.failed = Some(reason);
        let left = self.members.iter().any(|member| member.revision != self.revision);
        let known = self.stable.as_ref().is_some_and(|(revision, _)| *revision != self.revision);
        if !left && !known {
            // there is nothing to go back to: it is tried on
            return;
        }
        self.frozen = true;
        self.progress = None;
        let never = |member: &&Instance| member.revision == self.revision && !member.was_ready;
        let never: Vec<Key> = self.members.iter().filter(never).map(|member| member.key).collect();
        for key in never {
            self.step(key, now, Input::Stop);
        }
    }

    /// Something else is wanted from now on.
    pub(super) fn begin_rollout(&mut self, now: Instant, revision: Revision) {
        self.revision = revision;
        self.frozen = false;
        self.failed = None;
        self.progress = Some(Progress::begin(now, self.settings.rollout.progress_deadline));
    }
}
