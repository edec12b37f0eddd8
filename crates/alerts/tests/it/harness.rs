//! A database, a queue at work, a receiver of messages, and numbers that tests decide.

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use seaworthy_alerts::delivery::QUEUE;
use seaworthy_alerts::notify::{Channel, Webhook};
use seaworthy_alerts::route::Route;
use seaworthy_alerts::rule::{Check, Op, Rule, Severity, Value};
use seaworthy_alerts::{Alerts, ReceiverSettings, Settings, Source};
use seaworthy_core::clock::ManualClock;
use seaworthy_core::{Clock, Secret, SystemClock};
use seaworthy_jobs::executor::http::{Addresses, Direct};
use seaworthy_jobs::runner::{Queue, Runner, RunnerSettings, Running};
use seaworthy_jobs::{Filter, Job, Jobs};
use seaworthy_store::Timestamp;
use seaworthy_store::testing::Database;
use seaworthy_telemetry::history::{self, Aggregate, Function, Query, Sample, Selector, Series};
use seaworthy_telemetry::metrics::Registry;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, UNIX_EPOCH};

/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// The value of every service, or none.
#[derive(Default)]
pub(crate) struct Numbers(Mutex<Vec<(String, f64)>>);

impl Numbers {
    pub(crate) fn set(&self, service: &str, value: f64) {
        let mut values = self.0.lock().expect("no panic");
        values.retain(|known| known.0 != service);
        values.push((service.to_owned(), value));
    }
}

impl Source for Numbers {
    fn query(&self, _: &Query, _: Timestamp) -> Result<Vec<Sample>, history::Error> {
        let values = self.0.lock().expect("no panic").clone();
        let sample = |(service, value): (String, f64)| {
            let labels = [("service".to_owned(), service)].into_iter().collect();
            Sample { labels, value }
        };
        Ok(values.into_iter().map(sample).collect())
    }

    fn range(
        &self,
        _: &Query,
        _: Timestamp,
        _: Timestamp,
        _: Duration,
    ) -> Result<Vec<Series>, history::Error> {
        Ok(Vec::new())
    }
}

/// What came: path, headers, body.
pub(crate) type Came = Arc<Mutex<Vec<(String, HeaderMap, serde_json::Value)>>>;

pub(crate) struct Bed {
    pub(crate) database: Database,
    pub(crate) jobs: Jobs,
    pub(crate) numbers: Arc<Numbers>,
    pub(crate) clock: ManualClock,
    pub(crate) registry: Registry,
    pub(crate) base: String,
    pub(crate) came: Came,
}

impl Bed {
    pub(crate) async fn sqlite() -> Self {
        Self::with(Database::sqlite()).await
    }

    pub(crate) async fn postgres() -> Self {
        Self::with(Database::postgres()).await
    }

    async fn with(database: Database) -> Self {
        let jobs =
            Jobs::open(database.open().await, seaworthy_jobs::Settings::default()).await.expect("opens");
        let (base, came) = receiver().await;
        let clock = ManualClock::at(UNIX_EPOCH + Duration::from_secs(1_763_731_200));
        let numbers = Arc::new(Numbers::default());
        for service in ["shop", "bank"] {
            numbers.set(service, 0.0);
        }
        Self { database, jobs, numbers, clock, registry: Registry::new(), base, came }
    }

    /// One rule, critical, above 10 for 20 s; everything to the receiver's path.
    pub(crate) fn settings(&self, path: &str) -> Settings {
        Self::settings_at(&format!("{}{path}", self.base))
    }

    pub(crate) fn settings_at(url: &str) -> Settings {
        let selector = Selector::new("m", vec![]).expect("a selector");
        let window = Duration::from_secs(60);
        let query =
            Query { selector, function: Function::Latest, window, by: None, aggregate: Aggregate::Sum };
        let value = Value::Query(query);
        let mut rule =
            Rule::new("High", Check::Threshold { value, op: Op::Above, threshold: 10.0, resolve: None });
        rule.r#for = Duration::from_secs(20);
        rule.severity = Severity::Critical;
        rule.summary = "{{labels.service}} is at {{value}}".to_owned();
        let built_in = seaworthy_alerts::rule::built_in().expect("rules").into_iter();
        let rules = built_in.map(|rule| Rule { enabled: false, ..rule }).chain([rule]).collect();
        Settings {
            rules,
            receivers: vec![ReceiverSettings::new("team", vec![webhook(url)])],
            route: Route {
                receiver: Some("team".to_owned()),
                group_by: Some(vec!["service".to_owned()]),
                ..Route::default()
            },
            ..Settings::default()
        }
    }

    pub(crate) fn webhook(&self, path: &str) -> Channel {
        webhook(&format!("{}{path}", self.base))
    }

    /// Without anything but what is set.
    pub(crate) fn bare(settings: Settings) -> Alerts {
        let transport = Arc::new(Direct::new(Addresses::Any));
        let source = Arc::new(Numbers::default());
        Alerts::new(settings, source, transport, Arc::new(SystemClock), &Registry::new()).expect("settings")
    }

    pub(crate) fn detached(&self, settings: Settings) -> Alerts {
        let transport = Arc::new(Direct::new(Addresses::Any));
        let clock = Arc::new(self.clock.clone());
        let source: Arc<dyn Source> = Arc::<Numbers>::clone(&self.numbers);
        Alerts::new(settings, source, transport, clock, &self.registry).expect("settings")
    }

    pub(crate) async fn alerts(&self, settings: Settings) -> Alerts {
        let alerts = self.detached(settings);
        alerts.attach(self.jobs.clone()).await.expect("attached");
        alerts
    }

    pub(crate) async fn work(&self, alerts: &Alerts) -> Running {
        let settings = RunnerSettings {
            queues: vec![Queue::new(QUEUE, 4)],
            poll: Duration::from_millis(50),
            ..RunnerSettings::default()
        };
        Runner::new(self.jobs.clone(), settings)
            .with(alerts.worker())
            .start(&self.registry)
            .await
            .expect("starts")
    }

    /// Lets time pass in steps of ten seconds, at each of which rules are looked at.
    pub(crate) async fn pass(&self, alerts: &Alerts, seconds: u64) {
        for _ in 0..seconds / 10 {
            self.clock.advance(Duration::from_secs(10));
            alerts.step(true).await;
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.wall().into()
    }

    pub(crate) async fn all_jobs(&self) -> Vec<Job> {
        self.jobs.list(&Filter::default(), 1_000).await.expect("listed")
    }

    /// How many messages came with this status, once at least so many have.
    pub(crate) async fn comes(&self, status: &str, count: usize) -> Vec<serde_json::Value> {
        let of = || {
            let came = self.came.lock().expect("no panic");
            let bodies = came.iter().map(|came| came.2.clone());
            bodies.filter(|body| body["status"] == status).collect::<Vec<_>>()
        };
        until(&format!("{count} {status} messages"), async || of().len() >= count).await;
        of()
    }
}

fn webhook(url: &str) -> Channel {
    let secret = Some(Secret::new("signs".to_owned()));
    Channel::Webhook(Webhook { url: Secret::new(url.to_owned()), secret })
}

/// Waits for whatever.
pub(crate) async fn until(what: &str, mut met: impl AsyncFnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !met().await {
        assert!(Instant::now() < until, "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Answers as its path says, and keeps what came.
async fn receiver() -> (String, Came) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let base = format!("http://{}", listener.local_addr().expect("an address"));
    let came = Came::default();
    let log = Arc::clone(&came);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let log = Arc::clone(&log);
            let answer = service_fn(move |request| answer(request, Arc::clone(&log)));
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
        }
    });
    (base, came)
}

async fn answer(
    request: Request<hyper::body::Incoming>,
    log: Came,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    let body = body.collect().await?.to_bytes();
    let value = serde_json::from_slice(&body).unwrap_or(serde_json::Value::Null);
    let seen = {
        let mut log = log.lock().expect("no panic");
        log.push((path.clone(), parts.headers, value));
        log.iter().filter(|came| came.0 == path).count()
    };
    let status = match path.as_str() {
        "/second" if seen < 2 => 503,
        "/later" => 429,
        "/never" => 400,
        "/moved" => 302,
        _ => 200,
    };
    let response =
        Response::builder().status(status).header("retry-after", if status == 429 { "600" } else { "0" });
    Ok(response.body(Full::new("said".into())).expect("a response"))
}
