//! What is looked for in requests, as the gateway's inspectors.

mod responses;
mod spelling;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, StatusCode};
use seaworthy_defence::openapi::Request;
use seaworthy_defence::schema::Violation;
use seaworthy_defence::throttle::{self, Throttle, Verdict as Patience};
use seaworthy_defence::{Action, Head, Verdict};
use seaworthy_gateway::access::{Answer, Follower, Inspector, Objection, Opinion, Presented, Wanted};
use seaworthy_gateway::settings::Settings;
use seaworthy_telemetry::metrics::Registry;

use crate::config::Defence;
use responses::{Judge, Reports};
use spelling::Spelling;

/// Places named in a refusal: enough to mend a request, too few to map a service.
const NAMED: usize = 5;

/// Makes inspectors, and keeps what throttles know over reloads.
#[derive(Debug)]
pub(super) struct Defences {
    registry: Registry,
    throttles: Vec<(String, throttle::Settings, Arc<Throttle>)>,
    /// Judges answers; from the first route on that wants it.
    judge: Option<Judge>,
}

impl Defences {
    pub(super) fn new(registry: &Registry) -> Self {
        Self { registry: registry.clone(), throttles: Vec::new(), judge: None }
    }

    /// Gives routes the inspectors that they ask for. Comes after what makes routes ask who calls.
    pub(super) fn dress(&mut self, settings: &mut Settings, wanted: &[Option<Defence>]) {
        let mut throttles = Vec::new();
        for (route, defence) in settings.routes.iter_mut().zip(wanted) {
            let Some(defence) = defence else { continue };
            if let Some(rules) = defence.throttle {
                let place = format!("{:?} {} {:?}", route.hosts, route.path, route.methods);
                let known = self.throttles.iter().find(|(at, of, _)| *at == place && *of == rules);
                let throttle =
                    known.map_or_else(|| Arc::new(Throttle::new(rules)), |(.., known)| Arc::clone(known));
                throttles.push((place, rules, Arc::clone(&throttle)));
                route.inspectors.push(Arc::new(Doorman(throttle)));
            }
            let (name, registry) = (Arc::clone(&route.name), self.registry.clone());
            let responses = self.reports(&name, defence);
            let defence = defence.clone();
            route.inspectors.push(Arc::new(Guard { route: name, registry, defence, responses }));
            settings.reserved.push(seaworthy_gateway::access::SCORE);
        }
        settings.reserved.dedup();
        self.throttles = throttles;
        let spelling = Arc::new(Spelling::new(&settings.routes));
        // with one route there is nothing to take for something else
        if settings.routes.len() > 1 && !spelling.is_idle() {
            for route in &mut settings.routes {
                route.inspectors.insert(0, Arc::clone(&spelling) as Arc<dyn Inspector>);
            }
        }
    }
}

impl Defences {
    /// What follows the answers of a route, where it wants that.
    fn reports(&mut self, route: &Arc<str>, defence: &Defence) -> Option<Arc<Reports>> {
        let contract = defence.contract.as_ref().filter(|_| defence.responses)?;
        let judge = self.judge.get_or_insert_with(Judge::start);
        let most = usize::try_from(defence.judged_bytes).unwrap_or(usize::MAX);
        Some(Arc::new(Reports::new(route, contract, most, judge, &self.registry)))
    }
}

/// Keeps clients out that fail too often.
#[derive(Debug)]
struct Doorman(Arc<Throttle>);

impl Inspector for Doorman {
    fn admit(&self, presented: &Presented<'_>) -> Option<Objection> {
        match self.0.check(presented.client, Instant::now()) {
            Patience::Pass { .. } => None,
            Patience::Deny { left, .. } => Some(Objection {
                reason: "too_many_failures",
                detail: "too many failed attempts; come back later".to_owned(),
                status: StatusCode::TOO_MANY_REQUESTS,
                retry_after: Some(left.as_secs() + 1),
            }),
        }
    }

    fn answered(&self, client: IpAddr, status: StatusCode) {
        if status == StatusCode::UNAUTHORIZED {
            self.0.failed(client, "", Instant::now());
        }
    }
}

/// Looks at what is sent.
#[derive(Debug)]
struct Guard {
    route: Arc<str>,
    registry: Registry,
    defence: Defence,
    responses: Option<Arc<Reports>>,
}

impl Inspector for Guard {
    fn head(&self, presented: &Presented<'_>) -> Opinion {
        let verdict = self.defence.engine.as_ref().map(|engine| engine.inspect(&head(presented), None));
        let opinion = verdict.map_or(Opinion::Passes, |verdict| self.conclude(presented, &verdict));
        if matches!(opinion, Opinion::Refused(_)) {
            return opinion;
        }
        let sends = matches!(*presented.method, Method::POST | Method::PUT | Method::PATCH);
        if self.defence.schema.is_some() && !presented.has_body && sends {
            self.count("schema", "refused");
            let detail = "the request breaks the contract: body: required";
            return refused("contract_broken", detail.to_owned(), StatusCode::BAD_REQUEST);
        }
        // what has a body is judged with it
        match &self.defence.contract {
            Some(contract) if !presented.has_body => {
                let checked = contract.check_request(&request(presented, None));
                checked.map_or_else(|found| self.breaks(&found), |()| opinion)
            }
            _ => opinion,
        }
    }

    fn wants(&self, presented: &Presented<'_>) -> Option<Wanted> {
        let defence = &self.defence;
        let kind =
            presented.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        // the bounds of JSON are bounds of a whole document
        let json = kind.to_ascii_lowercase().contains("json");
        let judges = json || defence.schema.is_some() || defence.contract.is_some();
        let rules = if defence.engine.is_some() { defence.rules_bytes } else { 0 };
        let bytes = if judges { defence.judged_bytes.max(rules) } else { rules.max(64 << 10) };
        Some(Wanted { bytes, whole: judges })
    }

    fn body(&self, presented: &Presented<'_>, body: &[u8], whole: bool) -> Opinion {
        let defence = &self.defence;
        let judges = defence.schema.is_some() || defence.contract.is_some();
        if judges && body.len() as u64 > self.defence.judged_bytes {
            let detail = format!("the request body is longer than {} bytes", self.defence.judged_bytes);
            return refused("body_too_large", detail, StatusCode::PAYLOAD_TOO_LARGE);
        }
        let media = match self.defence.content.check(presented.headers) {
            Ok(media) => media,
            Err(fault) => {
                self.count("content_type", "refused");
                return refused(fault.reason(), fault.to_string(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
            }
        };
        if whole
            && is_json(&media)
            && let Err(fault) = self.defence.json.check(body)
        {
            self.count("json", "refused");
            return refused(fault.reason(), fault.to_string(), StatusCode::BAD_REQUEST);
        }
        if let Some(engine) = &self.defence.engine {
            let verdict = engine.inspect(&head(presented), Some((&media, body)));
            match self.conclude(presented, &verdict) {
                refused @ Opinion::Refused(_) => return refused,
                Opinion::Passes => {}
                marked => {
                    return match self.judge(presented, body) {
                        Opinion::Passes => marked,
                        other => other,
                    };
                }
            }
        }
        self.judge(presented, body)
    }

    fn response(&self, answer: &Answer<'_>) -> Option<Box<dyn Follower>> {
        self.responses.as_ref()?.follow(answer)
    }
}

impl Guard {
    /// Schema and contract.
    fn judge(&self, presented: &Presented<'_>, body: &[u8]) -> Opinion {
        if let Some(schema) = &self.defence.schema {
            let Ok(document) = serde_json::from_slice(body) else {
                self.count("schema", "refused");
                return refused("json_malformed", "the body is no JSON".to_owned(), StatusCode::BAD_REQUEST);
            };
            if let Err(found) = schema.check(&document) {
                return self.breaks(&found);
            }
        }
        match &self.defence.contract {
            Some(contract) => contract
                .check_request(&request(presented, Some(body)))
                .map_or_else(|found| self.breaks(&found), |()| Opinion::Passes),
            None => Opinion::Passes,
        }
    }

    fn breaks(&self, found: &[Violation]) -> Opinion {
        self.count("contract", "refused");
        let places: Vec<_> =
            found.iter().take(NAMED).map(|one| format!("{}: {}", one.place, one.reason)).collect();
        let status = StatusCode::BAD_REQUEST;
        refused("contract_broken", format!("the request breaks the contract: {}", places.join(", ")), status)
    }

    fn conclude(&self, presented: &Presented<'_>, verdict: &Verdict) -> Opinion {
        if verdict.findings.is_empty() {
            return Opinion::Passes;
        }
        let done = match verdict.action {
            Action::Block => "blocked",
            Action::Pass | Action::Flag if self.defence.scores => "scored",
            Action::Pass | Action::Flag => "noted",
        };
        for finding in &verdict.findings {
            self.count(finding.category.as_str(), done);
        }
        let found: Vec<_> = verdict
            .findings
            .iter()
            .take(NAMED)
            .map(|finding| format!("{} at {}", finding.rule, finding.place))
            .collect();
        tracing::warn!(
            target: "seaworthy::security",
            route = &*self.route,
            client = %presented.client,
            request_id = presented.request_id,
            score = verdict.score,
            found = found.join(", "),
            done,
            "a request looks like an attack"
        );
        match verdict.action {
            Action::Block => {
                let detail =
                    "this request looks like an attack; if it is none, tell whoever runs this service its id";
                refused("request_suspicious", detail.to_owned(), StatusCode::FORBIDDEN)
            }
            Action::Pass | Action::Flag if self.defence.scores => {
                Opinion::Marked(HeaderValue::from(verdict.score))
            }
            Action::Pass | Action::Flag => Opinion::Passes,
        }
    }

    fn count(&self, category: &'static str, done: &'static str) {
        let labels = [
            ("route", self.route.to_string()),
            ("category", category.to_owned()),
            ("action", done.to_owned()),
        ];
        self.registry.counter("seaworthy.defence.findings", "what was found in requests", &labels).inc();
    }
}

fn refused(reason: &'static str, detail: String, status: StatusCode) -> Opinion {
    Opinion::Refused(Objection { reason, detail, status, retry_after: None })
}

fn head<'a>(presented: &'a Presented<'_>) -> Head<'a> {
    Head {
        method: presented.method.as_str(),
        path: presented.uri.path(),
        query: presented.uri.query(),
        headers: presented.headers,
    }
}

fn request<'a>(presented: &'a Presented<'_>, body: Option<&'a [u8]>) -> Request<'a> {
    Request {
        method: presented.method.as_str(),
        path: presented.uri.path(),
        query: presented.uri.query(),
        headers: presented.headers,
        body,
    }
}

fn is_json(media: &str) -> bool {
    media == "application/json" || media.ends_with("+json")
}
