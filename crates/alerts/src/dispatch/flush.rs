use super::group::Told;
use super::storm::Admission;
use super::{Dispatcher, Group, Held, Plan, World};
use crate::inhibition::Inhibited;
use crate::notification::{Item, Kind, Notification, Status};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How a group's alerts stand now.
#[derive(Debug, Default)]
struct Standing {
    /// To be told of.
    open: Vec<Item>,
    /// Somebody looks after them.
    acknowledged: Vec<Item>,
    /// Firing, but held back.
    held: Vec<String>,
    /// Over.
    resolved: Vec<Item>,
    /// Not known any more.
    gone: Vec<String>,
}

/// Why there is something to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum News {
    /// Something new fires.
    Firing,
    /// It still does.
    Repeated,
    /// Something is over.
    Resolved,
    /// Somebody took it on.
    Acknowledged,
}

impl Dispatcher {
    /// Looks at a group whose time has come.
    pub(super) fn attend(
        &mut self,
        key: &str,
        world: World<'_>,
        inhibited: &Inhibited<'_>,
        out: &mut Vec<Notification>,
    ) {
        let Some(mut group) = self.groups.remove(key) else { return };
        let standing = self.standing(&group, world, inhibited);
        if group.next_flush <= world.at {
            self.flush(&mut group, &standing, world, out);
        }
        if group.escalation.is_some() && !self.plan.is_muted(group.route, world.at) {
            self.escalate(&mut group, &standing.open, world.at, out);
        }
        if group.members.is_empty() && group.told.is_empty() {
            self.dirty.insert(group.key);
        } else {
            self.groups.insert(key.to_owned(), group);
        }
    }

    fn standing(&mut self, group: &Group, world: World<'_>, inhibited: &Inhibited<'_>) -> Standing {
        let mut standing = Standing::default();
        for id in &group.members {
            let Some(alert) = world.book.get(id) else {
                standing.gone.push(id.clone());
                continue;
            };
            if !alert.is_firing() {
                standing.resolved.push(Item::new(alert));
            } else if let Some(held) = world.held(alert, inhibited) {
                match held {
                    Held::Silenced => self.counts.silenced += 1,
                    Held::Inhibited => self.counts.inhibited += 1,
                    Held::Snoozed => self.counts.snoozed += 1,
                }
                standing.held.push(id.clone());
            } else if alert.acknowledged.is_some() {
                standing.acknowledged.push(Item::new(alert));
            } else {
                standing.open.push(Item::new(alert));
            }
        }
        standing
    }

    fn flush(
        &mut self,
        group: &mut Group,
        standing: &Standing,
        world: World<'_>,
        out: &mut Vec<Notification>,
    ) {
        let plan = Arc::clone(&self.plan);
        let Some(route) = plan.tree.get(group.route) else { return };
        let at = world.at;
        group.next_flush = at.plus(route.group_interval);
        if plan.is_muted(group.route, at) {
            self.counts.muted += 1;
            // what is over and was never told of need not be remembered
            for item in standing.resolved.iter().filter(|item| !group.told.contains_key(&item.id)) {
                group.members.remove(&item.id);
            }
            return;
        }
        let is_repeat = group.told_at.is_some_and(|told| at.since(told) >= route.repeat_interval);
        let mut is_told = true;
        let all_news = news(group, standing, is_repeat);
        let news = all_news.filter(|news| plan.wants(&route.receiver, *news));
        if let Some(news) = news {
            let message = message(group, standing, &route.receiver, at);
            match self.windows.admit(plan.storm, &message) {
                Admission::Sent => out.push(message),
                Admission::Summarised => self.counts.storm += 1,
                Admission::Waits(until) => {
                    self.counts.storm += 1;
                    group.next_flush = until;
                    is_told = false;
                }
            }
            if is_told {
                group.sequence += 1;
                group.told_at = Some(at);
                if news == News::Firing {
                    self.begin_escalation(group, at);
                }
            }
        }
        if is_told {
            if let Some(news) = all_news {
                self.tell_escalated(group, standing, news, world, out);
            }
            self.settle(group, standing, news.is_some());
        }
    }

    /// Who was told because nobody acknowledged hears that somebody does, or that it is over.
    fn tell_escalated(
        &mut self,
        group: &mut Group,
        standing: &Standing,
        news: News,
        world: World<'_>,
        out: &mut Vec<Notification>,
    ) {
        if !matches!(news, News::Resolved | News::Acknowledged) {
            return;
        }
        let own = self.plan.tree.get(group.route).map(|route| route.receiver.clone()).unwrap_or_default();
        for receiver in group.escalated_to.iter().filter(|name| **name != own && self.plan.wants(name, news))
        {
            out.push(message(group, standing, receiver, world.at));
        }
        if standing.open.is_empty() && standing.acknowledged.is_empty() && standing.held.is_empty() {
            group.escalated_to.clear();
        }
    }

    /// Notes what receivers believe from now on.
    fn settle(&mut self, group: &mut Group, standing: &Standing, is_news: bool) {
        let mut told = BTreeMap::new();
        told.extend(standing.open.iter().map(|item| (item.id.clone(), Told::Firing)));
        // what was never told of is not remembered as if it had been
        let taken_on =
            standing.acknowledged.iter().filter(|item| is_news || group.told.contains_key(&item.id));
        told.extend(taken_on.map(|item| (item.id.clone(), Told::Acknowledged)));
        let known = standing.held.iter().filter(|id| group.told.contains_key(*id));
        told.extend(known.map(|id| (id.clone(), Told::Held)));
        for id in standing.resolved.iter().map(|item| &item.id).chain(&standing.gone) {
            group.members.remove(id);
        }
        if is_news || told != group.told {
            group.told = told;
            self.dirty.insert(group.key.clone());
        }
    }
}

impl Plan {
    /// Whether a receiver is told of this.
    fn wants(&self, receiver: &str, news: News) -> bool {
        let Some(receiver) = self.receivers.get(receiver) else { return false };
        match news {
            News::Firing | News::Repeated => true,
            News::Resolved => receiver.send_resolved,
            News::Acknowledged => receiver.channels.iter().any(|channel| channel.follows_acknowledgements()),
        }
    }
}

/// Whether there is anything to be told.
fn news(group: &Group, standing: &Standing, is_repeat: bool) -> Option<News> {
    let known = |item: &Item| group.told.get(&item.id).copied();
    if standing.open.iter().any(|item| known(item) != Some(Told::Firing)) {
        return Some(News::Firing);
    }
    let over = standing.resolved.iter().map(|item| &item.id).chain(&standing.gone);
    if over.into_iter().any(|id| group.told.contains_key(id)) {
        return Some(News::Resolved);
    }
    if standing.acknowledged.iter().any(|item| known(item) == Some(Told::Firing)) {
        return Some(News::Acknowledged);
    }
    (is_repeat && !standing.open.is_empty()).then_some(News::Repeated)
}

fn message(
    group: &Group,
    standing: &Standing,
    receiver: &str,
    at: seaworthy_store::Timestamp,
) -> Notification {
    let status = if !standing.open.is_empty() {
        Status::Firing
    } else if !standing.acknowledged.is_empty() {
        Status::Acknowledged
    } else if standing.held.iter().any(|id| group.told.contains_key(id)) {
        // something they were told of still fires, if silently: it is not over
        Status::Firing
    } else {
        Status::Resolved
    };
    let told = |item: &&Item| group.told.contains_key(&item.id);
    let items = standing.open.iter().chain(&standing.acknowledged);
    let items = items.chain(standing.resolved.iter().filter(told)).cloned().collect();
    let mut message = Notification::new(receiver, Kind::Group, status, items, at);
    message.group_key.clone_from(&group.key);
    message.group_labels.clone_from(&group.labels);
    message.keyed(&group.next_number())
}
