//! Settings of logs and traces.

use std::time::Duration;

use super::{LogFormat, TrustParent};
use crate::config::setting::{At, Policy, Size};

const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

settings! {
    /// Logs and traces.
    struct Telemetry {
        /// How logs are written.
        logs: LogFormat = LogFormat::Human,
        /// Which log lines are written, in the syntax of tracing's `EnvFilter`.
        filter: At<String> = At { value: "info".to_owned(), span: 0..0 },
        /// The access log. `false`: none.
        access: Policy<Access> = Policy::Inherit,
        /// OpenTelemetry traces over OTLP. Without it: none; trace headers pass through.
        traces: Option<Traces> = None,
        /// Metrics over OTLP, besides `/metrics`. Without it: none.
        metrics_otlp: Option<MetricsOtlp> = None,
        /// The log and the access log over OTLP, besides the lines. Without it: none.
        logs_otlp: Option<LogsOtlp> = None,
        /// What metrics were: for alerts, objectives and charts. `false`: none of these.
        history: Policy<History> = Policy::Inherit,
        /// What single requests went through, in memory. `false`: none.
        stories: Policy<Stories> = Policy::Inherit,
    }

    /// What metrics were.
    struct History {
        /// How far apart samples are.
        resolution: Duration = secs(10),
        /// For how long samples are kept in memory.
        window: Duration = secs(6 * 3_600),
        /// Most series; a histogram is one.
        series: usize = 20_000,
        /// Most memory.
        memory: Size = Size(128 << 20),
        /// For how long sums of five minutes are kept.
        retention: Duration = secs(30 * 86_400),
        /// Folder that keeps these over restarts; beside the configuration. `""`: none.
        folder: String = "seaworthy.history".to_owned(),
        /// Most bytes in it.
        disk: Size = Size(64 << 20),
    }

    /// What single requests went through.
    struct Stories {
        /// The last requests.
        recent: usize = 2_000,
        /// Failed ones.
        failed: usize = 500,
        /// The slowest of every route within the last hour.
        slowest: usize = 5,
        /// Most memory.
        memory: Size = Size(16 << 20),
    }

    /// One line per finished request, on standard output.
    struct Access {
        /// The share of requests, 0 to 1, written though they neither failed (5xx) nor were slow.
        sample: f64 = 0.01,
        /// Requests that took longer are always written.
        slow: Duration = secs(1),
        /// Request headers to write besides `user-agent`.
        headers: Vec<At<String>> = Vec::new(),
        /// Headers among them whose values are never shown, besides the usual ones (`authorization`, `cookie`, …).
        redact_headers: Vec<At<String>> = Vec::new(),
        /// Query parameters whose values are never shown, besides the usual ones.
        redact_query: Vec<String> = Vec::new(),
    }

    /// OpenTelemetry traces over OTLP/HTTP.
    struct Traces {
        /// The receiver's full address.
        endpoint: At<String> = At { value: "http://127.0.0.1:4318/v1/traces".to_owned(), span: 0..0 },
        /// The share of new traces, 0 to 1, that are recorded.
        sample: f64 = 0.01,
        /// Whose `traceparent` is continued. For others a new trace begins: a stranger could otherwise have every request
        /// recorded. Behind a load balancer that writes the header, list it in the listener's `trusted_proxies`.
        trust_parent: TrustParent = TrustParent::TrustedProxies,
        /// Whether a continued trace's own decision holds.
        parent_based: bool = true,
        /// `service.name` of what is sent.
        service_name: String = "seaworthy".to_owned(),
    }

    /// Metrics over OTLP/HTTP: every value, cumulative, at an interval.
    struct MetricsOtlp {
        /// The receiver's full address.
        endpoint: At<String> = At { value: "http://127.0.0.1:4318/v1/metrics".to_owned(), span: 0..0 },
        /// How often they are sent.
        interval: Duration = secs(60),
        /// `service.name` of what is sent.
        service_name: String = "seaworthy".to_owned(),
    }

    /// The log over OTLP/HTTP: what passes `filter`, and every line of the access log, each with its trace.
    struct LogsOtlp {
        /// The receiver's full address.
        endpoint: At<String> = At { value: "http://127.0.0.1:4318/v1/logs".to_owned(), span: 0..0 },
        /// Most events that wait to be sent; more are dropped and counted.
        queue: usize = 4_096,
        /// `service.name` of what is sent.
        service_name: String = "seaworthy".to_owned(),
    }
}
