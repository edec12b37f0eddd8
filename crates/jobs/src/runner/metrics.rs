//! What a runner tells: by queue, and only the queues of its own settings, so that the set of labels is bounded.

use super::session::Session;
use super::settings::Queue;
use crate::Error;
use seaworthy_store::{Query, Timestamp};
use seaworthy_telemetry::metrics::{Counter, Gauge, Histogram, Label, Registry};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How often the tables are counted, at the most; no more than a twentieth of the time goes into it.
const COUNT_EVERY: Duration = Duration::from_secs(15);
const FIRST_COUNT: Duration = Duration::from_secs(1);
/// The ways an attempt can end.
const OUTCOMES: [&str; 6] = ["completed", "failed", "discarded", "cancelled", "snoozed", "given_back"];
const WAITING: [&str; 5] = ["available", "scheduled", "pending", "retryable", "discarded"];

pub(super) struct Metrics {
    queues: HashMap<String, QueueMetrics>,
    pub(super) rescued: Counter,
    /// Dead letters that redrives brought back.
    pub(super) redriven: Counter,
    /// Records that came too late.
    pub(super) stale: Counter,
    pub(super) record_retries: Counter,
    pub(super) unrecorded: Counter,
}

struct QueueMetrics {
    running: Gauge,
    retries: Counter,
    lateness: Histogram,
    duration: Histogram,
    ended: HashMap<&'static str, Counter>,
    depth: HashMap<&'static str, Gauge>,
    oldest: Gauge,
}

impl Metrics {
    pub(super) fn new(registry: &Registry, queues: &[Queue]) -> Self {
        let queues =
            queues.iter().map(|queue| (queue.name.clone(), QueueMetrics::new(registry, &queue.name)));
        Self {
            queues: queues.collect(),
            rescued: registry.counter("jobs.rescued", "jobs taken over from workers that were gone", &[]),
            redriven: registry.counter("jobs.redriven", "dead letters that redrives brought back", &[]),
            stale: registry.counter(
                "jobs.stale",
                "ends of attempts that came after the lease had lapsed",
                &[],
            ),
            record_retries: registry.counter(
                "jobs.record.retries",
                "writes of ends that had to be repeated",
                &[],
            ),
            unrecorded: registry.counter(
                "jobs.unrecorded",
                "ends of attempts that could not be written",
                &[],
            ),
        }
    }

    pub(super) fn begun(&self, queue: &str, run_at: Timestamp, attempt: u32, now: Timestamp) {
        let Some(queue) = self.queues.get(queue) else { return };
        queue.running.inc();
        if attempt == 1 {
            queue.lateness.observe(now.since(run_at).as_secs_f64());
        }
    }

    pub(super) fn ended(&self, queue: &str, word: &'static str, started_at: Timestamp, now: Timestamp) {
        let Some(queue) = self.queues.get(queue) else { return };
        if let Some(counter) = queue.ended.get(word) {
            counter.inc();
        }
        queue.duration.observe(now.since(started_at).as_secs_f64());
    }

    pub(super) fn left(&self, queue: &str) {
        if let Some(queue) = self.queues.get(queue) {
            queue.running.dec();
        }
    }

    pub(super) fn retried(&self, queue: &str) {
        if let Some(queue) = self.queues.get(queue) {
            queue.retries.inc();
        }
    }
}

impl QueueMetrics {
    fn new(registry: &Registry, name: &str) -> Self {
        let label = || -> Label { ("jobs.queue", name.to_owned()) };
        let with = |key, value: &str| -> [Label; 2] { [label(), (key, value.to_owned())] };
        let ended = |word: &'static str| {
            let labels = with("jobs.outcome", word);
            (word, registry.counter("jobs.attempts", "attempts that ended, by how", &labels))
        };
        let depth = |state: &'static str| {
            let labels = with("jobs.state", state);
            (state, registry.gauge("jobs.depth", "jobs that wait, and dead letters", &labels))
        };
        Self {
            running: registry.gauge("jobs.running", "attempts under way in this process", &[label()]),
            retries: registry.counter("jobs.retries", "failures that will be tried again", &[label()]),
            lateness: registry.histogram(
                "jobs.lateness",
                "from when a job was to run to its start",
                &[label()],
            ),
            duration: registry.histogram("jobs.duration", "how long attempts took", &[label()]),
            ended: OUTCOMES.into_iter().map(ended).collect(),
            depth: WAITING.into_iter().map(depth).collect(),
            oldest: registry.gauge(
                "jobs.oldest.seconds",
                "how long the first available job has waited",
                &[label()],
            ),
        }
    }
}

/// Counts the tables now and then.
pub(super) async fn keep(session: Arc<Session>) {
    // not in the way of the first jobs
    tokio::time::sleep(FIRST_COUNT).await;
    loop {
        let began = Instant::now();
        if let Err(error) = count(&session).await {
            tracing::debug!(%error, "the queues could not be counted");
        }
        tokio::time::sleep(COUNT_EVERY.max(began.elapsed() * 20)).await;
    }
}

async fn count(session: &Session) -> Result<(), Error> {
    let store = session.jobs.store();
    for (name, queue) in &session.metrics.queues {
        for (state, gauge) in &queue.depth {
            // in the text, so that the partial indexes serve
            let text = format!("SELECT count(*) AS n FROM jobs WHERE queue = $1 AND state = '{state}'");
            let row = store.fetch_one(Query::assembled(text).bind(name.as_str())).await?;
            gauge.set(row.get::<i64>("n")? as f64);
        }
        let first = "SELECT run_at FROM jobs WHERE state = 'available' AND held = 0 AND queue = $1
            ORDER BY priority, run_at, id LIMIT 1";
        let first = store.fetch_optional(Query::new(first).bind(name.as_str())).await?;
        let first = first.map(|row| row.get("run_at")).transpose()?.map(Timestamp::from_micros);
        queue.oldest.set(first.map_or(0.0, |first| store.now().since(first).as_secs_f64()));
    }
    Ok(())
}
