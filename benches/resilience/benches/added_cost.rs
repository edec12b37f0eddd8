//! What each policy adds to a call that succeeds at once, next to tower's own layers and another crate's breaker.
//!
//! `cargo bench -p seaworthy-bench-resilience`. Every call is made on a fresh clone of the service, as a proxy makes
//! it; the cost of the bare service, clone included, is subtracted in the table at the end.

#![allow(clippy::print_stdout, reason = "the table is what this program is for")]

use criterion::{BenchmarkGroup, Criterion, measurement::WallTime};
use seaworthy_resilience::breaker::{self, Breaker, BreakerLayer};
use seaworthy_resilience::budget::{self, Budget};
use seaworthy_resilience::bulkhead::{self, Bulkhead, BulkheadLayer};
use seaworthy_resilience::classify::ErrorsFail;
use seaworthy_resilience::rejection::Scope;
use seaworthy_resilience::retry::{self, Attempts, Retry, RetryLayer};
use seaworthy_resilience::stack::{Rules, Settings, Stack};
use seaworthy_resilience::timeout::{Timeout, TimeoutLayer};
use std::future::{Ready, ready};
use std::path::Path;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tower::retry::budget::TpsBudget;
use tower::retry::{Policy, budget::Budget as _};
use tower::{BoxError, Layer, Service, ServiceExt};
use tower_resilience_circuitbreaker::CircuitBreakerLayer;

const SECOND: Duration = Duration::from_secs(1);
/// The goal for breaker, bulkhead, timeout and budget together, in nanoseconds.
const GOAL: f64 = 300.0;

#[derive(Clone)]
struct Answer;

impl Service<u64> for Answer {
    type Response = u64;
    type Error = BoxError;
    type Future = Ready<Result<u64, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }
    fn call(&mut self, request: u64) -> Self::Future {
        ready(Ok(request))
    }
}

/// tower's retry with its budget: counts every request, retries nothing that succeeds.
#[derive(Clone)]
struct TowerPolicy(Arc<TpsBudget>);

impl Policy<u64, u64, BoxError> for TowerPolicy {
    type Future = Ready<()>;

    fn retry(&mut self, _: &mut u64, result: &mut Result<u64, BoxError>) -> Option<Ready<()>> {
        if result.is_ok() {
            self.0.deposit();
            return None;
        }
        self.0.withdraw().then(|| ready(()))
    }
    fn clone_request(&mut self, request: &u64) -> Option<u64> {
        Some(*request)
    }
}

fn call<S>(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, service: S)
where
    S: Service<u64, Response = u64> + Clone,
    S::Error: std::fmt::Debug,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.unwrap_or_else(|error| panic!("no runtime: {error}"));
    group.bench_function(name, |bencher| {
        bencher.to_async(&runtime).iter(|| {
            let service = service.clone();
            async move { service.oneshot(std::hint::black_box(7)).await }
        });
    });
}

fn settings() -> Settings {
    Settings {
        attempt_timeout: Some(SECOND),
        retry: Some(retry::Settings::default()),
        budget: Some(budget::Settings::default()),
        breaker: Some(breaker_settings(true)),
        bulkhead: Some(bulkhead_settings()),
        ..Settings::none()
    }
}

fn breaker_settings(with_rate: bool) -> breaker::Settings {
    let rate = breaker::FailureRate { ratio: 0.5, min_requests: 20, window: 10 * SECOND };
    breaker::Settings { failure_rate: with_rate.then_some(rate), ..Default::default() }
}

fn bulkhead_settings() -> bulkhead::Settings {
    bulkhead::Settings { max_concurrent: 100, ..Default::default() }
}

fn ours(group: &mut BenchmarkGroup<'_, WallTime>) {
    let timeout = Arc::new(Timeout::new(Scope::Attempt, SECOND));
    call(group, "ours_timeout", TimeoutLayer::new(timeout).layer(Answer));
    let bulkhead = Arc::new(Bulkhead::new(bulkhead_settings()));
    call(group, "ours_bulkhead", BulkheadLayer::new(bulkhead).layer(Answer));
    let budget = Arc::new(Budget::new(budget::Settings::default()));
    let retry = Arc::new(Retry::new(retry::Settings::default(), Some(budget)));
    call(group, "ours_retry_with_budget", RetryLayer::new(retry, Attempts).layer(Answer));
    for (name, with_rate) in [("ours_breaker", false), ("ours_breaker_with_rate", true)] {
        let breaker = Arc::new(Breaker::new(breaker_settings(with_rate)));
        call(group, name, BreakerLayer::new(breaker, ErrorsFail).layer(Answer));
    }
    call(group, "ours_all_four", Stack::new(settings(), Rules::plain(ErrorsFail)).layer().layer(Answer));
    call(
        group,
        "ours_stack_switched_off",
        Stack::new(Settings::none(), Rules::plain(ErrorsFail)).layer().layer(Answer),
    );
}

fn tower_policy() -> TowerPolicy {
    TowerPolicy(Arc::new(TpsBudget::new(10 * SECOND, 10, 0.2)))
}

fn peers(group: &mut BenchmarkGroup<'_, WallTime>) {
    let timeout = tower::timeout::TimeoutLayer::new(SECOND);
    let limit = tower::limit::GlobalConcurrencyLimitLayer::new(100);
    let retry = tower::retry::RetryLayer::new(tower_policy());
    call(group, "tower_timeout", timeout.layer(Answer));
    call(group, "tower_concurrency_limit", limit.layer(Answer));
    call(group, "tower_retry_with_budget", retry.layer(Answer));
    call(group, "tower_all_three", retry.layer(limit.layer(timeout.layer(Answer))));
    for (name, builder) in [
        ("tower_resilience_breaker", CircuitBreakerLayer::builder().sliding_window_size(100)),
        ("tower_resilience_breaker_in_a_row", CircuitBreakerLayer::builder().consecutive_failures(5)),
    ] {
        match builder.build() {
            Ok(layer) => call(group, name, layer.layer(Answer)),
            Err(error) => println!("{name} could not be made: {error}"),
        }
    }
}

/// The medians that criterion has written, the bare service's subtracted.
fn table(directory: &Path) -> Option<()> {
    let median = |name: &str| -> Option<f64> {
        let path = directory.join("call").join(name).join("new/estimates.json");
        let estimates: serde_json::Value = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
        estimates["median"]["point_estimate"].as_f64()
    };
    let bare = median("bare")?;
    println!("\nmedian added to a call, nanoseconds (bare service with clone: {bare:.1})");
    let mut names: Vec<String> = std::fs::read_dir(directory.join("call"))
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.starts_with("ours") || name.starts_with("tower"))
        .collect();
    names.sort();
    for name in names {
        if let Some(median) = median(&name) {
            println!("  {name:<36} {:>8.1}", median - bare);
        }
    }
    let added = median("ours_all_four")? - bare;
    let verdict = if added <= GOAL { "met" } else { "missed" };
    println!("goal of {GOAL} ns for breaker, bulkhead, timeout and budget: {verdict} with {added:.1}");
    Some(())
}

fn main() {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("resilience");
    let mut criterion = Criterion::default().output_directory(&directory).configure_from_args();
    let mut group = criterion.benchmark_group("call");
    call(&mut group, "bare", Answer);
    ours(&mut group);
    peers(&mut group);
    group.finish();
    criterion.final_summary();
    if table(&directory).is_none() {
        println!("nothing measured");
    }
}
