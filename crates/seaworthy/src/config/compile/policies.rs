//! A service's policies: the preset, changed by the file, changed by the environment.

use std::time::Duration;

use seaworthy_resilience::breaker::{FailureRate, SlowCalls};
use seaworthy_resilience::preset::{self, apply_overrides};
use seaworthy_resilience::stack::Settings;
use seaworthy_resilience::{breaker, budget, bulkhead, hedge, rate_limit, retry, shed};

use super::ratio;
use crate::config::Environment;
use crate::config::file::{self, Breaker, BudgetModel, Jitter, Preset, Retry, Service};
use crate::config::problem::Problems;
use crate::config::setting::Policy;

/// What a service's policies are.
pub(super) fn policies(written: &Service, environment: &Environment, problems: &mut Problems) -> Settings {
    let mut settings = start(written.preset);
    timeouts(written, &mut settings);
    change(&written.retry, &mut settings.retry, retried);
    change(&written.budget, &mut settings.budget, |_, written| budget(written, problems));
    change(&written.hedge, &mut settings.hedge, |_, hedge| hedge::Settings { delay: hedge.delay });
    change(&written.breaker, &mut settings.breaker, |from, breaker| self::breaker(from, breaker, problems));
    change(&written.bulkhead, &mut settings.bulkhead, |_, places| bulkhead::Settings {
        max_concurrent: places.concurrent,
        max_queued: places.queued,
        max_wait: places.wait,
    });
    change(&written.rate_limit, &mut settings.rate_limit, |_, rate| rate_limit::Settings {
        requests: rate.requests,
        per: rate.per,
        burst: rate.burst.unwrap_or(rate.requests),
    });
    change(&written.shed, &mut settings.shed, |_, shed| shed::Settings {
        initial: shed.initial,
        min: shed.min,
        max: shed.max,
        ..shed::Settings::default()
    });
    // nothing can inject faults yet: a switched-on policy that cannot act would be a claim
    settings.fault = None;
    // a budget alone would be reported as inert although nobody wrote it
    let spends = settings.hedge.is_some() || settings.retry.as_ref().is_some_and(|r| r.max_attempts > 1);
    if !spends && matches!(written.budget, Policy::Inherit) {
        settings.budget = None;
    }
    adapt(written, &mut settings);
    let ours = ["SEAWORTHY_CIRCUIT_BREAKER_", "SEAWORTHY_RETRY_", "SEAWORTHY_BULKHEAD_"];
    let overrides: Vec<_> = environment
        .iter()
        .filter(|(name, _)| ours.iter().any(|ours| name.starts_with(ours)))
        .cloned()
        .collect();
    if written.preset != Preset::None
        && !overrides.is_empty()
        && let Err(errors) = apply_overrides(&mut settings, overrides)
    {
        for error in errors {
            problems
                .push(written.spans.of("preset"), format!("environment: {}", as_written(&error.to_string())));
        }
    }
    for found in settings.validate() {
        let part = found.setting.split('.').next().unwrap_or_default();
        let place = if part.ends_with("_timeout") { "timeout" } else { part };
        problems.push(written.spans.of(place), as_written(&found.to_string()));
    }
    settings
}

/// Makes room for what is written: a default that it leaves without effect, or that leaves it without effect, gives way.
/// Only settings that were written may contradict each other.
fn adapt(written: &Service, settings: &mut Settings) {
    let (total, attempt) = match &written.timeout {
        Policy::On(timeout) => (timeout.total.is_some(), timeout.attempt),
        Policy::Inherit | Policy::Off => (false, None),
    };
    if let (false, Some(attempt), Some(limit)) = (total, attempt, settings.total_timeout)
        && attempt >= limit
    {
        // room for every attempt, and for the waiting between them as much again
        let attempts = settings.retry.as_ref().map_or(1, |retry| retry.max_attempts.max(1));
        settings.total_timeout = Some(attempt.saturating_mul(attempts.saturating_add(1)));
    }
    let limit = settings.total_timeout.unwrap_or(Duration::MAX);
    if let Some(bulkhead) = &mut settings.bulkhead {
        let wrote = |name| matches!(&written.bulkhead, Policy::On(places) if places.spans.has(name));
        match (wrote("queued"), wrote("wait")) {
            (true, false) if bulkhead.max_queued == 0 => bulkhead.max_wait = Duration::ZERO,
            (_, false) => bulkhead.max_wait = bulkhead.max_wait.min(limit / 2),
            (false, true) if bulkhead.max_wait.is_zero() => bulkhead.max_queued = 0,
            _ => {}
        }
    }
    let based = matches!(&written.retry, Policy::On(retry) if retry.base.is_some());
    if let Some(retry) = settings.retry.as_mut().filter(|_| !based) {
        let backoff = &mut retry.backoff;
        backoff.base = backoff.base.min(limit / 4).min(backoff.max);
    }
}

/// What settings are called in the file, where the policies call them something else.
const NAMES: [(&str, &str); 17] = [
    ("total_timeout", "timeout.total"),
    ("attempt_timeout", "timeout.attempt"),
    ("retry.max_attempts", "retry.attempts"),
    ("retry.backoff.", "retry."),
    ("backoff.base", "base"),
    ("breaker.failure_rate.ratio", "breaker.failure_ratio"),
    ("breaker.failure_rate.", "breaker."),
    ("breaker.slow_calls.longer_than", "breaker.slow"),
    ("breaker.slow_calls.ratio", "breaker.slow_ratio"),
    ("breaker.slow_calls.", "breaker."),
    ("successes_to_close", "successes"),
    ("bulkhead.max_concurrent", "bulkhead.concurrent"),
    ("max_queued", "queued"),
    ("max_wait", "wait"),
    ("consecutive_upstream", "consecutive"),
    ("consecutive_local", "consecutive"),
    ("; set it or consecutive", "; set it"),
];

/// Tells of a contradiction in the words of the file.
pub(super) fn as_written(text: &str) -> String {
    NAMES.iter().fold(text.to_owned(), |text, (ours, theirs)| text.replace(ours, theirs))
}

fn start(preset: Preset) -> Settings {
    match preset {
        Preset::None => Settings::none(),
        Preset::Http => http(),
        Preset::Default => preset::Preset::Default.settings(),
        Preset::Database => preset::Preset::Database.settings(),
        Preset::Api => preset::Preset::Api.settings(),
        Preset::Cache => preset::Preset::Cache.settings(),
        Preset::File => preset::Preset::File.settings(),
        Preset::Ml => preset::Preset::Ml.settings(),
    }
}

/// For an HTTP service that nothing is known about: generous limits, quick retries, a breaker on runs and on rates.
fn http() -> Settings {
    let backoff = retry::Backoff {
        base: Duration::from_millis(50),
        max: Duration::from_secs(1),
        ..retry::Backoff::default()
    };
    Settings {
        total_timeout: Some(Duration::from_secs(30)),
        attempt_timeout: Some(Duration::from_secs(10)),
        retry: Some(retry::Settings { backoff, ..retry::Settings::default() }),
        budget: Some(budget::Settings::default()),
        breaker: Some(breaker::Settings {
            consecutive_failures: Some(5),
            failure_rate: Some(FailureRate { ratio: 0.5, min_requests: 20, window: Duration::from_secs(10) }),
            open_for: Duration::from_secs(2),
            open_max: Duration::from_secs(60),
            ..breaker::Settings::default()
        }),
        bulkhead: Some(bulkhead::Settings {
            max_concurrent: 1_024,
            max_queued: 128,
            max_wait: Duration::from_secs(1),
        }),
        ..Settings::none()
    }
}

fn change<W, T>(written: &Policy<W>, setting: &mut Option<T>, mut make: impl FnMut(Option<T>, &W) -> T) {
    match written {
        Policy::Inherit => {}
        Policy::Off => *setting = None,
        Policy::On(written) => *setting = Some(make(setting.take(), written)),
    }
}

fn timeouts(written: &Service, settings: &mut Settings) {
    match &written.timeout {
        Policy::Inherit => {}
        Policy::Off => (settings.total_timeout, settings.attempt_timeout) = (None, None),
        Policy::On(timeout) => {
            if let Some(total) = timeout.total {
                settings.total_timeout = Some(total);
                // a preset's limit for an attempt that a shorter total makes pointless is the preset's, not the user's
                if timeout.attempt.is_none()
                    && settings.attempt_timeout.is_some_and(|attempt| attempt >= total)
                {
                    settings.attempt_timeout = None;
                }
            }
            settings.attempt_timeout = timeout.attempt.or(settings.attempt_timeout);
        }
    }
}

fn retried(from: Option<retry::Settings>, written: &Retry) -> retry::Settings {
    let mut settings = from.unwrap_or_default();
    settings.max_attempts = written.attempts.unwrap_or(settings.max_attempts);
    settings.longest_retry_after = written.longest_retry_after.unwrap_or(settings.longest_retry_after);
    let backoff = &mut settings.backoff;
    backoff.base = written.base.unwrap_or(backoff.base);
    backoff.multiplier = written.multiplier.unwrap_or(backoff.multiplier);
    backoff.max = written.max.unwrap_or(backoff.max.max(backoff.base));
    backoff.jitter = match written.jitter {
        None => backoff.jitter,
        Some(Jitter::None) => retry::Jitter::None,
        Some(Jitter::Full) => retry::Jitter::Full,
        Some(Jitter::Decorrelated) => retry::Jitter::Decorrelated,
    };
    settings
}

fn budget(written: &file::Budget, problems: &mut Problems) -> budget::Settings {
    ratio(written.ratio, written.spans.of("ratio"), problems);
    let other_model = match written.model {
        BudgetModel::Ratio => &["min_concurrent"][..],
        BudgetModel::Active => &["min_per_second", "ttl"],
    };
    for name in other_model.iter().filter(|name| written.spans.has(name)) {
        problems.push(written.spans.of(name), format!("`{name}` has no effect with this model"));
    }
    match written.model {
        BudgetModel::Ratio => budget::Settings::Ratio {
            ratio: written.ratio,
            min_per_second: written.min_per_second,
            ttl: written.ttl,
        },
        BudgetModel::Active => {
            budget::Settings::Active { ratio: written.ratio, min_concurrent: written.min_concurrent }
        }
    }
}

fn breaker(from: Option<breaker::Settings>, written: &Breaker, problems: &mut Problems) -> breaker::Settings {
    let mut settings = from.unwrap_or_default();
    if let Some(run) = written.consecutive_failures {
        settings.consecutive_failures = (run > 0).then_some(run);
    }
    let (min_requests, window) = (written.min_requests, written.window);
    if let Some(ratio) = written.failure_ratio {
        settings.failure_rate = Some(FailureRate { ratio, min_requests, window });
    } else if let Some(rate) = &mut settings.failure_rate {
        (rate.min_requests, rate.window) = (min_requests, window);
    }
    match (written.slow_ratio, written.slow) {
        (Some(ratio), Some(longer_than)) => {
            settings.slow_calls = Some(SlowCalls { longer_than, ratio, min_requests, window });
        }
        (Some(_), None) => problems.push(written.spans.of("slow_ratio"), "has no effect without `slow`"),
        (None, Some(_)) => problems.push(written.spans.of("slow"), "has no effect without `slow_ratio`"),
        (None, None) => {}
    }
    settings.open_for = written.open_for.unwrap_or(settings.open_for);
    settings.open_max = written.open_max.unwrap_or(settings.open_max.max(settings.open_for));
    settings.probes = written.probes.unwrap_or(settings.probes);
    settings.successes_to_close = written.successes.unwrap_or(settings.successes_to_close);
    settings
}
