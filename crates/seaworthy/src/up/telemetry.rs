//! Where lines, records, values and spans go.

use std::time::Duration;

use seaworthy_telemetry::access::AccessLog;
use seaworthy_telemetry::metrics::Registry;
use seaworthy_telemetry::traces::Tracer;
use seaworthy_telemetry::{logs, metrics, traces};

use crate::config::Compiled;

/// Why what is told cannot be told.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The log.
    #[error(transparent)]
    Logs(#[from] logs::Error),
    /// The log over OTLP.
    #[error(transparent)]
    LogsOtlp(#[from] logs::otlp::Error),
    /// Metrics over OTLP.
    #[error(transparent)]
    MetricsOtlp(#[from] metrics::otlp::Error),
    /// Traces.
    #[error(transparent)]
    Traces(#[from] traces::Error),
}

/// All of it.
pub(super) struct Telemetry {
    pub(super) metrics: Registry,
    pub(super) access: Option<AccessLog>,
    pub(super) tracer: Tracer,
    values: Option<metrics::otlp::Exporter>,
    log: Option<logs::otlp::Exporter>,
}

/// Starts the log first, for all that follows to be told. Outside of asynchronous code: exporters make blocking clients.
pub(super) fn start(compiled: &Compiled) -> Result<Telemetry, Error> {
    let registry = Registry::new();
    let redact = seaworthy_defence::redact::text;
    let log = compiled.logs_otlp.as_ref();
    let log = log.map(|settings| logs::otlp::Exporter::start(settings, &registry, redact)).transpose()?;
    logs::init_with(compiled.logs.0, &compiled.logs.1, redact, log.clone())?;
    registry.collect_process();
    let values = compiled.metrics_otlp.as_ref();
    let values = values.map(|settings| metrics::otlp::Exporter::start(&registry, settings)).transpose()?;
    let access = compiled
        .access
        .clone()
        .map(|settings| AccessLog::start_with(settings, std::io::stdout(), &registry, log.clone()));
    let tracer = match &compiled.traces {
        None => Tracer::off(),
        Some(settings) => Tracer::otlp(settings, &registry)?,
    };
    Ok(Telemetry { metrics: registry, access, tracer, values, log })
}

impl Telemetry {
    /// Writes and sends what is left. Blocks, for at most about four times `patience`.
    pub(super) fn finish(self, patience: Duration) {
        if let Some(access) = self.access {
            access.flush(patience);
        }
        if let Err(error) = self.tracer.shutdown(patience) {
            tracing::warn!(%error, "traces were lost at the end");
        }
        if let Some(Err(error)) = self.values.map(|values| values.shutdown(patience)) {
            tracing::warn!(%error, "the last metrics were not sent");
        }
        // the last: it sends what was said until here
        if let Some(Err(error)) = self.log.map(|log| log.shutdown(patience)) {
            tracing::warn!(%error, "the end of the log was not sent");
        }
    }
}
