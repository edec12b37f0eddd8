use super::{Heartbeat, Storm};
use crate::Error;
use crate::calendar::{MuteTime, Muted};
use crate::escalation::Chain;
use crate::inhibition::Inhibition;
use crate::notify::Channel;
use crate::on_call::{OnCall, Schedule};
use crate::route::{Route, Tree};
use seaworthy_store::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// Somebody who is told.
#[derive(Debug, Clone)]
pub struct ReceiverSettings {
    /// What routes call it.
    pub name: String,
    /// How: each way gets every message. Up to 16; none tells nobody.
    pub channels: Vec<Channel>,
    /// Whether it is told that something is over; default true.
    pub send_resolved: bool,
}

impl ReceiverSettings {
    /// With these ways.
    pub fn new(name: impl Into<String>, channels: Vec<Channel>) -> Self {
        Self { name: name.into(), channels, send_resolved: true }
    }
}

/// Everything that was set about who is told, checked.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) tree: Tree,
    pub(crate) receivers: BTreeMap<String, ReceiverSettings>,
    pub(crate) inhibitions: Vec<Inhibition>,
    pub(crate) muted: BTreeMap<String, Muted>,
    pub(crate) chains: BTreeMap<String, Chain>,
    pub(crate) schedules: BTreeMap<String, OnCall>,
    pub(crate) heartbeats: Vec<Heartbeat>,
    pub(crate) storm: Storm,
    pub(crate) external_url: String,
}

/// What a plan is made of.
#[derive(Debug, Clone, Default)]
pub(crate) struct Parts {
    pub(crate) route: Route,
    pub(crate) receivers: Vec<ReceiverSettings>,
    pub(crate) inhibitions: Vec<Inhibition>,
    pub(crate) mute_times: Vec<MuteTime>,
    pub(crate) escalations: Vec<Chain>,
    pub(crate) schedules: Vec<Schedule>,
    pub(crate) heartbeats: Vec<Heartbeat>,
    pub(crate) storm: Storm,
    pub(crate) external_url: String,
}

/// How many things of one kind there may be.
const MOST: usize = 1_000;

impl Plan {
    pub(crate) fn new(parts: Parts) -> Result<Self, Error> {
        parts.storm.validate()?;
        parts.escalations.iter().try_for_each(Chain::validate)?;
        parts.heartbeats.iter().try_for_each(Heartbeat::validate)?;
        let channels = |receiver: &ReceiverSettings| receiver.channels.len();
        if parts.receivers.iter().any(|receiver| channels(receiver) > 16) {
            return Err(Error::invalid("receivers", "one has at most 16 channels"));
        }
        let muted = named("mute time", parts.mute_times, |time| time.name.clone())?;
        let schedules = named("schedule", parts.schedules, |schedule| schedule.name.clone())?;
        let plan = Self {
            tree: Tree::new(&parts.route)?,
            receivers: named("receiver", parts.receivers, |receiver| receiver.name.clone())?,
            inhibitions: parts.inhibitions,
            muted: muted
                .into_iter()
                .map(|(name, time)| Ok((name, Muted::new(time)?)))
                .collect::<Result<_, Error>>()?,
            chains: named("escalation", parts.escalations, |chain| chain.name.clone())?,
            schedules: schedules
                .into_iter()
                .map(|(name, schedule)| Ok((name, OnCall::new(schedule)?)))
                .collect::<Result<_, Error>>()?,
            heartbeats: parts.heartbeats,
            storm: parts.storm,
            external_url: crate::text::line(&parts.external_url, 1_024),
        };
        plan.check_names()?;
        Ok(plan)
    }

    /// Whoever is named is there.
    fn check_names(&self) -> Result<(), Error> {
        let receivers: BTreeSet<&str> = self.receivers.keys().map(String::as_str).collect();
        let there = |known: bool, what: &str, name: &str| {
            if known { Ok(()) } else { Err(Error::invalid(what, format!("there is no \"{name}\""))) }
        };
        let receiver = |name: &str| there(receivers.contains(name), "receiver", name);
        for route in self.tree.all() {
            receiver(&route.receiver)?;
            for name in &route.mute_times {
                there(self.muted.contains_key(name), "mute_times", name)?;
            }
            if let Some(name) = &route.escalation {
                there(self.chains.contains_key(name), "escalation", name)?;
            }
        }
        for chain in self.chains.values() {
            chain.receivers().try_for_each(receiver)?;
            chain
                .schedules()
                .try_for_each(|name| there(self.schedules.contains_key(name), "schedule", name))?;
        }
        self.schedules.values().flat_map(OnCall::participants).try_for_each(receiver)?;
        self.heartbeats.iter().try_for_each(|heartbeat| receiver(&heartbeat.receiver))
    }

    /// Who is told of an alert with these labels.
    pub(crate) fn receivers_of(&self, labels: &crate::labels::LabelSet) -> Vec<String> {
        let routes = self.tree.of(labels);
        let names = routes.into_iter().filter_map(|route| Some(self.tree.get(route)?.receiver.clone()));
        names.collect::<BTreeSet<_>>().into_iter().collect()
    }

    pub(super) fn is_muted(&self, route: usize, at: Timestamp) -> bool {
        let names = self.tree.get(route).map_or(&[][..], |route| route.mute_times.as_slice());
        names.iter().filter_map(|name| self.muted.get(name)).any(|muted| muted.contains(at))
    }
}

fn named<T>(what: &str, all: Vec<T>, name: impl Fn(&T) -> String) -> Result<BTreeMap<String, T>, Error> {
    if all.len() > MOST {
        return Err(Error::invalid(what, format!("at most {MOST}")));
    }
    let mut named = BTreeMap::new();
    for one in all {
        let name = name(&one);
        if name.is_empty() || name.len() > 128 || name.chars().any(char::is_control) {
            return Err(Error::invalid(what, "a name is up to 128 bytes of plain text"));
        }
        if named.insert(name.clone(), one).is_some() {
            return Err(Error::invalid(what, format!("\"{name}\" is given twice")));
        }
    }
    Ok(named)
}
