//! Active health checks: each endpoint is asked at its interval, on a connection of its own, by the first core.

use std::collections::HashMap;
use std::sync::Arc;

use http::header::{HOST, USER_AGENT};
use seaworthy_resilience::http::ReplayBody;
use tokio::task::AbortHandle;

use super::connect::Sender;
use super::endpoint::Endpoint;
use super::service::Service;
use crate::body::RequestBody;
use crate::error::with_cause;
use crate::plan::Plan;
use crate::settings::HealthCheck;

/// The checks under way, by service.
#[derive(Default)]
pub(crate) struct Checks(HashMap<*const Service, Running>);

struct Running {
    /// Keeps the address from being used again while it is a key.
    _service: Arc<Service>,
    tasks: Vec<AbortHandle>,
}

impl Drop for Running {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl Checks {
    /// Checks what the plan names and stops checking what it does not.
    pub(crate) fn follow(&mut self, plan: &Plan) {
        self.0.retain(|known, _| plan.services.iter().any(|service| Arc::as_ptr(service) == *known));
        for service in &plan.services {
            self.0.entry(Arc::as_ptr(service)).or_insert_with(|| start(service));
        }
    }
}

fn start(service: &Arc<Service>) -> Running {
    let Some(check) = &service.settings.health else {
        return Running { _service: Arc::clone(service), tasks: Vec::new() };
    };
    let spawn = |endpoint: &Arc<Endpoint>| {
        let name = Arc::clone(&service.settings.name);
        tokio::task::spawn_local(run(name, Arc::clone(endpoint), check.clone())).abort_handle()
    };
    Running { _service: Arc::clone(service), tasks: service.endpoints.iter().map(spawn).collect() }
}

async fn run(service: Arc<str>, endpoint: Arc<Endpoint>, check: HealthCheck) {
    let mut interval = tokio::time::interval(check.interval);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut streak = Streak::default();
    loop {
        interval.tick().await;
        let verdict = tokio::time::timeout(check.timeout, probe(&endpoint, check.path.as_deref())).await;
        let (ok, why) = match verdict {
            Ok(Ok(())) => (true, String::new()),
            Ok(Err(why)) => (false, why),
            Err(_) => (false, "no answer in time".to_owned()),
        };
        if let Some(healthy) = streak.note(ok, &check)
            && endpoint.set_healthy(healthy)
        {
            let endpoint = &*endpoint.label;
            match healthy {
                true => tracing::warn!(%service, endpoint, healthy, "endpoint health changed"),
                false => tracing::warn!(%service, endpoint, healthy, why, "endpoint health changed"),
            }
        }
    }
}

/// Results in a row.
#[derive(Debug, Default)]
struct Streak {
    good: u32,
    bad: u32,
}

impl Streak {
    /// The verdict, once enough results agree.
    fn note(&mut self, ok: bool, check: &HealthCheck) -> Option<bool> {
        if ok {
            (self.good, self.bad) = (self.good.saturating_add(1), 0);
            (self.good >= check.healthy_after).then_some(true)
        } else {
            (self.good, self.bad) = (0, self.bad.saturating_add(1));
            (self.bad >= check.unhealthy_after).then_some(false)
        }
    }
}

async fn probe(endpoint: &Endpoint, path: Option<&str>) -> Result<(), String> {
    let Some(path) = path else {
        return endpoint.connector.probe_tcp().await.map_err(|error| error.to_string());
    };
    let sender = endpoint.connector.connect_to_probe().await.map_err(|error| with_cause(&error))?;
    let mut request = http::Request::new(ReplayBody::through(ReplayBody::through(RequestBody::default())));
    let headers = request.headers_mut();
    headers.insert(HOST, endpoint.authority.clone());
    headers.insert(USER_AGENT, http::HeaderValue::from_static("seaworthy-health"));
    *request.uri_mut() = path.parse().map_err(|error: http::uri::InvalidUri| error.to_string())?;
    let answer = match sender {
        Sender::Http1(mut sender) => sender.send_request(request).await,
        Sender::Http2(mut sender) => {
            super::pool::for_http2(&mut request, false);
            sender.send_request(request).await
        }
    };
    let status = answer.map_err(|error| with_cause(&error))?.status();
    if status.is_success() { Ok(()) } else { Err(format!("status {status}")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn verdicts_need_results_in_a_row() {
        let second = Duration::from_secs(1);
        let check = HealthCheck {
            path: None,
            interval: second,
            timeout: second,
            unhealthy_after: 2,
            healthy_after: 2,
        };
        let mut streak = Streak::default();
        let verdicts: Vec<_> =
            [false, true, false, false, true, true].into_iter().map(|ok| streak.note(ok, &check)).collect();
        assert_eq!(verdicts, [None, None, None, Some(false), None, Some(true)]);
    }
}
