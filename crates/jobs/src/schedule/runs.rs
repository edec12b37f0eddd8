//! What became of ticks.

use crate::Error;
use seaworthy_store::{Query, Row, Store, Timestamp, Tx};
use serde::Serialize;

/// The most on one page.
const LARGEST_PAGE: usize = 1_000;
/// As much of a detail as is kept.
const LONGEST_DETAIL: usize = 1_024;

/// What became of one tick, or of several that were missed together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Of which schedule.
    pub schedule: String,
    /// Which tick; of a run that no clock asked for, when it was asked for.
    pub tick: Timestamp,
    /// Why it was to run.
    pub cause: Cause,
    /// What became of it.
    pub outcome: Outcome,
    /// The last of the ticks that this row stands for.
    pub until: Option<Timestamp>,
    /// How many those are; `None` where they were too many to be counted.
    pub count: Option<u64>,
    /// Why, in words.
    pub note: Option<String>,
    /// Its job.
    pub job: Option<i64>,
    /// When this was recorded.
    pub recorded_at: Timestamp,
    /// When its job ended.
    pub finished_at: Option<Timestamp>,
}

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

            fn read(text: &str) -> Result<Self, Error> {
                match text {
                    $($word => Ok(Self::$variant),)*
                    _ => Err(seaworthy_store::Error::Corrupt("a run of a schedule".to_owned()).into()),
                }
            }
        }
    };
}

words!(
    /// Why a run was to be.
    Cause {
        /// The clock.
        Tick = "tick",
        /// Somebody said so.
        Manual = "manual",
        /// Runs of other schedules ended.
        Dependency = "dependency",
    }
);

words!(
    /// What became of it.
    Outcome {
        /// A job was made, and has not ended.
        Enqueued = "enqueued",
        /// Its job was completed.
        Completed = "completed",
        /// Its job was discarded.
        Failed = "failed",
        /// Its job was called off.
        Cancelled = "cancelled",
        /// Its job was removed before its end was seen.
        Gone = "gone",
        /// Nobody could fire it in time.
        Missed = "missed",
        /// The run before it had not ended.
        Skipped = "skipped",
        /// Some of the runs it waited for did not come in time.
        TimedOut = "timed_out",
    }
);

impl Run {
    fn read(row: &Row) -> Result<Self, Error> {
        let time = |name| Ok::<_, Error>(row.get::<Option<i64>>(name)?.map(Timestamp::from_micros));
        Ok(Self {
            schedule: row.get("schedule")?,
            tick: Timestamp::from_micros(row.get("tick")?),
            cause: Cause::read(&row.get::<String>("cause")?)?,
            outcome: Outcome::read(&row.get::<String>("outcome")?)?,
            until: time("until")?,
            count: row.get::<Option<i64>>("count")?.and_then(|count| u64::try_from(count).ok()),
            note: row.get("note")?,
            job: row.get("job_id")?,
            recorded_at: Timestamp::from_micros(row.get("recorded_at")?),
            finished_at: time("finished_at")?,
        })
    }
}

/// A page of runs, newest first.
pub(super) async fn list(
    store: &Store,
    schedule: &str,
    before: Option<Timestamp>,
    most: usize,
) -> Result<Vec<Run>, Error> {
    let most = i64::try_from(most.min(LARGEST_PAGE)).unwrap_or(1);
    let before = before.map_or(i64::MAX, Timestamp::as_micros);
    let query = Query::new(
        "SELECT * FROM schedule_runs WHERE schedule = $1 AND tick < $2 ORDER BY tick DESC LIMIT $3",
    );
    let rows = store.fetch_all(query.bind(schedule).bind(before).bind(most)).await?;
    rows.iter().map(Run::read).collect()
}

/// Something that happened to a schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Greater for later ones.
    pub id: i64,
    /// When.
    pub at: Timestamp,
    /// `created`, `changed`, `paused`, `resumed`, `disabled`, `expired` or `failing`.
    pub event: String,
    /// More of it.
    pub detail: Option<String>,
}

/// The last events, newest first.
pub(super) async fn events(store: &Store, schedule: &str, most: usize) -> Result<Vec<Event>, Error> {
    let most = i64::try_from(most.min(LARGEST_PAGE)).unwrap_or(1);
    let query = Query::new("SELECT * FROM schedule_events WHERE schedule = $1 ORDER BY id DESC LIMIT $2");
    let read = |row: &Row| {
        Ok(Event {
            id: row.get("id")?,
            at: Timestamp::from_micros(row.get("at")?),
            event: row.get("event")?,
            detail: row.get("detail")?,
        })
    };
    store.fetch_all(query.bind(schedule).bind(most)).await?.iter().map(read).collect()
}

pub(super) async fn note(
    tx: &mut Tx,
    schedule: &str,
    event: &str,
    detail: Option<&str>,
) -> Result<(), Error> {
    let now = tx.now();
    let query =
        Query::new("INSERT INTO schedule_events (schedule, at, event, detail) VALUES ($1, $2, $3, $4)");
    let detail = detail.map(|text| crate::payload::clean(text, LONGEST_DETAIL));
    tx.execute(query.bind(schedule).bind(now).bind(event).bind(detail)).await?;
    Ok(())
}
