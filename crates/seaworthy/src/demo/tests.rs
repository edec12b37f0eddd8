use seaworthy_trials::load::{Failures, Latency, Report, Second, Spell};

use super::compare::{Comparison, Side, lines, millis, percent, table};
use super::gateway::{Counters, counters};
use super::page;

fn report(ok: u64, failures: Failures) -> Report {
    let latency =
        Latency { p50_ms: 5.0, p95_ms: 42.0, p99_ms: 5_000.0, max_ms: 5_001.0, ..Latency::default() };
    let second = |second| Second { second, ok: ok / 2, failures, p95_ms: 42.0, ..Second::default() };
    Report {
        rate: 150.0,
        requests: ok + failures.total(),
        ok,
        success_rate: ok as f64 / (ok + failures.total()) as f64,
        failures,
        latency,
        latency_ok: latency,
        longest_run: Spell::default(),
        longest_outage: Spell { start_ms: 0.0, lasted_ms: 2_340.0, failures: 3 },
        series: vec![second(0), second(1), second(2)],
    }
}

fn comparison() -> Comparison {
    let failing = Failures { status: 7, timeout: 3, ..Failures::default() };
    Comparison {
        seed: 7,
        direct: Side { name: "direct", report: report(90, failing), restarts: 2 },
        gateway: Side {
            name: "through <sea> & \"worthy\"",
            report: report(100, Failures::default()),
            restarts: 2,
        },
        counters: Counters { retries: 12, recovered: 11, trips: 3 },
    }
}

#[test]
fn the_table_shows_what_people_ask_for() {
    let table = table(&comparison(), false);
    for line in [
        "good answers                     90.00 %                 100 %",
        "p99                               5.00 s                5.00 s",
        "time to recover                   2.34 s                2.34 s",
        "failed: http error                     7                     0",
        "failed: timeout                        3                     0",
        "retries spent                          –                    12",
        "breaker trips                          –                     3",
    ] {
        assert!(table.contains(line), "{line:?} is missing in\n{table}");
    }
    assert!(!table.contains("broken connection"), "kinds that did not occur take no line");
    assert!(!table.contains('\u{1b}'));
}

#[test]
fn success_is_not_rounded_up() {
    assert_eq!(percent(0.999_999), "99.99 %");
    assert_eq!(percent(1.0), "100 %");
    assert_eq!(
        (millis(9.96), millis(999.4), millis(1_000.0)),
        ("10.0 ms".into(), "999 ms".into(), "1.00 s".into())
    );
}

#[test]
fn the_page_stands_alone_and_is_well_formed() {
    let page = page::render(&comparison());
    for outside in ["http:", "https:", "src=", "href=", "url(", "<script", "@import"] {
        assert!(!page.contains(outside), "the page refers to {outside}");
    }
    assert!(page.contains("through &lt;sea&gt; &amp; &quot;worthy&quot;") && !page.contains("<sea>"));
    for element in ["svg", "table", "figure", "tr", "text", "details", "title", "desc"] {
        let opened =
            page.matches(&format!("<{element}>")).count() + page.matches(&format!("<{element} ")).count();
        assert_eq!(opened, page.matches(&format!("</{element}>")).count(), "{element}");
    }
    assert_eq!(page.matches("<polyline").count(), 4);
    assert_eq!(page.matches("role=\"img\"").count(), 2);
    for line in lines(&comparison()) {
        assert!(page.contains(&page::escape(&line.label)), "{}", line.label);
    }
}

#[test]
fn counters_are_read_from_what_the_control_listener_says() {
    let body = r#"{"service": "shop", "policies": [
        {"kind": "retry", "settings": {}, "state": {}, "effects": {"retries": 9, "recovered": 8}},
        {"kind": "breaker", "endpoint": "a", "settings": {}, "state": {}, "effects": {"opened": 1}},
        {"kind": "breaker", "endpoint": "b", "settings": {}, "state": {}, "effects": {"opened": 2, "closed": 1}}
    ]}"#;
    assert_eq!(counters(body).unwrap(), Counters { retries: 9, recovered: 8, trips: 3 });
    assert!(counters("<html>").unwrap_err().to_string().contains("policies could not be read"));
}
