//! The traffic of services, from the history of the gateway's own histogram.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use seaworthy_alerts::objective::REQUESTS;
use seaworthy_telemetry::history::{Aggregate, Function, History, Query, Sample, Selector};
use serde::Serialize;
use utoipa::ToSchema;

const SERVICE: &str = "seaworthy_service";
const STATUS: &str = "http_response_status_code";

/// What a service had to do.
#[derive(Debug, Default, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct TrafficView {
    requests_per_second: Option<f64>,
    /// The share of answers 5xx, from 0 to 1; null without requests.
    error_ratio: Option<f64>,
    p50_seconds: Option<f64>,
    p95_seconds: Option<f64>,
    p99_seconds: Option<f64>,
}

/// Of every service that had requests.
pub(super) fn all(history: &History, window: Duration, now: SystemTime) -> BTreeMap<String, TrafficView> {
    let ask = |function: Function, by: &[&str]| -> Vec<Sample> {
        let Ok(selector) = Selector::new(REQUESTS, Vec::new()) else { return Vec::new() };
        let by = Some(by.iter().map(|&name| name.to_owned()).collect());
        let query = Query { selector, function, window, by, aggregate: Aggregate::Sum };
        history.query(&query, now).unwrap_or_default()
    };
    let service = |sample: &Sample| sample.labels.get(SERVICE).unwrap_or_default().to_owned();
    let mut counts: BTreeMap<String, (f64, f64)> = BTreeMap::new();
    for sample in ask(Function::Observations, &[SERVICE, STATUS]) {
        let failed = sample.labels.get(STATUS).is_some_and(|status| status.starts_with('5'));
        let count = counts.entry(service(&sample)).or_default();
        count.0 += sample.value;
        count.1 += if failed { sample.value } else { 0.0 };
    }
    let mut all: BTreeMap<String, TrafficView> = BTreeMap::new();
    for (name, (requests, failed)) in counts {
        let view = TrafficView {
            requests_per_second: Some(requests / window.as_secs_f64()),
            error_ratio: (requests > 0.0).then(|| failed / requests),
            ..TrafficView::default()
        };
        all.insert(name, view);
    }
    for share in [0.5, 0.95, 0.99] {
        for sample in ask(Function::Quantile(share), &[SERVICE]) {
            let Some(view) = all.get_mut(&service(&sample)) else { continue };
            let field = match share {
                0.5 => &mut view.p50_seconds,
                0.95 => &mut view.p95_seconds,
                _ => &mut view.p99_seconds,
            };
            *field = Some(sample.value);
        }
    }
    all
}
