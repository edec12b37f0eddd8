use crate::worker::Context;
use serde_json::Value;
use std::sync::Arc;

/// What an action knows of the step it is called for. Clones share it.
#[derive(Debug, Clone)]
pub struct Step {
    pub(super) context: Context,
    pub(super) position: usize,
    pub(super) key: Arc<str>,
    pub(super) input: Arc<Value>,
    pub(super) attempt: u32,
    pub(super) outputs: Arc<Vec<Option<Value>>>,
}

impl Step {
    /// The idempotency key: the same for every try of this step, on whatever machine and after whatever crash, and for
    /// no other step.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// What the plan gave it.
    pub fn input(&self) -> &Value {
        &self.input
    }

    /// Which step of the saga, from 0.
    pub const fn position(&self) -> usize {
        self.position
    }

    /// The number of the saga, and of its job.
    pub fn saga(&self) -> i64 {
        self.context.job().id
    }

    /// Which try this is, from 1.
    pub const fn attempt(&self) -> u32 {
        self.attempt
    }

    /// What an earlier step gave.
    pub fn output_of(&self, position: usize) -> Option<&Value> {
        self.outputs.get(position)?.as_ref()
    }

    /// The job it runs in: for progress, log lines and the trace.
    pub const fn context(&self) -> &Context {
        &self.context
    }
}
