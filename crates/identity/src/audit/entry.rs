use super::chain::Hash;
use crate::{Actor, text};
use seaworthy_store::Timestamp;
use serde_json::Value;

/// How it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Outcome {
    /// It was done.
    Success,
    /// It was tried and did not work: a wrong password, say.
    Failure,
    /// It was refused.
    Denied,
}

impl Outcome {
    /// Its name in the log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Denied => "denied",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        [Self::Success, Self::Failure, Self::Denied].into_iter().find(|outcome| outcome.as_str() == text)
    }
}

/// What is to be recorded. Texts that are too long are cut; secrets in `before` and `after` are blotted out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Who, as a [`Subject`](crate::Subject) is written.
    pub actor: String,
    /// What people call them.
    pub actor_name: String,
    /// What was done: `user.create`.
    pub action: String,
    /// To what: `user:user_…`.
    pub resource: String,
    /// How it went.
    pub outcome: Outcome,
    /// Why it went so.
    pub reason: Option<String>,
    /// How it was before.
    pub before: Option<Value>,
    /// How it is now.
    pub after: Option<Value>,
    /// The address it came from.
    pub client: Option<String>,
    /// The request's id.
    pub request_id: Option<String>,
    /// The trace it belongs to.
    pub trace_id: Option<String>,
    /// How many like it this stands for.
    pub count: u64,
}

impl Entry {
    /// That an actor did something.
    pub fn new(actor: &Actor, action: &str, resource: impl Into<String>, outcome: Outcome) -> Self {
        Self {
            actor: actor.principal.subject.to_string(),
            actor_name: actor.principal.name.clone(),
            action: action.to_owned(),
            resource: resource.into(),
            outcome,
            reason: None,
            before: None,
            after: None,
            client: actor.client.map(|client| client.to_string()),
            request_id: actor.request_id.clone(),
            trace_id: actor.trace_id.clone(),
            count: 1,
        }
    }

    /// Why it went so.
    #[must_use]
    pub fn because(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }

    /// What it changed.
    #[must_use]
    pub fn change(mut self, before: Option<Value>, after: Option<Value>) -> Self {
        self.before = before;
        self.after = after;
        self
    }

    /// Cut to size, secrets out: what is hashed and stored.
    pub(super) fn settle(self) -> Settled {
        let short = |text: Option<String>| text.map(|text| text::fit(&text, 256));
        Settled {
            actor: text::fit(&self.actor, 512),
            actor_name: text::fit(&self.actor_name, 256),
            action: text::fit(&self.action, 128),
            resource: text::fit(&self.resource, 512),
            outcome: self.outcome,
            reason: self.reason.map(|reason| text::fit(&reason, 1_024)),
            before: self.before.map(super::redact::settle),
            after: self.after.map(super::redact::settle),
            client: short(self.client),
            request_id: short(self.request_id),
            trace_id: short(self.trace_id),
            count: self.count.clamp(1, i64::MAX as u64),
        }
    }

    /// Whether the other tells the same of the same, so that a count says it all.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        let same =
            self.actor == other.actor && self.action == other.action && self.resource == other.resource;
        same && self.outcome == other.outcome
            && self.reason == other.reason
            && self.client == other.client
            && self.before == other.before
            && self.after == other.after
    }
}

/// The part of an entry that does not depend on its place in the log; `before` and `after` are JSON texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Settled {
    pub(super) actor: String,
    pub(super) actor_name: String,
    pub(super) action: String,
    pub(super) resource: String,
    pub(super) outcome: Outcome,
    pub(super) reason: Option<String>,
    pub(super) before: Option<String>,
    pub(super) after: Option<String>,
    pub(super) client: Option<String>,
    pub(super) request_id: Option<String>,
    pub(super) trace_id: Option<String>,
    pub(super) count: u64,
}

/// An entry at its place in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Its place: 1, 2, 3, …
    pub seq: u64,
    /// When, by the store's clock.
    pub at: Timestamp,
    pub(super) entry: Settled,
    /// The hash of the one before it.
    pub prev: Hash,
    /// The hash of all of this.
    pub hash: Hash,
}

impl Recorded {
    /// Who.
    pub fn actor(&self) -> &str {
        &self.entry.actor
    }
    /// What people call them.
    pub fn actor_name(&self) -> &str {
        &self.entry.actor_name
    }
    /// What was done.
    pub fn action(&self) -> &str {
        &self.entry.action
    }
    /// To what.
    pub fn resource(&self) -> &str {
        &self.entry.resource
    }
    /// How it went.
    pub const fn outcome(&self) -> Outcome {
        self.entry.outcome
    }
    /// Why it went so.
    pub fn reason(&self) -> Option<&str> {
        self.entry.reason.as_deref()
    }
    /// How it was before, as JSON.
    pub fn before(&self) -> Option<&str> {
        self.entry.before.as_deref()
    }
    /// How it is now, as JSON.
    pub fn after(&self) -> Option<&str> {
        self.entry.after.as_deref()
    }
    /// The address it came from.
    pub fn client(&self) -> Option<&str> {
        self.entry.client.as_deref()
    }
    /// The request's id.
    pub fn request_id(&self) -> Option<&str> {
        self.entry.request_id.as_deref()
    }
    /// The trace it belongs to.
    pub fn trace_id(&self) -> Option<&str> {
        self.entry.trace_id.as_deref()
    }
    /// How many like it this stands for.
    pub const fn count(&self) -> u64 {
        self.entry.count
    }
}
