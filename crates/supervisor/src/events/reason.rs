use serde::{Serialize, Serializer};
use std::fmt;

/// Whether somebody should look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Severity {
    /// It is as it should be.
    Normal,
    /// It is not.
    Warning,
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident: $severity:ident,)*) => {
        /// What happened, in one word. Kubernetes' words where it has one.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Reason {
            $($(#[$doc])* $name,)*
        }

        impl Reason {
            /// The word.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }

            /// Whether somebody should look.
            pub const fn severity(self) -> Severity {
                match self {
                    $(Self::$name => Severity::$severity,)*
                }
            }
        }
    };
}

reasons! {
    /// A replica is to be started.
    Scheduled: Normal,
    /// It waits for a service it depends on.
    DependencyNotReady: Normal,
    /// Its process runs.
    Started: Normal,
    /// It was taken over from an earlier life of Seaworthy.
    Adopted: Normal,
    /// It takes traffic.
    Ready: Normal,
    /// A probe failed.
    Unhealthy: Warning,
    /// It is being ended.
    Killing: Normal,
    /// It did not end when it was told to, or its requests did not.
    ExceededGracePeriod: Warning,
    /// It ended by itself, with status 0.
    Completed: Normal,
    /// It ended by itself, in another way.
    Error: Warning,
    /// It could not be started.
    Failed: Warning,
    /// It used more memory than it may.
    OOMKilled: Warning,
    /// It waits before it is started again.
    BackOff: Warning,
    /// The number of replicas changed, or a rollout takes a step.
    ScalingReplicaSet: Normal,
    /// A rollout is complete.
    NewReplicaSetAvailable: Normal,
    /// A rollout did not move for too long, and has failed.
    ProgressDeadlineExceeded: Warning,
    /// Load changed the number of replicas.
    SuccessfulRescale: Normal,
    /// Load asks for a number of replicas that it does not get, or cannot be told.
    ScalingLimited: Warning,
    /// It is the sandbox replica.
    Sandbox: Normal,
    /// Settings were taken over.
    Updated: Normal,
    /// The service was stopped or started by order.
    Ordered: Normal,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
