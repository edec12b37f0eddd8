//! What a service shows of itself.

use super::service::Task;
use crate::replica::Phase;
use crate::rollout;
use crate::status::{Health, ServiceStatus};

impl Task {
    /// Shows how things are, where that has changed.
    pub(super) fn show(&self) {
        let count = |which: &dyn Fn(&super::instance::Instance) -> bool| {
            u32::try_from(self.members.iter().filter(|member| which(member)).count()).unwrap_or(u32::MAX)
        };
        let ready = count(&|member| member.is_ready());
        let (health, reason) = self.health(ready);
        let rollout = match (&self.failed, &self.progress) {
            (Some(reason), _) => rollout::Status::Failed(reason.clone()),
            (None, Some(_)) => rollout::Status::Progressing,
            (None, None) => rollout::Status::Complete,
        };
        self.shared.show(ServiceStatus {
            name: self.shared.name.clone(),
            health,
            reason,
            stopped: self.stopped,
            replicas: self.desired(),
            ready,
            updated: count(&|member| member.revision == self.revision),
            template: self.revision.template.clone(),
            rollout,
            autoscale: self.decision.clone(),
            instances: self.members.iter().map(|m| m.status(m.revision == self.revision)).collect(),
            sandbox: self.sandbox.as_ref().map(|sandbox| sandbox.status(sandbox.revision == self.revision)),
        });
    }

    fn health(&self, ready: u32) -> (Health, Option<String>) {
        let ill = |phase| matches!(phase, Phase::CrashLoopBackOff | Phase::Failed);
        if self.desired() == 0 {
            return match self.members.is_empty() {
                true => (Health::Stopped, None),
                false => (Health::Progressing, Some("replicas are ending".to_owned())),
            };
        }
        if let Some(reason) = &self.failed {
            return (Health::Degraded, Some(reason.clone()));
        }
        if let Some(member) = self.members.iter().find(|member| ill(member.replica.phase())) {
            return (Health::Degraded, Some(member.trouble()));
        }
        if ready >= self.desired() && self.progress.is_none() {
            return (Health::Available, None);
        }
        let waits = self.members.iter().find(|member| !member.is_ready() && member.complaint.is_some());
        (Health::Progressing, waits.map(super::instance::Instance::trouble))
    }
}
