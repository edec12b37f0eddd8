//! What runs a job: a [`Worker`] per kind.

mod context;
mod erased;

pub use context::{Context, IdempotencyKey};
pub(crate) use context::{Line, Shared, Stop};
pub(crate) use erased::{Erased, Typed};

use serde::de::DeserializeOwned;
use std::future::Future;
use std::time::Duration;

/// How long an attempt may take where neither the job nor its worker says.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(3_600);

/// Runs the jobs of one kind.
///
/// ```
/// use seaworthy_jobs::worker::{Context, Done, Failed, Worker};
///
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct Greet { name: String }
///
/// struct Greeter;
/// impl Worker for Greeter {
///     type Args = Greet;
///     fn kind(&self) -> &str { "greet" }
///     async fn work(&self, args: Greet, context: Context) -> Result<Done, Failed> {
///         context.log("info", format!("greeting {}", args.name));
///         Ok(Done::with(&format!("hello {}", args.name)))
///     }
/// }
/// ```
pub trait Worker: Send + Sync + 'static {
    /// What its jobs carry.
    type Args: DeserializeOwned + Send;

    /// The kind of job it is for.
    fn kind(&self) -> &str;

    /// One attempt. It is stopped by being dropped: at its time limit, and some seconds after a cancellation that it
    /// did not heed. An attempt may be made twice for one job: use [`Context::idempotency_key`] towards others.
    fn work(&self, args: Self::Args, context: Context) -> impl Future<Output = Result<Done, Failed>> + Send;

    /// How long an attempt may take, where the job does not say.
    fn timeout(&self) -> Duration {
        DEFAULT_TIMEOUT
    }
}

/// How an attempt ended that did not fail.
#[derive(Debug, Clone, PartialEq)]
pub enum Done {
    /// With this result, JSON, where there is one.
    Completed(Option<serde_json::Value>),
    /// Not yet: call again after so long. Costs no attempt.
    Snooze(Duration),
    /// There is nothing to do any more.
    Cancelled(String),
}

impl Done {
    /// Completed, without a result.
    pub const fn plain() -> Self {
        Self::Completed(None)
    }

    /// Completed with a result; one that cannot be JSON is kept as a note of that.
    pub fn with(result: &impl serde::Serialize) -> Self {
        let value = serde_json::to_value(result);
        Self::Completed(Some(
            value.unwrap_or_else(|error| serde_json::json!({ "unprintable": error.to_string() })),
        ))
    }
}

/// Why an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {text}")]
pub struct Failed {
    /// A short name that failures of one kind share, such as `http_503`.
    pub code: String,
    /// What happened. Shown to people, kept up to 8 KiB: no secrets.
    pub text: String,
    /// The next attempt is not to be made earlier.
    pub retry_after: Option<Duration>,
    /// Trying again cannot help.
    pub permanent: bool,
}

impl Failed {
    /// It may work next time.
    pub fn new(code: impl Into<String>, text: impl Into<String>) -> Self {
        Self { code: code.into(), text: text.into(), retry_after: None, permanent: false }
    }

    /// Trying again cannot help: the job is discarded at once.
    pub fn permanent(code: impl Into<String>, text: impl Into<String>) -> Self {
        Self { permanent: true, ..Self::new(code, text) }
    }

    /// Not before so long from now.
    #[must_use]
    pub const fn retry_after(mut self, pause: Duration) -> Self {
        self.retry_after = Some(pause);
        self
    }
}
