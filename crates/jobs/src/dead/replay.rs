//! Back to work: the same row, so that nothing of a job can be lost on the way.

use super::filter::{DeadFilter, Growing};
use crate::{Error, State, enqueue, keys, payload, topic};
use seaworthy_store::{Query, Row, Rows, Tx};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// The most that are brought back in one transaction.
pub(super) const MOST_TOGETHER: usize = 1_000;

/// How dead letters are brought back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Replay {
    /// Into this queue rather than the one they were in.
    pub queue: Option<String>,
    /// With a new idempotency key: what they did so far is to be done again. Otherwise the key stays, for it is the same
    /// job, and whoever did a part of it already knows it.
    pub fresh_key: bool,
    /// Even where a letter is parked or was replayed too often.
    pub force: bool,
}

/// Which letters of a filter a sample takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pick {
    /// Those that came first.
    Oldest,
    /// Any.
    Random,
}

/// What became of dead letters that were to be brought back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Those that may run again.
    pub back: Vec<i64>,
    /// Those that stay, and why.
    pub refused: Vec<(i64, String)>,
}

pub(super) fn missing(id: i64) -> Error {
    Error::NotFound { what: "job", id: id.to_string() }
}

pub(super) fn refused(id: i64, reason: String) -> Error {
    Error::Refused { what: "dead letter", id: id.to_string(), reason }
}

pub(super) fn state(row: &Row) -> Result<State, Error> {
    let text: String = row.get("state")?;
    Ok(text.parse().map_err(|_| seaworthy_store::Error::Corrupt("a job's state".to_owned()))?)
}

impl Replay {
    pub(super) fn validate(&self) -> Result<(), Error> {
        self.queue.as_deref().map_or(Ok(()), |queue| payload::name("queue", queue, 128))
    }
}

/// One, or why not.
pub(super) async fn one(tx: &mut Tx, id: i64, how: &Replay, max_replays: u32) -> Result<(), Error> {
    let query = Query::new("SELECT state FROM jobs WHERE id = $1 {lock}").bind(id);
    let state = state(&tx.fetch_optional(query).await?.ok_or_else(|| missing(id))?)?;
    if state != State::Discarded {
        return Err(Error::State { id, state, action: "replayed" });
    }
    let done = match some(tx, vec![id], how, max_replays).await {
        // between our look and our write
        Err(Error::Store(seaworthy_store::Error::Conflict(_))) => {
            return Err(refused(id, "another job has its unique key by now".to_owned()));
        }
        done => done?,
    };
    match done.refused.into_iter().next() {
        Some((id, reason)) => Err(refused(id, reason)),
        None => Ok(()),
    }
}

/// Those of a filter, up to a number.
pub(super) async fn sample(
    tx: &mut Tx,
    filter: &DeadFilter,
    most: usize,
    pick: Pick,
    how: &Replay,
    max_replays: u32,
) -> Result<Replayed, Error> {
    let most = i64::try_from(most.min(MOST_TOGETHER)).unwrap_or(1);
    let query = Growing::new("SELECT id FROM jobs WHERE ").letters(filter);
    let query = match pick {
        Pick::Oldest => query.with(" ORDER BY id LIMIT ", most),
        Pick::Random => query.with(" ORDER BY random() LIMIT ", most),
    };
    let rows = tx.fetch_all(query.query()).await?;
    let ids = rows.iter().map(|row| row.get("id")).collect::<Result<Vec<i64>, _>>()?;
    some(tx, ids, how, max_replays).await
}

/// Brings back those of them that are dead letters and may be.
pub(super) async fn some(
    tx: &mut Tx,
    ids: Vec<i64>,
    how: &Replay,
    max_replays: u32,
) -> Result<Replayed, Error> {
    if ids.is_empty() {
        return Ok(Replayed::default());
    }
    let lock =
        "SELECT id, kind, unique_key, unique_until, parked_reason, COALESCE(replays, 0) AS replays FROM jobs
        WHERE id IN (SELECT id FROM {rows}) AND state = 'discarded' ORDER BY id {lock}";
    let letters = tx.fetch_all(Query::new(lock).rows(Rows::new().ints("id", ids))).await?;
    let mut done = Replayed::default();
    let mut going: BTreeMap<i64, Option<String>> = BTreeMap::new();
    for row in &letters {
        let id = row.get("id")?;
        match objection(row, how, max_replays)? {
            Some(reason) => done.refused.push((id, reason)),
            None => {
                going.insert(id, slot(row)?);
            }
        }
    }
    keep_unique(tx, &mut going, &mut done).await?;
    done.back = going.keys().copied().collect();
    release(tx, going, how, max_replays).await?;
    Ok(done)
}

fn objection(row: &Row, how: &Replay, max_replays: u32) -> Result<Option<String>, Error> {
    if how.force {
        return Ok(None);
    }
    if let Some(reason) = row.get::<Option<String>>("parked_reason")? {
        return Ok(Some(format!("it is parked: {reason}")));
    }
    let replays: i64 = row.get("replays")?;
    let often = replays >= i64::from(max_replays);
    Ok(often.then(|| format!("it died again after each of {replays} replays")))
}

/// What must be unique again once it is unfinished; a key that is taken for a period is not taken twice.
fn slot(row: &Row) -> Result<Option<String>, Error> {
    let key: Option<String> = row.get("unique_key")?;
    let period: Option<i64> = row.get("unique_until")?;
    let kind: String = row.get("kind")?;
    Ok(key.filter(|_| period.is_none()).map(|key| enqueue::slot(&kind, &key)))
}

/// Takes out those whose unique key another one has, or an earlier one of these.
async fn keep_unique(
    tx: &mut Tx,
    going: &mut BTreeMap<i64, Option<String>>,
    done: &mut Replayed,
) -> Result<(), Error> {
    let slots: Vec<String> = going.values().flatten().cloned().collect();
    if slots.is_empty() {
        return Ok(());
    }
    let now = tx.now();
    enqueue::free_lapsed_slots(tx, slots.clone(), now).await?;
    let mut taken: HashMap<String, i64> = enqueue::holders(tx, slots).await?;
    let mut refused = HashSet::new();
    for (id, slot) in going.iter() {
        let Some(slot) = slot else { continue };
        if let Some(other) = taken.get(slot) {
            done.refused.push((*id, format!("job {other} has its unique key")));
            refused.insert(*id);
        } else {
            taken.insert(slot.clone(), *id);
        }
    }
    going.retain(|id, _| !refused.contains(id));
    Ok(())
}

async fn release(
    tx: &mut Tx,
    going: BTreeMap<i64, Option<String>>,
    how: &Replay,
    max_replays: u32,
) -> Result<(), Error> {
    if going.is_empty() {
        return Ok(());
    }
    let rows = Rows::new().ints("id", going.keys().copied()).texts("slot", going.into_values());
    let query = Query::new(
        "UPDATE jobs SET state = 'available', run_at = $1, queue = COALESCE($2, queue), attempt = 0, worker = NULL,
            held = CASE WHEN concurrency_key IS NULL THEN 0 ELSE 1 END, started_at = NULL, finished_at = NULL,
            cancel_requested = 0, progress = NULL, progress_note = NULL, result = NULL, parked_reason = NULL,
            touched_at = NULL, replays = COALESCE(replays, 0) + 1,
            last_replay = CASE WHEN COALESCE(replays, 0) + 1 >= $3 THEN 1 ELSE NULL END,
            key_changes = COALESCE(key_changes, 0) + $4, unique_slot = COALESCE(x.slot, unique_slot)
         FROM {rows} WHERE jobs.id = x.id AND jobs.state = 'discarded'
         RETURNING jobs.queue AS queue, jobs.concurrency_key AS concurrency_key",
    );
    let query = query.bind(tx.now()).bind(how.queue.as_deref()).bind(i64::from(max_replays));
    let mut waiting = BTreeSet::new();
    for row in tx.fetch_all(query.bind(how.fresh_key).rows(rows)).await? {
        waiting.extend(row.get::<Option<String>>("concurrency_key")?);
        tx.notify(topic::READY, &row.get::<String>("queue")?);
    }
    keys::admit(tx, waiting).await
}
