//! The program's own log as OTLP, beside the lines on standard error.
//!
//! An event within a request's span, or one that carries a `trace_id`, can be found from its trace. Events wait in a
//! bounded queue for a thread that sends them; what exceeds it is dropped and counted.

#[cfg(test)]
mod tests;

use super::Redactor;
use super::fields::{Fields, Ids};
use crate::metrics::{Counter, Registry};
use opentelemetry::logs::{LogRecord, Logger, LoggerProvider, Severity};
use opentelemetry::{Context, SpanId, TraceFlags, TraceId};
use opentelemetry_otlp::{ExporterBuildError, Protocol, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::{
    BatchConfigBuilder, BatchLogProcessor, LogBatch, LogExporter, SdkLogRecord, SdkLogger, SdkLoggerProvider,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context as LayerContext;
use tracing_subscriber::registry::LookupSpan;

/// Where events go and how many of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The receiver's full address, such as `http://127.0.0.1:4318/v1/logs`.
    pub endpoint: String,
    /// `service.name` of the resource.
    pub service: String,
    /// How many events may wait to be sent; more are dropped and counted. Default: 4,096.
    pub queue: usize,
    /// How long an event may wait for its batch to fill. Default: 5 s.
    pub delay: Duration,
    /// How long one batch may take to be delivered. Default: 10 s.
    pub timeout: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            endpoint: "http://127.0.0.1:4318/v1/logs".to_owned(),
            service: "seaworthy".to_owned(),
            queue: 4_096,
            delay: Duration::from_secs(5),
            timeout: Duration::from_secs(10),
        }
    }
}

/// Why events can't be sent.
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
    /// Events were left when time ran out, or the receiver refused them.
    #[error("not every event was delivered: {0}")]
    Undelivered(String),
}

/// Sends events: a layer for `tracing`. Cloning is cheap and shares the queue.
#[derive(Clone, Debug)]
pub struct Exporter(Arc<Pipeline>);

#[derive(Debug)]
struct Pipeline {
    provider: SdkLoggerProvider,
    logger: SdkLogger,
    redact: Redactor,
    queue: usize,
    waiting: Arc<AtomicUsize>,
    stopped: AtomicBool,
    dropped: Counter,
    failed: Counter,
}

impl Exporter {
    /// Sends to an OTLP receiver what `redact` leaves of every text.
    ///
    /// # Errors
    /// [`Error::Exporter`].
    pub fn start(settings: &Settings, metrics: &Registry, redact: Redactor) -> Result<Self, Error> {
        let exporter = opentelemetry_otlp::LogExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(&settings.endpoint)
            .with_timeout(settings.timeout)
            .build()
            .map_err(|source| Error::Exporter { endpoint: settings.endpoint.clone(), source })?;
        Ok(Self::with_exporter(exporter, settings, metrics, redact))
    }

    /// Hands batches to an exporter of the caller's.
    pub fn with_exporter(
        exporter: impl LogExporter + 'static,
        settings: &Settings,
        metrics: &Registry,
        redact: Redactor,
    ) -> Self {
        let (waiting, failed) = (Arc::new(AtomicUsize::new(0)), events(metrics, "failed"));
        let counted = Counted {
            exporter,
            waiting: Arc::clone(&waiting),
            failing: AtomicBool::new(false),
            sent: events(metrics, "sent"),
            failed: failed.clone(),
        };
        let config = BatchConfigBuilder::default()
            .with_max_queue_size(settings.queue)
            .with_max_export_batch_size(settings.queue.min(512))
            .with_scheduled_delay(settings.delay)
            .build();
        let processor = BatchLogProcessor::builder(counted).with_batch_config(config).build();
        let resource = Resource::builder().with_service_name(settings.service.clone()).build();
        let provider =
            SdkLoggerProvider::builder().with_log_processor(processor).with_resource(resource).build();
        Self(Arc::new(Pipeline {
            logger: provider.logger("seaworthy"),
            provider,
            redact,
            queue: settings.queue,
            waiting,
            stopped: AtomicBool::new(false),
            dropped: events(metrics, "dropped"),
            failed,
        }))
    }

    /// Sends what waits. Blocks; never call it on a thread that serves requests.
    ///
    /// # Errors
    /// [`Error::Undelivered`].
    pub fn flush(&self) -> Result<(), Error> {
        self.0.delivering(SdkLoggerProvider::force_flush)
    }

    /// Sends what waits, for at most `patience`, and stops. Blocks; later events are dropped and counted.
    ///
    /// # Errors
    /// [`Error::Undelivered`].
    pub fn shutdown(&self, patience: Duration) -> Result<(), Error> {
        self.0.stopped.store(true, Ordering::Relaxed);
        self.0.delivering(|provider| provider.shutdown_with_timeout(patience))
    }

    /// A place in the queue, for one record. Without one it is dropped, and counted.
    fn has_room(&self) -> bool {
        let pipeline = &*self.0;
        // counted here because the processor tells what it dropped only when it stops
        let full = pipeline.waiting.fetch_add(1, Ordering::Relaxed) >= pipeline.queue;
        if full || pipeline.stopped.load(Ordering::Relaxed) {
            pipeline.waiting.fetch_sub(1, Ordering::Relaxed);
            pipeline.dropped.inc();
            return false;
        }
        true
    }

    /// Sends a record that `fill` completes; `fill` is called only where there is room for one.
    pub(crate) fn record(&self, level: Level, fill: impl FnOnce(&mut SdkLogRecord)) {
        if !self.has_room() {
            return;
        }
        let mut record = self.0.logger.create_log_record();
        let (number, text) = severity(level);
        record.set_severity_number(number);
        record.set_severity_text(text);
        fill(&mut record);
        self.0.logger.emit(record);
    }

    fn send(&self, event: &Event<'_>, ids: Option<Ids>) {
        let pipeline = &*self.0;
        self.record(*event.metadata().level(), |record| {
            let mut fields = Fields::new(pipeline.redact);
            event.record(&mut fields);
            record.set_timestamp(SystemTime::now());
            record.set_target(event.metadata().target());
            // what the event says itself is nearer than what its span does
            if let Some(ids) = fields.ids.or(ids) {
                let span = ids.span.map_or(SpanId::INVALID, SpanId::from_bytes);
                record.set_trace_context(TraceId::from_bytes(ids.trace), span, Some(TraceFlags::SAMPLED));
            }
            if let Some(message) = fields.message {
                record.set_body(message.into());
            }
            record.add_attributes(fields.others);
        });
    }
}

impl Pipeline {
    /// Runs `send`; the processor itself keeps quiet about batches that were refused meanwhile.
    fn delivering(&self, send: impl FnOnce(&SdkLoggerProvider) -> OTelSdkResult) -> Result<(), Error> {
        let before = self.failed.value();
        send(&self.provider).map_err(|error| Error::Undelivered(error.to_string()))?;
        match self.failed.value() - before {
            0 => Ok(()),
            events => Err(Error::Undelivered(format!("the receiver refused {events}"))),
        }
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Exporter {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: LayerContext<'_, S>) {
        let mut fields = Fields::ids();
        attributes.record(&mut fields);
        if let (Some(ids), Some(span)) = (fields.ids, context.span(id)) {
            span.extensions_mut().replace(ids);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: LayerContext<'_, S>) {
        let mut fields = Fields::ids();
        values.record(&mut fields);
        if let (Some(ids), Some(span)) = (fields.ids, context.span(id)) {
            span.extensions_mut().replace(ids);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: LayerContext<'_, S>) {
        // what sending itself says would be sent, and said again
        if Context::is_current_telemetry_suppressed() {
            return;
        }
        let of_spans = context.event_scope(event).into_iter().flatten();
        let ids = of_spans.filter_map(|span| span.extensions().get::<Ids>().copied()).next();
        self.send(event, ids);
    }
}

fn events(metrics: &Registry, outcome: &str) -> Counter {
    let help = "events of the program's own log by what became of them on their way over otlp";
    metrics.counter("seaworthy.logs.events", help, &[("outcome", outcome.to_owned())])
}

fn severity(level: Level) -> (Severity, &'static str) {
    match level {
        Level::ERROR => (Severity::Error, "ERROR"),
        Level::WARN => (Severity::Warn, "WARN"),
        Level::INFO => (Severity::Info, "INFO"),
        Level::DEBUG => (Severity::Debug, "DEBUG"),
        Level::TRACE => (Severity::Trace, "TRACE"),
    }
}

/// An exporter that says what became of its batches.
#[derive(Debug)]
struct Counted<E> {
    exporter: E,
    waiting: Arc<AtomicUsize>,
    failing: AtomicBool,
    sent: Counter,
    failed: Counter,
}

impl<E: LogExporter> LogExporter for Counted<E> {
    async fn export(&self, batch: LogBatch<'_>) -> OTelSdkResult {
        let events = batch.iter().count();
        self.waiting.fetch_sub(events, Ordering::Relaxed);
        let result = self.exporter.export(batch).await;
        match &result {
            Ok(()) => self.sent.add(events as u64),
            Err(_) => self.failed.add(events as u64),
        }
        match (&result, self.failing.swap(result.is_err(), Ordering::Relaxed)) {
            (Err(error), false) => tracing::warn!(%error, events, "the log could not be delivered"),
            (Ok(()), true) => tracing::info!("the log is delivered again"),
            _ => {}
        }
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}
