use super::*;
use crate::classify::{ErrorsFail, Outcome};
use crate::fault::{self, Effect, Fault};
use crate::rejection::Rejection;
use crate::{breaker, budget, bulkhead, hedge, rate_limit, retry, shed};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::time::{Instant, sleep};
use tower::{BoxError, Service, ServiceExt, service_fn};

fn everything() -> Settings {
    let backoff = retry::Backoff { jitter: retry::Jitter::None, ..Default::default() };
    Settings {
        total_timeout: Some(Duration::from_secs(10)),
        attempt_timeout: Some(Duration::from_secs(2)),
        retry: Some(retry::Settings { max_attempts: 3, backoff, ..Default::default() }),
        budget: Some(budget::Settings::default()),
        hedge: Some(hedge::Settings { delay: Duration::from_secs(5) }),
        breaker: Some(breaker::Settings::default()),
        rate_limit: Some(rate_limit::Settings { requests: 100, per: Duration::from_secs(1), burst: 100 }),
        bulkhead: Some(bulkhead::Settings::default()),
        shed: Some(shed::Settings::default()),
        fault: Some(fault::Settings::default()),
    }
}

fn effect(policies: &[Arc<dyn PolicyStatus>], kind: &str, name: &str) -> u64 {
    let policy = policies.iter().find(|policy| policy.kind() == kind).expect("known policy");
    policy.effects().into_iter().find(|effect| effect.name == name).expect("known effect").count
}

#[test]
fn the_order_is_the_documented_one() {
    let stack = Stack::new(everything(), Rules::http());
    assert_eq!(everything().validate(), []);
    let kinds: Vec<&str> = stack.policies().iter().map(|policy| policy.kind()).collect();
    let mut once = kinds.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), 10, "{kinds:?}");
    assert!(Stack::new(Settings::none(), Rules::http()).policies().is_empty());
    // from the outside in, as the type itself says it
    let service = stack.layer().layer(service_fn(
        |_: Request<crate::http::ReplayBody<crate::http::ReplayBody<Full<Bytes>>>>| async {
            Ok::<_, BoxError>(Response::new(()))
        },
    ));
    let name = std::any::type_name_of_val(&service);
    let order = [
        "ShedService",
        "TimeoutService",
        "HedgeService",
        "RetryService",
        "BreakerService",
        "RateLimitService",
        "BulkheadService",
        "TimeoutService",
        "FaultService",
    ];
    let mut rest = name;
    for layer in order {
        let at = rest.find(layer).unwrap_or_else(|| panic!("{layer} is not where it belongs in {name}"));
        rest = &rest[at + layer.len()..];
    }
}

#[tokio::test(start_paused = true)]
async fn an_http_call_goes_through_everything_on_any_thread() {
    fn sendable<T: Send>(future: T) -> T {
        future
    }
    let stack = Stack::new(everything(), Rules::http());
    let asked = Arc::new(AtomicU32::new(0));
    let count = asked.clone();
    let service = stack.layer().layer(service_fn(move |_: Request<_>| {
        let turn = count.fetch_add(1, Ordering::Relaxed);
        async move {
            let status = if turn == 0 { 503 } else { 200 };
            Ok::<_, BoxError>(Response::builder().status(status).body(Full::new(Bytes::new()))?)
        }
    }));
    let request = Request::new(Full::new(Bytes::new()));
    let response = sendable(service.oneshot(request)).await.unwrap();
    assert_eq!((response.status().as_u16(), asked.load(Ordering::Relaxed)), (200, 2));
    let policies = stack.policies();
    assert_eq!(effect(&policies, "retry", "recovered"), 1);
    assert_eq!(effect(&policies, "retry_budget", "granted"), 1);
    assert_eq!(effect(&policies, "bulkhead", "entered"), 2);
    assert_eq!(effect(&policies, "rate_limit", "allowed"), 2);
}

/// A call that takes as many milliseconds as it is told to, and fails where that is odd.
async fn timed(ms: u64) -> Result<u64, BoxError> {
    sleep(Duration::from_millis(ms)).await;
    if ms.is_multiple_of(2) { Ok(ms) } else { Err("odd".into()) }
}

#[tokio::test(start_paused = true)]
async fn the_total_time_bounds_all_attempts() {
    let settings = Settings { hedge: None, total_timeout: Some(Duration::from_secs(5)), ..everything() };
    let stack = Stack::new(settings, Rules::plain(ErrorsFail));
    let service = stack.layer().layer(service_fn(timed));
    let start = Instant::now();
    let error = service.oneshot(60_000).await.unwrap_err();
    // attempts at 0, 2.2 and 4.6 s: the third is cut off by the total
    assert_eq!(start.elapsed().as_millis(), 5_000);
    let rejection = error.downcast_ref::<Rejection>().unwrap();
    assert!(matches!(rejection, Rejection::TimedOut { scope: Scope::Total, .. }));
    assert_eq!(effect(&stack.policies(), "attempt_timeout", "timed_out"), 2);
}

#[tokio::test(start_paused = true)]
async fn the_last_http_attempt_may_use_the_time_that_is_left() {
    let settings = Settings { hedge: None, ..everything() };
    let slow = |_: Request<_>| async {
        sleep(Duration::from_secs(4)).await;
        Ok::<_, BoxError>(Response::new(()))
    };
    let stack = Stack::new(settings.clone(), Rules::http());
    let service = stack.layer().layer(service_fn(slow));
    // attempts at 0, 2.2 and 4.6 s; the third has no limit of its own and answers at 8.6 s
    let response = service.oneshot(Request::new(Full::new(Bytes::new()))).await;
    assert!(response.is_ok());
    assert_eq!(effect(&stack.policies(), "attempt_timeout", "lifted_on_last_attempt"), 1);
    let unbounded = Stack::new(Settings { total_timeout: None, ..settings }, Rules::http());
    let service = unbounded.layer().layer(service_fn(slow));
    let start = Instant::now();
    service.oneshot(Request::new(Full::new(Bytes::new()))).await.unwrap_err();
    assert_eq!(start.elapsed().as_millis(), 2_000 + 200 + 2_000 + 400 + 2_000);
}

#[tokio::test(start_paused = true)]
async fn refusals_below_the_breaker_do_not_trip_it_and_faults_do() {
    let bulkhead = bulkhead::Settings { max_concurrent: 1, max_queued: 0, max_wait: Duration::ZERO };
    let settings =
        Settings { retry: None, budget: None, hedge: None, bulkhead: Some(bulkhead), ..everything() };
    let stack = Stack::new(settings, Rules::plain(ErrorsFail));
    let mut service = stack.layer().layer(service_fn(timed));
    let running = tokio::spawn(service.call(1_000));
    for _ in 0..10 {
        let error = service.call(2).await.unwrap_err();
        assert_eq!(error.downcast_ref::<Rejection>().unwrap().reason(), "bulkhead_full");
    }
    assert_eq!(stack.breaker().unwrap().phase(), breaker::Phase::Closed);
    assert_eq!(running.await.unwrap().unwrap(), 1_000);
    let reset = Fault::everywhere(Effect::Reset);
    stack.faults().unwrap().inject(reset, Duration::from_secs(60), Instant::now()).unwrap();
    for _ in 0..5 {
        service.call(2).await.unwrap_err();
    }
    assert_eq!(stack.breaker().unwrap().phase(), breaker::Phase::Open);
}

#[tokio::test(start_paused = true)]
async fn endpoints_below_a_balancer_have_their_own_breakers_and_share_the_faults() {
    let settings = Settings { retry: None, budget: None, hedge: None, ..everything() };
    let judge = |result: Result<&u64, &BoxError>| match result {
        Ok(_) => Outcome::Success,
        Err(_) => Outcome::Failure,
    };
    let stack = Stack::new(settings, Rules::plain(judge));
    let (one, other) = (stack.fresh_inner(), stack.fresh_inner());
    let (mut bad, mut good) = (one.layer(service_fn(timed)), other.layer(service_fn(timed)));
    for _ in 0..5 {
        bad.call(1).await.unwrap_err();
    }
    let now = Instant::now();
    assert!(!one.breaker().unwrap().is_available(now) && other.breaker().unwrap().is_available(now));
    good.call(2).await.unwrap();
    assert_eq!(effect(&one.policies(), "breaker", "opened"), 1);
    let abort = Fault::everywhere(Effect::Abort { status: 500 });
    stack.faults().unwrap().inject(abort, Duration::from_secs(60), now).unwrap();
    assert!(good.call(2).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_hedged_call_counts_as_one_request() {
    let budget = budget::Settings::Ratio { ratio: 1.0, min_per_second: 0, ttl: Duration::from_secs(10) };
    let settings = Settings { budget: Some(budget), attempt_timeout: None, ..everything() };
    let stack = Stack::new(settings, Rules::plain(ErrorsFail));
    stack.layer().layer(service_fn(timed)).oneshot(6_000).await.unwrap();
    assert_eq!(effect(&stack.policies(), "hedge", "hedged"), 1);
    // one came in and the hedge took it out again
    assert_eq!(stack.budget().unwrap().balance(Instant::now()), 0);
}

#[test]
fn settings_are_written_as_people_read_them() {
    let written = serde_json::to_value(everything()).unwrap();
    assert_eq!(written["total_timeout"], "10s");
    assert_eq!(written["retry"]["backoff"]["base"], "200ms");
    assert_eq!(written["budget"]["model"], "ratio");
    assert_eq!(written["shed"]["algorithm"]["kind"], "gradient");
}

#[test]
fn settings_without_effect_are_found_across_policies() {
    let settings = Settings {
        attempt_timeout: Some(Duration::from_secs(10)),
        hedge: Some(hedge::Settings { delay: Duration::from_secs(30) }),
        retry: Some(retry::Settings { max_attempts: 0, ..Default::default() }),
        ..everything()
    };
    let found: Vec<String> = settings.validate().into_iter().map(|problem| problem.setting).collect();
    assert_eq!(found, ["retry.max_attempts", "attempt_timeout", "hedge.delay"]);
    let idle = Settings { budget: Some(budget::Settings::default()), ..Settings::none() };
    assert_eq!(idle.validate().len(), 1);
}

#[test]
fn a_calls_future_stays_small() {
    // it is moved whenever it is handed on: what most calls never need is behind a pointer
    let stack = Stack::new(Settings::none(), Rules::plain(ErrorsFail));
    let mut service = stack.layer().layer(service_fn(|n: u64| std::future::ready(Ok::<_, BoxError>(n))));
    let size = std::mem::size_of_val(&service.call(1));
    assert!(size <= 704, "{size} bytes");
}

#[test]
fn every_effect_and_setting_is_documented() {
    let text = include_str!("../../../../docs/resilience.md");
    let keyed = rate_limit::KeyedLimiter::<String>::new(everything().rate_limit.unwrap(), 10);
    let outlier = crate::outlier::Outlier::<String>::new(crate::outlier::Settings::default());
    let mut policies = Stack::new(everything(), Rules::http()).policies();
    policies.push(Arc::new(keyed));
    policies.push(Arc::new(outlier));
    policies.push(Arc::new(crate::fallback::Fallbacks::default()));
    for policy in policies {
        let names = policy.effects().into_iter().map(|effect| effect.name.to_owned());
        let settings = policy.settings().as_object().cloned().unwrap_or_default();
        // a timeout is documented under its place in the stack's settings
        let settings = settings.into_iter().map(|(name, _)| name).filter(|name| name != "after");
        for name in names.chain(settings) {
            let documented =
                ["`", ".", "{", " "].iter().any(|before| text.contains(&format!("{before}{name}")));
            assert!(documented, "{} of {} is not in docs/resilience.md", name, policy.kind());
        }
    }
}
