//! One line per request: who asked for what, what came of it, where it went.
//!
//! Failures and slow requests are always written, successes by a sample. Lines go through a bounded queue to a thread
//! that writes them; a full queue drops lines and counts them, it never makes a request wait.
//!
//! ```
//! use seaworthy_telemetry::{access::{AccessLog, Record, Settings}, metrics::Registry};
//! use std::time::Duration;
//!
//! let log = AccessLog::start(Settings::default(), std::io::sink(), &Registry::new());
//! let record = Record { method: "GET", target: "/items/7?token=hunter2", status: 502, ..Record::default() };
//! log.observe(&record);
//! assert!(log.flush(Duration::from_secs(5)));
//! ```

pub(crate) mod escape;
mod exported;
mod line;
mod record;
mod redact;
mod rfc3339;
mod settings;
mod writer;

#[cfg(test)]
mod tests;

pub use record::Record;
pub use settings::Settings;

use crate::logs::otlp;
use crate::metrics::{Counter, Registry};
use redact::Redaction;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;
use writer::Writer;

/// An access log that is being written. Cloning is cheap and shares it.
#[derive(Clone)]
pub struct AccessLog(Arc<Inner>);

struct Inner {
    settings: Settings,
    redaction: Redaction,
    writer: Writer,
    exporter: Option<otlp::Exporter>,
    left_out: Counter,
}

impl AccessLog {
    /// Starts the thread that writes to `to`.
    pub fn start(settings: Settings, to: impl Write + Send + 'static, metrics: &Registry) -> Self {
        Self::start_with(settings, to, metrics, None)
    }

    /// [`start`](Self::start), with what is written sent by `exporter`, too.
    pub fn start_with(
        settings: Settings,
        to: impl Write + Send + 'static,
        metrics: &Registry,
        exporter: Option<otlp::Exporter>,
    ) -> Self {
        let redaction = Redaction::new(&settings);
        let writer = Writer::start(to, settings.queue, metrics);
        let left_out = writer::lines(metrics, "sampled_out");
        Self(Arc::new(Inner { settings, redaction, writer, exporter, left_out }))
    }

    /// Request headers to write besides `user-agent`: those that a [`Record`] should hold.
    pub fn headers(&self) -> &[String] {
        &self.0.settings.headers
    }

    /// Whether a request with this outcome is to be written. Decides anew at every call where the sample decides.
    pub fn wants(&self, status: u16, took: Duration) -> bool {
        let settings = &self.0.settings;
        let wanted = status >= 500 || took >= settings.slow || fastrand::f64() < settings.sample;
        if !wanted {
            self.0.left_out.inc();
        }
        wanted
    }

    /// Writes a record, whatever its outcome.
    pub fn write(&self, record: &Record<'_>) {
        self.0.writer.send(line::render(record, &self.0.settings, &self.0.redaction));
        if let Some(exporter) = &self.0.exporter {
            exported::send(record, &self.0.settings, &self.0.redaction, exporter);
        }
    }

    /// Writes a record if it is [wanted](Self::wants).
    pub fn observe(&self, record: &Record<'_>) {
        if self.wants(record.status, record.duration) {
            self.write(record);
        }
    }

    /// Waits until what was sent before is written, at most for `patience`. Blocks; not for the data plane.
    pub fn flush(&self, patience: Duration) -> bool {
        self.0.writer.flush(patience)
    }
}

impl std::fmt::Debug for AccessLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccessLog").field("settings", &self.0.settings).finish_non_exhaustive()
    }
}
