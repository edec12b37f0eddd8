//! Everything that can be set, as plain data.

use crate::Error;
use crate::alert::BookSettings;
use crate::calendar::MuteTime;
use crate::dispatch::{Heartbeat, Plan, ReceiverSettings, Storm};
use crate::escalation::Chain;
use crate::inhibition::Inhibition;
use crate::labels::Matchers;
use crate::objective::{MOST_OBJECTIVES, Measured, Objective};
use crate::on_call::Schedule;
use crate::route::Route;
use crate::rule::{self, Rule};
use crate::silence::SilenceSettings;
use std::sync::Arc;
use std::time::Duration;

/// What is looked at, and who is told.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How often rules are looked at; default 10 s. From 1 s to 1 h.
    pub interval: Duration,
    /// Rules, beside those that are built in and those of objectives.
    pub rules: Vec<Rule>,
    /// What is promised.
    pub objectives: Vec<Objective>,
    /// How many series of a rule may be wrong at once; default 1,000.
    pub max_series: usize,
    /// How alerts are kept.
    pub alerts: BookSettings,
    /// How long after the last word of its sender an alert from outside is over, where the sender does not say;
    /// default 5 min.
    pub resolve_timeout: Duration,
    /// Who can be told. A receiver `default` without channels is there where none is given.
    pub receivers: Vec<ReceiverSettings>,
    /// Who is told what.
    pub route: Route,
    /// What is not told because something else is. Default: a page about an objective holds back its tickets.
    pub inhibitions: Vec<Inhibition>,
    /// Times that routes may name.
    pub mute_times: Vec<MuteTime>,
    /// Chains that routes may name.
    pub escalations: Vec<Chain>,
    /// Schedules that chains may name.
    pub schedules: Vec<Schedule>,
    /// Dead-man switches.
    pub heartbeats: Vec<Heartbeat>,
    /// How much one receiver is sent.
    pub storm: Storm,
    /// What silences may be.
    pub silences: SilenceSettings,
    /// How long alerts that are over are kept in the database; default 30 days.
    pub retention: Duration,
    /// Where people see more: stands in messages.
    pub external_url: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(10),
            rules: Vec::new(),
            objectives: Vec::new(),
            max_series: crate::engine::DEFAULT_MAX_SERIES,
            alerts: BookSettings::default(),
            resolve_timeout: Duration::from_secs(300),
            receivers: vec![ReceiverSettings::new("default", Vec::new())],
            route: Route { receiver: Some("default".to_owned()), ..Route::default() },
            inhibitions: pages_over_tickets(),
            mute_times: Vec::new(),
            escalations: Vec::new(),
            schedules: Vec::new(),
            heartbeats: Vec::new(),
            storm: Storm::default(),
            silences: SilenceSettings::default(),
            retention: Duration::from_secs(30 * 86_400),
            external_url: String::new(),
        }
    }
}

fn pages_over_tickets() -> Vec<Inhibition> {
    let read = |texts: &[&str]| Matchers::parse(texts).unwrap_or_default();
    let source = read(&["alertname=~ObjectiveBurnRate|ObjectiveFailing", "severity=critical"]);
    let target = read(&["alertname=ObjectiveBurnRate", "severity=warning"]);
    // an empty matcher would hold everything back
    if source.is_empty() || target.is_empty() {
        return Vec::new();
    }
    vec![Inhibition { source, target, equal: vec!["objective".to_owned()] }]
}

/// Settings, checked and made ready.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub(crate) rules: Vec<Rule>,
    pub(crate) objectives: Vec<Arc<Measured>>,
    pub(crate) plan: Arc<Plan>,
}

impl Settings {
    /// Looks at everything.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::History`].
    pub fn validate(&self) -> Result<(), Error> {
        self.compile().map(drop)
    }

    pub(crate) fn compile(&self) -> Result<Compiled, Error> {
        if self.interval < Duration::from_secs(1) || self.interval > Duration::from_secs(3_600) {
            return Err(Error::invalid("interval", "is from 1s to 1h"));
        }
        if self.objectives.len() > MOST_OBJECTIVES {
            return Err(Error::invalid("objectives", format!("at most {MOST_OBJECTIVES}")));
        }
        let mut names = std::collections::BTreeSet::new();
        if let Some(twin) = self.objectives.iter().find(|objective| !names.insert(&objective.name)) {
            return Err(Error::invalid("objectives", format!("\"{}\" is given twice", twin.name)));
        }
        for receiver in &self.receivers {
            for channel in &receiver.channels {
                channel.validate().map_err(|error| {
                    Error::invalid(format!("receiver {}", receiver.name), error.to_string())
                })?;
            }
        }
        let objectives =
            self.objectives.iter().cloned().map(|objective| Measured::new(objective).map(Arc::new));
        let objectives = objectives.collect::<Result<Vec<_>, _>>()?;
        let rules = rule::assemble(&objectives, self.rules.clone())?;
        Ok(Compiled { rules, objectives, plan: Arc::new(self.plan()?) })
    }

    fn plan(&self) -> Result<Plan, Error> {
        Plan::new(crate::dispatch::Parts {
            route: self.route.clone(),
            receivers: self.receivers.clone(),
            inhibitions: self.inhibitions.clone(),
            mute_times: self.mute_times.clone(),
            escalations: self.escalations.clone(),
            schedules: self.schedules.clone(),
            heartbeats: self.heartbeats.clone(),
            storm: self.storm,
            external_url: self.external_url.clone(),
        })
    }
}
