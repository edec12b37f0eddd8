use super::*;
use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use tokio::time::{Instant, sleep};
use tower::{Layer, ServiceExt, service_fn};

fn second() -> Arc<Timeout> {
    Arc::new(Timeout::new(Scope::Attempt, Duration::from_secs(1)))
}

#[tokio::test(start_paused = true)]
async fn a_slow_answer_becomes_an_error_at_the_limit() {
    let policy = second();
    let service =
        TimeoutLayer::new(policy.clone()).layer(service_fn(|()| pending::<Result<(), Rejection>>()));
    let start = Instant::now();
    let error = service.oneshot(()).await.unwrap_err();
    assert_eq!(error, Rejection::TimedOut { scope: Scope::Attempt, after: Duration::from_secs(1) });
    assert_eq!(start.elapsed().as_millis(), 1_000);
    assert_eq!(policy.effects()[0], Effect { name: "timed_out", count: 1 });
}

#[tokio::test(start_paused = true)]
async fn an_answer_just_in_time_passes() {
    let policy = second();
    let service = TimeoutLayer::new(policy.clone()).layer(service_fn(|()| async {
        sleep(Duration::from_millis(999)).await;
        Ok::<_, Rejection>("in time")
    }));
    assert_eq!(service.oneshot(()).await, Ok("in time"));
    assert_eq!(policy.timed_out(), 0);
}

#[derive(Clone)]
struct Even;

impl Lift<u32> for Even {
    fn lifted(&self, request: &u32) -> bool {
        request.is_multiple_of(2)
    }
}

#[tokio::test(start_paused = true)]
async fn a_lifted_request_takes_its_time_and_is_counted() {
    let policy = second();
    let service =
        TimeoutLayer::with_lift(Some(policy.clone()), Even).layer(service_fn(|n: u32| async move {
            sleep(Duration::from_secs(5)).await;
            Ok::<_, Rejection>(n)
        }));
    assert_eq!(service.clone().oneshot(2).await, Ok(2));
    assert!(service.oneshot(3).await.is_err());
    let counts: Vec<u64> = policy.effects().iter().map(|effect| effect.count).collect();
    assert_eq!(counts, [1, 1]);
}

/// Holds calls up for the first 2.5 s.
#[derive(Clone, Copy)]
struct Upload(Instant);

const UPLOAD: Duration = Duration::from_millis(2_500);

impl Lift<Duration> for Upload {
    fn lifted(&self, _: &Duration) -> bool {
        false
    }
    fn hold_up(&self, _: &Duration) -> Option<Arc<dyn HoldUp>> {
        Some(Arc::new(*self))
    }
}

impl HoldUp for Upload {
    fn is_on(&self) -> bool {
        self.0.elapsed() < UPLOAD
    }
    fn ended(&self) -> Option<Instant> {
        (!self.is_on()).then(|| self.0 + UPLOAD)
    }
}

#[tokio::test(start_paused = true)]
async fn time_in_which_a_call_is_held_up_does_not_count() {
    let limited = || {
        TimeoutLayer::with_lift(Some(second()), Upload(Instant::now())).layer(service_fn(
            |takes| async move {
                sleep(takes).await;
                Ok::<_, Rejection>(())
            },
        ))
    };
    assert!(limited().oneshot(Duration::from_millis(3_400)).await.is_ok());
    let start = Instant::now();
    assert!(limited().oneshot(Duration::from_secs(60)).await.is_err());
    assert_eq!(start.elapsed().as_millis(), 3_500);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_spends_the_whole_budget_of_its_task_still_times_out() {
    let service = TimeoutLayer::new(second()).layer(service_fn(|()| {
        poll_fn(|cx| {
            while pin!(tokio::task::coop::consume_budget()).poll(cx).is_ready() {}
            Poll::<Result<(), Rejection>>::Pending
        })
    }));
    let call = tokio::spawn(service.oneshot(()));
    tokio::task::yield_now().await;
    tokio::time::advance(Duration::from_secs(1)).await;
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    assert!(call.is_finished());
    assert!(call.await.unwrap().is_err());
}
