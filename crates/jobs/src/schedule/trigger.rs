use super::time::{maybe_span, span};
use crate::cron::{Cron, Daylight};
use crate::moment;
use crate::payload::name;
use crate::{Error, dependencies};
use seaworthy_store::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::Duration;

const SHORTEST_INTERVAL: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(366 * 86_400);
const MOST_DEPENDENCIES: usize = 100;

/// What makes a schedule run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Trigger {
    /// The clock on the wall of a zone.
    Cron {
        /// Five fields, or six with seconds first: see [`Cron`].
        expression: String,
        /// A name of the IANA database; `UTC` unless said.
        #[serde(default = "utc")]
        timezone: String,
        /// What happens when clocks change.
        #[serde(default)]
        daylight: Daylight,
    },
    /// Every so often, counted from `start`, or from when it was made.
    Interval {
        /// From 1 s to 366 days.
        #[serde(with = "span")]
        every: Duration,
    },
    /// Once.
    At {
        /// When.
        #[serde(with = "moment::maybe")]
        at: Option<Timestamp>,
    },
    /// Runs of other schedules that end.
    Dependency {
        /// Which schedules, 1 to 100.
        on: Vec<String>,
        /// How they must end; `success` unless said.
        #[serde(default)]
        needs: Needs,
        /// All of them, or any; `all` unless said.
        #[serde(default)]
        mode: Mode,
        /// So long after that.
        #[serde(default, with = "maybe_span", skip_serializing_if = "Option::is_none")]
        delay: Option<Duration>,
        /// With `all`: how long after the first the others are waited for. Then what was there is forgotten, and that
        /// is recorded. For ever unless said.
        #[serde(default, with = "maybe_span", skip_serializing_if = "Option::is_none")]
        timeout: Option<Duration>,
    },
    /// Somebody says so.
    Manual,
}

/// How a run that is waited for must end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Needs {
    /// Its job was completed.
    #[default]
    Success,
    /// Its job ended, however.
    Completion,
    /// Its job was discarded.
    Failure,
}

/// How many of the runs that are waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// One of each schedule since it ran last.
    #[default]
    All,
    /// Each of them, one by one.
    Any,
}

fn utc() -> String {
    "UTC".to_owned()
}

impl Trigger {
    pub(super) fn validate(&self) -> Result<(), Error> {
        match self {
            Self::Cron { expression, timezone, daylight } => {
                Cron::parse(expression, timezone, *daylight).map(|_| ())
            }
            Self::Interval { every } if !(SHORTEST_INTERVAL..=LONGEST).contains(every) => {
                Err(Error::invalid("every", "must be from 1s to 366d"))
            }
            Self::At { at: None } => Err(Error::invalid("at", "must say when")),
            Self::Dependency { on, delay, timeout, .. } => {
                if on.is_empty() || on.len() > MOST_DEPENDENCIES {
                    return Err(Error::invalid("on", "must name 1 to 100 schedules"));
                }
                if delay.is_some_and(|delay| delay > LONGEST) || timeout.is_some_and(|t| t > LONGEST) {
                    return Err(Error::invalid("delay", "delays and time-outs are at most 366d"));
                }
                on.iter().try_for_each(|on| name("on", on, super::definition::LONGEST_NAME))
            }
            _ => Ok(()),
        }
    }

    /// What it waits for.
    pub(super) fn upstream(&self) -> &[String] {
        match self {
            Self::Dependency { on, .. } => on,
            _ => &[],
        }
    }

    /// Reads the expression once, for many questions.
    pub(super) fn ticks(&self, anchor: Timestamp) -> Result<Ticks, Error> {
        Ok(match self {
            Self::Cron { expression, timezone, daylight } => {
                Ticks::Cron(Box::new(Cron::parse(expression, timezone, *daylight)?))
            }
            Self::Interval { every } => Ticks::Interval { anchor, every: *every },
            Self::At { at: Some(at) } => Ticks::At(*at),
            _ => Ticks::None,
        })
    }
}

/// The moments a trigger names.
pub(super) enum Ticks {
    Cron(Box<Cron>),
    Interval { anchor: Timestamp, every: Duration },
    At(Timestamp),
    None,
}

impl Ticks {
    /// The first after a moment.
    pub(super) fn after(&self, moment: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Cron(cron) => cron.next_after(moment),
            Self::Interval { anchor, .. } if moment < *anchor => Some(*anchor),
            Self::Interval { anchor, every } => {
                let step = i64::try_from(every.as_micros()).ok().filter(|step| *step > 0)?;
                let passed = moment.as_micros().checked_sub(anchor.as_micros())?;
                let next = (passed / step + 1).checked_mul(step)?.checked_add(anchor.as_micros())?;
                Some(Timestamp::from_micros(next))
            }
            Self::At(at) => (*at > moment).then_some(*at),
            Self::None => None,
        }
    }
}

impl Needs {
    /// Whether a job that ended in this state is what was waited for.
    pub(super) fn met_by(self, state: crate::State) -> bool {
        match self {
            Self::Success => state == crate::State::Completed,
            Self::Completion => state.is_final(),
            Self::Failure => state == crate::State::Discarded,
        }
    }
}

/// Jobs wait for jobs in the same words.
impl From<Needs> for dependencies::Needs {
    fn from(needs: Needs) -> Self {
        match needs {
            Needs::Success => Self::Success,
            Needs::Completion => Self::Completion,
            Needs::Failure => Self::Failure,
        }
    }
}
