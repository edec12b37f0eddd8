use serde::{Deserialize, Serialize};

/// What became of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// A complete answer with a status below 400.
    Ok,
    /// Anything else.
    Failed(Failure),
}

/// How a request failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// A complete answer with a status of 400 or more.
    Status,
    /// No complete answer in time.
    Timeout,
    /// No connection.
    Connect,
    /// The connection broke, or what came over it was not HTTP.
    Broken,
    /// The generator had too many requests under way to send it.
    Overflow,
}

impl Failure {
    /// Every kind, in a fixed order.
    pub const ALL: [Self; 5] = [Self::Status, Self::Timeout, Self::Connect, Self::Broken, Self::Overflow];

    /// For people.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Status => "http error",
            Self::Timeout => "timeout",
            Self::Connect => "no connection",
            Self::Broken => "broken connection",
            Self::Overflow => "not sent",
        }
    }
}
