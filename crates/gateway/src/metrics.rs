//! What the data plane counts. Handles are looked up once and kept per core; the names are OpenTelemetry's where it
//! has one.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::time::Duration;

use http::{Method, StatusCode, Version};
use seaworthy_telemetry::metrics::{Counter, Gauge, Histogram, Registry};

/// One core's handles.
pub(crate) struct Meters {
    registry: Registry,
    connections: Gauge,
    active: Gauge,
    tunnels: Gauge,
    tunnels_idle: Counter,
    refused: Counter,
    accept_errors: Counter,
    handshake_errors: Counter,
    requests: RefCell<HashMap<RequestKey, Histogram, BuildHasherDefault<Mix>>>,
    problems: RefCell<HashMap<&'static str, Counter>>,
}

/// What tells one series of requests from another. All parts are bounded: routes by the configuration, methods and
/// versions by an enumeration, statuses by three digits.
#[derive(Clone, PartialEq, Eq, Hash)]
struct RequestKey {
    route: usize,
    method: &'static str,
    status: u16,
    version: &'static str,
    tls: bool,
    /// Whether its answer broke off.
    broke_off: bool,
}

/// Hashes keys that no client chooses freely, at the price of a multiplication a field.
#[derive(Default)]
struct Mix(u64);

impl Hasher for Mix {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        // texts here are `'static` names: length and ends tell them apart well enough for a table
        let ends = bytes.first().zip(bytes.last()).map_or(0, |(a, b)| u64::from(*a) << 8 | u64::from(*b));
        self.write_u64(ends ^ (bytes.len() as u64) << 16);
    }
    fn write_u8(&mut self, n: u8) {
        self.write_u64(n.into());
    }
    fn write_u16(&mut self, n: u16) {
        self.write_u64(n.into());
    }
    fn write_usize(&mut self, n: usize) {
        self.write_u64(n as u64);
    }
    fn write_u64(&mut self, n: u64) {
        self.0 = (self.0.rotate_left(5) ^ n).wrapping_mul(0x517c_c1b7_2722_0a95);
    }
}

/// How the finished request is to be counted.
pub(crate) struct Finished<'a> {
    pub(crate) route: Option<(usize, &'a str)>,
    pub(crate) service: &'a str,
    /// Bounded: see [`method_name`].
    pub(crate) method: &'static str,
    pub(crate) status: StatusCode,
    pub(crate) version: Version,
    pub(crate) tls: bool,
    pub(crate) reason: Option<&'static str>,
    pub(crate) took: Duration,
    /// Its trace, where that is recorded.
    pub(crate) trace: Option<[u8; 16]>,
}

/// Holds a gauge up for as long as it lives.
pub(crate) struct Held(Gauge);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Meters {
    pub(crate) fn new(registry: &Registry) -> Self {
        let problem = |name, help| registry.counter(name, help, &[]);
        Self {
            connections: registry.gauge("http.server.open_connections", "client connections open now", &[]),
            active: registry.gauge(
                "http.server.active_requests",
                "requests whose answer is not finished",
                &[],
            ),
            tunnels: registry.gauge(
                "seaworthy.gateway.tunnels",
                "upgraded connections (WebSocket) open now",
                &[],
            ),
            tunnels_idle: problem(
                "seaworthy.gateway.tunnels_idle",
                "upgraded connections closed because nothing moved on them",
            ),
            refused: problem(
                "seaworthy.gateway.connections_refused",
                "connections over the listener's limit",
            ),
            accept_errors: problem(
                "seaworthy.gateway.accept_errors",
                "connections that could not be accepted",
            ),
            handshake_errors: problem("seaworthy.gateway.handshake_errors", "TLS handshakes that failed"),
            requests: RefCell::default(),
            problems: RefCell::default(),
            registry: registry.clone(),
        }
    }

    pub(crate) fn connection_opened(&self) {
        self.connections.inc();
    }
    pub(crate) fn connection_closed(&self) {
        self.connections.dec();
    }
    pub(crate) fn connection_refused(&self) {
        self.refused.inc();
    }
    pub(crate) fn accept_failed(&self) {
        self.accept_errors.inc();
    }
    pub(crate) fn handshake_failed(&self) {
        self.handshake_errors.inc();
    }
    pub(crate) fn tunnel(&self) -> Held {
        self.tunnels.inc();
        Held(self.tunnels.clone())
    }
    pub(crate) fn tunnel_idle(&self) {
        self.tunnels_idle.inc();
    }
    pub(crate) fn request_begun(&self) {
        self.active.inc();
    }

    /// Counts a finished request under its route, method and status.
    pub(crate) fn request_finished(&self, finished: &Finished<'_>) {
        self.active.dec();
        let key = RequestKey {
            route: finished.route.map_or(usize::MAX, |(index, _)| index),
            method: finished.method,
            status: finished.status.as_u16(),
            version: version_name(finished.version),
            tls: finished.tls,
            broke_off: finished.reason == Some(BROKE_OFF),
        };
        let mut requests = self.requests.borrow_mut();
        let histogram = match requests.get(&key) {
            Some(histogram) => histogram,
            None => requests.entry(key.clone()).or_insert_with(|| self.request_series(&key, finished)),
        };
        match finished.trace {
            None => histogram.observe(finished.took.as_secs_f64()),
            Some(trace) => histogram.observe_with(finished.took.as_secs_f64(), trace),
        }
        if let Some(reason) = finished.reason {
            let mut problems = self.problems.borrow_mut();
            problems.entry(reason).or_insert_with(|| self.problem_series(reason)).inc();
        }
    }

    fn request_series(&self, key: &RequestKey, finished: &Finished<'_>) -> Histogram {
        let mut labels = vec![
            ("http.request.method", key.method.to_owned()),
            ("http.response.status_code", key.status.to_string()),
            ("http.route", finished.route.map_or("", |(_, name)| name).to_owned()),
            ("network.protocol.version", key.version.to_owned()),
            ("seaworthy.service", finished.service.to_owned()),
            ("url.scheme", if key.tls { "https" } else { "http" }.to_owned()),
        ];
        if key.status >= 500 {
            labels.push(("error.type", key.status.to_string()));
        } else if key.broke_off {
            labels.push(("error.type", BROKE_OFF.to_owned()));
        }
        self.registry.histogram(
            "http.server.request.duration",
            "time from a request's head to its answer's end",
            &labels,
        )
    }

    fn problem_series(&self, reason: &'static str) -> Counter {
        let help = "requests the gateway answered itself, by reason";
        self.registry.counter("seaworthy.gateway.problems", help, &[("reason", reason.to_owned())])
    }

    /// Where attempts at one endpoint are counted.
    pub(crate) fn attempts(&self, service: &str, endpoint: &str) -> Histogram {
        let labels = [("seaworthy.service", service.to_owned()), ("server.address", endpoint.to_owned())];
        self.registry.histogram(
            "http.client.request.duration",
            "time to the head of an upstream's answer",
            &labels,
        )
    }

    /// Forgets handles of routes that may have changed their names.
    pub(crate) fn plan_changed(&self) {
        self.requests.borrow_mut().clear();
    }
}

/// Why a request failed whose answer broke off, whatever status it began with.
pub(crate) const BROKE_OFF: &str = "response_broke_off";

/// What stands for every method that is not a standard one, or not known.
pub(crate) const OTHER_METHOD: &str = "_OTHER";

/// The method as OpenTelemetry bounds it.
pub(crate) fn method_name(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "DELETE" => "DELETE",
        "CONNECT" => "CONNECT",
        "OPTIONS" => "OPTIONS",
        "TRACE" => "TRACE",
        "PATCH" => "PATCH",
        _ => OTHER_METHOD,
    }
}

/// `1.1`, `2`, as OpenTelemetry writes it.
pub(crate) fn version_name(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "1.0",
        Version::HTTP_2 => "2",
        _ => "1.1",
    }
}
