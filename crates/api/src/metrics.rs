//! What Prometheus scrapes.

use axum::extract::State;
use axum::response::IntoResponse;
use http::HeaderMap;
use http::header::{ACCEPT, CONTENT_TYPE, VARY};
use seaworthy_telemetry::metrics::{CONTENT_TYPE as OPENMETRICS, TEXT_CONTENT_TYPE as TEXT};

use crate::Control;

/// All metrics: as OpenMetrics text, with exemplars, for those that ask for it as Prometheus does; else as Prometheus text.
#[utoipa::path(get, path = "/metrics",
    extensions(("x-permission" = json!("metrics:read"))), tag = "metrics",
    responses((status = 200, content((String = "text/plain"), (String = "application/openmetrics-text")))))]
pub(crate) async fn metrics(State(control): State<Control>, headers: HeaderMap) -> impl IntoResponse {
    let (kind, page) = if wants_openmetrics(&headers) {
        (OPENMETRICS, control.metrics.render())
    } else {
        (TEXT, control.metrics.render_text())
    };
    ([(CONTENT_TYPE, kind), (VARY, "accept")], page)
}

/// Whether OpenMetrics is named and liked at least as well as plain text.
fn wants_openmetrics(headers: &HeaderMap) -> bool {
    let (mut openmetrics, mut text) = (0.0_f64, 0.0_f64);
    let listed = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    for range in listed.flat_map(|value| value.split(',')) {
        let mut parts = range.split(';').map(str::trim);
        let kind = parts.next().unwrap_or_default().to_ascii_lowercase();
        let quality =
            parts.find_map(|part| part.strip_prefix("q=")).and_then(|q| q.parse().ok()).unwrap_or(1.0);
        match kind.as_str() {
            "application/openmetrics-text" => openmetrics = openmetrics.max(quality),
            "text/plain" => text = text.max(quality),
            _ => {}
        }
    }
    openmetrics > 0.0 && openmetrics >= text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_that_is_asked_for() {
        let wants = |accept: &'static str| {
            let headers = HeaderMap::from_iter([(ACCEPT, http::HeaderValue::from_static(accept))]);
            wants_openmetrics(&headers)
        };
        // Prometheus 2.42, Prometheus 3, curl, a browser
        assert!(wants(
            "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
        ));
        assert!(wants(
            "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.4,*/*;q=0.2"
        ));
        assert!(!wants("*/*"));
        assert!(!wants("text/html,application/xhtml+xml,*/*;q=0.8"));
        assert!(!wants("text/plain, application/openmetrics-text;q=0.1"));
        assert!(!wants("application/openmetrics-text;q=0"));
    }
}
