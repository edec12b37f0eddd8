//! The number of replicas by load.

use super::Task;
use crate::autoscale::{Limit, Scaler};
use crate::events::Reason;
use crate::fleet::adopt;
use crate::fleet::instance::Instance;
use crate::fleet::sample;
use crate::replica::State;
use std::sync::Arc;
use tokio::time::Instant;

impl Task {
    pub(super) fn scales(&self) -> bool {
        self.settings.autoscale.is_some() && self.desired() > 0
    }

    /// Begins anew to scale by load, or ends to. What survived is not taken away before the load is known.
    pub(super) fn begin_scaling(&mut self, now: Instant) {
        self.scaler = Scaler::default();
        self.decision = None;
        match &self.settings.autoscale {
            Some(autoscale) => {
                let there = adopt::count(&self.survivors).max(self.replicas);
                self.replicas = there.min(autoscale.max).max(autoscale.min);
                self.scaler.begin(now, autoscale, self.replicas);
                self.decide_at = now + autoscale.period;
            }
            None => self.replicas = self.settings.replicas,
        }
    }

    pub(super) fn set_replicas(&mut self, now: Instant, replicas: u32) {
        self.scaler.changed(now, self.replicas, replicas);
        self.replicas = replicas;
        if let Some(autoscale) = &self.settings.autoscale {
            // an order counts like a recommendation: it is not undone at once
            self.scaler.begin(now, autoscale, replicas);
        }
    }

    pub(super) fn measure(&mut self, now: Instant) {
        self.members.iter_mut().chain(&mut self.sandbox).for_each(|instance| instance.measure(now));
    }

    pub(super) fn decide(&mut self, now: Instant) {
        let settings = Arc::clone(&self.settings);
        let Some(autoscale) = &settings.autoscale else { return };
        self.decide_at = now + autoscale.period;
        self.measure(now);
        let traffic = self.context.traffic.load(&self.shared.name);
        let staying = |member: &&Instance| {
            !matches!(
                member.replica.state(),
                State::Draining { .. } | State::Stopping { .. } | State::Ended(_)
            )
        };
        let sample = sample::sample(&settings, self.members.iter().filter(staying), &traffic);
        let decision = self.scaler.decide(now, autoscale, self.replicas, &sample);
        let text = format!("{} → {}: {}", decision.from, decision.to, decision.reason);
        if decision.to != decision.from {
            self.replicas = decision.to;
            self.shared.note(Reason::SuccessfulRescale, None, &text);
        } else {
            tracing::debug!(service = &*self.shared.name, "autoscale: {text}");
        }
        let limited = |of: Option<&crate::autoscale::Decision>| of.and_then(|decision| decision.limited_by);
        let max = Some(Limit::TooManyReplicas);
        if limited(Some(&decision)) == max && limited(self.decision.as_ref()) != max {
            self.shared.note(Reason::ScalingLimited, None, &text);
        }
        self.decision = Some(decision);
    }
}
