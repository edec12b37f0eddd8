use super::*;
use crate::budget;
use crate::rejection::{Rejection, Scope};
use proptest::prelude::*;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::time::{Instant, sleep};
use tower::{Layer, Service, ServiceExt, service_fn};

fn settings(max_attempts: u32, jitter: Jitter) -> Settings {
    let backoff =
        Backoff { base: Duration::from_millis(100), multiplier: 2.0, max: Duration::from_secs(1), jitter };
    Settings { max_attempts, backoff, longest_retry_after: Duration::from_secs(30) }
}

fn count(retry: &Retry, name: &str) -> u64 {
    retry.effects().into_iter().find(|effect| effect.name == name).expect("known effect").count
}

proptest! {
    #[test]
    fn waits_stay_within_their_bounds(
        retry in 1..200_u32,
        previous in 0..2_000_u64,
        random in 0.0..1.0_f64,
    ) {
        let wait = |jitter| settings(3, jitter).backoff.wait(retry, Duration::from_millis(previous), random);
        let exponential = Duration::from_millis((100_u64 << (retry - 1).min(20)).min(1_000));
        prop_assert_eq!(wait(Jitter::None), exponential);
        prop_assert!(wait(Jitter::Full) <= exponential);
        let most = Duration::from_millis((previous * 3).clamp(100, 1_000));
        let decorrelated = wait(Jitter::Decorrelated);
        prop_assert!(Duration::from_millis(100) <= decorrelated && decorrelated <= most);
    }

    /// Whatever the service asks for: no attempt starts after the deadline, none before it was asked to, and there
    /// are never more than allowed.
    #[test]
    fn a_course_keeps_to_its_deadline(
        asked in prop::collection::vec(prop::option::of(0..4_000_u64), 1..10),
        within in 1..5_000_u64,
        took in 0..1_000_u64,
        random in 0.0..1.0_f64,
    ) {
        let settings = settings(4, Jitter::Full);
        let start = Instant::now();
        let deadline = start + Duration::from_millis(within);
        let mut course = Course::new(Some(deadline));
        let mut now = start;
        for asked in asked {
            now += Duration::from_millis(took);
            let floor = asked.map(Duration::from_millis);
            let exponential = Duration::from_millis(100_u64 << (course.attempts() - 1)).min(Duration::from_secs(1));
            let expected = exponential.mul_f64(random).max(floor.unwrap_or_default());
            match course.next(&settings, now, floor, random) {
                Ok(wait) => {
                    prop_assert_eq!(wait, expected);
                    now += wait;
                    prop_assert!(now < deadline && course.attempts() <= 4);
                }
                Err(GiveUp::AttemptsSpent) => {
                    prop_assert_eq!(course.attempts(), 4);
                    return Ok(());
                }
                Err(GiveUp::DeadlineTooClose) => {
                    prop_assert!(now + expected >= deadline);
                    return Ok(());
                }
                Err(GiveUp::AskedToWaitTooLong) => prop_assert!(false, "nothing asked for that long"),
            }
        }
    }
}

#[test]
fn a_wait_that_is_too_long_is_not_cut_short_but_given_up() {
    let now = Instant::now();
    let ask = |seconds| {
        Course::new(None).next(&settings(3, Jitter::None), now, Some(Duration::from_secs(seconds)), 0.0)
    };
    assert_eq!(ask(30), Ok(Duration::from_secs(30)));
    assert_eq!(ask(31), Err(GiveUp::AskedToWaitTooLong));
}

#[test]
fn an_attempt_that_could_only_start_at_the_deadline_is_not_made() {
    let now = Instant::now();
    let with = |ms| {
        let deadline = now + Duration::from_millis(ms);
        Course::new(Some(deadline)).next(&settings(3, Jitter::None), now, None, 0.0)
    };
    assert_eq!(with(100), Err(GiveUp::DeadlineTooClose));
    assert_eq!(with(101), Ok(Duration::from_millis(100)));
}

/// Answers with the given results, one after the other, and notes when it was asked.
#[derive(Clone)]
struct Script {
    results: Arc<Vec<Result<&'static str, Rejection>>>,
    asked: Arc<AtomicU32>,
}

impl Script {
    fn new(results: Vec<Result<&'static str, Rejection>>) -> Self {
        Self { results: Arc::new(results), asked: Arc::default() }
    }

    fn service(
        &self,
    ) -> impl Service<(), Response = &'static str, Error = Rejection, Future: Send> + Clone + use<> {
        let script = self.clone();
        service_fn(move |()| {
            let turn = script.asked.fetch_add(1, Ordering::Relaxed) as usize;
            let result = script.results[turn].clone();
            async move { result }
        })
    }
}

fn failed() -> Result<&'static str, Rejection> {
    Err(Rejection::TimedOut { scope: Scope::Attempt, after: Duration::from_secs(1) })
}

#[tokio::test(start_paused = true)]
async fn retries_with_growing_waits_until_it_works() {
    let retry = Arc::new(Retry::new(settings(4, Jitter::None), None));
    let script = Script::new(vec![failed(), failed(), failed(), Ok("at last")]);
    let start = Instant::now();
    let service = RetryLayer::new(retry.clone(), Attempts).layer(script.service());
    assert_eq!(service.oneshot(()).await, Ok("at last"));
    assert_eq!(start.elapsed().as_millis(), 100 + 200 + 400);
    assert_eq!(["retries", "recovered", "cancelled_calls"].map(|name| count(&retry, name)), [3, 1, 0]);
}

#[tokio::test(start_paused = true)]
async fn gives_the_last_result_once_attempts_are_spent() {
    let retry = Arc::new(Retry::new(settings(2, Jitter::None), None));
    let last = Err(Rejection::TimedOut { scope: Scope::Attempt, after: Duration::from_secs(9) });
    let script = Script::new(vec![failed(), last.clone()]);
    let service = RetryLayer::new(retry.clone(), Attempts).layer(script.service());
    assert_eq!(service.oneshot(()).await, last);
    assert_eq!(["retries", "attempts_spent"].map(|name| count(&retry, name)), [1, 1]);
}

#[tokio::test(start_paused = true)]
async fn refusals_of_our_own_are_not_retried() {
    for refusal in [
        Rejection::Shed { retry_after: None },
        Rejection::BreakerOpen { retry_after: None, trip: crate::breaker::Trip::Isolated },
        Rejection::BulkheadFull { limit: 1, full: crate::rejection::Full::Queue },
        Rejection::RateLimited { retry_after: Duration::ZERO },
    ] {
        let script = Script::new(vec![Err(refusal.clone())]);
        let retry = Arc::new(Retry::new(settings(3, Jitter::None), None));
        let service = RetryLayer::new(retry, Attempts).layer(script.service());
        assert_eq!(service.oneshot(()).await, Err(refusal));
    }
}

#[tokio::test(start_paused = true)]
async fn gives_up_at_once_where_the_wait_cannot_fit() {
    let total = Some(Duration::from_millis(250));
    let retry = Arc::new(Retry::new(settings(4, Jitter::None), None).within(total));
    let script = Script::new(vec![failed(), failed(), failed()]);
    let start = Instant::now();
    let service = RetryLayer::new(retry.clone(), Attempts).layer(script.service());
    assert_eq!(service.oneshot(()).await, failed());
    // 100 ms fits, 200 ms more does not: the second failure is handed on without waiting
    assert_eq!(start.elapsed().as_millis(), 100);
    assert_eq!(["retries", "deadline_too_close"].map(|name| count(&retry, name)), [1, 1]);
}

#[tokio::test(start_paused = true)]
async fn an_empty_budget_stops_retries_for_everybody() {
    let settings_of_budget = budget::Settings::Active { ratio: 0.0, min_concurrent: 1 };
    let shared = Arc::new(Budget::new(settings_of_budget));
    let held = shared.withdraw(Instant::now());
    let retry = Arc::new(Retry::new(settings(3, Jitter::None), Some(shared.clone())));
    let layer = RetryLayer::new(retry.clone(), Attempts);
    let service = layer.layer(Script::new(vec![failed()]).service());
    assert_eq!(service.oneshot(()).await, failed());
    assert_eq!(count(&retry, "budget_spent"), 1);
    drop(held);
    // each retry gives back what it took: one place is enough for two retries in a row
    let service = layer.layer(Script::new(vec![failed(), failed(), Ok("fine")]).service());
    assert_eq!(service.oneshot(()).await, Ok("fine"));
    assert_eq!(shared.balance(Instant::now()), 1);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_call_is_counted_and_makes_no_more_attempts() {
    let retry = Arc::new(Retry::new(settings(3, Jitter::None), None));
    let script = Script::new(vec![failed(), Ok("too late")]);
    let service = RetryLayer::new(retry.clone(), Attempts).layer(script.service());
    tokio::select! {
        _ = service.oneshot(()) => panic!("the first wait is longer"),
        () = sleep(Duration::from_millis(50)) => {}
    }
    sleep(Duration::from_secs(10)).await;
    assert_eq!(script.asked.load(Ordering::Relaxed), 1);
    assert_eq!(count(&retry, "cancelled_calls"), 1);
}

#[test]
fn contradictions_are_found() {
    let backoff = Backoff { base: Duration::from_secs(9), multiplier: 0.5, ..Backoff::default() };
    let settings = Settings { max_attempts: 0, backoff, ..Settings::default() };
    let found: Vec<String> = settings.validate().into_iter().map(|problem| problem.setting).collect();
    assert_eq!(found, ["max_attempts", "backoff.max", "backoff.multiplier"]);
    assert_eq!(Settings::default().validate(), []);
}
