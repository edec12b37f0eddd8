use seaworthy_core::ErrorCode;
use std::time::Duration;

/// Why a question to the history has no answer. That there is no such series is not an error but an empty answer.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// A selector without a name, or with one that no metric can have.
    #[error("\"{0}\" is not the name of a metric")]
    Name(String),
    /// A label that no series can have.
    #[error("\"{0}\" is not the name of a label")]
    Label(String),
    /// A regular expression that can't be read, or that would need too much memory.
    #[error("\"{pattern}\" is not a regular expression: {reason}")]
    Regex {
        /// As it was given.
        pattern: String,
        /// What the reader of expressions says, on one line.
        reason: String,
    },
    /// A window or step of no length, or beyond what can be counted in milliseconds.
    #[error("a window and a step have a length above zero, not {0:?}")]
    Window(Duration),
    /// A share outside 0–1.
    #[error("a quantile is from 0 to 1, not {0}")]
    Quantile(f64),
    /// The function makes no sense for what this metric is.
    #[error("{function} is not defined for {metric}, which is a {kind}")]
    Unsuitable {
        /// The metric asked for.
        metric: String,
        /// `counter`, `gauge` or `histogram`.
        kind: &'static str,
        /// The function's name.
        function: &'static str,
    },
    /// Observations can be counted below a histogram's own bounds only.
    #[error("{metric} has no bound at {seconds} seconds but at {bounds:?}")]
    Bound {
        /// The histogram.
        metric: String,
        /// What was asked for.
        seconds: f64,
        /// The bounds that there are.
        bounds: Vec<f64>,
    },
    /// A range whose end is before its start.
    #[error("the range ends before it begins")]
    Order,
    /// An answer with more points than one may have.
    #[error(
        "the answer would have more than {limit} points: ask for a longer step, a shorter range or fewer series"
    )]
    TooLarge {
        /// How many one answer may have.
        limit: usize,
    },
}

impl Error {
    /// Its code: all of them are mistakes of the question.
    pub fn code(&self) -> ErrorCode {
        ErrorCode::Invalid
    }
}
