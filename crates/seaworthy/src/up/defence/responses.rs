//! Answers held against a contract: counted and logged, never held up.
//!
//! A core only copies what it sends, and only while there is room. The copies are judged by a thread of their own, one
//! after the other; when it cannot keep up, answers go unjudged and are counted, and nobody waits.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, Method, StatusCode, Uri};
use seaworthy_defence::openapi::{Contract, Response};
use seaworthy_defence::schema::Violation;
use seaworthy_gateway::access::{Answer, Follower};
use seaworthy_resilience::rate_limit::{KeyedLimiter, Settings};
use seaworthy_telemetry::metrics::{Counter, Registry};

use super::{NAMED, is_json};

/// Answers that wait to be judged.
const WAITING: usize = 256;
/// Bytes of copies in all: of answers on their way, waiting, and being judged.
const HELD: usize = 32 << 20;
/// Deviations of one route that are told one by one, a minute; further ones only count.
const TOLD: u32 = 6;
/// Routes whose deviations are told apart.
const ROUTES: usize = 1_000;

/// Judges answers of all routes.
#[derive(Debug, Clone)]
pub(super) struct Judge {
    waiting: SyncSender<Case>,
    room: Arc<Room>,
    told: Arc<KeyedLimiter<Vec<u8>>>,
}

impl Judge {
    /// Runs until nobody has a case for it any more.
    pub(super) fn start() -> Self {
        let (judge, cases) = Self::idle(WAITING, HELD);
        let run = move || cases.iter().for_each(|case| case.decide());
        if let Err(error) = std::thread::Builder::new().name("responses".to_owned()).spawn(run) {
            tracing::error!(%error, "answers are not held against contracts: no thread");
        }
        judge
    }

    fn idle(waiting: usize, held: usize) -> (Self, Receiver<Case>) {
        let (waiting, cases) = sync_channel(waiting);
        let settings = Settings { requests: TOLD, per: Duration::from_secs(60), burst: TOLD };
        let told = Arc::new(KeyedLimiter::new(settings, ROUTES));
        (Self { waiting, room: Arc::new(Room { left: AtomicUsize::new(held) }), told }, cases)
    }
}

/// What is left for copies, in bytes.
#[derive(Debug)]
struct Room {
    left: AtomicUsize,
}

impl Room {
    fn take(&self, bytes: usize) -> bool {
        let less = |left: usize| left.checked_sub(bytes);
        self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }
}

/// What follows the answers of one route.
#[derive(Debug)]
pub(super) struct Reports {
    route: Arc<str>,
    contract: Arc<Contract>,
    /// Longest body that is judged, in bytes.
    most: usize,
    judge: Judge,
    registry: Registry,
    whole: Counter,
    head: Counter,
    busy: Counter,
}

impl Reports {
    pub(super) fn new(
        route: &Arc<str>,
        contract: &Arc<Contract>,
        most: usize,
        judge: &Judge,
        registry: &Registry,
    ) -> Self {
        let counter = |judged: &str| {
            let labels = [("route", route.to_string()), ("judged", judged.to_owned())];
            registry.counter("seaworthy.defence.responses", "answers held against a contract", &labels)
        };
        Self {
            route: Arc::clone(route),
            contract: Arc::clone(contract),
            most,
            judge: judge.clone(),
            registry: registry.clone(),
            whole: counter("whole"),
            head: counter("head"),
            busy: counter("busy"),
        }
    }

    /// Follows an answer of the service, unless it is one that HTTP itself asks for: the contract has no say in these.
    pub(super) fn follow(self: &Arc<Self>, answer: &Answer<'_>) -> Option<Box<dyn Follower>> {
        if matches!(answer.status, StatusCode::NOT_MODIFIED | StatusCode::PARTIAL_CONTENT) {
            return None;
        }
        let content_type = answer.headers.get(CONTENT_TYPE);
        let content_type = match content_type.map(|value| value.to_str().unwrap_or_default()) {
            // an answer to HEAD need not say what it would have been
            None if answer.method == Method::HEAD => None,
            given => Some(given.unwrap_or_default().to_owned()),
        };
        let copy = self.reads(answer, content_type.as_deref()).then(|| Copied::new(&self.judge.room));
        let case = Case {
            reports: Arc::clone(self),
            method: answer.method.clone(),
            uri: answer.uri.clone(),
            request_id: answer.request_id.to_owned(),
            status: answer.status,
            content_type,
            copy,
            busy: false,
        };
        Some(Box::new(Reader(Some(case))))
    }

    /// Whether the body can be judged.
    fn reads(&self, answer: &Answer<'_>, content_type: Option<&str>) -> bool {
        let media = content_type.and_then(|text| text.split(';').next()).unwrap_or_default();
        let bodiless = matches!(answer.status, StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT);
        answer.method != Method::HEAD
            && !bodiless
            && !answer.headers.contains_key(CONTENT_ENCODING)
            && is_json(&media.trim().to_ascii_lowercase())
            && length(answer.headers).is_none_or(|length| length <= self.most)
    }

    fn deviates(&self, case: &Case, found: &[Violation]) {
        let labels = [("route", self.route.to_string()), ("reason", reason(found).to_owned())];
        let help = "answers that do not fit their contract";
        self.registry.counter("seaworthy.defence.response_deviations", help, &labels).inc();
        let now = tokio::time::Instant::from_std(Instant::now());
        if !self.judge.told.decide(self.route.as_bytes(), now).allowed {
            return;
        }
        let (method, path) = (case.method.as_str(), case.uri.path());
        let places: Vec<_> =
            found.iter().take(NAMED).map(|one| format!("{}: {}", one.place, one.reason)).collect();
        tracing::warn!(
            target: "seaworthy::security",
            route = &*self.route,
            method,
            // the template, not the path: paths hold what is nobody's business
            operation = self.contract.operation(method, path).map(|(template, _)| template),
            status = case.status.as_u16(),
            request_id = case.request_id,
            found = places.join(", "),
            "an answer breaks the contract"
        );
    }
}

fn length(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// What kind of deviation. An answer has one: the first that is found ends the search, but for the schema's.
fn reason(found: &[Violation]) -> &'static str {
    let first = found.first().map(|one| (one.place.as_str(), one.reason.as_str()));
    match first {
        Some(("status" | "path" | "method", _)) => "status",
        Some((_, "content_type_not_allowed" | "charset_not_allowed")) => "content_type",
        Some((_, reason)) if reason.starts_with("json_") => "json",
        _ => "schema",
    }
}

/// An answer to be judged.
#[derive(Debug)]
struct Case {
    reports: Arc<Reports>,
    method: Method,
    uri: Uri,
    request_id: String,
    status: StatusCode,
    content_type: Option<String>,
    copy: Option<Copied>,
    /// Whether there was no room for its body.
    busy: bool,
}

impl Case {
    fn decide(&self) {
        // the judge outlives whatever a service answers
        if catch_unwind(AssertUnwindSafe(|| self.judge())).is_err() {
            tracing::error!(route = &*self.reports.route, "an answer could not be held against the contract");
        }
    }

    fn judge(&self) {
        let reports = &self.reports;
        let judged = reports.contract.check_response(&Response {
            method: self.method.as_str(),
            path: self.uri.path(),
            status: self.status.as_u16(),
            content_type: self.content_type.as_deref(),
            body: self.copy.as_ref().map(|copy| copy.bytes.as_slice()),
        });
        if let Err(found) = judged {
            reports.deviates(self, &found);
        }
        // last: what is counted as judged is told of already
        match (&self.copy, self.busy) {
            (Some(_), _) => reports.whole.inc(),
            (None, true) => reports.busy.inc(),
            (None, false) => reports.head.inc(),
        }
    }
}

/// A body, as far as it went to the client.
#[derive(Debug)]
struct Copied {
    bytes: Vec<u8>,
    room: Arc<Room>,
    /// How much of the room this takes.
    taken: usize,
}

impl Copied {
    fn new(room: &Arc<Room>) -> Self {
        Self { bytes: Vec::new(), room: Arc::clone(room), taken: 0 }
    }

    /// Whether there was room for more. It takes no more than `most` bytes in all, if it is given no more.
    fn push(&mut self, more: &[u8], most: usize) -> bool {
        let needed = self.bytes.len() + more.len();
        if needed > self.taken {
            // twice as much each time: a body that comes in many pieces is not copied once for each
            let wanted = needed.max((2 * self.taken).min(most));
            if !self.room.take(wanted - self.taken) {
                return false;
            }
            self.taken = wanted;
            self.bytes.reserve_exact(wanted - self.bytes.len());
        }
        self.bytes.extend_from_slice(more);
        true
    }
}

impl Drop for Copied {
    fn drop(&mut self) {
        self.room.left.fetch_add(self.taken, Ordering::Relaxed);
    }
}

/// Reads along, on the core that sends.
struct Reader(Option<Case>);

impl Follower for Reader {
    fn data(&mut self, bytes: &[u8]) {
        let Some(case) = &mut self.0 else { return };
        let (Some(copy), most) = (&mut case.copy, case.reports.most) else { return };
        if copy.bytes.len() + bytes.len() > most {
            case.copy = None;
        } else if !copy.push(bytes, most) {
            (case.copy, case.busy) = (None, true);
        }
    }

    fn end(&mut self, whole: bool) {
        let Some(mut case) = self.0.take() else { return };
        if !whole {
            case.copy = None;
        }
        let reports = Arc::clone(&case.reports);
        if reports.judge.waiting.try_send(case).is_err() {
            reports.busy.inc();
        }
    }
}

#[cfg(test)]
mod tests;
