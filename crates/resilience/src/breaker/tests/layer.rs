//! The layer around a service, on paused time.

use super::super::*;
use crate::Rejection;
use crate::classify::Outcome;
use crate::effects::PolicyStatus;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tower::{Layer, Service, ServiceExt, service_fn};

type Result = std::result::Result<&'static str, Rejection>;

fn judge(result: std::result::Result<&&'static str, &Rejection>) -> Outcome {
    match result {
        Ok(&"good") => Outcome::Success,
        _ => Outcome::Failure,
    }
}

fn breaker() -> Arc<Breaker> {
    let settings = Settings { consecutive_failures: Some(2), jitter: 0.0, ..Settings::default() };
    Arc::new(Breaker::new(settings))
}

fn count(breaker: &Breaker, name: &str) -> u64 {
    breaker.effects().into_iter().find(|effect| effect.name == name).expect("known effect").count
}

async fn answer(answer: &'static str) -> Result {
    if answer == "hang" { std::future::pending().await } else { Ok(answer) }
}

#[tokio::test(start_paused = true)]
async fn opens_refuses_probes_and_closes() {
    let breaker = breaker();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    breaker.subscribe(Box::new(move |change| log.lock().unwrap().push((change.from, change.to))));
    let mut service = BreakerLayer::new(breaker.clone(), judge).layer(service_fn(answer));
    for _ in 0..2 {
        service.call("bad").await.unwrap();
    }
    let refused = service.call("good").await.unwrap_err();
    assert_eq!(
        refused,
        Rejection::BreakerOpen {
            retry_after: Some(Duration::from_secs(60)),
            trip: Trip::ConsecutiveFailures { count: 2 }
        }
    );
    assert!(!breaker.is_available(Instant::now()));
    tokio::time::advance(Duration::from_secs(60)).await;
    assert!(breaker.is_available(Instant::now()));
    for _ in 0..2 {
        service.call("good").await.unwrap();
    }
    use Phase::{Closed, HalfOpen, Open};
    assert_eq!(*seen.lock().unwrap(), [(Closed, Open), (Open, HalfOpen), (HalfOpen, Closed)]);
    assert_eq!(["opened", "refused", "probes", "closed"].map(|name| count(&breaker, name)), [1, 1, 2, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_probe_gives_its_place_back() {
    let breaker = breaker();
    let mut service = BreakerLayer::new(breaker.clone(), judge).layer(service_fn(answer));
    for _ in 0..2 {
        service.call("bad").await.unwrap();
    }
    tokio::time::advance(Duration::from_secs(60)).await;
    let probe = service.call("hang");
    assert!(service.call("good").await.is_err(), "one probe at a time");
    drop(probe);
    assert_eq!(breaker.phase(), Phase::HalfOpen);
    assert_eq!(count(&breaker, "cancelled_calls"), 1);
    assert!(service.call("good").await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn slow_calls_trip() {
    let slow = SlowCalls {
        longer_than: Duration::from_millis(100),
        ratio: 1.0,
        min_requests: 2,
        window: Duration::from_secs(10),
    };
    let settings = Settings { slow_calls: Some(slow), ..Settings::default() };
    let breaker = Arc::new(Breaker::new(settings));
    let service = BreakerLayer::new(breaker.clone(), judge).layer(service_fn(|ms: u64| async move {
        tokio::time::sleep(Duration::from_millis(ms)).await;
        Ok::<_, Rejection>("good")
    }));
    service.clone().oneshot(101).await.unwrap();
    assert_eq!(breaker.phase(), Phase::Closed);
    service.clone().oneshot(101).await.unwrap();
    assert_eq!(breaker.phase(), Phase::Open);
    assert_eq!(breaker.state()["trip"]["reason"], "slow_calls");
    assert_eq!(count(&breaker, "slow_calls"), 2);
}

#[tokio::test(start_paused = true)]
async fn isolation_holds_until_released() {
    let breaker = breaker();
    let mut service = BreakerLayer::new(breaker.clone(), judge).layer(service_fn(answer));
    breaker.isolate(Instant::now());
    tokio::time::advance(Duration::from_secs(86_400)).await;
    let refused = service.call("good").await.unwrap_err();
    assert_eq!(refused, Rejection::BreakerOpen { retry_after: None, trip: Trip::Isolated });
    breaker.release(Instant::now());
    assert!(service.call("good").await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_success_ends_a_run() {
    let breaker = breaker();
    let mut service = BreakerLayer::new(breaker.clone(), judge).layer(service_fn(answer));
    for _ in 0..5 {
        service.call("bad").await.unwrap();
        service.call("good").await.unwrap();
        service.call("good").await.unwrap();
    }
    assert_eq!(breaker.phase(), Phase::Closed);
    service.call("bad").await.unwrap();
    service.call("bad").await.unwrap();
    assert_eq!(breaker.phase(), Phase::Open);
}
