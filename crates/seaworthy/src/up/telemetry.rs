//! Where records and spans go.

use seaworthy_telemetry::access::AccessLog;
use seaworthy_telemetry::metrics::Registry;
use seaworthy_telemetry::traces::{Error, Tracer};

use crate::config::Compiled;

/// Starts the access log and the tracer.
pub(super) fn start(compiled: &Compiled, metrics: &Registry) -> Result<(Option<AccessLog>, Tracer), Error> {
    let access =
        compiled.access.clone().map(|settings| AccessLog::start(settings, std::io::stdout(), metrics));
    let tracer = match &compiled.traces {
        None => Tracer::off(),
        Some(settings) => Tracer::otlp(settings, metrics)?,
    };
    Ok((access, tracer))
}
