//! Logs, metrics and traces.

use std::path::Path;
use std::time::Duration;

use seaworthy_telemetry::{access, history, logs, metrics, story, traces};

use super::ratio;
use crate::config::file::{
    Access, History, LogFormat, LogsOtlp, MetricsOtlp, Stories, Telemetry, Traces, TrustParent,
};
use crate::config::problem::Problems;
use crate::config::setting::{At, Policy};

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// Log format and filter.
pub(super) fn logs(telemetry: &Telemetry, problems: &mut Problems) -> (logs::Format, String) {
    filter(&telemetry.filter, problems);
    (format(telemetry), telemetry.filter.value.clone())
}

fn format(telemetry: &Telemetry) -> logs::Format {
    match telemetry.logs {
        LogFormat::Human => logs::Format::Human,
        LogFormat::Json => logs::Format::Json,
    }
}

/// A filter that is none would end the program at its start; one with a level misspelt (`"inof"`) is a filter for
/// a program part of that name, and silences everything.
fn filter(written: &At<String>, problems: &mut Problems) {
    let parts = || written.value.split(',').map(str::trim);
    let meant = parts().find_map(|part| Some((part, misspelt(part)?)));
    let suggestion = match meant {
        Some((part, level)) => format!("did you mean `{level}` instead of `{part}`?"),
        None => "write something like \"info\" or \"warn,seaworthy_gateway=debug\"".to_owned(),
    };
    if let Err(error) = logs::check(&written.value) {
        problems.suggest(written.span.clone(), error.to_string(), Some(suggestion));
    } else if written.value.trim().is_empty() {
        let suggestion = "write \"off\" for no logs at all".to_owned();
        problems.suggest(written.span.clone(), "an empty filter logs nothing but errors", Some(suggestion));
    } else if meant.is_some() {
        let message = format!("\"{}\" names no level, and would show no log line", written.value);
        problems.suggest(written.span.clone(), message, Some(suggestion));
    }
}

/// The level that was probably meant, where a part of a filter (`inof`, `seaworthy_gateway=debgu`) has none.
fn misspelt(part: &str) -> Option<&'static str> {
    let word = part.rsplit_once('=').map_or(part, |(_, level)| level);
    let known = LEVELS.iter().any(|level| level.eq_ignore_ascii_case(word)) || word.parse::<u8>().is_ok();
    if known || word.contains(['[', ']', ':', '_']) {
        return None;
    }
    let word = word.to_ascii_lowercase();
    // closer than names of settings need be: `tracing` is not meant to be `trace`
    LEVELS.into_iter().find(|level| strsim::jaro_winkler(&word, level) > 0.88)
}

/// The access log.
pub(super) fn access(telemetry: &Telemetry, problems: &mut Problems) -> Option<access::Settings> {
    let inherited = Access::default();
    let written = match &telemetry.access {
        Policy::Off => return None,
        Policy::Inherit => &inherited,
        Policy::On(access) => access,
    };
    ratio(written.sample, written.spans.of("sample"), problems);
    let mut settings = access::Settings { format: format(telemetry), ..access::Settings::default() };
    (settings.sample, settings.slow) = (written.sample, written.slow);
    settings.redact_query.extend(written.redact_query.iter().cloned());
    settings.headers = headers(&written.headers, problems);
    for name in &written.redact_headers {
        let lower = name.value.to_ascii_lowercase();
        if lower != "user-agent" && !settings.headers.contains(&lower) {
            let message =
                format!("has no effect: \"{}\" is not among the `headers` that are written", name.value);
            problems.push(name.span.clone(), message);
        }
        settings.redact_headers.push(lower);
    }
    Some(settings)
}

/// Names of headers, in lower case.
fn headers(written: &[At<String>], problems: &mut Problems) -> Vec<String> {
    let mut names = Vec::new();
    for name in written {
        let lower = name.value.to_ascii_lowercase();
        if lower.parse::<http::HeaderName>().is_err() {
            problems.push(name.span.clone(), format!("\"{}\" is not a header name", name.value));
        } else if lower == "user-agent" || names.contains(&lower) {
            problems.push(name.span.clone(), format!("\"{}\" is written already", name.value));
        } else {
            names.push(lower);
        }
    }
    names
}

/// What metrics were.
pub(super) fn history(
    telemetry: &Telemetry,
    folder: &Path,
    problems: &mut Problems,
) -> Option<history::Settings> {
    let inherited = History::default();
    let written = match &telemetry.history {
        Policy::Off => return None,
        Policy::Inherit => &inherited,
        Policy::On(history) => history,
    };
    for (name, value, least) in [
        ("resolution", written.resolution, Duration::from_secs(1)),
        ("window", written.window, Duration::from_secs(60)),
        ("retention", written.retention, Duration::from_secs(3_600)),
    ] {
        if value < least {
            problems.push(written.spans.of(name), format!("must be at least {} s", least.as_secs()));
        }
    }
    Some(history::Settings {
        resolution: written.resolution,
        window: written.window,
        series: written.series,
        bytes: usize::try_from(written.memory.0).unwrap_or(usize::MAX),
        slots: history::Slots {
            retention: written.retention,
            folder: (!written.folder.is_empty()).then(|| folder.join(&written.folder)),
            bytes: written.disk.0,
            ..history::Slots::default()
        },
    })
}

/// What single requests went through.
pub(super) fn stories(telemetry: &Telemetry) -> Option<story::Settings> {
    let inherited = Stories::default();
    let written = match &telemetry.stories {
        Policy::Off => return None,
        Policy::Inherit => &inherited,
        Policy::On(stories) => stories,
    };
    Some(story::Settings {
        recent: written.recent,
        failed: written.failed,
        slowest: written.slowest,
        bytes: usize::try_from(written.memory.0).unwrap_or(usize::MAX),
        ..story::Settings::default()
    })
}

/// Where spans go.
pub(super) fn traces(written: &Traces, problems: &mut Problems) -> traces::Settings {
    ratio(written.sample, written.spans.of("sample"), problems);
    if written.trust_parent == TrustParent::Never && written.spans.has("parent_based") {
        problems.push(written.spans.of("parent_based"), "has no effect: no incoming trace is continued");
    }
    traces::Settings {
        trust: match written.trust_parent {
            TrustParent::Always => traces::Trust::Always,
            TrustParent::TrustedProxies => traces::Trust::Proxies,
            TrustParent::Never => traces::Trust::Never,
        },
        endpoint: otlp(&written.endpoint, "traces", problems).unwrap_or_default(),
        service: written.service_name.clone(),
        sample: written.sample,
        parent_based: written.parent_based,
        ..traces::Settings::default()
    }
}

/// Where metrics go besides `/metrics`.
pub(super) fn metrics_otlp(written: &MetricsOtlp, problems: &mut Problems) -> metrics::otlp::Settings {
    if written.interval < Duration::from_secs(1) {
        problems.push(written.spans.of("interval"), "must be at least 1 s");
    }
    metrics::otlp::Settings {
        endpoint: otlp(&written.endpoint, "metrics", problems).unwrap_or_default(),
        service: written.service_name.clone(),
        interval: written.interval,
        ..metrics::otlp::Settings::default()
    }
}

/// Where the log goes besides the lines.
pub(super) fn logs_otlp(written: &LogsOtlp, problems: &mut Problems) -> logs::otlp::Settings {
    if written.queue == 0 {
        problems.push(written.spans.of("queue"), "must be at least 1: without a queue nothing is sent");
    }
    logs::otlp::Settings {
        endpoint: otlp(&written.endpoint, "logs", problems).unwrap_or_default(),
        service: written.service_name.clone(),
        queue: written.queue,
        ..logs::otlp::Settings::default()
    }
}

/// The full address of an OTLP receiver of `signal`.
pub(super) fn otlp(written: &At<String>, signal: &str, problems: &mut Problems) -> Option<String> {
    let uri = written.value.parse::<http::Uri>().ok();
    let fits = uri.is_some_and(|uri| {
        let authority = uri.authority().is_some_and(|authority| !authority.as_str().contains('@'));
        uri.scheme_str() == Some("http") && authority && uri.path().len() > 1 && uri.query().is_none()
    });
    if !fits {
        let suggestion = Some(format!("write \"http://HOST:4318/v1/{signal}\""));
        let message = format!("\"{}\" is no OTLP receiver of {signal}", written.value);
        problems.suggest(written.span.clone(), message, suggestion);
    }
    fits.then(|| written.value.clone())
}
