//! Silences: alerts that are not told of for a while, because somebody said so.

use crate::Error;
use crate::labels::{LabelSet, Matchers};
use crate::text::{digest, line, lines};
use crate::time::micros;
use seaworthy_store::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What silences may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SilenceSettings {
    /// How many there may be; default 1,000.
    pub max_silences: usize,
    /// How long one may last; default 30 days.
    pub max_length: Duration,
    /// How long before its end one that still holds an alert back is announced; default 15 min.
    pub announce_before: Duration,
    /// How long one that is over is kept; default 5 days.
    pub keep_expired: Duration,
}

impl Default for SilenceSettings {
    fn default() -> Self {
        Self {
            max_silences: 1_000,
            max_length: Duration::from_secs(30 * 86_400),
            announce_before: Duration::from_secs(900),
            keep_expired: Duration::from_secs(5 * 86_400),
        }
    }
}

/// Alerts that are not told of for a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silence {
    /// Its own.
    pub id: String,
    /// Which alerts: all of these hold.
    pub matchers: Matchers,
    /// From when on.
    #[serde(with = "micros")]
    pub starts_at: Timestamp,
    /// Until when.
    #[serde(with = "micros")]
    pub ends_at: Timestamp,
    /// Who made it.
    pub created_by: String,
    /// Why.
    pub comment: String,
    /// When it was last changed.
    #[serde(with = "micros")]
    pub updated_at: Timestamp,
    /// Whether its end was told of.
    #[serde(default)]
    pub announced: bool,
}

/// A silence that somebody wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSilence {
    /// Replaces this one.
    pub id: Option<String>,
    /// Which alerts; at least one that is not met by an alert without labels.
    pub matchers: Matchers,
    /// From when on; what is past means now.
    pub starts_at: Timestamp,
    /// Until when.
    pub ends_at: Timestamp,
    /// Who makes it.
    pub created_by: String,
    /// Why. Not empty.
    pub comment: String,
}

impl Silence {
    /// Whether it holds at a moment.
    pub fn is_active(&self, at: Timestamp) -> bool {
        self.starts_at <= at && at < self.ends_at
    }

    /// `pending`, `active` or `expired`.
    pub fn state(&self, at: Timestamp) -> &'static str {
        if at >= self.ends_at {
            "expired"
        } else if at < self.starts_at {
            "pending"
        } else {
            "active"
        }
    }
}

/// All silences.
#[derive(Debug)]
pub(crate) struct Silences {
    settings: SilenceSettings,
    silences: BTreeMap<String, Silence>,
    dirty: BTreeSet<String>,
    made: u64,
}

impl Silences {
    pub(crate) fn new(settings: SilenceSettings) -> Self {
        Self { settings, silences: BTreeMap::new(), dirty: BTreeSet::new(), made: 0 }
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Silence> {
        self.silences.values()
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Silence> {
        self.silences.get(id)
    }

    /// Makes one, or changes one that is not over.
    pub(crate) fn set(&mut self, new: NewSilence, at: Timestamp) -> Result<String, Error> {
        let silence = self.checked(new, at)?;
        let id = silence.id.clone();
        if !self.silences.contains_key(&id) && self.silences.len() >= self.settings.max_silences {
            return Err(Error::Full { what: "silences", most: self.settings.max_silences });
        }
        self.dirty.insert(id.clone());
        self.silences.insert(id.clone(), silence);
        Ok(id)
    }

    fn checked(&mut self, new: NewSilence, at: Timestamp) -> Result<Silence, Error> {
        let (created_by, comment) = (line(&new.created_by, 256), lines(&new.comment, 1_024));
        if created_by.is_empty() || comment.trim().is_empty() {
            return Err(Error::invalid("silence", "says who made it and why"));
        }
        if new.matchers.is_empty() || new.matchers.match_all(&LabelSet::new()) {
            return Err(Error::invalid(
                "matchers",
                "one at least has to ask for a label: this holds everything back",
            ));
        }
        let starts_at = new.starts_at.max(at);
        if new.ends_at <= starts_at {
            return Err(Error::invalid("ends_at", "is after the start, and in the future"));
        }
        if new.ends_at.since(starts_at) > self.settings.max_length {
            let most = seaworthy_core::duration::format(self.settings.max_length);
            return Err(Error::invalid("ends_at", format!("a silence is no longer than {most}")));
        }
        let (id, starts_at) = match new.id {
            None => {
                self.made += 1;
                let (at, made) = (at.as_micros().to_string(), self.made.to_string());
                (digest([at.as_str(), &made, &created_by, &new.matchers.to_string()]), starts_at)
            }
            Some(id) => {
                let known = self.silences.get(&id).filter(|known| at < known.ends_at);
                let known = known.ok_or_else(|| Error::NotFound { what: "silence", id: line(&id, 64) })?;
                // one that holds already goes on from where it began
                (id, if known.starts_at <= at && starts_at <= at { known.starts_at } else { starts_at })
            }
        };
        let (matchers, ends_at) = (new.matchers, new.ends_at);
        Ok(Silence {
            id,
            matchers,
            starts_at,
            ends_at,
            created_by,
            comment,
            updated_at: at,
            announced: false,
        })
    }

    /// Ends one now.
    pub(crate) fn expire(&mut self, id: &str, at: Timestamp) -> Result<(), Error> {
        let silence = self.silences.get_mut(id).filter(|silence| at < silence.ends_at);
        let silence = silence.ok_or_else(|| Error::NotFound { what: "silence", id: line(id, 64) })?;
        silence.ends_at = at;
        silence.starts_at = silence.starts_at.min(at);
        silence.updated_at = at;
        self.dirty.insert(id.to_owned());
        Ok(())
    }

    /// Which one holds an alert back.
    pub(crate) fn mutes(&self, labels: &LabelSet, at: Timestamp) -> Option<&Silence> {
        self.silences.values().find(|silence| silence.is_active(at) && silence.matchers.match_all(labels))
    }

    /// Those whose end is near and was not told of.
    pub(crate) fn ending(&self, at: Timestamp) -> Vec<Silence> {
        let near = |silence: &&Silence| {
            let from = silence.ends_at.minus(self.settings.announce_before);
            // of one shorter than that: as soon as it holds
            !silence.announced && silence.is_active(at) && at >= from
        };
        self.silences.values().filter(near).cloned().collect()
    }

    pub(crate) fn announced(&mut self, id: &str) {
        if let Some(silence) = self.silences.get_mut(id) {
            silence.announced = true;
            self.dirty.insert(id.to_owned());
        }
    }

    /// Forgets those that have been over for long.
    pub(crate) fn pass_time(&mut self, at: Timestamp) {
        let keep = self.settings.keep_expired;
        let (dirty, before) = (&mut self.dirty, self.silences.len());
        self.silences.retain(|id, silence| {
            let stays = at.since(silence.ends_at) < keep;
            if !stays {
                dirty.insert(id.clone());
            }
            stays
        });
        if self.silences.len() < before {
            tracing::debug!(count = before - self.silences.len(), "silences forgotten");
        }
    }

    pub(crate) fn restore(&mut self, silence: Silence) {
        self.silences.entry(silence.id.clone()).or_insert(silence);
    }

    /// Puts one back as it was, or takes it away: what was made of it could not be kept.
    pub(crate) fn revert(&mut self, id: &str, before: Option<Silence>) {
        match before {
            Some(before) => drop(self.silences.insert(id.to_owned(), before)),
            None => drop(self.silences.remove(id)),
        }
    }

    pub(crate) fn take_dirty(&mut self) -> BTreeSet<String> {
        std::mem::take(&mut self.dirty)
    }

    pub(crate) fn put_back(&mut self, dirty: BTreeSet<String>) {
        self.dirty.extend(dirty);
    }
}
