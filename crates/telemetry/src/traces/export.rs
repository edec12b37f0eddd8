//! The queue of finished spans and the thread that sends them.

use super::{Error, Settings};
use crate::metrics::{Counter, Registry};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, SpanData, SpanExporter, SpanProcessor,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

#[derive(Debug)]
pub(super) struct Pipeline {
    processor: BatchSpanProcessor,
    queue: usize,
    waiting: Arc<AtomicUsize>,
    stopped: AtomicBool,
    dropped: Counter,
    failed: Counter,
}

fn spans(metrics: &Registry, outcome: &str) -> Counter {
    let help = "finished spans by what became of them";
    metrics.counter("seaworthy.traces.spans", help, &[("outcome", outcome.to_owned())])
}

impl Pipeline {
    pub(super) fn start(
        exporter: impl SpanExporter + 'static,
        settings: &Settings,
        metrics: &Registry,
    ) -> Self {
        let waiting = Arc::new(AtomicUsize::new(0));
        let failed = spans(metrics, "failed");
        let counted = Counted {
            exporter,
            waiting: Arc::clone(&waiting),
            failing: AtomicBool::new(false),
            sent: spans(metrics, "sent"),
            failed: failed.clone(),
        };
        let config = BatchConfigBuilder::default()
            .with_max_queue_size(settings.queue)
            .with_max_export_batch_size(settings.queue.min(512))
            .with_scheduled_delay(settings.delay)
            .build();
        let mut processor = BatchSpanProcessor::new(counted, config);
        processor.set_resource(&Resource::builder().with_service_name(settings.service.clone()).build());
        Self {
            processor,
            queue: settings.queue,
            waiting,
            stopped: AtomicBool::new(false),
            dropped: spans(metrics, "dropped"),
            failed,
        }
    }

    pub(super) fn send(&self, span: SpanData) {
        // counted here because the processor tells what it dropped only when it stops
        let full = self.waiting.fetch_add(1, Ordering::Relaxed) >= self.queue;
        if full || self.stopped.load(Ordering::Relaxed) {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            self.dropped.inc();
        } else {
            self.processor.on_end(span);
        }
    }

    pub(super) fn flush(&self) -> Result<(), Error> {
        self.delivering(BatchSpanProcessor::force_flush)
    }

    pub(super) fn shutdown(&self, patience: Duration) -> Result<(), Error> {
        self.stopped.store(true, Ordering::Relaxed);
        self.delivering(|processor| processor.shutdown_with_timeout(patience))
    }

    /// Runs `send`; the processor itself keeps quiet about batches that were refused meanwhile.
    fn delivering(&self, send: impl FnOnce(&BatchSpanProcessor) -> OTelSdkResult) -> Result<(), Error> {
        let before = self.failed.value();
        send(&self.processor).map_err(|error| Error::Undelivered(error.to_string()))?;
        match self.failed.value() - before {
            0 => Ok(()),
            spans => Err(Error::Undelivered(format!("the receiver refused {spans}"))),
        }
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

impl<E: SpanExporter> SpanExporter for Counted<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        self.waiting.fetch_sub(spans, Ordering::Relaxed);
        let result = self.exporter.export(batch).await;
        match &result {
            Ok(()) => self.sent.add(spans as u64),
            Err(_) => self.failed.add(spans as u64),
        }
        // said once when it begins and once when it ends, not with every batch
        match (&result, self.failing.swap(result.is_err(), Ordering::Relaxed)) {
            (Err(error), false) => tracing::warn!(%error, spans, "spans could not be delivered"),
            (Ok(()), true) => tracing::info!("spans are delivered again"),
            _ => {}
        }
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}
