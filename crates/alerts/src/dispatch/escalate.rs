use super::{Dispatcher, Group};
use crate::escalation::{Chain, Progress, Target, Told};
use crate::notification::{Item, Kind, Notification, Status};
use seaworthy_store::Timestamp;
use std::sync::Arc;

impl Dispatcher {
    /// Takes the steps of a group's chain that are due. `open` are its alerts that nobody looks after.
    pub(super) fn escalate(
        &mut self,
        group: &mut Group,
        open: &[Item],
        at: Timestamp,
        out: &mut Vec<Notification>,
    ) {
        let plan = Arc::clone(&self.plan);
        let route = plan.tree.get(group.route);
        let chain = route.and_then(|route| plan.chains.get(route.escalation.as_deref()?));
        let (Some(route), Some(chain), Some(progress)) = (route, chain, group.escalation.as_mut()) else {
            if group.escalation.take().is_some() {
                self.dirty.insert(group.key.clone());
            }
            return;
        };
        if open.is_empty() {
            group.escalation = None;
            self.dirty.insert(group.key.clone());
            return;
        }
        let before = progress.clone();
        let taken = progress.advance(chain, at);
        if *progress != before {
            self.dirty.insert(group.key.clone());
        }
        for told in taken {
            let (receiver, note) = self.who(chain, &told, &route.receiver, at);
            let kind = Kind::Escalation { chain: chain.name.clone(), step: told.step, round: told.round };
            let mut message = Notification::new(&receiver, kind, Status::Firing, open.to_vec(), at);
            message.group_key.clone_from(&group.key);
            message.group_labels.clone_from(&group.labels);
            message.note = note;
            out.push(message.keyed(&group.next_number()));
            group.escalated_to.insert(receiver);
            group.sequence += 1;
        }
    }

    /// Begins a group's chain where it has none under way.
    pub(super) fn begin_escalation(&mut self, group: &mut Group, at: Timestamp) {
        let has_chain = self.plan.tree.get(group.route).is_some_and(|route| route.escalation.is_some());
        let is_under_way = group.escalation.as_ref().is_some_and(|progress| !progress.is_done);
        if has_chain && !is_under_way {
            group.escalation = Some(Progress::begin(at));
        }
    }

    fn who(&mut self, chain: &Chain, told: &Told<'_>, route: &str, at: Timestamp) -> (String, String) {
        match told.target {
            Target::Receiver(name) => (name.clone(), String::new()),
            Target::Schedule(name) => {
                match self.plan.schedules.get(name).and_then(|schedule| schedule.at(at)) {
                    Some(person) => (person.to_owned(), format!("on call by {name}")),
                    None => (route.to_owned(), format!("nobody is on call by {name}")),
                }
            }
            Target::RoundRobin(names) => {
                let turn = self.turns.round_robin.entry(format!("{} {}", chain.name, told.step)).or_default();
                let name = names.get(*turn % names.len().max(1)).cloned().unwrap_or_else(|| route.to_owned());
                *turn = (*turn + 1) % names.len().max(1);
                (name, String::new())
            }
        }
    }
}
