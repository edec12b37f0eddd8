//! Charts and numbers of a history that was really sampled.

use std::time::{Duration, Instant, SystemTime};

use seaworthy_core::RequestId;
use seaworthy_telemetry::history::{History, Settings};
use seaworthy_telemetry::metrics::Registry;
use seaworthy_telemetry::story::{Ending, Recorder};

use super::*;
use crate::Insight;

/// An hour of a service with two requests a second, one of a hundred failed, sampled every ten seconds until now.
fn an_hour(metrics: &Registry) -> History {
    let history = History::new(metrics, Settings::default());
    let series = |status: &str| {
        let labels =
            [("http.response.status_code", status.to_owned()), ("seaworthy.service", "shop".to_owned())];
        metrics.histogram("http.server.request.duration", "time", &labels)
    };
    let (good, bad) = (series("200"), series("503"));
    let now = SystemTime::now();
    for step in (0..=360_u32).rev() {
        for request in 0..20 {
            good.observe(0.02 + f64::from(request) / 1_000.0);
        }
        if step % 5 == 0 {
            bad.observe(2.0);
        }
        history.sample(now - Duration::from_secs(10) * step);
    }
    history
}

#[tokio::test]
async fn charts_show_what_was() {
    let control = control();
    let history = an_hour(&control.metrics);
    let control = Control { insight: Insight { history: Some(history), ..Insight::default() }, ..control };
    let mut tab = Tab::of_operator(&control).await;
    let page = tab.page("/dashboard").await.replace('\u{a0}', " ");
    assert!(page.contains("2.02 /s") && page.contains("0.99 %"), "{page}");
    assert!(page.contains("class=\"spark\"") && !page.contains("NaN"), "{page}");
    for range in ["15m", "1h", "6h", "24h", "7d", "nonsense"] {
        let page = tab.page(&format!("/dashboard/services/shop?range={range}")).await.replace('\u{a0}', " ");
        for id in ["traffic-title", "latency-title", "heat-title"] {
            assert!(page.contains(&format!("id=\"{id}\"")), "{range} {id}: {page}");
        }
        assert!(!page.contains("NaN") && !page.contains("inf"), "{range}: {page}");
        assert!(page.contains("class=\"bar-c5\"") && page.contains("p95"), "{range}: {page}");
        assert!(page.len() < 120_000, "{range}: {} bytes are sent again and again", page.len());
    }
}

#[tokio::test]
async fn a_history_without_requests_says_so() {
    let control = control();
    let history = History::new(&control.metrics, Settings::default());
    history.sample(SystemTime::now());
    let control = Control { insight: Insight { history: Some(history), ..Insight::default() }, ..control };
    let mut tab = Tab::of_operator(&control).await;
    assert!(tab.page("/dashboard").await.contains("0\u{a0}/s"));
    assert!(tab.page("/dashboard/services/shop").await.contains("There were no requests in the last 1h."));
}

#[tokio::test]
async fn a_request_is_told_as_a_tree() {
    let control = control();
    let stories = Recorder::new(&control.metrics, Default::default());
    let (id, start) = (RequestId::generate(), Instant::now());
    let mut draft = stories.begin(start);
    let forward = draft.begin("forward", None, start + Duration::from_millis(1));
    let attempt = draft.begin("attempt", Some(forward), start + Duration::from_millis(2));
    draft.attribute(attempt, "server.address", "<b>10.0.0.7:80</b>");
    draft.end(attempt, start + Duration::from_millis(40), Some("upstream_refused"));
    draft.end(forward, start + Duration::from_millis(41), None);
    let ending = Ending {
        route: "items",
        service: "shop",
        method: "GET",
        path: "/items/<7>",
        status: 502,
        ..Ending::new(id, [7; 16])
    };
    stories.finish(draft, &ending, start + Duration::from_millis(42));
    let control = Control { insight: Insight { stories: Some(stories), ..Insight::default() }, ..control };
    let mut tab = Tab::of_operator(&control).await;
    for (query, is_there) in
        [("", true), ("?class=5", true), ("?class=2", false), ("?min=10000", false), ("?service=shop", true)]
    {
        let page = tab.page(&format!("/dashboard/requests{query}")).await;
        assert_eq!(page.contains("/items/&lt;7&gt;"), is_there, "{query}: {page}");
    }
    let by_trace = "07".repeat(16);
    for way in [id.to_string(), by_trace] {
        let page = tab.page(&format!("/dashboard/requests/{way}")).await;
        assert!(
            page.contains("upstream_refused")
                && page.contains("deep-1")
                && page.contains("&lt;b&gt;10.0.0.7"),
            "{page}"
        );
    }
}
