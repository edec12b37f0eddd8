use super::{Redrive, RedriveState};
use crate::Error;
use crate::claim::Pace;
use crate::dead::filter::Growing;
use crate::dead::replay::{self, MOST_TOGETHER, Replay, Replayed};
use seaworthy_store::{Query, Store, Timestamp, Tx};

/// When the next step of any may be made.
pub(crate) async fn next(store: &Store) -> Result<Option<Timestamp>, Error> {
    let query = "SELECT look_at FROM job_redrives WHERE state = 'running' ORDER BY look_at LIMIT 1";
    let row = store.fetch_optional(Query::new(query)).await?;
    Ok(row.map(|row| row.get("look_at")).transpose()?.map(Timestamp::from_micros))
}

/// One step of the redrive that has waited longest; how many letters were brought back. `None` where none is due, or
/// others are just at it.
pub(crate) async fn run(tx: &mut Tx, max_replays: u32) -> Result<Option<usize>, Error> {
    let now = tx.now();
    let query = "SELECT * FROM job_redrives WHERE state = 'running' AND look_at <= $1 ORDER BY look_at LIMIT 1 {skip}";
    let Some(row) = tx.fetch_optional(Query::new(query).bind(now)).await? else { return Ok(None) };
    let redrive = Redrive::read(&row)?;
    let pace = Pace::new(redrive.what.rate, redrive.rate_next, now);
    let wanted = pace.allowed.min(MOST_TOGETHER).min(redrive.missing());
    let (ids, done) = bring_back(tx, &redrive, wanted, max_replays).await?;
    let moved = done.back.len();
    let ended = ids.len() < wanted || moved == redrive.missing();
    let state = if ended { RedriveState::Done } else { RedriveState::Running };
    let update = Query::new(
        "UPDATE job_redrives SET state = $2, last_id = $3, moved = moved + $4, refused = refused + $5,
            rate_next = $6, look_at = $7, finished_at = $8 WHERE id = $1",
    );
    let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    let update = update.bind(redrive.id).bind(state.as_str());
    let update = update.bind(ids.last().copied().unwrap_or(redrive.last_id));
    let update = update.bind(count(moved)).bind(count(ids.len() - moved));
    let update = update.bind(pace.next_after(moved)).bind(now.plus(pace.wait(moved)));
    tx.execute(update.bind(ended.then_some(now))).await?;
    Ok(Some(moved))
}

impl Redrive {
    /// How many more it may bring back.
    fn missing(&self) -> usize {
        let missing = self.what.most.map_or(u64::MAX, |most| most.saturating_sub(self.moved));
        usize::try_from(missing).unwrap_or(usize::MAX)
    }
}

async fn bring_back(
    tx: &mut Tx,
    redrive: &Redrive,
    wanted: usize,
    max_replays: u32,
) -> Result<(Vec<i64>, Replayed), Error> {
    let query = Growing::new("SELECT id FROM jobs WHERE ").letters(&redrive.what.filter);
    let query = query.with(" AND id > ", redrive.last_id).with(" AND finished_at <= ", redrive.created_at);
    let query = query.with(" ORDER BY id LIMIT ", i64::try_from(wanted).unwrap_or(1));
    let rows = tx.fetch_all(query.query()).await?;
    let ids = rows.iter().map(|row| row.get("id")).collect::<Result<Vec<i64>, _>>()?;
    let how = Replay { queue: redrive.what.queue.clone(), fresh_key: redrive.what.fresh_key, force: false };
    let done = replay::some(tx, ids.clone(), &how, max_replays).await?;
    Ok((ids, done))
}
