//! Settings of the processes of a service, where Seaworthy runs them.

use std::time::Duration;

use serde_json::{Value, json};

use crate::config::problem::Problems;
use crate::config::setting::{At, Node, Setting, Size};

const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

settings! {
    /// Where and how services are run that have a `command`.
    struct Supervisor {
        /// Folder of what must outlive this process: sockets and records of replicas that run. One per Seaworthy. The
        /// environment's `SEAWORTHY_RUN_FOLDER` goes first.
        folder: String = "seaworthy.run".to_owned(),
    }

    /// How long a replica that ended waits before it is started again: a random time up to a limit, which doubles.
    struct Backoff {
        /// The first limit.
        initial: Duration = secs(1),
        /// The last.
        max: Duration = secs(300),
        /// After so long a run the next end counts as the first.
        reset_after: Duration = secs(600),
    }

    /// What each replica may use, with all processes that it starts. Enforced by control groups where this process may
    /// make some, else by what the kernel offers for single processes: `seaworthy service show` says which.
    struct ProcessLimits {
        /// Memory. A replica that needs more is ended (out of memory).
        memory: Option<Size> = None,
        /// Processors: 0.5 is half of one.
        cpu: Option<At<f64>> = None,
        /// Processes and threads.
        processes: Option<u32> = None,
        /// Open files and sockets, each process by itself.
        open_files: Option<u64> = None,
    }

    /// A question asked of a replica, with the fields and defaults of Kubernetes. One of `http`, `tcp`, `grpc` and
    /// `command` says what is asked.
    struct Probe {
        /// `GET` of this path: 200 to 399 is a success.
        http: Option<At<String>> = None,
        /// With `http`: headers to send.
        headers: std::collections::BTreeMap<String, String> = Default::default(),
        /// `true`: whether a connection is accepted.
        tcp: Option<bool> = None,
        /// `grpc.health.v1.Health/Check` for this service; `""` is the whole server.
        grpc: Option<String> = None,
        /// A program and its arguments: status 0 is a success.
        command: Vec<String> = Vec::new(),
        /// From the start of the process to the first time.
        initial_delay: Duration = secs(0),
        /// Time between two. Until a replica is ready it is also asked in between.
        period: Duration = secs(10),
        /// Longest wait for an answer.
        timeout: Duration = secs(1),
        /// Successes in a row after a failure.
        success_threshold: u32 = 1,
        /// Failures in a row.
        failure_threshold: u32 = 3,
    }

    /// How replicas are replaced when the command or anything else of them changes, or on `seaworthy service restart`.
    struct Rollout {
        /// Replicas beyond the wanted number: a number or a share, rounded up.
        max_surge: Amount = Amount(At { value: "25%".to_owned(), span: 0..0 }),
        /// Replicas of the wanted number that may be missing: a number or a share, rounded down.
        max_unavailable: Amount = Amount(At { value: "25%".to_owned(), span: 0..0 }),
        /// Without a step forward for so long it is given up, and what is old stays.
        progress_deadline: Duration = secs(600),
    }

    /// Replicas by load, with the algorithm of Kubernetes' HorizontalPodAutoscaler. Of several targets the one that asks
    /// for most decides.
    struct Autoscale {
        /// Never fewer.
        min: u32 = 1,
        /// Never more.
        max: u32 = 10,
        /// Processor time of a replica, in percent of its limit, or of one processor where it has none.
        cpu: Option<u32> = None,
        /// Memory of a replica, in percent of its limit.
        memory: Option<u32> = None,
        /// Requests in flight, per replica.
        in_flight: Option<f64> = None,
        /// The time within which 95 of 100 requests are answered.
        p95: Option<Duration> = None,
        /// How often it is decided.
        period: Duration = secs(15),
        /// How long the highest wish of the past counts before replicas are taken away.
        stabilization: Duration = secs(300),
    }

    /// How much of what replicas write is taken. Lines beyond it are counted and left out.
    struct Output {
        /// Lines a second, on average.
        lines_per_second: u32 = 1_000,
        /// Lines at once after a quiet time.
        burst: u32 = 5_000,
    }
}

choices! {
    /// What follows when a replica ends by itself.
    enum Restart {
        /// It is started again.
        Always = "always",
        /// It is started again unless it ended with status 0.
        OnFailure = "on_failure",
        /// Nothing.
        Never = "never",
    }

    /// What becomes of replicas when this process is killed.
    enum Orphans {
        /// They go on, and the next Seaworthy takes them over.
        Keep = "keep",
        /// They are ended.
        Stop = "stop",
    }
}

/// A program with its arguments: a line for the shell, or a list without one.
#[derive(Debug, Clone)]
pub(crate) enum CommandLine {
    Shell(String),
    Argv(Vec<String>),
}

impl Setting for CommandLine {
    fn decode(node: &Node<'_>, problems: &mut Problems) -> Option<Self> {
        match node.get_ref().is_array() {
            true => Vec::decode(node, problems).map(Self::Argv),
            false => String::decode(node, problems).map(Self::Shell),
        }
    }
    fn schema() -> Value {
        json!({ "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }] })
    }
    fn type_name() -> String {
        "text or list of text".to_owned()
    }
}

/// A number, or a share such as `"25%"`.
#[derive(Debug, Clone)]
pub(crate) struct Amount(pub(crate) At<String>);

impl Setting for Amount {
    fn decode(node: &Node<'_>, problems: &mut Problems) -> Option<Self> {
        let value = match node.get_ref().is_integer() {
            true => u32::decode(node, problems)?.to_string(),
            false => String::decode(node, problems)?,
        };
        Some(Self(At { value, span: node.span() }))
    }
    fn schema() -> Value {
        json!({ "anyOf": [{ "type": "integer", "minimum": 0 }, { "type": "string", "pattern": "^[0-9]+%$" }] })
    }
    fn type_name() -> String {
        "number or share".to_owned()
    }
    fn show(&self) -> Option<String> {
        self.0.show()
    }
}

/// Where replicas listen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Port {
    Free,
    Socket,
    Fixed(u16),
}

impl Setting for Port {
    fn decode(node: &Node<'_>, problems: &mut Problems) -> Option<Self> {
        if node.get_ref().is_integer() {
            return u16::decode(node, problems).map(Self::Fixed);
        }
        let word = crate::config::setting::word(node, &["free", "socket"], problems)?;
        Some(if word == "free" { Self::Free } else { Self::Socket })
    }
    fn schema() -> Value {
        json!({ "anyOf": [{ "enum": ["free", "socket"] }, { "type": "integer", "minimum": 1, "maximum": 65535 }] })
    }
    fn type_name() -> String {
        "`\"free\"`, `\"socket\"` or a number".to_owned()
    }
    fn show(&self) -> Option<String> {
        Some(match self {
            Self::Free => "\"free\"".to_owned(),
            Self::Socket => "\"socket\"".to_owned(),
            Self::Fixed(port) => port.to_string(),
        })
    }
}
