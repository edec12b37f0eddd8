//! A dashboard for Grafana, on the recorded rules of [`prometheus`](super::prometheus).

use super::Measured;
use super::prometheus::{share, span, trimmed};
use serde_json::{Value, json};

/// Of the dashboard's JSON, as Grafana 11 writes it.
const SCHEMA: u32 = 39;
/// The width of the grid.
const WIDTH: usize = 24;
const ROW: usize = 8;

/// The dashboard, ready to be imported; it asks which Prometheus to use.
pub fn dashboard(objectives: &[Measured]) -> Value {
    let mut panels = Vec::new();
    for (at, measured) in objectives.iter().enumerate() {
        panels.extend(row(at, measured));
    }
    json!({
        "title": "Objectives",
        "uid": "seaworthy-objectives",
        "schemaVersion": SCHEMA,
        "version": 1,
        "editable": true,
        "refresh": "1m",
        "tags": ["seaworthy"],
        "time": { "from": "now-24h", "to": "now" },
        "timezone": "",
        "annotations": { "list": [] },
        "templating": { "list": [{
            "name": "source", "label": "Prometheus", "type": "datasource", "query": "prometheus", "current": {},
        }] },
        "panels": panels,
    })
}

fn row(at: usize, measured: &Measured) -> Vec<Value> {
    let objective = &measured.objective;
    let which = format!("{{objective=\"{}\"}}", objective.name);
    let budget = trimmed(objective.budget());
    let over = |window| format!("{}{which}", share(&span(window)));
    let left = format!("1 - {} / {budget}", over(objective.window));
    let good = format!("1 - {}", over(objective.window));
    let mut burns: Vec<_> = objective.burn_rates.iter().flat_map(|burn| [burn.short, burn.long]).collect();
    burns.sort();
    burns.dedup();
    let burns = burns.into_iter().map(|window| (format!("{} / {budget}", over(window)), span(window)));
    let y = at * ROW;
    let stat = |offset: usize, name: &str, expression: String| {
        let title = format!("{}: {name}", objective.name);
        let mut panel = panel(at * 3 + offset + 1, &title, "stat", (offset * 6, y, 6));
        panel["targets"] = json!([target("A", expression, "")]);
        panel["fieldConfig"] =
            json!({ "defaults": { "unit": "percentunit", "decimals": 3 }, "overrides": [] });
        panel
    };
    let mut rates =
        panel(at * 3 + 3, &format!("{}: burn rate by window", objective.name), "timeseries", (12, y, 12));
    let targets: Vec<Value> = burns
        .enumerate()
        .map(|(at, (expression, window))| target(&letter(at), expression, &window))
        .collect();
    rates["targets"] = Value::Array(targets);
    rates["fieldConfig"] = json!({ "defaults": { "unit": "none", "min": 0 }, "overrides": [] });
    vec![stat(0, "budget left", left), stat(1, "good requests", good), rates]
}

fn panel(id: usize, title: &str, kind: &str, (x, y, width): (usize, usize, usize)) -> Value {
    json!({
        "id": id,
        "title": title,
        "type": kind,
        "datasource": { "type": "prometheus", "uid": "${source}" },
        "gridPos": { "x": x.min(WIDTH), "y": y, "w": width, "h": ROW },
        "options": {},
    })
}

fn target(id: &str, expression: String, legend: &str) -> Value {
    json!({
        "refId": id,
        "expr": expression,
        "legendFormat": legend,
        "datasource": { "type": "prometheus", "uid": "${source}" },
    })
}

/// A, B, C, …: there are at most sixteen.
fn letter(at: usize) -> String {
    char::from(b'A' + u8::try_from(at).unwrap_or(25).min(25)).to_string()
}
