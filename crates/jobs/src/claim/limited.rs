//! Queues with limits of their own: paused, so many running at once over all workers, so many starts per time.
//!
//! Only such a queue pays for it: whoever claims from it holds the queue's row, counts, and takes what is allowed.

use super::{Claimed, claim_in};
use crate::{Error, topic};
use seaworthy_store::{Query, Row, Store, Timestamp, Tx};
use std::time::Duration;

const MOST_BURST: u32 = 1_000_000;
const LONGEST_PERIOD: Duration = Duration::from_secs(30 * 86_400);

/// What a queue as a whole may do. The same for all workers; a change is felt within a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QueueLimits {
    /// Nothing of it is begun.
    pub paused: bool,
    /// How many of its jobs may run at once, over all workers.
    pub max_running: Option<u32>,
    /// How many of its jobs may be begun.
    pub rate: Option<Rate>,
}

/// So many starts per period, in the database, shared by all workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How many.
    pub count: u32,
    /// In what time.
    pub period: Duration,
    /// How many at once after a quiet time.
    pub burst: u32,
}

impl Rate {
    pub(crate) fn validate(&self) -> Result<(), Error> {
        if self.count == 0 || self.burst == 0 || self.burst > MOST_BURST {
            return Err(Error::invalid("rate", "needs a count, and a burst of 1 to 1000000"));
        }
        if !(Duration::from_millis(1)..=LONGEST_PERIOD).contains(&self.period) {
            return Err(Error::invalid("rate", "needs a period from 1 ms to 30 days"));
        }
        Ok(())
    }
}

impl QueueLimits {
    pub(crate) const fn is_free(&self) -> bool {
        !self.paused && self.max_running.is_none() && self.rate.is_none()
    }

    fn read(row: &Row) -> Result<Self, Error> {
        let number = |value: Option<i64>| value.and_then(|value| u32::try_from(value).ok());
        let count = number(row.get("rate_count")?);
        let period = row.get::<Option<i64>>("rate_period_us")?.and_then(|us| u64::try_from(us).ok());
        let burst = number(row.get("rate_burst")?);
        let rate = count.zip(period).map(|(count, period)| Rate {
            count,
            period: Duration::from_micros(period),
            burst: burst.unwrap_or(1),
        });
        let paused = row.get::<i64>("paused")? == 1;
        Ok(Self { paused, max_running: number(row.get("max_running")?), rate })
    }

    fn validate(&self) -> Result<(), Error> {
        self.rate.map_or(Ok(()), |rate| rate.validate())?;
        if self.max_running == Some(0) {
            return Err(Error::invalid("max_running", "0 would hold the queue for ever: pause it instead"));
        }
        Ok(())
    }
}

/// The limits of a queue; none where nobody set any.
pub(crate) async fn limits(store: &Store, queue: &str) -> Result<QueueLimits, Error> {
    let query = Query::new("SELECT * FROM job_queues WHERE name = $1").bind(queue);
    store.fetch_optional(query).await?.map_or(Ok(QueueLimits::default()), |row| QueueLimits::read(&row))
}

/// Sets the limits of a queue.
pub(crate) async fn set_limits(tx: &mut Tx, queue: &str, limits: QueueLimits) -> Result<(), Error> {
    cap(tx, queue, limits.max_running, limits.rate).await?;
    pause(tx, queue, limits.paused).await
}

/// Sets them but for whether it is paused.
pub(crate) async fn cap(
    tx: &mut Tx,
    queue: &str,
    max_running: Option<u32>,
    rate: Option<Rate>,
) -> Result<(), Error> {
    crate::payload::name("queue", queue, 128)?;
    QueueLimits { paused: false, max_running, rate }.validate()?;
    let query = Query::new(
        "INSERT INTO job_queues (name, max_running, rate_count, rate_period_us, rate_burst)
         VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (name) DO UPDATE SET max_running = excluded.max_running, rate_count = excluded.rate_count,
           rate_period_us = excluded.rate_period_us, rate_burst = excluded.rate_burst",
    );
    let period = rate.map(|rate| i64::try_from(rate.period.as_micros()).unwrap_or(i64::MAX));
    let query = query.bind(queue).bind(max_running.map(i64::from));
    let query = query.bind(rate.map(|rate| i64::from(rate.count))).bind(period);
    tx.execute(query.bind(rate.map(|rate| i64::from(rate.burst)))).await?;
    tx.notify(topic::QUEUE, queue);
    tx.notify(topic::READY, queue);
    Ok(())
}

/// Lets a queue rest or go on; its other limits stay.
pub(crate) async fn pause(tx: &mut Tx, queue: &str, paused: bool) -> Result<(), Error> {
    crate::payload::name("queue", queue, 128)?;
    let query = Query::new(
        "INSERT INTO job_queues (name, paused) VALUES ($1, $2)
         ON CONFLICT (name) DO UPDATE SET paused = excluded.paused",
    );
    tx.execute(query.bind(queue).bind(paused)).await?;
    tx.notify(topic::QUEUE, queue);
    tx.notify(topic::READY, queue);
    Ok(())
}

/// What a look brought.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    pub(crate) jobs: Vec<Claimed>,
    /// How long until the queue's rate allows the next.
    pub(crate) wait: Option<Duration>,
}

/// Takes up to `most` jobs of a queue with limits.
pub(crate) async fn claim(tx: &mut Tx, queue: &str, worker: i64, most: usize) -> Result<Taken, Error> {
    let lock = Query::new("SELECT * FROM job_queues WHERE name = $1 {lock}").bind(queue);
    let Some(row) = tx.fetch_optional(lock).await? else {
        return Ok(Taken { jobs: claim_in(tx, queue, worker, most).await?, wait: None });
    };
    let limits = QueueLimits::read(&row)?;
    if limits.paused {
        return Ok(Taken::default());
    }
    let mut most = most;
    if let Some(max) = limits.max_running {
        let count = Query::new("SELECT count(*) AS n FROM jobs WHERE state = 'running' AND queue = $1");
        let running: i64 = tx.fetch_one(count.bind(queue)).await?.get("n")?;
        most = most.min(usize::try_from(i64::from(max) - running).unwrap_or(0));
    }
    let Some(rate) = limits.rate else {
        return Ok(Taken { jobs: claim_in(tx, queue, worker, most).await?, wait: None });
    };
    let pace = Pace::new(rate, Timestamp::from_micros(row.get("rate_next")?), tx.now());
    let jobs = claim_in(tx, queue, worker, most.min(pace.allowed)).await?;
    if !jobs.is_empty() {
        let query = Query::new("UPDATE job_queues SET rate_next = $2 WHERE name = $1").bind(queue);
        tx.execute(query.bind(pace.next_after(jobs.len()))).await?;
    }
    let wait = (jobs.len() == pace.allowed).then(|| pace.wait(jobs.len()));
    Ok(Taken { jobs, wait })
}

/// The generic cell rate algorithm (ITU-T I.371): the next start's theoretical time is all there is to remember.
pub(crate) struct Pace {
    step: Duration,
    /// How far ahead of now the theoretical time may be.
    tolerance: Duration,
    next: Timestamp,
    now: Timestamp,
    pub(crate) allowed: usize,
}

impl Pace {
    pub(crate) fn new(rate: Rate, next: Timestamp, now: Timestamp) -> Self {
        let step = (rate.period / rate.count.max(1)).max(Duration::from_micros(1));
        let tolerance = step.saturating_mul(rate.burst);
        // a clock that went back must not hold the queue for longer than its burst
        let next = next.max(now).min(now.plus(tolerance));
        let ahead = next.since(now);
        let room = tolerance.saturating_sub(ahead).as_micros() / step.as_micros();
        Self { step, tolerance, next, now, allowed: usize::try_from(room).unwrap_or(usize::MAX) }
    }

    pub(crate) fn next_after(&self, taken: usize) -> Timestamp {
        self.next.plus(self.step.saturating_mul(u32::try_from(taken).unwrap_or(u32::MAX)))
    }

    /// How long until one more is allowed.
    pub(crate) fn wait(&self, taken: usize) -> Duration {
        self.next_after(taken).since(self.now).saturating_add(self.step).saturating_sub(self.tolerance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Whatever is asked for whenever, no window of time sees more starts than the rate and the burst allow.
        #[test]
        fn no_window_has_more_than_its_share(
            count in 1u32..50, burst in 1u32..20, asks in proptest::collection::vec((0u64..300_000, 0usize..30), 1..60)
        ) {
            let rate = Rate { count, period: Duration::from_secs(1), burst };
            let (mut now, mut next, mut starts) = (Timestamp::from_micros(0), Timestamp::from_micros(0), vec![]);
            for (step, asked) in asks {
                now = now.plus(Duration::from_micros(step));
                let pace = Pace::new(rate, next, now);
                let taken = asked.min(pace.allowed);
                if taken > 0 {
                    next = pace.next_after(taken);
                }
                starts.extend(std::iter::repeat_n(now.as_micros(), taken));
            }
            for (from, start) in starts.iter().enumerate() {
                for (to, end) in starts.iter().enumerate().skip(from) {
                    let allowed = (end - start) as f64 / 1e6 * f64::from(count) * 1.001 + f64::from(burst);
                    prop_assert!((to - from + 1) as f64 <= allowed + 1.0);
                }
            }
        }
    }

    #[test]
    fn waiting_as_told_is_enough() {
        let rate = Rate { count: 10, period: Duration::from_secs(1), burst: 3 };
        let start = Timestamp::from_micros(1_000_000);
        let pace = Pace::new(rate, Timestamp::from_micros(0), start);
        assert_eq!(pace.allowed, 3);
        let later = start.plus(pace.wait(3));
        assert_eq!(later.since(start), Duration::from_millis(100));
        assert_eq!(Pace::new(rate, pace.next_after(3), later).allowed, 1);
    }
}
