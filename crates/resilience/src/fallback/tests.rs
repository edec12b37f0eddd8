use super::*;
use crate::rejection::Rejection;
use std::future::{Future, Pending, pending};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use tower::{Layer, Service, ServiceExt, service_fn};

fn shed() -> Rejection {
    Rejection::Shed { retry_after: None }
}

async fn service(answer: Result<u32, Rejection>) -> Result<u32, Rejection> {
    answer
}

fn counts(stats: &Fallbacks) -> Vec<u64> {
    stats.effects().iter().map(|effect| effect.count).collect()
}

#[tokio::test]
async fn answers_only_where_the_service_failed() {
    let stats = Arc::new(Fallbacks::default());
    let again = |error: Rejection| if error == shed() { Ok(7) } else { Err(error) };
    let mut guarded = FallbackLayer::new(stats.clone(), OnError(again)).layer(service_fn(service));
    assert_eq!(guarded.call(Ok(1)).await, Ok(1));
    assert_eq!(guarded.call(Err(shed())).await, Ok(7));
    let other = Rejection::RateLimited { retry_after: std::time::Duration::ZERO };
    assert_eq!(guarded.call(Err(other.clone())).await, Err(other));
    assert_eq!(counts(&stats), [2, 1, 1, 0]);
}

/// Only large requests have a fallback, and it takes for ever.
#[derive(Clone)]
struct Elsewhere;

impl Fallback<Result<u32, Rejection>, u32, Rejection> for Elsewhere {
    type Kept = u32;
    type Future = Pending<Result<u32, Rejection>>;

    fn keep(&self, request: &Result<u32, Rejection>) -> Option<u32> {
        request.as_ref().ok().copied().filter(|n| *n > 100)
    }
    fn applies(&self, result: Result<&u32, &Rejection>) -> bool {
        result.is_ok()
    }
    fn answer(&self, _: u32, _: Result<u32, Rejection>) -> Self::Future {
        pending()
    }
}

#[tokio::test]
async fn a_request_without_fallback_keeps_its_result_and_an_abandoned_one_is_counted() {
    let stats = Arc::new(Fallbacks::default());
    let guarded = FallbackLayer::new(stats.clone(), Elsewhere).layer(service_fn(service));
    assert_eq!(guarded.clone().oneshot(Ok(1)).await, Ok(1));
    {
        let mut waiting = pin!(guarded.oneshot(Ok(101)));
        assert!(waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    assert_eq!(counts(&stats), [1, 0, 0, 1]);
}
