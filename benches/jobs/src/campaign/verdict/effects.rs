use super::super::ledger::Folders;
use super::Left;
use crate::error::Error;
use std::collections::{BTreeMap, BTreeSet};

/// What the outer world saw.
#[derive(Debug, Default)]
pub(super) struct Effects {
    /// By job, the keys under which an effect of it was accepted.
    accepted: BTreeMap<i64, BTreeSet<String>>,
    keys: usize,
    attempts: usize,
    repeated: usize,
}

impl Effects {
    pub(super) fn read(folders: &Folders) -> Result<Self, Error> {
        let mut effects = Self::default();
        let failed = |error: std::io::Error| Error::new("the effects", error);
        for entry in std::fs::read_dir(folders.effects()).map_err(failed)? {
            let key = entry.map_err(failed)?.file_name().to_string_lossy().into_owned();
            let job = key.split('-').nth(1).and_then(|id| id.parse().ok());
            let job = job.ok_or_else(|| Error::new(&key, "names no job"))?;
            effects.keys += 1;
            effects.accepted.entry(job).or_default().insert(key);
        }
        for entry in std::fs::read_dir(folders.attempts()).map_err(failed)? {
            let text = std::fs::read_to_string(entry.map_err(failed)?.path()).map_err(failed)?;
            for line in text.lines() {
                match line.split(' ').next() {
                    Some("attempt") => effects.attempts += 1,
                    Some("repeated") => effects.repeated += 1,
                    _ => {}
                }
            }
        }
        Ok(effects)
    }

    pub(super) const fn accepted(&self) -> usize {
        self.keys
    }

    pub(super) const fn attempts(&self) -> usize {
        self.attempts
    }

    pub(super) const fn repeated(&self) -> usize {
        self.repeated
    }

    /// A job's key is the same at every attempt, so that the outer world took each effect once; who was completed had
    /// its effect, who never works had none.
    pub(super) fn judge(&self, left: &BTreeMap<i64, Left>, broken: &mut Vec<String>) {
        for (id, keys) in &self.accepted {
            let Some(job) = left.get(id) else {
                broken.push(format!("job {id} had an effect and does not exist"));
                continue;
            };
            if keys.len() > 1 {
                broken.push(format!("job {id} had {} effects: {keys:?}", keys.len()));
            }
            if job.kind == "doomed" {
                broken.push(format!("job {id} never works and had an effect"));
            }
        }
        for (id, job) in left.iter().filter(|(_, job)| job.state == "completed") {
            if !self.accepted.contains_key(id) {
                broken.push(format!("job {id} was completed without its effect: {job:?}"));
            }
        }
    }
}
