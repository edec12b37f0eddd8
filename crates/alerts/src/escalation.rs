//! Escalation: who is told next while nobody acknowledges.

use crate::Error;
use crate::time::micros;
use seaworthy_store::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How often a chain may be begun again.
const MOST_REPEATS: u8 = 5;

/// Steps that are gone through until an alert is acknowledged or over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// What routes call it.
    pub name: String,
    /// One after the other; 1 to 32.
    pub steps: Vec<Step>,
    /// How often it begins again after the last step; up to 5. Default 0.
    pub repeat: u8,
}

/// A step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Nothing happens for so long.
    Wait(Duration),
    /// Somebody is told.
    Notify(Target),
}

/// Who is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// This receiver.
    Receiver(String),
    /// Whoever is on call by this schedule; the route's own receiver where nobody is.
    Schedule(String),
    /// One of these receivers, each in turn over all alerts.
    RoundRobin(Vec<String>),
}

impl Chain {
    pub(crate) fn validate(&self) -> Result<(), Error> {
        let refuse = |reason: &str| Err(Error::invalid(format!("escalation {}", self.name), reason));
        if self.steps.is_empty() || self.steps.len() > 32 {
            return refuse("has from 1 to 32 steps");
        }
        if self.repeat > MOST_REPEATS {
            return refuse("repeat is up to 5");
        }
        let waits = self.steps.iter().filter_map(|step| match step {
            Step::Wait(length) => Some(*length),
            Step::Notify(_) => None,
        });
        if waits
            .clone()
            .any(|length| length < Duration::from_secs(1) || length > Duration::from_secs(7 * 86_400))
        {
            return refuse("a wait is from 1s to 7d");
        }
        if self.repeat > 0 && waits.count() == 0 {
            return refuse("one that repeats waits somewhere");
        }
        let empty = |step: &Step| matches!(step, Step::Notify(Target::RoundRobin(list)) if list.is_empty());
        if self.steps.iter().any(empty) {
            return refuse("a round robin names receivers");
        }
        Ok(())
    }

    /// Every receiver it names.
    pub(crate) fn receivers(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().flat_map(|step| match step {
            Step::Notify(Target::Receiver(name)) => vec![name.as_str()],
            Step::Notify(Target::RoundRobin(names)) => names.iter().map(String::as_str).collect(),
            Step::Notify(Target::Schedule(_)) | Step::Wait(_) => vec![],
        })
    }

    /// Every schedule it names.
    pub(crate) fn schedules(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().filter_map(|step| match step {
            Step::Notify(Target::Schedule(name)) => Some(name.as_str()),
            _ => None,
        })
    }
}

/// How far a group has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Progress {
    /// The next step.
    pub(crate) step: usize,
    /// How often the chain has begun again.
    pub(crate) round: u8,
    /// When the next step is taken.
    #[serde(with = "micros")]
    pub(crate) due_at: Timestamp,
    /// Whether all of it is done: it begins anew only with an alert that is new.
    #[serde(default)]
    pub(crate) is_done: bool,
}

/// Somebody to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told<'a> {
    pub(crate) target: &'a Target,
    pub(crate) step: usize,
    pub(crate) round: u8,
}

impl Progress {
    pub(crate) const fn begin(at: Timestamp) -> Self {
        Self { step: 0, round: 0, due_at: at, is_done: false }
    }

    /// Takes every step that is due. After a long absence each step is taken once, not made up for.
    pub(crate) fn advance<'a>(&mut self, chain: &'a Chain, at: Timestamp) -> Vec<Told<'a>> {
        let mut told = Vec::new();
        while !self.is_done && self.due_at <= at {
            match chain.steps.get(self.step) {
                Some(Step::Wait(length)) => self.due_at = self.due_at.plus(*length),
                Some(Step::Notify(target)) => told.push(Told { target, step: self.step, round: self.round }),
                None if self.round < chain.repeat => {
                    self.round += 1;
                    self.step = 0;
                    continue;
                }
                None => {
                    self.is_done = true;
                    break;
                }
            }
            self.step += 1;
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(repeat: u8) -> Chain {
        let receiver = |name: &str| Step::Notify(Target::Receiver(name.to_owned()));
        let wait = Step::Wait(Duration::from_secs(300));
        Chain { name: "c".to_owned(), steps: vec![receiver("a"), wait.clone(), receiver("b"), wait], repeat }
    }

    #[test]
    fn steps_are_taken_when_they_are_due_and_again_as_often_as_said() {
        let chain = chain(1);
        chain.validate().expect("can be");
        let start = Timestamp::from_micros(0);
        let mut progress = Progress::begin(start);
        let mut taken = Vec::new();
        for minute in 0..40 {
            let at = start.plus(Duration::from_secs(60 * minute));
            taken
                .extend(progress.advance(&chain, at).into_iter().map(|told| (minute, told.step, told.round)));
        }
        assert_eq!(taken, [(0, 0, 0), (5, 2, 0), (10, 0, 1), (15, 2, 1)]);
        assert!(progress.is_done);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let endless = Chain { steps: vec![Step::Notify(Target::Receiver("a".to_owned()))], ..chain(1) };
        assert!(endless.validate().is_err());
        assert!(chain(6).validate().is_err());
        assert!(Chain { steps: vec![], ..chain(0) }.validate().is_err());
    }
}
