//! What a policy is set to, what state it is in, and what it has done.

use serde_json::Value;
use std::sync::atomic::{AtomicU64, Ordering};

/// How often one setting acted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Effect {
    /// What happened, in snake case.
    pub name: &'static str,
    /// How often since the policy was made.
    pub count: u64,
}

/// The public face of one policy: a setting without an effect here is a finding.
pub trait PolicyStatus: Send + Sync {
    /// Which policy this is, in snake case.
    fn kind(&self) -> &'static str;
    /// What it is set to.
    fn settings(&self) -> Value;
    /// What state it is in now.
    fn state(&self) -> Value;
    /// What it has done so far.
    fn effects(&self) -> Vec<Effect>;
}

/// A count that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// One more.
    pub fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// How many so far.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// The count under its name.
    pub fn effect(&self, name: &'static str) -> Effect {
        Effect { name, count: self.get() }
    }
}

/// Settings as a JSON value. They are plain data, so writing them down cannot fail; if it ever did, the status page
/// shows the reason rather than nothing.
pub(crate) fn as_json(settings: &impl serde::Serialize) -> Value {
    serde_json::to_value(settings).unwrap_or_else(|error| Value::String(error.to_string()))
}
