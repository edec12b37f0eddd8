//! What replicas say: a bounded number of the latest lines, and whatever comes, for those who follow.

mod ring;

pub(crate) use ring::Ring;

use crate::moment;
use seaworthy_process::Stream;
use serde::{Serialize, Serializer};
use std::sync::Arc;
use std::time::SystemTime;
use tokio::sync::broadcast;

/// How many lines are kept of each replica.
pub const KEPT_LINES: usize = 1_000;
/// How much is kept of each replica, in bytes.
pub const KEPT_BYTES: usize = 256 << 10;
/// How many lines somebody who follows may be behind before lines are missed.
const BEHIND: usize = 512;

/// A line that a replica said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogLine {
    /// When.
    #[serde(serialize_with = "moment::serialize")]
    pub at: SystemTime,
    /// Which replica.
    pub replica: Arc<str>,
    /// On which output.
    #[serde(serialize_with = "stream")]
    pub stream: Stream,
    /// What, without the end of the line; control characters are as they were.
    pub text: String,
    /// Whether it was longer than 16 KiB, and this is its beginning.
    pub cut: bool,
}

fn stream<S: Serializer>(stream: &Stream, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(stream.as_str())
}

/// Something for those who follow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Followed {
    /// The next line.
    Line(Arc<LogLine>),
    /// So many lines were missed, because they came faster than they were read.
    Missed(u64),
}

/// The lines of one service, as they come.
#[derive(Debug)]
pub struct Follow(broadcast::Receiver<Arc<LogLine>>);

impl Follow {
    /// The next; `None` once the service is gone.
    pub async fn next(&mut self) -> Option<Followed> {
        match self.0.recv().await {
            Ok(line) => Some(Followed::Line(line)),
            Err(broadcast::error::RecvError::Lagged(lines)) => Some(Followed::Missed(lines)),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}
