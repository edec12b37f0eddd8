use super::super::ledger::Folders;
use super::Left;
use crate::error::Error;
use seaworthy_jobs::Jobs;
use std::collections::{BTreeMap, BTreeSet};

/// What the feeder was told, as it wrote it down.
#[derive(Debug, Default)]
pub(super) struct Accepted {
    /// Job, and the words before it.
    jobs: Vec<(i64, Vec<String>)>,
    batches: BTreeSet<i64>,
}

impl Accepted {
    pub(super) fn read(folders: &Folders) -> Result<Self, Error> {
        let path = folders.accepted();
        let text = std::fs::read_to_string(&path);
        let text = text.map_err(|error| Error::new(path.display().to_string(), error))?;
        let mut accepted = Self::default();
        for line in text.lines() {
            let mut words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            let id = words.pop().and_then(|word| word.parse().ok());
            let id = id.ok_or_else(|| Error::new(line, "names no job"))?;
            if words.first().is_some_and(|word| word == "batch") {
                accepted.batches.insert(id);
            } else {
                accepted.jobs.push((id, words));
            }
        }
        Ok(accepted)
    }

    pub(super) fn count(&self) -> usize {
        self.jobs.iter().map(|(id, _)| id).collect::<BTreeSet<_>>().len()
    }

    /// Every acknowledged job is there and ended as it had to.
    pub(super) fn judge(&self, left: &BTreeMap<i64, Left>, broken: &mut Vec<String>) {
        let mut unique: BTreeMap<&str, i64> = BTreeMap::new();
        for (id, words) in &self.jobs {
            let Some(job) = left.get(id) else {
                broken.push(format!("job {id} was acknowledged ({words:?}) and does not exist"));
                continue;
            };
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let kept = match words[..] {
                ["completes"] => job.state == "completed",
                ["dies"] => job.state == "discarded",
                ["ends"] => matches!(job.state.as_str(), "completed" | "cancelled"),
                ["hopeless"] => job.state == "cancelled" && job.code.as_deref() == Some("dependency"),
                ["unique", round] => job.state == "completed" && *unique.entry(round).or_insert(*id) == *id,
                ["follows", parent] => job.state == "completed" && follows(job, parent, left),
                ["waits", delay] => job.state == "completed" && waited(job, delay),
                _ => false,
            };
            if !kept {
                broken.push(format!("job {id} ({words:?}): {job:?}"));
            }
        }
    }
}

fn follows(job: &Left, parent: &str, left: &BTreeMap<i64, Left>) -> bool {
    let parent = parent.parse().ok().and_then(|id: i64| left.get(&id));
    parent.is_some_and(|parent| {
        parent.finished.is_some() && job.started.is_some() && job.finished >= parent.finished
    })
}

/// Two processes' times of the database differ by as long as a reading was on its way.
const CLOCKS_US: i64 = 250_000;

/// By its end: the time of a start is taken before the claim is on its way, and here claims wait for a server that was
/// killed, or in a process that is frozen. A job of this kind takes next to no time.
fn waited(job: &Left, delay_ms: &str) -> bool {
    let delay: Option<i64> = delay_ms.parse().ok();
    delay
        .zip(job.finished)
        .is_some_and(|(delay, finished)| finished - job.created + CLOCKS_US >= delay * 1_000)
}

/// Every batch was finished after the last of its jobs, with one job of its own.
pub(super) async fn judge_batches(
    jobs: &Jobs,
    accepted: &Accepted,
    left: &BTreeMap<i64, Left>,
    broken: &mut Vec<String>,
) -> Result<(), Error> {
    let mut last: BTreeMap<i64, i64> = BTreeMap::new();
    for job in left.values() {
        if let Some((batch, finished)) = job.batch.zip(job.finished) {
            last.entry(batch).and_modify(|last| *last = finished.max(*last)).or_insert(finished);
        }
    }
    let mut callbacks: BTreeMap<String, usize> = BTreeMap::new();
    for metadata in left.values().filter_map(|job| job.metadata.as_ref()) {
        *callbacks.entry(metadata.clone()).or_default() += 1;
    }
    for id in &accepted.batches {
        let batch = jobs.batch(*id).await?;
        let finished = batch.finished_at.map(seaworthy_store::Timestamp::as_micros);
        let made = callbacks.get(&serde_json::json!({ "batch": id.to_string() }).to_string()).copied();
        let callback = batch.callback.and_then(|id| left.get(&id));
        let whole = finished >= last.get(id).copied()
            && made == Some(1)
            && callback.is_some_and(|job| job.state == "completed");
        if !whole {
            broken.push(format!("{batch:?}, {made:?} callbacks, last job {:?}", last.get(id)));
        }
    }
    Ok(())
}
