//! What the gateway's metrics were: questions to their history, asked where nothing else waits.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use seaworthy_telemetry::history::{
    Aggregate, Error, Function, History, Match, Matcher, Query, Sample, Selector, Series,
};
use seaworthy_telemetry::metrics::DURATION_BUCKETS;

/// The gateway's histogram of requests.
const REQUESTS: &str = "http_server_request_duration_seconds";
const SERVICE: &str = "seaworthy_service";
const STATUS: &str = "http_response_status_code";
/// What "now" is: long enough for a few requests, short enough to see a change.
pub(super) const NOW: Duration = Duration::from_secs(300);
/// Services that are shown with numbers of their own.
const MOST_SERVICES: usize = 200;

/// Values at rising times.
pub(super) type Points = Vec<(SystemTime, f64)>;

/// How far a chart reaches back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) name: &'static str,
    pub(super) length: Duration,
    /// From one point to the next.
    pub(super) step: Duration,
    /// How often there is another last point, so that a page stays as it is until there is something new to draw.
    every: Duration,
}

const fn range(name: &'static str, minutes: u64, step: u64, every: u64) -> Range {
    let seconds = Duration::from_secs;
    Range { name, length: seconds(minutes * 60), step: seconds(step), every: seconds(every) }
}

impl Range {
    pub(super) const ALL: [Self; 5] = [
        range("15m", 15, 20, 20),
        range("1h", 60, 60, 30),
        range("6h", 360, 360, 120),
        range("24h", 1_440, 1_800, 300),
        range("7d", 10_080, 10_800, 300),
    ];

    /// The one of this name; an hour where there is none.
    pub(super) fn of(name: Option<&str>) -> Self {
        let found = Self::ALL.into_iter().find(|range| Some(range.name) == name);
        found.unwrap_or(Self::ALL[1])
    }

    /// From when until when, the ends of the first and the last step.
    pub(super) fn times(self, now: SystemTime) -> (SystemTime, SystemTime) {
        let since = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let every = self.every.as_secs().max(1);
        let to = UNIX_EPOCH + Duration::from_secs(since / every * every);
        (to - self.length + self.step, to)
    }
}

/// Requests by the hundred of their statuses.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Classes(pub(super) [f64; 4]);

/// The classes that are told apart, and what they are.
pub(super) const CLASSES: [(&str, &str); 4] =
    [("2xx", "answered"), ("3xx", "sent elsewhere"), ("4xx", "refused"), ("5xx", "failed")];

impl Classes {
    fn add(&mut self, status: &str, requests: f64) {
        let at = match status.as_bytes().first() {
            Some(b'3') => 1,
            Some(b'4') => 2,
            Some(b'5') => 3,
            _ => 0,
        };
        self.0[at] += requests;
    }

    pub(super) fn total(&self) -> f64 {
        self.0.iter().sum()
    }

    /// The share that failed, where there was anything.
    pub(super) fn failed(&self) -> Option<f64> {
        (self.total() > 0.0).then(|| self.0[3] / self.total())
    }
}

/// How a service, or all of them, did of late.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Lately {
    /// Requests within [`NOW`].
    pub(super) requests: Classes,
    pub(super) p50: Option<f64>,
    pub(super) p95: Option<f64>,
    /// Requests per second over the range.
    pub(super) rate: Points,
    /// The share of failures over the range.
    pub(super) errors: Points,
    /// p95 in seconds over the range.
    pub(super) slow: Points,
}

impl Lately {
    /// Requests per second.
    pub(super) fn per_second(&self) -> f64 {
        self.requests.total() / NOW.as_secs_f64()
    }
}

/// All services, and what they are together.
#[derive(Debug, Default)]
pub(super) struct Overview {
    pub(super) all: Lately,
    pub(super) services: BTreeMap<String, Lately>,
}

/// A service over a range.
#[derive(Debug, Default)]
pub(super) struct Detail {
    pub(super) lately: Lately,
    /// Requests per second by class, at rising times.
    pub(super) classes: Vec<(SystemTime, Classes)>,
    /// p50, p95 and p99 in seconds.
    pub(super) quantiles: [Points; 3],
    /// Requests in each of the histogram's buckets, the fastest first; the last one has no bound.
    pub(super) heat: Vec<(SystemTime, Vec<f64>)>,
}

/// Asks where it may take its time. `None` where the question failed, which is told in the log.
pub(super) async fn ask<T: Send + 'static>(
    history: &History,
    question: impl FnOnce(&History) -> Result<T, Error> + Send + 'static,
) -> Option<T> {
    let history = history.clone();
    match tokio::task::spawn_blocking(move || question(&history)).await {
        Ok(Ok(answer)) => Some(answer),
        Ok(Err(error)) => {
            tracing::warn!(%error, "the dashboard asked what the history cannot answer");
            None
        }
        Err(error) => {
            tracing::error!(%error, "a question of the dashboard broke off");
            None
        }
    }
}

struct Asker<'a> {
    history: &'a History,
    service: Option<&'a str>,
    range: Range,
    now: SystemTime,
}

impl Asker<'_> {
    fn query(&self, function: Function, window: Duration, by: &[&str]) -> Result<Query, Error> {
        let service =
            |name: &str| Matcher { label: SERVICE.to_owned(), op: Match::Equal, value: name.to_owned() };
        let matchers = self.service.map(service).into_iter().collect();
        Ok(Query {
            selector: Selector::new(REQUESTS, matchers)?,
            function,
            window,
            by: Some(by.iter().map(|label| (*label).to_owned()).collect()),
            aggregate: Aggregate::Sum,
        })
    }

    fn now(&self, function: Function, by: &[&str]) -> Result<Vec<Sample>, Error> {
        self.history.query(&self.query(function, NOW, by)?, self.now)
    }

    fn course(&self, function: Function, by: &[&str]) -> Result<Vec<Series>, Error> {
        let (from, to) = self.range.times(self.now);
        self.history.range(&self.query(function, self.range.step, by)?, from, to, self.range.step)
    }

    /// The only series of a course that is not told apart.
    fn one(&self, function: Function) -> Result<Points, Error> {
        Ok(self.course(function, &[])?.into_iter().next().map(|series| series.points).unwrap_or_default())
    }

    fn classes(&self) -> Result<Vec<(SystemTime, Classes)>, Error> {
        let mut at: BTreeMap<SystemTime, Classes> = BTreeMap::new();
        for series in self.course(Function::Observations, &[STATUS])? {
            let status = series.labels.get(STATUS).unwrap_or_default();
            for (time, requests) in &series.points {
                at.entry(*time).or_default().add(status, requests / self.range.step.as_secs_f64());
            }
        }
        Ok(at.into_iter().collect())
    }

    fn lately(&self) -> Result<Lately, Error> {
        let mut requests = Classes::default();
        for sample in self.now(Function::Observations, &[STATUS])? {
            requests.add(sample.labels.get(STATUS).unwrap_or_default(), sample.value);
        }
        let quantile =
            |share| Ok(self.now(Function::Quantile(share), &[])?.first().map(|sample| sample.value));
        let classes = self.classes()?;
        Ok(Lately {
            requests,
            p50: quantile(0.5)?,
            p95: quantile(0.95)?,
            rate: classes.iter().map(|(time, classes)| (*time, classes.total())).collect(),
            errors: classes.iter().filter_map(|(time, one)| Some((*time, one.failed()?))).collect(),
            slow: self.one(Function::Quantile(0.95))?,
        })
    }

    fn heat(&self) -> Result<Vec<(SystemTime, Vec<f64>)>, Error> {
        let mut columns: BTreeMap<SystemTime, Vec<f64>> = BTreeMap::new();
        let below = DURATION_BUCKETS.iter().map(|bound| Function::Below(*bound));
        for function in below.chain([Function::Observations]) {
            for (time, count) in self.one(function)? {
                columns.entry(time).or_default().push(count);
            }
        }
        columns.retain(|_, counts| counts.len() == DURATION_BUCKETS.len() + 1);
        for counts in columns.values_mut() {
            for at in (1..counts.len()).rev() {
                counts[at] = (counts[at] - counts[at - 1]).max(0.0);
            }
        }
        Ok(columns.into_iter().collect())
    }
}

/// How all services did over an hour.
pub(super) fn overview(history: &History, now: SystemTime) -> Result<Overview, Error> {
    let asker = Asker { history, service: None, range: Range::of(None), now };
    let mut services: BTreeMap<String, Lately> = BTreeMap::new();
    for sample in asker.now(Function::Observations, &[SERVICE, STATUS])? {
        let labels = &sample.labels;
        let service = labels.get(SERVICE).unwrap_or_default().to_owned();
        if services.len() < MOST_SERVICES || services.contains_key(&service) {
            let requests = &mut services.entry(service).or_default().requests;
            requests.add(labels.get(STATUS).unwrap_or_default(), sample.value);
        }
    }
    for (share, is_median) in [(0.5, true), (0.95, false)] {
        for sample in asker.now(Function::Quantile(share), &[SERVICE])? {
            if let Some(lately) = services.get_mut(sample.labels.get(SERVICE).unwrap_or_default()) {
                *(if is_median { &mut lately.p50 } else { &mut lately.p95 }) = Some(sample.value);
            }
        }
    }
    for series in asker.course(Function::Observations, &[SERVICE])? {
        if let Some(lately) = services.get_mut(series.labels.get(SERVICE).unwrap_or_default()) {
            let per = asker.range.step.as_secs_f64();
            lately.rate = series.points.into_iter().map(|(time, requests)| (time, requests / per)).collect();
        }
    }
    Ok(Overview { all: asker.lately()?, services })
}

/// How one service did over a range.
pub(super) fn detail(
    history: &History,
    service: &str,
    range: Range,
    now: SystemTime,
) -> Result<Detail, Error> {
    let asker = Asker { history, service: Some(service), range, now };
    let quantile = |share| asker.one(Function::Quantile(share));
    Ok(Detail {
        lately: asker.lately()?,
        classes: asker.classes()?,
        quantiles: [quantile(0.5)?, quantile(0.95)?, quantile(0.99)?],
        heat: asker.heat()?,
    })
}
