use std::time::Duration;

/// The probes of a service.
///
/// Kubernetes has none unless they are asked for; here readiness is seen by TCP unless said otherwise, because the port
/// is known and traffic would be sent to it before anybody listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probes {
    /// Whether it has started: until it succeeds the other two are not asked. When it fails the replica is restarted.
    pub startup: Option<Probe>,
    /// Whether it still works: when it fails the replica is restarted.
    pub liveness: Option<Probe>,
    /// Whether it can take traffic.
    pub readiness: Option<Probe>,
}

impl Default for Probes {
    fn default() -> Self {
        Self { startup: None, liveness: None, readiness: Some(Probe::new(ProbeKind::Tcp)) }
    }
}

impl Probes {
    /// None at all: a replica is ready as soon as it runs.
    pub const fn none() -> Self {
        Self { startup: None, liveness: None, readiness: None }
    }
}

/// One probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// What is asked.
    pub kind: ProbeKind,
    /// From the start of the process to the first time it is asked. 0 s.
    pub initial_delay: Duration,
    /// How often it is asked. 10 s.
    ///
    /// Until a replica is ready for the first time, readiness and start-up are also asked in between, so that it gets
    /// traffic as soon as it can; a failure in between does not count.
    pub period: Duration,
    /// Longest wait for the answer. 1 s.
    pub timeout: Duration,
    /// Successes in a row that make it succeed after it failed; 1 for start-up and liveness. 1.
    pub success_threshold: u32,
    /// Failures in a row that make it fail. 3.
    pub failure_threshold: u32,
}

impl Probe {
    /// A probe with Kubernetes' defaults.
    pub const fn new(kind: ProbeKind) -> Self {
        Self {
            kind,
            initial_delay: Duration::ZERO,
            period: Duration::from_secs(10),
            timeout: Duration::from_secs(1),
            success_threshold: 1,
            failure_threshold: 3,
        }
    }
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProbeKind {
    /// `GET` over HTTP/1.1 in clear text: any status from 200 to 399 is a success. Redirects are followed within the
    /// replica, and count as a success where they lead elsewhere.
    Http {
        /// Path and query.
        path: String,
        /// More headers. `Host` takes the place of the usual one.
        headers: Vec<(String, String)>,
    },
    /// Whether a connection is accepted.
    Tcp,
    /// `grpc.health.v1.Health/Check` in clear text: `SERVING` is a success.
    Grpc {
        /// The service asked about; empty for the whole server.
        service: String,
    },
    /// A program run beside the replica, as the same user, in the same folder and with the same environment: status 0 is a
    /// success.
    Command(Vec<String>),
}

impl ProbeKind {
    /// Its name in configuration and metrics.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Http { .. } => "http",
            Self::Tcp => "tcp",
            Self::Grpc { .. } => "grpc",
            Self::Command(_) => "command",
        }
    }
}
