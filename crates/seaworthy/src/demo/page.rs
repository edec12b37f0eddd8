//! The comparison as one page: no script, nothing loaded from elsewhere, readable in light and dark and by a reader.

mod chart;

use std::fmt::Write as _;

use seaworthy_trials::load::{Report, Second};

use super::compare::{Comparison, Line, lines, millis, percent};
use chart::{Chart, Series, Tick};

const STYLE: &str = include_str!("page/style.css");
/// The scale of waiting: 1 ms to 10 s, each step ten times the last.
const DECADES: f64 = 4.0;

pub(super) fn render(comparison: &Comparison) -> String {
    let (direct, gateway) = (&comparison.direct.report, &comparison.gateway.report);
    let summary = format!(
        "The same failing service under the same load: {} of requests got a good answer directly, {} through Seaworthy.",
        percent(direct.success_rate),
        percent(gateway.success_rate)
    );
    format!(
        r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Seaworthy demo</title>
<style>{STYLE}</style>
</head>
<body>
<main>
<h1>A fragile service, directly and through Seaworthy</h1>
<p>{}</p>
<p class="how">Three replicas fail on purpose on seed {}; {} requests per second arrive on a fixed schedule, and every
wait counts from when the request was due.</p>
{}
{}
<h2>Side by side</h2>
{}
<details><summary>Second by second</summary>
{}
</details>
</main>
</body>
</html>
"#,
        escape(&summary),
        comparison.seed,
        direct.rate,
        success(comparison).svg(),
        latency(comparison).svg(),
        side_by_side(comparison),
        second_by_second(direct, gateway),
    )
}

fn success(comparison: &Comparison) -> Chart {
    let share = |second: &Second| {
        let all = second.ok + second.failures.total();
        second.ok as f64 / all.max(1) as f64
    };
    let ticks = [0, 25, 50, 75, 100];
    Chart {
        id: "success",
        title: "Good answers, by second",
        description: described(comparison, "good answers", &|report| percent(report.success_rate)),
        ticks: ticks.map(|tick| Tick { at: f64::from(tick) / 100.0, label: format!("{tick} %") }).to_vec(),
        series: both(comparison, &share),
    }
}

fn latency(comparison: &Comparison) -> Chart {
    let height = |second: &Second| (second.p95_ms.max(1.0).log10() / DECADES).min(1.0);
    let ticks = ["1 ms", "10 ms", "100 ms", "1 s", "10 s"];
    let tick = |(i, label): (usize, &str)| Tick { at: i as f64 / DECADES, label: label.to_owned() };
    Chart {
        id: "latency",
        title: "95 of 100 requests took at most, by second",
        description: described(comparison, "95th percentile", &|report| millis(report.latency.p95_ms)),
        ticks: ticks.into_iter().enumerate().map(tick).collect(),
        series: both(comparison, &height),
    }
}

fn described(comparison: &Comparison, what: &str, value: &dyn Fn(&Report) -> String) -> String {
    let (direct, gateway) = (&comparison.direct, &comparison.gateway);
    format!(
        "Over the whole run, {what}: {} {}, {} {}.",
        direct.name,
        value(&direct.report),
        gateway.name,
        value(&gateway.report)
    )
}

fn both(comparison: &Comparison, height: &dyn Fn(&Second) -> f64) -> [Series; 2] {
    [(&comparison.direct, "direct"), (&comparison.gateway, "gateway")].map(|(side, class)| Series {
        name: side.name,
        class,
        points: side.report.series.iter().map(height).collect(),
    })
}

fn side_by_side(comparison: &Comparison) -> String {
    let mut out = format!(
        "<table><thead><tr><td></td><th scope=\"col\">{}</th><th scope=\"col\">{}</th></tr></thead>\n<tbody>\n",
        escape(comparison.direct.name),
        escape(comparison.gateway.name)
    );
    for Line { label, direct, gateway } in lines(comparison) {
        let (label, direct, gateway) = (escape(&label), escape(&direct), escape(&gateway));
        let row = format!("<tr><th scope=\"row\">{label}</th><td>{direct}</td><td>{gateway}</td></tr>");
        let _infallible = writeln!(out, "{row}");
    }
    out + "</tbody></table>"
}

fn second_by_second(direct: &Report, gateway: &Report) -> String {
    let mut out = String::from(
        "<table><thead><tr><th scope=\"col\">second</th><th scope=\"col\">direct: good</th><th scope=\"col\">failed</th>\
         <th scope=\"col\">p95</th><th scope=\"col\">seaworthy: good</th><th scope=\"col\">failed</th>\
         <th scope=\"col\">p95</th></tr></thead>\n<tbody>\n",
    );
    for (direct, gateway) in direct.series.iter().zip(&gateway.series) {
        let cells = |second: &Second| {
            let failed = second.failures.total();
            format!("<td>{}</td><td>{failed}</td><td>{}</td>", second.ok, millis(second.p95_ms))
        };
        let row =
            format!("<tr><th scope=\"row\">{}</th>{}{}</tr>", direct.second, cells(direct), cells(gateway));
        let _infallible = writeln!(out, "{row}");
    }
    out + "</tbody></table>"
}

/// Text as it may stand in an element or a quoted attribute.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}
