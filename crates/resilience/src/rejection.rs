//! What a policy answers in place of the service.

use crate::breaker::Trip;
use seaworthy_core::{ErrorCode, duration};
use std::error::Error;
use std::time::Duration;

/// Which of the two time limits ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// The limit over everything: all attempts and the waiting between them.
    Total,
    /// The limit of a single attempt.
    Attempt,
}

/// Why a bulkhead had no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Full {
    /// Every place was taken and so was every place in the queue.
    Queue,
    /// A place in the queue was had, but its turn did not come within the wait limit.
    Wait,
}

/// What a fault put in place of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum InjectedFault {
    /// An answer with this HTTP status.
    Abort {
        /// The status to answer with.
        status: u16,
    },
    /// A connection that is reset: no answer at all.
    Reset,
}

/// A call that a policy ended itself. Every layer asks only that the service's error can be made from one.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Rejection {
    /// No answer came in time; the work may have been done.
    #[error("no answer within {}", duration::format(*.after))]
    TimedOut {
        /// Which limit ran out.
        scope: Scope,
        /// How long it was.
        after: Duration,
    },
    /// The breaker is open: the service failed too often lately.
    #[error("the circuit breaker is open: {trip}")]
    BreakerOpen {
        /// When it lets the next probe through; `None` where a person isolated it.
        retry_after: Option<Duration>,
        /// What opened it.
        trip: Trip,
    },
    /// As many calls as allowed are under way, and no more may wait.
    #[error("all {limit} places are taken")]
    BulkheadFull {
        /// How many calls may be under way at once.
        limit: usize,
        /// Whether the queue was full or the wait too long.
        full: Full,
    },
    /// More calls than the rate allows.
    #[error("over the rate limit, next in {}", duration::format(*.retry_after))]
    RateLimited {
        /// When the next call fits the rate.
        retry_after: Duration,
    },
    /// Load was shed so that the rest is served in time.
    #[error("load was shed")]
    Shed {
        /// When to come back, where that is known.
        retry_after: Option<Duration>,
    },
    /// A fault was injected on purpose.
    #[error("a fault was injected")]
    Injected {
        /// Which one.
        fault: InjectedFault,
    },
}

impl Rejection {
    /// What kind of error this is to a caller.
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::TimedOut { .. } => ErrorCode::Timeout,
            Self::RateLimited { .. } => ErrorCode::Limited,
            Self::BreakerOpen { .. }
            | Self::BulkheadFull { .. }
            | Self::Shed { .. }
            | Self::Injected { .. } => ErrorCode::Unavailable,
        }
    }

    /// The finer reason that stands beside the code.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::TimedOut { .. } => "timed_out",
            Self::BreakerOpen { .. } => "breaker_open",
            Self::BulkheadFull { .. } => "bulkhead_full",
            Self::RateLimited { .. } => "rate_limited",
            Self::Shed { .. } => "shed",
            Self::Injected { .. } => "fault_injected",
        }
    }

    /// When trying again makes sense, where that is known.
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::BreakerOpen { retry_after, .. } | Self::Shed { retry_after } => *retry_after,
            Self::RateLimited { retry_after } => Some(*retry_after),
            Self::TimedOut { .. } | Self::BulkheadFull { .. } | Self::Injected { .. } => None,
        }
    }

    /// Whether the service itself was at fault (or stands for it): a time-out or an injected fault.
    ///
    /// The others were decided here, before the service was asked: they say nothing about its health, and trying
    /// again at once would only add load.
    pub const fn blames_service(&self) -> bool {
        matches!(self, Self::TimedOut { .. } | Self::Injected { .. })
    }
}

/// Errors that may hold a [`Rejection`]: how classifiers tell a refusal of ours from a failure of the service.
pub trait AsRejection {
    /// The rejection, where this error is or wraps one.
    fn as_rejection(&self) -> Option<&Rejection>;

    /// Whether it is known that nothing of the request left this side: nobody can have acted on it.
    fn nothing_sent(&self) -> bool {
        false
    }
}

impl AsRejection for Rejection {
    fn as_rejection(&self) -> Option<&Rejection> {
        Some(self)
    }
}

impl AsRejection for Box<dyn Error + Send + Sync> {
    fn as_rejection(&self) -> Option<&Rejection> {
        let mut error: Option<&(dyn Error + 'static)> = Some(&**self);
        while let Some(current) = error {
            if let Some(rejection) = current.downcast_ref() {
                return Some(rejection);
            }
            error = current.source();
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("while asking the inventory")]
    struct Wrapped(#[source] Rejection);

    #[test]
    fn a_boxed_error_gives_its_rejection_back_through_layers_of_context() {
        let shed = Rejection::Shed { retry_after: None };
        let boxed: Box<dyn Error + Send + Sync> = Wrapped(shed.clone()).into();
        assert_eq!(boxed.as_rejection(), Some(&shed));
        let other: Box<dyn Error + Send + Sync> = "connection refused".into();
        assert_eq!(other.as_rejection(), None);
    }

    #[test]
    fn codes_and_texts_tell_what_happened() {
        let late = Rejection::TimedOut { scope: Scope::Attempt, after: Duration::from_millis(1_500) };
        assert_eq!((late.code(), late.reason()), (ErrorCode::Timeout, "timed_out"));
        assert_eq!(late.to_string(), "no answer within 1s500ms");
        let limited = Rejection::RateLimited { retry_after: Duration::from_secs(2) };
        assert_eq!(limited.retry_after(), Some(Duration::from_secs(2)));
        assert!(late.blames_service() && !limited.blames_service());
    }
}
