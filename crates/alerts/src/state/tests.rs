mod escalations;
mod groups;
mod holding;
mod model;

use super::*;
use crate::alertmanager::Posted;
use crate::dispatch::ReceiverSettings;
use crate::labels::Matchers;
use crate::notification::{Kind, Status};
use crate::notify::{Channel, PagerDuty, Webhook};
use crate::route::Route;
use crate::silence::NewSilence;
use seaworthy_core::Secret;
use std::collections::BTreeSet;

const MINUTE: u64 = 60;

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_micros(1_700_000_000_000_000).plus(Duration::from_secs(seconds))
}

fn webhook() -> Channel {
    Channel::Webhook(Webhook { url: Secret::new("http://localhost/".to_owned()), secret: None })
}

fn pager() -> Channel {
    Channel::PagerDuty(PagerDuty { routing_key: Secret::new("k".to_owned()), url: None })
}

/// Everything to `team`; nothing but alerts from outside.
fn settings() -> Settings {
    let webhooks = ["team", "anna", "ben", "log"].map(|name| ReceiverSettings::new(name, vec![webhook()]));
    let pager = ReceiverSettings::new("pager", vec![pager()]);
    Settings {
        receivers: webhooks.into_iter().chain([pager]).collect(),
        route: Route {
            receiver: Some("team".to_owned()),
            group_by: Some(vec!["service".to_owned()]),
            ..Route::default()
        },
        ..Settings::default()
    }
}

/// An alert from outside: name, service, severity.
type Sent = (String, String, String);

/// A state, and what was told.
struct Bed {
    state: State,
    settings: Settings,
    now: u64,
    disk: Kept,
    /// Alerts that are sent again every 10 s, as a Prometheus does.
    sent: BTreeSet<Sent>,
    keys: Vec<String>,
}

impl Bed {
    fn new(settings: Settings) -> Self {
        let state = State::new(&settings, settings.compile().expect("settings"));
        Self { state, settings, now: 0, disk: Kept::default(), sent: BTreeSet::new(), keys: Vec::new() }
    }

    /// An alert fires from now on.
    fn fire(&mut self, name: &str, service: &str, severity: &str) -> String {
        let alert = (name.to_owned(), service.to_owned(), severity.to_owned());
        let posted = posted(&alert, None);
        let fingerprint = fingerprint(&posted.labels);
        self.sent.insert(alert);
        self.state.receive(vec![posted], at(self.now));
        self.state.book.current(&fingerprint).map(|alert| alert.id.clone()).unwrap_or_default()
    }

    /// It is over.
    fn clear(&mut self, name: &str, service: &str) {
        let (over, on): (BTreeSet<Sent>, BTreeSet<Sent>) =
            std::mem::take(&mut self.sent).into_iter().partition(|s| s.0 == name && s.1 == service);
        self.sent = on;
        let posted = over.iter().map(|alert| posted(alert, Some(at(self.now)))).collect();
        self.state.receive(posted, at(self.now));
    }

    /// Lets time pass in steps of ten seconds; what is told meanwhile, as `SECOND RECEIVER STATUS NAMES`.
    fn until(&mut self, second: u64) -> Vec<String> {
        let mut told = self.step();
        while self.now < second {
            self.now += 10;
            let posted = self.sent.iter().map(|alert| posted(alert, None)).collect();
            self.state.receive(posted, at(self.now));
            told.extend(self.step());
        }
        told
    }

    fn step(&mut self) -> Vec<String> {
        let messages = self.state.dispatch(at(self.now));
        self.keep();
        self.keys.extend(messages.iter().map(|message| message.key.clone()));
        messages.iter().map(|message| line(self.now, message)).collect()
    }

    /// Writes down what changed, as the tables would.
    fn keep(&mut self) {
        let changes = self.state.take_changes();
        for alert in &changes.alerts {
            self.disk.alerts.retain(|kept| kept.id != alert.id);
            self.disk.alerts.push(copy(alert));
        }
        for silence in &changes.silences {
            self.disk.silences.retain(|kept| kept.id != silence.id);
            self.disk.silences.push(copy(silence));
        }
        self.disk.groups.retain(|kept| !changes.gone_groups.contains(&kept.group.key));
        for stored in &changes.groups {
            self.disk.groups.retain(|kept| kept.group.key != stored.group.key);
            self.disk.groups.push(copy(stored));
        }
        self.disk.turns = changes.turns.clone().or(self.disk.turns.take());
        self.disk.looked_at = changes.looked_at.or(self.disk.looked_at);
        self.state.kept(changes);
    }

    /// The process dies, and comes back with what was written down.
    fn kill(&mut self) {
        self.state = State::new(&self.settings, self.settings.compile().expect("settings"));
        self.state.restore(self.disk.clone(), at(self.now));
    }

    fn silence(&mut self, matcher: &str, seconds: u64) -> String {
        let new = NewSilence {
            id: None,
            matchers: Matchers::parse(&[matcher]).expect("a matcher"),
            starts_at: at(self.now),
            ends_at: at(self.now + seconds),
            created_by: "anna".to_owned(),
            comment: "a test".to_owned(),
        };
        self.state.silences.set(new, at(self.now)).expect("a silence")
    }

    /// What people do is told to groups.
    fn act(&mut self, id: &str, work: impl FnOnce(&mut Book, Timestamp) -> Result<(), crate::Error>) {
        work(&mut self.state.book, at(self.now)).expect("done");
        self.state.dispatcher.touch(id, at(self.now));
    }
}

/// As it comes back from the disk.
fn copy<T: serde::Serialize + serde::de::DeserializeOwned>(value: &T) -> T {
    serde_json::from_str(&serde_json::to_string(value).expect("json")).expect("reads back")
}

fn posted((name, service, severity): &Sent, ends_at: Option<Timestamp>) -> Posted {
    let pairs = [(ALERT_NAME, name), ("service", service), (SEVERITY, severity)];
    let labels = pairs.into_iter().map(|(name, value)| (name.to_owned(), value.clone())).collect();
    Posted { labels, annotations: BTreeMap::new(), starts_at: None, ends_at, generator_url: String::new() }
}

fn line(now: u64, message: &Notification) -> String {
    let name = |item: &crate::notification::Item| {
        let name = item.labels[ALERT_NAME].clone();
        match item.status {
            Status::Firing => name,
            Status::Acknowledged => format!("({name})"),
            Status::Resolved => format!("-{name}"),
        }
    };
    let mut names: Vec<String> = message.alerts.iter().map(name).collect();
    names.sort();
    let kind = match &message.kind {
        Kind::Group => String::new(),
        Kind::Escalation { step, round, .. } => format!("escalation {step}/{round} "),
        Kind::Heartbeat => "heartbeat ".to_owned(),
        Kind::Storm => format!("storm +{} ", message.more),
        Kind::Test => "test ".to_owned(),
    };
    format!("{now} {} {kind}{} {}", message.receiver, message.status.word(), names.join(" "))
}
