//! What the tables hold of a saga.

use crate::Error;
use crate::record::Failure;
use seaworthy_store::{Error as StoreError, Row, Timestamp};
use serde::Serialize;
use serde_json::Value;
use std::fmt;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$d:meta])* $variant:ident = $word:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$d])* $variant),* }

        impl $name {
            /// The name in the database and in answers.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }

            pub(super) fn read(text: &str) -> Result<Self, Error> {
                match text {
                    $($word => Ok(Self::$variant),)*
                    _ => Err(StoreError::Corrupt("a saga".to_owned()).into()),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

words!(
    /// Where a saga stands.
    SagaState {
        /// On its way forward, or waiting to be begun.
        Running = "running",
        /// Every step is done.
        Completed = "completed",
        /// On its way back: what was done is being undone.
        Compensating = "compensating",
        /// Nothing of it is left.
        Compensated = "compensated",
        /// A part of it is there, and it takes a person: its job is a dead letter.
        Stuck = "stuck",
    }
);

words!(
    /// Where a step stands.
    StepState {
        /// Not begun.
        Planned = "planned",
        /// Written down to be begun; it may have been done.
        Intended = "intended",
        /// Done.
        Done = "done",
        /// Written down to be undone; it may have been.
        Undoing = "undoing",
        /// Undone.
        Undone = "undone",
        /// It could not be undone: there are instructions.
        UndoFailed = "undo_failed",
        /// Nothing was done, or what is there is not ours: there is nothing to undo.
        Skipped = "skipped",
    }
);

/// A saga as it is worked on.
#[derive(Debug, Clone)]
pub(super) struct SagaRow {
    pub(super) state: SagaState,
    pub(super) backward: bool,
    /// Which step it failed at, and why it turns back or stands still.
    pub(super) failed_step: Option<usize>,
    pub(super) failure: Option<Failure>,
    pub(super) cancel_requested: bool,
    pub(super) replays: i64,
    pub(super) steps: Vec<StepRow>,
}

/// A step as it is worked on.
#[derive(Debug, Clone)]
pub(super) struct StepRow {
    pub(super) position: usize,
    pub(super) action: String,
    pub(super) input: Value,
    pub(super) key: String,
    pub(super) state: StepState,
    /// It was begun, and how it ended was not told.
    pub(super) in_flight: bool,
    /// Something may have been done.
    pub(super) doubtful: bool,
    /// What it found is not ours.
    pub(super) adopted: bool,
    pub(super) attempts: u32,
    pub(super) undo_attempts: u32,
    pub(super) output: Option<Value>,
    pub(super) failure: Option<Failure>,
    pub(super) instructions: Option<String>,
}

pub(super) fn failure(row: &Row) -> Result<Option<Failure>, Error> {
    let code: Option<String> = row.get("error_code")?;
    let text = row.get::<Option<String>>("error")?.unwrap_or_default();
    Ok(code.map(|code| Failure { code, text }))
}

fn flag(row: &Row, name: &str) -> Result<bool, Error> {
    Ok(row.get::<i64>(name)? == 1)
}

fn json(text: &str) -> Result<Value, Error> {
    Ok(serde_json::from_str(text).map_err(|_| StoreError::Corrupt("a saga's step".to_owned()))?)
}

pub(super) fn small(row: &Row, name: &str) -> Result<u32, Error> {
    Ok(u32::try_from(row.get::<i64>(name)?).unwrap_or(u32::MAX))
}

pub(super) fn place(row: &Row, name: &str) -> Result<Option<usize>, Error> {
    Ok(row.get::<Option<i64>>(name)?.and_then(|at| usize::try_from(at).ok()))
}

pub(super) fn time(row: &Row, name: &str) -> Result<Option<Timestamp>, Error> {
    Ok(row.get::<Option<i64>>(name)?.map(Timestamp::from_micros))
}

impl SagaRow {
    /// Before it was read.
    pub(super) const fn empty() -> Self {
        Self {
            state: SagaState::Running,
            backward: false,
            failed_step: None,
            failure: None,
            cancel_requested: false,
            replays: 0,
            steps: Vec::new(),
        }
    }

    pub(super) fn read(row: &Row, steps: &[Row]) -> Result<Self, Error> {
        Ok(Self {
            state: SagaState::read(&row.get::<String>("state")?)?,
            backward: flag(row, "backward")?,
            failed_step: place(row, "failed_step")?,
            failure: failure(row)?,
            cancel_requested: flag(row, "cancel_requested")?,
            replays: row.get("replays")?,
            steps: steps.iter().map(StepRow::read).collect::<Result<_, _>>()?,
        })
    }
}

impl StepRow {
    pub(super) fn read(row: &Row) -> Result<Self, Error> {
        let output: Option<String> = row.get("output")?;
        Ok(Self {
            position: place(row, "position")?.unwrap_or_default(),
            action: row.get("action")?,
            input: json(&row.get::<String>("input")?)?,
            key: row.get("key")?,
            state: StepState::read(&row.get::<String>("state")?)?,
            in_flight: flag(row, "in_flight")?,
            doubtful: flag(row, "doubtful")?,
            adopted: flag(row, "adopted")?,
            attempts: small(row, "attempts")?,
            undo_attempts: small(row, "undo_attempts")?,
            output: output.as_deref().map(json).transpose()?,
            failure: failure(row)?,
            instructions: row.get("instructions")?,
        })
    }
}
