//! Spans, sent over OTLP (HTTP, protobuf) in batches by a thread of their own.
//!
//! The decision to record is made at the first span of a trace and holds for the rest of it: an incoming trace is
//! continued as its sender decided, a new one is sampled by its id. A request that is not recorded costs the
//! generation of its ids and nothing else.
//!
//! ```
//! use seaworthy_telemetry::traces::Tracer;
//!
//! let tracer = Tracer::off();
//! let request = tracer.start_server(None, "request");
//! let attempt = request.child("attempt");
//! assert_eq!(attempt.context().trace_id, request.context().trace_id);
//! attempt.end(Some(200), None);
//! request.end(Some(200), None);
//! ```

mod export;
mod span;
mod value;

#[cfg(test)]
mod tests;

pub use span::RequestSpan;
pub use value::Value;

use crate::metrics::Registry;
use export::Pipeline;
use opentelemetry_otlp::{ExporterBuildError, Protocol, WithExportConfig};
use opentelemetry_sdk::trace::SpanExporter;
use seaworthy_core::trace::TraceContext;
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

/// Where spans go and how many of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The receiver's full address, such as `http://127.0.0.1:4318/v1/traces`.
    pub endpoint: String,
    /// `service.name` of the resource.
    pub service: String,
    /// The share of new traces, from 0 to 1, that are recorded.
    pub sample: f64,
    /// Whose traces are continued; those of others end here, and new ones begin.
    pub trust: Trust,
    /// Whether a continued trace's own decision holds; otherwise every trace is decided by its id.
    pub parent_based: bool,
    /// How many finished spans may wait to be sent; more are dropped and counted.
    pub queue: usize,
    /// How long a span may wait for its batch to fill.
    pub delay: Duration,
    /// How long one batch may take to be delivered.
    pub timeout: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            endpoint: "http://127.0.0.1:4318/v1/traces".to_owned(),
            service: "seaworthy".to_owned(),
            sample: 0.01,
            trust: Trust::default(),
            parent_based: true,
            queue: 4_096,
            delay: Duration::from_secs(5),
            timeout: Duration::from_secs(10),
        }
    }
}

/// Whose `traceparent` is believed. Whoever is believed decides what is recorded here (where the settings are parent
/// based) and chooses the ids that a ratio is taken of: a stranger could have every request recorded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Trust {
    /// Everybody's.
    Always,
    /// That of proxies which are trusted otherwise, too.
    #[default]
    Proxies,
    /// Nobody's.
    Never,
}

/// Why traces can't be sent.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The receiver's address or the client for it.
    #[error("the otlp exporter for {endpoint} could not be built: {source}")]
    Exporter {
        /// The address as configured.
        endpoint: String,
        /// What the exporter says.
        source: ExporterBuildError,
    },
    /// Spans were left when time ran out, or the receiver refused them.
    #[error("not every span was delivered: {0}")]
    Undelivered(String),
}

/// Starts spans. Cloning is cheap and shares the queue.
#[derive(Clone, Debug)]
pub struct Tracer {
    pipeline: Option<Arc<Pipeline>>,
    threshold: u64,
    trust: Trust,
    parent_based: bool,
}

impl Tracer {
    /// A tracer that records nothing. Incoming traces pass through it untouched.
    pub fn off() -> Self {
        Self { pipeline: None, threshold: 0, trust: Trust::Always, parent_based: true }
    }

    /// A tracer that sends to an OTLP receiver.
    pub fn otlp(settings: &Settings, metrics: &Registry) -> Result<Self, Error> {
        let exporter = opentelemetry_otlp::SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(&settings.endpoint)
            .with_timeout(settings.timeout)
            .build()
            .map_err(|source| Error::Exporter { endpoint: settings.endpoint.clone(), source })?;
        Ok(Self::with_exporter(exporter, settings, metrics))
    }

    /// A tracer that hands its batches to an exporter of the caller's.
    pub fn with_exporter(
        exporter: impl SpanExporter + 'static,
        settings: &Settings,
        metrics: &Registry,
    ) -> Self {
        let pipeline = Pipeline::start(exporter, settings, metrics);
        Self {
            pipeline: Some(Arc::new(pipeline)),
            threshold: threshold(settings.sample),
            trust: settings.trust,
            parent_based: settings.parent_based,
        }
    }

    /// Whether a trace that comes in is continued, from a trusted proxy or from somebody else.
    pub fn trusts(&self, proxy: bool) -> bool {
        match self.trust {
            Trust::Always => true,
            Trust::Proxies => proxy,
            Trust::Never => false,
        }
    }

    /// Begins the span of an incoming request, in the trace of `parent` or in a new one.
    pub fn start_server(
        &self,
        parent: Option<TraceContext>,
        name: impl Into<Cow<'static, str>>,
    ) -> RequestSpan {
        let Some(pipeline) = &self.pipeline else {
            // without a span of ours the next hop's parent is still the previous hop's span
            return RequestSpan::pass(parent.unwrap_or_else(|| TraceContext::generate(false)));
        };
        let mut context = parent.map_or_else(|| TraceContext::generate(false), TraceContext::child);
        if parent.is_none() || !self.parent_based {
            context.sampled = self.samples(&context);
        }
        if context.sampled {
            RequestSpan::server(Arc::clone(pipeline), context, parent, name.into())
        } else {
            RequestSpan::unrecorded(context, parent)
        }
    }

    /// Sends what waits. Blocks; never call it on a thread that serves requests.
    pub fn flush(&self) -> Result<(), Error> {
        self.pipeline.as_ref().map_or(Ok(()), |pipeline| pipeline.flush())
    }

    /// Sends what waits, for at most `patience`, and stops. Blocks; spans that end later are dropped and counted.
    pub fn shutdown(&self, patience: Duration) -> Result<(), Error> {
        self.pipeline.as_ref().map_or(Ok(()), |pipeline| pipeline.shutdown(patience))
    }

    /// Decides by the trace id, so that every hop with the same ratio decides alike.
    fn samples(&self, context: &TraceContext) -> bool {
        let [.., a, b, c, d, e, f, g, h] = context.trace_id;
        u64::from_be_bytes([a, b, c, d, e, f, g, h]) >> 1 < self.threshold
    }
}

/// The ratio as a bound on 63 bits, as OpenTelemetry's own ratio sampler has it.
fn threshold(ratio: f64) -> u64 {
    (ratio.clamp(0.0, 1.0) * (1u64 << 63) as f64) as u64
}
