use seaworthy_store::Timestamp;

/// A schedule that was paused because its runs failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paused {
    /// Which.
    pub schedule: String,
    /// How many failed in a row.
    pub failures: u32,
    /// The job that was the last of them.
    pub job: Option<i64>,
    /// When.
    pub at: Timestamp,
}

/// Who is told what must not go unnoticed.
///
/// Called after it has become durable, by the scheduler that made it so. A scheduler that dies in between tells nobody:
/// what is told stands among the schedule's events too.
pub trait Alert: Send + Sync + 'static {
    /// A schedule was paused. Must not block.
    fn paused(&self, paused: &Paused);
}
