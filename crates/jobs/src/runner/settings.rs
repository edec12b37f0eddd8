use crate::{Error, payload};
use seaworthy_telemetry::traces::Tracer;
use std::time::Duration;

/// How a runner works.
#[derive(Debug, Clone)]
pub struct RunnerSettings {
    /// What it is called in the list of workers.
    pub name: String,
    /// Where it takes jobs from.
    pub queues: Vec<Queue>,
    /// How long its jobs are its own after its last heartbeat; 30 s. From 1 s.
    pub lease: Duration,
    /// How often it gives a sign of life; 5 s. At most a third of the lease.
    pub heartbeat: Duration,
    /// How long it waits without being told before it looks for work; 1 s.
    pub poll: Duration,
    /// How long the end of an attempt waits for others, to be recorded together; 2 ms.
    pub record_delay: Duration,
    /// How long a shutdown waits for a database that is down; 30 s.
    pub record_patience: Duration,
    /// How long an attempt that is called off may take to end by itself before it is dropped; 5 s.
    pub cancel_grace: Duration,
    /// Whether it also looks after the tables: due jobs, lapsed leases, retention, batches.
    pub maintenance: bool,
    /// Where its spans go.
    pub tracer: Tracer,
}

/// A queue to take from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// Its name.
    pub name: String,
    /// How many of its jobs this process runs at once.
    pub workers: usize,
    /// How many more it takes in advance; they are its own by then, but not begun.
    pub prefetch: usize,
}

impl Queue {
    /// A queue with so many workers, and nothing taken in advance.
    pub fn new(name: impl Into<String>, workers: usize) -> Self {
        Self { name: name.into(), workers, prefetch: 0 }
    }

    /// Takes so many in advance: for jobs that take less time than a look into the database.
    #[must_use]
    pub const fn prefetch(mut self, prefetch: usize) -> Self {
        self.prefetch = prefetch;
        self
    }
}

impl Default for RunnerSettings {
    /// The queue `default` with 10 workers.
    fn default() -> Self {
        Self {
            name: "worker".to_owned(),
            queues: vec![Queue::new(crate::DEFAULT_QUEUE, 10)],
            lease: Duration::from_secs(30),
            heartbeat: Duration::from_secs(5),
            poll: Duration::from_secs(1),
            record_delay: Duration::from_millis(2),
            record_patience: Duration::from_secs(30),
            cancel_grace: Duration::from_secs(5),
            maintenance: true,
            tracer: Tracer::off(),
        }
    }
}

impl RunnerSettings {
    /// Looks at everything.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub fn validate(&self) -> Result<(), Error> {
        payload::name("name", &self.name, 128)?;
        if self.lease < Duration::from_secs(1) || self.heartbeat * 3 > self.lease {
            return Err(Error::invalid("lease", "must be at least 1 s and three heartbeats long"));
        }
        if self.poll < Duration::from_millis(10) || self.heartbeat < Duration::from_millis(100) {
            return Err(Error::invalid("poll", "must be at least 10 ms, and the heartbeat 100 ms"));
        }
        let mut names = std::collections::HashSet::new();
        for queue in &self.queues {
            payload::name("queue", &queue.name, 128)?;
            if queue.workers == 0 || queue.workers > 10_000 || queue.prefetch > 10_000 {
                return Err(Error::invalid(
                    "workers",
                    "must be from 1 to 10000, and at most 10000 in advance",
                ));
            }
            if !names.insert(queue.name.as_str()) {
                return Err(Error::invalid("queues", "one is named twice"));
            }
        }
        Ok(())
    }

    /// How many jobs may be in hand.
    pub(super) fn most_in_hand(&self) -> usize {
        self.queues.iter().map(|queue| queue.workers + queue.prefetch).sum::<usize>().max(1)
    }
}
