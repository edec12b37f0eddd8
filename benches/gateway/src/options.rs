use crate::proxy::Kind;
use std::path::PathBuf;
use std::time::Duration;

/// Measures proxies side by side: processor time per request, requests/s, latency at an equal rate, idle memory
#[derive(Debug, clap::Parser)]
#[command(name = "bench-gateway")]
pub(crate) struct Options {
    /// Proxies to measure; ratios are to the first
    #[arg(long, value_delimiter = ',', default_values_t = Kind::ALL)]
    pub(crate) proxies: Vec<Kind>,
    /// Interleaved rounds; the table shows medians
    #[arg(long, default_value_t = 7)]
    pub(crate) rounds: usize,
    /// Length of each measurement of a round
    #[arg(long, default_value = "5s", value_parser = seaworthy_core::duration::parse)]
    pub(crate) duration: Duration,
    /// Connections that wrk keeps busy
    #[arg(long, default_value_t = 32)]
    pub(crate) connections: usize,
    /// Requests per second at which latencies are compared
    #[arg(long, default_value_t = 2_000)]
    pub(crate) rate: u32,
    /// Idle keep-alive connections; the limit on open files must admit them
    #[arg(long, default_value_t = 10_000)]
    pub(crate) idle: usize,
    /// Instead of rounds: load for this long, with the memory sampled all along
    #[arg(long, value_parser = seaworthy_core::duration::parse)]
    pub(crate) soak: Option<Duration>,
    /// Core that the proxies run on
    #[arg(long, default_value_t = 0)]
    pub(crate) proxy_core: usize,
    /// Core that load and upstream run on
    #[arg(long, default_value_t = 1)]
    pub(crate) load_core: usize,
    /// Seaworthy's binary
    #[arg(long, default_value = "target/dist/seaworthy")]
    pub(crate) seaworthy: PathBuf,
    /// Nginx' binary
    #[arg(long, default_value = "nginx")]
    pub(crate) nginx: PathBuf,
    /// HAProxy's binary
    #[arg(long, default_value = "haproxy")]
    pub(crate) haproxy: PathBuf,
    /// Envoy's binary
    #[arg(long, default_value = "envoy")]
    pub(crate) envoy: PathBuf,
    /// wrk's binary
    #[arg(long, default_value = "wrk")]
    pub(crate) wrk: PathBuf,
    /// File for the result as JSON
    #[arg(long)]
    pub(crate) json: Option<PathBuf>,
}
