//! The registry's values, sent over OTLP (HTTP, protobuf) at an interval by a thread of their own.
//!
//! Values are cumulative since the registry was made, so that a delivery that fails loses nothing but its moment. The
//! SDK of OpenTelemetry aggregates what is recorded through it and takes no values from elsewhere: what is sent is
//! made of its messages directly.

mod message;

use super::{Counter, Registry};
use message::request;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceResponse;
use prost::Message;
use reqwest::blocking::Client;
use reqwest::header::CONTENT_TYPE;
use std::io::Read;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

/// More of an answer than this is not read, in bytes.
const ANSWER: u64 = 64 * 1024;

/// Where values go, and how often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The receiver's full address, such as `http://127.0.0.1:4318/v1/metrics`.
    pub endpoint: String,
    /// `service.name` of the resource.
    pub service: String,
    /// How often everything is sent. Default: 60 s.
    pub interval: Duration,
    /// How long one delivery may take. Default: 10 s.
    pub timeout: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            endpoint: "http://127.0.0.1:4318/v1/metrics".to_owned(),
            service: "seaworthy".to_owned(),
            interval: Duration::from_secs(60),
            timeout: Duration::from_secs(10),
        }
    }
}

/// Why values can't be sent.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The receiver's address is none, or there is no client for it.
    #[error("metrics can't be sent to {endpoint}: {reason}")]
    Endpoint {
        /// The address as configured.
        endpoint: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The thread could not be started.
    #[error("the thread that sends metrics could not be started: {0}")]
    Thread(std::io::Error),
    /// The receiver refused them, did not answer, or there was no time left.
    #[error("the metrics were not delivered: {0}")]
    Undelivered(String),
}

impl Error {
    /// Its code.
    pub fn code(&self) -> seaworthy_core::ErrorCode {
        match self {
            Self::Endpoint { .. } => seaworthy_core::ErrorCode::Invalid,
            Self::Thread(_) => seaworthy_core::ErrorCode::Internal,
            Self::Undelivered(_) => seaworthy_core::ErrorCode::Unavailable,
        }
    }
}

/// Sends a registry's values. Cloning is cheap and shares the thread, which ends with the last clone.
#[derive(Debug, Clone)]
pub struct Exporter(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    orders: SyncSender<Order>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What the thread is asked for.
struct Order {
    /// Whether it ends afterwards.
    last: bool,
    done: SyncSender<Result<(), String>>,
}

impl Exporter {
    /// Starts to send; for the first time after an interval.
    ///
    /// # Errors
    /// [`Error::Endpoint`], [`Error::Thread`].
    pub fn start(registry: &Registry, settings: &Settings) -> Result<Self, Error> {
        let refused = |reason: String| Error::Endpoint { endpoint: settings.endpoint.clone(), reason };
        let url: reqwest::Url = settings.endpoint.parse().map_err(|error| refused(format!("{error}")))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(refused("it begins with neither http:// nor https://".to_owned()));
        }
        let sender = Sender::new(registry, settings, url);
        let (orders, inbox) = mpsc::sync_channel(1);
        let (timeout, interval) = (settings.timeout, settings.interval.max(Duration::from_millis(1)));
        let (started, client_ready) = mpsc::sync_channel(1);
        // a blocking client may be made and dropped outside of asynchronous code only
        let run = move || match Client::builder()
            .timeout(timeout)
            .redirect(reqwest::redirect::Policy::none())
            .build()
        {
            Ok(client) => {
                let _nobody_waits = started.send(Ok(()));
                sender.run(&client, interval, &inbox);
            }
            Err(error) => drop(started.send(Err(error.to_string()))),
        };
        let thread =
            std::thread::Builder::new().name("otlp-metrics".to_owned()).spawn(run).map_err(Error::Thread)?;
        client_ready.recv().unwrap_or_else(|_| Err("its thread ended".to_owned())).map_err(refused)?;
        Ok(Self(Arc::new(Inner { orders, thread: Mutex::new(Some(thread)) })))
    }

    /// Sends everything now. Blocks for up to the timeout of a delivery under way and that of its own.
    ///
    /// # Errors
    /// [`Error::Undelivered`].
    pub fn flush(&self) -> Result<(), Error> {
        self.order(false, None)
    }

    /// Sends everything for the last time and stops. Blocks for at most `patience`.
    ///
    /// # Errors
    /// [`Error::Undelivered`].
    pub fn shutdown(&self, patience: Duration) -> Result<(), Error> {
        let result = self.order(true, Some(patience));
        let mut thread = self.0.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(thread) = thread.take_if(|thread| thread.is_finished()) {
            let _ended = thread.join();
        }
        result
    }

    fn order(&self, last: bool, patience: Option<Duration>) -> Result<(), Error> {
        let (done, answer) = mpsc::sync_channel(1);
        let stopped = || Error::Undelivered("sending has stopped".to_owned());
        match patience {
            None => self.0.orders.send(Order { last, done }).map_err(|_| stopped())?,
            // a place is free unless somebody else waits already
            Some(_) => self.0.orders.try_send(Order { last, done }).map_err(|_| stopped())?,
        }
        let answer = match patience {
            None => answer.recv().map_err(|_| stopped())?,
            Some(patience) => answer.recv_timeout(patience).map_err(|error| match error {
                RecvTimeoutError::Timeout => Error::Undelivered(format!("no answer within {patience:?}")),
                RecvTimeoutError::Disconnected => stopped(),
            })?,
        };
        answer.map_err(Error::Undelivered)
    }
}

struct Sender {
    registry: Registry,
    service: String,
    url: reqwest::Url,
    sent: Counter,
    failed: Counter,
    failing: bool,
}

impl Sender {
    fn new(registry: &Registry, settings: &Settings, url: reqwest::Url) -> Self {
        let exports = |outcome: &str| {
            let help = "deliveries of metrics by what became of them";
            registry.counter("seaworthy.metrics.exports", help, &[("outcome", outcome.to_owned())])
        };
        let (sent, failed) = (exports("sent"), exports("failed"));
        Self {
            registry: registry.clone(),
            service: settings.service.clone(),
            url,
            sent,
            failed,
            failing: false,
        }
    }

    fn run(mut self, client: &Client, interval: Duration, inbox: &Receiver<Order>) {
        loop {
            let order = match inbox.recv_timeout(interval) {
                Ok(order) => Some(order),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            let result = self.send(client);
            if let Some(order) = order {
                let _nobody_waits = order.done.send(result);
                if order.last {
                    return;
                }
            }
        }
    }

    fn send(&mut self, client: &Client) -> Result<(), String> {
        // what the client itself would trace or log on its way would be sent with the next delivery, and so on
        let _silence = opentelemetry::Context::enter_telemetry_suppressed_scope();
        let body = request(&self.registry, &self.service, SystemTime::now()).encode_to_vec();
        let request = client.post(self.url.clone()).header(CONTENT_TYPE, "application/x-protobuf").body(body);
        let result = request.send().map_err(|error| error.without_url().to_string()).and_then(accepted);
        match &result {
            Ok(()) => self.sent.inc(),
            Err(_) => self.failed.inc(),
        }
        // said once when it begins and once when it ends, not every minute
        match (&result, std::mem::replace(&mut self.failing, result.is_err())) {
            (Err(error), false) => tracing::warn!(error, "metrics could not be delivered"),
            (Ok(()), true) => tracing::info!("metrics are delivered again"),
            _ => {}
        }
        result
    }
}

fn accepted(answer: reqwest::blocking::Response) -> Result<(), String> {
    if !answer.status().is_success() {
        return Err(format!("the receiver answered {}", answer.status().as_u16()));
    }
    let mut body = Vec::new();
    answer.take(ANSWER).read_to_end(&mut body).map_err(|error| error.to_string())?;
    // an answer that is none of ours says nothing against what was sent
    let partial = ExportMetricsServiceResponse::decode(&*body).ok().and_then(|answer| answer.partial_success);
    match partial.map_or(0, |partial| partial.rejected_data_points) {
        0 => Ok(()),
        points => Err(format!("the receiver refused {points} points")),
    }
}
