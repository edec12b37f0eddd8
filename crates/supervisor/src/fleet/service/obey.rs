//! What is ordered, and what changes in the settings.

use super::Task;
use crate::error::Error;
use crate::events::Reason;
use crate::fleet::labels::Revision;
use crate::fleet::order::Order;
use crate::settings::Service;
use std::sync::Arc;
use tokio::time::Instant;

const MOST_REPLICAS: u32 = 1_000;

impl Task {
    pub(super) fn obey(&mut self, order: Order) -> Result<(), Error> {
        if self.ending {
            return Err(Error::NotFound(self.shared.name.to_string()));
        }
        let now = Instant::now();
        match order {
            Order::Restart => return self.restart(now),
            Order::Stop if !self.stopped => {
                self.stopped = true;
                self.progress = None;
                self.failed = None;
                self.frozen = false;
                self.shared.note(Reason::Ordered, None, "stopped");
            }
            Order::Start if self.stopped => {
                self.stopped = false;
                let revision = self.revision.clone();
                self.begin_rollout(now, revision);
                self.shared.note(Reason::Ordered, None, "started");
            }
            Order::Stop | Order::Start => {}
            Order::Scale(replicas) => return self.scale(now, replicas),
            Order::Sandbox(wanted) => return self.want_sandbox(wanted),
        }
        Ok(())
    }

    fn refused(&self, reason: &str) -> Error {
        Error::refused(&self.shared.name, reason)
    }

    fn restart(&mut self, now: Instant) -> Result<(), Error> {
        if self.stopped {
            return Err(self.refused("it is stopped; start it"));
        }
        let mut revision = self.revision.clone();
        revision.generation += 1;
        self.begin_rollout(now, revision);
        self.shared.note(Reason::Ordered, None, "restarts");
        Ok(())
    }

    fn scale(&mut self, now: Instant, replicas: u32) -> Result<(), Error> {
        if self.settings.is_exclusive() && replicas > 1 {
            return Err(self.refused("a fixed port has room for one replica"));
        }
        if replicas > MOST_REPLICAS {
            return Err(self.refused("at most 1000 replicas"));
        }
        if let Some(autoscale) = &self.settings.autoscale
            && !(autoscale.min..=autoscale.max).contains(&replicas)
        {
            let text = format!("it is scaled by load, between {} and {}", autoscale.min, autoscale.max);
            return Err(self.refused(&text));
        }
        let text = format!("scaled from {} to {replicas} by order", self.replicas);
        self.shared.note(Reason::ScalingReplicaSet, None, &text);
        self.set_replicas(now, replicas);
        Ok(())
    }

    fn want_sandbox(&mut self, wanted: bool) -> Result<(), Error> {
        if wanted && self.settings.is_exclusive() {
            return Err(self.refused("a fixed port has no room for a sandbox replica"));
        }
        if wanted && self.stopped {
            return Err(self.refused("it is stopped; start it"));
        }
        let text = if wanted { "a sandbox replica is wanted" } else { "no sandbox replica is wanted" };
        self.shared.note(Reason::Sandbox, None, text);
        self.sandbox_wanted = wanted.then(|| self.revision.clone());
        Ok(())
    }

    /// Takes over new settings: only what changed is touched.
    pub(super) fn renew(&mut self) {
        let now = Instant::now();
        let new = Arc::clone(&self.heard.settings.borrow_and_update());
        let old = std::mem::replace(&mut self.settings, new);
        self.reserve();
        self.renew_number(now, &old);
        let template = self.settings.template_digest(&self.context.key);
        if template == self.revision.template {
            self.renew_in_place();
            return;
        }
        self.shared.note(Reason::Updated, None, "settings of replicas changed: they are replaced");
        let generation = self.revision.generation;
        self.begin_rollout(now, Revision { template, generation });
    }

    fn renew_number(&mut self, now: Instant, old: &Service) {
        let new = Arc::clone(&self.settings);
        if old.autoscale != new.autoscale {
            self.begin_scaling(now);
        }
        if old.replicas != new.replicas && new.autoscale.is_none() {
            let text = format!("scaled from {} to {} by configuration", self.replicas, new.replicas);
            self.shared.note(Reason::ScalingReplicaSet, None, &text);
            self.set_replicas(now, new.replicas);
        }
    }

    /// What does not touch what runs holds for what runs.
    fn renew_in_place(&mut self) {
        let (settings, template) = (Arc::clone(&self.settings), self.revision.template.clone());
        let same = |instance: &&mut crate::fleet::instance::Instance| instance.revision.template == template;
        for instance in self.members.iter_mut().chain(&mut self.sandbox).filter(same) {
            instance.replica.renew(Arc::clone(&settings));
        }
    }
}
