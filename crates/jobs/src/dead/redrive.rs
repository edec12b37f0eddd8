//! Many dead letters back to work, so many per time: written down, and carried on by whatever runner looks next.
//!
//! A redrive is a walk over ids. One step is one transaction: it brings some back, and notes how far it came; so a
//! process that is killed in between leaves a whole number of steps behind. A letter that dies again is behind the
//! walk by then.

mod step;

pub(crate) use step::{next, run};

use super::filter::{DeadFilter, Growing};
use crate::claim::Rate;
use crate::{Error, payload, topic};
use seaworthy_store::{Query, Row, Store, Timestamp, Tx};
use std::fmt;
use std::time::Duration;

/// The most on one page.
const LARGEST_PAGE: usize = 1_000;

/// What is to be brought back.
#[derive(Debug, Clone, PartialEq)]
pub struct NewRedrive {
    /// Which letters: of those that are dead when it begins.
    pub filter: DeadFilter,
    /// How fast.
    pub rate: Rate,
    /// At most so many.
    pub most: Option<u64>,
    /// Into this queue rather than the one each was in.
    pub queue: Option<String>,
    /// With new idempotency keys.
    pub fresh_key: bool,
    /// Who wants it.
    pub asked_by: String,
}

/// A redrive as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Redrive {
    /// Its number.
    pub id: i64,
    /// Whether it goes on.
    pub state: RedriveState,
    /// What it is.
    pub what: NewRedrive,
    /// How many letters there were of its filter when it began.
    pub matched: u64,
    /// How many it has brought back.
    pub moved: u64,
    /// How many it had to leave: their unique key is taken, or they were replayed too often.
    pub refused: u64,
    /// When it began.
    pub created_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    last_id: i64,
    rate_next: Timestamp,
}

/// Whether a redrive goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RedriveState {
    /// It does.
    Running,
    /// Not for now.
    Paused,
    /// Somebody ended it.
    Cancelled,
    /// It has come to its end.
    Done,
}

impl RedriveState {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Running, Self::Paused, Self::Cancelled, Self::Done];

    /// The name in the database and in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Cancelled => "cancelled",
            Self::Done => "done",
        }
    }
}

impl fmt::Display for RedriveState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl NewRedrive {
    fn validate(&self) -> Result<(), Error> {
        self.filter.must_exclude_parked()?;
        self.rate.validate()?;
        payload::name("asked_by", &self.asked_by, 512)?;
        if self.most == Some(0) {
            return Err(Error::invalid("most", "0 would bring nothing back"));
        }
        self.queue.as_deref().map_or(Ok(()), |queue| payload::name("queue", queue, 128))
    }
}

impl Redrive {
    fn read(row: &Row) -> Result<Self, Error> {
        let corrupt = || seaworthy_store::Error::Corrupt("a redrive".to_owned());
        let number = |name| Ok::<_, Error>(u64::try_from(row.get::<i64>(name)?).unwrap_or(0));
        let small = |name| Ok::<_, Error>(u32::try_from(row.get::<i64>(name)?).unwrap_or(u32::MAX));
        let state: String = row.get("state")?;
        let filter: String = row.get("filter")?;
        let rate = Rate {
            count: small("rate_count")?,
            period: Duration::from_micros(number("rate_period_us")?),
            burst: small("rate_burst")?,
        };
        let most: Option<i64> = row.get("most")?;
        Ok(Self {
            id: row.get("id")?,
            state: RedriveState::ALL.into_iter().find(|s| s.as_str() == state).ok_or_else(corrupt)?,
            what: NewRedrive {
                filter: serde_json::from_str(&filter).map_err(|_| corrupt())?,
                rate,
                most: most.and_then(|most| u64::try_from(most).ok()),
                queue: row.get("target")?,
                fresh_key: row.get::<i64>("fresh_key")? == 1,
                asked_by: row.get("asked_by")?,
            },
            matched: number("matched")?,
            moved: number("moved")?,
            refused: number("refused")?,
            created_at: Timestamp::from_micros(row.get("created_at")?),
            finished_at: row.get::<Option<i64>>("finished_at")?.map(Timestamp::from_micros),
            last_id: row.get("last_id")?,
            rate_next: Timestamp::from_micros(row.get("rate_next")?),
        })
    }
}

pub(super) async fn begin(tx: &mut Tx, new: NewRedrive) -> Result<i64, Error> {
    new.validate()?;
    let now = tx.now();
    let count = Growing::new("SELECT count(*) AS n FROM jobs WHERE ").letters(&new.filter);
    let matched: i64 = tx.fetch_one(count.query()).await?.get("n")?;
    let filter = serde_json::to_string(&new.filter)
        .map_err(|error| Error::invalid("filter", format!("cannot be kept: {error}")))?;
    let query = Query::new(
        "INSERT INTO job_redrives (state, filter, target, fresh_key, most, rate_count, rate_period_us, rate_burst,
            look_at, matched, asked_by, created_at)
         VALUES ('running', $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $8) RETURNING id",
    );
    let period = i64::try_from(new.rate.period.as_micros()).unwrap_or(i64::MAX);
    let most = new.most.map(|most| i64::try_from(most).unwrap_or(i64::MAX));
    let query = query.bind(filter).bind(new.queue).bind(new.fresh_key).bind(most);
    let query = query.bind(i64::from(new.rate.count)).bind(period).bind(i64::from(new.rate.burst));
    let id = tx.fetch_one(query.bind(now).bind(matched).bind(new.asked_by)).await?.get("id")?;
    tx.notify(topic::REDRIVE, "");
    Ok(id)
}

/// Pauses, resumes or ends one.
pub(super) async fn switch(tx: &mut Tx, id: i64, to: RedriveState) -> Result<Redrive, Error> {
    let lock = Query::new("SELECT * FROM job_redrives WHERE id = $1 {lock}").bind(id);
    let before = Redrive::read(&tx.fetch_optional(lock).await?.ok_or_else(|| missing(id))?)?;
    if matches!(before.state, RedriveState::Cancelled | RedriveState::Done) && before.state != to {
        let reason = format!("it is {}", before.state);
        return Err(Error::Refused { what: "redrive", id: id.to_string(), reason });
    }
    let now = tx.now();
    let ended = (to == RedriveState::Cancelled).then_some(now);
    let query = Query::new(
        "UPDATE job_redrives SET state = $2, look_at = $3, finished_at = COALESCE(finished_at, $4) WHERE id = $1
         RETURNING *",
    );
    let row = tx.fetch_one(query.bind(id).bind(to.as_str()).bind(now).bind(ended)).await?;
    tx.notify(topic::REDRIVE, "");
    Redrive::read(&row)
}

fn missing(id: i64) -> Error {
    Error::NotFound { what: "redrive", id: id.to_string() }
}

pub(super) async fn get(store: &Store, id: i64) -> Result<Redrive, Error> {
    let row = store.fetch_optional(Query::new("SELECT * FROM job_redrives WHERE id = $1").bind(id)).await?;
    Redrive::read(&row.ok_or_else(|| missing(id))?)
}

/// A page, newest first.
pub(super) async fn list(store: &Store, before: Option<i64>, most: usize) -> Result<Vec<Redrive>, Error> {
    let most = i64::try_from(most.min(LARGEST_PAGE)).unwrap_or(1);
    let query = Query::new("SELECT * FROM job_redrives WHERE id < $1 ORDER BY id DESC LIMIT $2");
    let rows = store.fetch_all(query.bind(before.unwrap_or(i64::MAX)).bind(most)).await?;
    rows.iter().map(Redrive::read).collect()
}
