//! Decides who is told what, and when: groups, repetitions, escalations, storms, heartbeats. It sends nothing.

mod escalate;
mod flush;
mod group;
mod heartbeat;
mod plan;
mod storm;

pub(crate) use group::Group;
pub use heartbeat::Heartbeat;
pub use plan::ReceiverSettings;
pub(crate) use plan::{Parts, Plan};
pub use storm::Storm;

use crate::alert::{Alert, Book};
use crate::inhibition::Inhibited;
use crate::notification::Notification;
use crate::silence::Silences;
use seaworthy_store::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How many groups there may be; alerts beyond go to one group of their route.
const MOST_GROUPS: usize = 10_000;

/// All groups, and what was told of them.
#[derive(Debug)]
pub(crate) struct Dispatcher {
    plan: Arc<Plan>,
    groups: BTreeMap<String, Group>,
    /// Changed since they were last asked for.
    dirty: BTreeSet<String>,
    windows: storm::Windows,
    turns: Turns,
    counts: Suppressed,
}

/// Small things that are remembered over restarts.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Turns {
    /// Whose turn it is, by chain and step.
    #[serde(default)]
    pub(crate) round_robin: BTreeMap<String, usize>,
    /// When each heartbeat was last sent, in microseconds since 1970.
    #[serde(default)]
    pub(crate) heartbeats: BTreeMap<String, i64>,
}

/// How often alerts were not told of, and why.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Suppressed {
    /// Held back by a silence.
    pub silenced: u64,
    /// Held back by another alert.
    pub inhibited: u64,
    /// Paused by somebody.
    pub snoozed: u64,
    /// At a time at which the route tells nothing.
    pub muted: u64,
    /// Beyond what one receiver is to be sent.
    pub storm: u64,
}

/// What else there is when something is decided.
#[derive(Debug, Clone, Copy)]
pub(crate) struct World<'a> {
    pub(crate) book: &'a Book,
    pub(crate) silences: &'a Silences,
    pub(crate) at: Timestamp,
}

/// Why an alert is not told of now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Held {
    Silenced,
    Inhibited,
    Snoozed,
}

impl Held {
    /// For people.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Silenced => "silenced",
            Self::Inhibited => "inhibited",
            Self::Snoozed => "snoozed",
        }
    }
}

impl World<'_> {
    /// Whether, and by what, an alert is held back.
    pub(crate) fn held(&self, alert: &Alert, inhibited: &Inhibited<'_>) -> Option<Held> {
        if alert.is_snoozed(self.at) {
            return Some(Held::Snoozed);
        }
        // that a silence ends is not to be held back by it
        let is_own = alert.origin == crate::alert::Origin::Own;
        if !is_own && self.silences.mutes(&alert.labels, self.at).is_some() {
            return Some(Held::Silenced);
        }
        inhibited.contains(&alert.labels).then_some(Held::Inhibited)
    }
}

impl Dispatcher {
    pub(crate) fn new(plan: Arc<Plan>) -> Self {
        Self {
            plan,
            groups: BTreeMap::new(),
            dirty: BTreeSet::new(),
            windows: storm::Windows::default(),
            turns: Turns::default(),
            counts: Suppressed::default(),
        }
    }

    /// An alert began, came back, or woke: its groups look at it.
    pub(crate) fn admit(&mut self, alert: &Alert, at: Timestamp) {
        let plan = Arc::clone(&self.plan);
        for index in plan.tree.of(&alert.labels) {
            let Some(route) = plan.tree.get(index) else { continue };
            let labels = route.group_labels(&alert.labels);
            let mut key = Group::key(&route.key, &labels);
            let mut labels = labels;
            if self.groups.len() >= MOST_GROUPS && !self.groups.contains_key(&key) {
                labels.clear();
                key = Group::key(&route.key, &labels);
            }
            let wait = route.wait(alert);
            let group = self.groups.entry(key.clone()).or_insert_with(|| {
                self.dirty.insert(key.clone());
                let mut group = Group::new(key.clone(), index, labels, at);
                group.next_flush = at.plus(wait);
                group
            });
            group.members.insert(alert.id.clone());
            // the first message waits for the most patient alert no longer than for the least patient one
            if group.told_at.is_none() || wait.is_zero() {
                group.next_flush = group.next_flush.min(at.plus(wait));
            }
        }
    }

    /// Somebody did something about an alert: receivers that follow that are told at once.
    pub(crate) fn touch(&mut self, id: &str, at: Timestamp) {
        for group in self.groups.values_mut().filter(|group| group.members.contains(id)) {
            if group.told_at.is_some() {
                group.next_flush = group.next_flush.min(at);
            }
        }
    }

    /// Everything that is to be told now.
    pub(crate) fn dispatch(&mut self, world: World<'_>) -> Vec<Notification> {
        let plan = Arc::clone(&self.plan);
        let mut out = Vec::new();
        let is_due = |group: &Group| group.next_flush <= world.at || group.escalation_due(world.at);
        let due: Vec<String> =
            self.groups.iter().filter(|(_, group)| is_due(group)).map(|(key, _)| key.clone()).collect();
        if !due.is_empty() {
            let inhibited = Inhibited::new(&plan.inhibitions, world.book.all());
            for key in due {
                self.attend(&key, world, &inhibited, &mut out);
            }
        }
        out.extend(self.windows.summaries(&plan, world.at));
        out.extend(self.heartbeats(world.at));
        for notification in &mut out {
            notification.external_url.clone_from(&plan.external_url);
        }
        out
    }

    pub(crate) fn groups(&self) -> impl Iterator<Item = &Group> {
        self.groups.values()
    }

    pub(crate) fn group(&self, key: &str) -> Option<&Group> {
        self.groups.get(key)
    }

    pub(crate) const fn turns(&self) -> &Turns {
        &self.turns
    }

    pub(crate) const fn counts(&self) -> Suppressed {
        self.counts
    }

    /// A group of an earlier life: what was told of it is not told again.
    pub(crate) fn restore(&mut self, mut group: Group, route_key: &str) {
        let Some(route) = self.plan.tree.by_key(route_key) else {
            // its route is gone: its alerts find others, and are told of anew
            self.dirty.insert(group.key);
            return;
        };
        group.route = route;
        match self.groups.get_mut(&group.key) {
            // it was told of here before the earlier life was known
            Some(known) if known.told_at.is_some() => known.members.extend(group.members),
            Some(known) => {
                group.members.append(&mut known.members);
                *known = group;
            }
            None => {
                self.groups.insert(group.key.clone(), group);
            }
        }
    }

    pub(crate) fn restore_turns(&mut self, turns: Turns) {
        for (name, turn) in turns.round_robin {
            self.turns.round_robin.entry(name).or_insert(turn);
        }
        for (name, at) in turns.heartbeats {
            self.turns.heartbeats.entry(name).or_insert(at);
        }
    }

    /// An alert goes by another id from now on.
    pub(crate) fn rename(&mut self, old: &str, new: &str) {
        for group in self.groups.values_mut() {
            if group.members.remove(old) {
                group.members.insert(new.to_owned());
                if let Some(told) = group.told.remove(old) {
                    group.told.insert(new.to_owned(), told);
                }
                self.dirty.insert(group.key.clone());
            }
        }
    }

    /// Other settings from now on. Groups of routes that stay keep what was told of them.
    pub(crate) fn replace_plan(&mut self, plan: Arc<Plan>, world: World<'_>) {
        let old = std::mem::replace(&mut self.plan, plan);
        for (key, mut group) in std::mem::take(&mut self.groups) {
            let route = old.tree.get(group.route).and_then(|route| self.plan.tree.by_key(&route.key));
            match route {
                Some(route) => {
                    group.route = route;
                    self.groups.insert(key, group);
                }
                None => {
                    self.dirty.insert(key);
                }
            }
        }
        for alert in world.book.all().filter(|alert| alert.is_firing()) {
            self.admit(alert, world.at);
        }
    }

    pub(crate) fn route_key(&self, group: &Group) -> &str {
        self.plan.tree.get(group.route).map_or("", |route| route.key.as_str())
    }

    pub(crate) fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    pub(crate) fn take_dirty(&mut self) -> BTreeSet<String> {
        std::mem::take(&mut self.dirty)
    }

    pub(crate) fn put_back(&mut self, dirty: BTreeSet<String>) {
        self.dirty.extend(dirty);
    }
}
