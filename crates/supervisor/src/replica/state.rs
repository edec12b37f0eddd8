use serde::Serialize;
use tokio::time::Instant;

/// Where a replica stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Not started yet: it waits for its turn or for what it depends on.
    Pending,
    /// Its process is being started, or runs and has not passed its start-up probe.
    Starting {
        /// Whether there is a process.
        launched: bool,
    },
    /// It has started and was not ready yet.
    Started,
    /// It takes traffic.
    Ready,
    /// It was ready and is not now.
    NotReady,
    /// It takes no new traffic, and requests in flight are waited for.
    Draining {
        /// Until when, at the most.
        until: Instant,
    },
    /// It was told to end.
    Stopping {
        /// When it is killed, or killed again. None: there is no process yet that could be told.
        kill_at: Option<Instant>,
        /// What follows.
        then: Then,
    },
    /// It ended by itself and waits to be started again.
    Backoff {
        /// Until when.
        until: Instant,
    },
    /// It will not run again.
    Ended(Outcome),
}

/// What follows once a replica has been ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// It is started again, as its restart policy says.
    Restart,
    /// Nothing.
    End,
}

/// How a replica came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was stopped.
    Stopped,
    /// It ended by itself with status 0, and is not to be started again.
    Completed,
    /// It ended by itself in another way, and is not to be started again.
    Failed,
}

/// The name of a state, as status and metrics show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum Phase {
    /// Not started yet.
    Pending,
    /// On its way.
    Starting,
    /// Started, not ready yet.
    Started,
    /// Taking traffic.
    Ready,
    /// Not taking traffic now.
    NotReady,
    /// Requests in flight are waited for.
    Draining,
    /// Told to end.
    Stopping,
    /// Waiting to be started again.
    CrashLoopBackOff,
    /// Ended by itself with status 0.
    Completed,
    /// Ended by itself in another way.
    Failed,
    /// Stopped.
    Stopped,
}

impl Phase {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Pending,
        Self::Starting,
        Self::Started,
        Self::Ready,
        Self::NotReady,
        Self::Draining,
        Self::Stopping,
        Self::CrashLoopBackOff,
        Self::Completed,
        Self::Failed,
        Self::Stopped,
    ];

    /// The name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Starting => "Starting",
            Self::Started => "Started",
            Self::Ready => "Ready",
            Self::NotReady => "NotReady",
            Self::Draining => "Draining",
            Self::Stopping => "Stopping",
            Self::CrashLoopBackOff => "CrashLoopBackOff",
            Self::Completed => "Completed",
            Self::Failed => "Failed",
            Self::Stopped => "Stopped",
        }
    }
}

impl State {
    /// Its name.
    pub const fn phase(self) -> Phase {
        match self {
            Self::Pending => Phase::Pending,
            Self::Starting { .. } => Phase::Starting,
            Self::Started => Phase::Started,
            Self::Ready => Phase::Ready,
            Self::NotReady => Phase::NotReady,
            Self::Draining { .. } => Phase::Draining,
            Self::Stopping { .. } => Phase::Stopping,
            Self::Backoff { .. } => Phase::CrashLoopBackOff,
            Self::Ended(Outcome::Completed) => Phase::Completed,
            Self::Ended(Outcome::Failed) => Phase::Failed,
            Self::Ended(Outcome::Stopped) => Phase::Stopped,
        }
    }
}
