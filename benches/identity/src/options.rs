use std::path::PathBuf;
use std::time::Duration;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Part {
    /// An audit log of many entries.
    Audit,
    /// Cold verification of tokens.
    Verify,
    /// Requests with credentials against requests without.
    Gateway,
    /// Valid callers beside tokens with unknown keys.
    Flood,
}

/// Measures what it costs to know who calls; prints medians and ratios
#[derive(Debug, clap::Parser)]
#[command(name = "bench-identity")]
pub(crate) struct Options {
    /// What to measure
    #[arg(long, value_delimiter = ',', value_enum, default_values_t = [Part::Audit, Part::Verify, Part::Gateway, Part::Flood])]
    pub(crate) parts: Vec<Part>,
    /// Interleaved rounds of requests and of verifications; the tables show medians
    #[arg(long, default_value_t = 7)]
    pub(crate) rounds: usize,
    /// Length of each measurement of requests
    #[arg(long, default_value = "3s", value_parser = seaworthy_core::duration::parse)]
    pub(crate) duration: Duration,
    /// Connections that are kept busy, each with a credential of its own
    #[arg(long, default_value_t = 32)]
    pub(crate) connections: usize,
    /// Tokens per round of verifications
    #[arg(long, default_value_t = 2_000)]
    pub(crate) tokens: usize,
    /// Interleaved rounds of the flood
    #[arg(long, default_value_t = 3)]
    pub(crate) flood_rounds: usize,
    /// Length of each measurement beside a flood
    #[arg(long, default_value = "20s", value_parser = seaworthy_core::duration::parse)]
    pub(crate) flood: Duration,
    /// Tokens with unknown keys per second
    #[arg(long, default_value_t = 10_000)]
    pub(crate) flood_rate: u32,
    /// Requests of valid callers per second, beside it
    #[arg(long, default_value_t = 1_000)]
    pub(crate) valid_rate: u32,
    /// Entries of the audit log
    #[arg(long, default_value_t = 1_000_000)]
    pub(crate) entries: u64,
    /// Core that the gateway runs on
    #[arg(long, default_value_t = 0)]
    pub(crate) gateway_core: usize,
    /// Core that load, upstream and provider run on
    #[arg(long, default_value_t = 1)]
    pub(crate) load_core: usize,
    /// Seaworthy's binary
    #[arg(long, default_value = "target/release/seaworthy")]
    pub(crate) seaworthy: PathBuf,
}
