//! One look as text.

use serde_json::Value;

use super::super::slo::rough;
use super::super::{Table, text};

/// Alerts that are named.
const MOST_ALERTS: usize = 10;

/// A frame over the whole screen: drawn over the one before, so that nothing flickers.
pub(super) fn screen(frame: &str, (_, lines): (usize, usize)) -> String {
    let shown = frame.lines().take(lines).map(|line| format!("{line}\x1b[K"));
    format!("\x1b[H{}\x1b[J", shown.collect::<Vec<_>>().join("\r\n"))
}

/// What a snapshot says, within so many columns and lines.
pub(super) fn draw(snapshot: &Value, trouble: Option<&str>, (columns, lines): (usize, usize)) -> String {
    let mut parts = vec![head(snapshot, trouble)];
    parts.push(services(&snapshot["services"]));
    parts.extend(endpoints(&snapshot["services"]));
    parts.extend(queues(&snapshot["queues"]));
    parts.extend(objectives(&snapshot["objectives"]));
    parts.push(alerts(&snapshot["alerts"]));
    let whole = parts.join("\n");
    let cut = |line: &str| line.chars().take(columns).collect::<String>();
    let shown: Vec<String> =
        whole.lines().take(lines.max(1)).map(|line| cut(line).trim_end().to_owned()).collect();
    shown.join("\n") + "\n"
}

fn number(value: &Value, show: impl Fn(f64) -> String) -> String {
    value.as_f64().map_or_else(|| "-".to_owned(), show)
}

/// Seconds with a unit in which they are read easily.
fn seconds(value: f64) -> String {
    match value {
        small if small < 0.001 => format!("{:.0} µs", small * 1e6),
        small if small < 1.0 => format!("{:.0} ms", small * 1e3),
        _ if value < 100.0 => format!("{value:.1} s"),
        _ => rough(value),
    }
}

fn percent(ratio: f64) -> String {
    format!("{:.1} %", ratio * 100.0)
}

fn head(snapshot: &Value, trouble: Option<&str>) -> String {
    let process = &snapshot["process"];
    let mib = |bytes: f64| format!("{:.0} MiB", bytes / f64::from(1 << 20));
    let whole = |count: f64| format!("{count:.0}");
    let mut out = format!(
        "seaworthy {}  cpu {} cores  memory {}  descriptors {}/{}  threads {}  up {}\n",
        text(snapshot, "/at").get(..19).unwrap_or("-"),
        number(&process["cpu_cores"], |cores| format!("{cores:.2}")),
        number(&process["memory_resident_bytes"], mib),
        number(&process["file_descriptors"], whole),
        number(&process["file_descriptors_max"], whole),
        number(&process["threads"], whole),
        number(&process["uptime_seconds"], rough),
    );
    if let Some(trouble) = trouble {
        let plain: String = trouble.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        out.push_str(&format!("! {plain}\n"));
    }
    out
}

fn services(services: &Value) -> String {
    let mut table = Table::new(&["service", "req/s", "errors", "p50", "p95", "p99", "healthy", "breakers"]);
    for service in services.as_array().into_iter().flatten() {
        let endpoints = service["endpoints"].as_array().map(Vec::as_slice).unwrap_or_default();
        let well = endpoints.iter().filter(|one| one["healthy"] == true && one["ejected"] != true).count();
        let phases = endpoints.iter().map(|one| text(one, "/breaker")).filter(|phase| !phase.is_empty());
        let mut unlike: Vec<String> = phases.clone().filter(|phase| phase != "closed").collect();
        unlike.sort();
        unlike.dedup();
        let breakers = match (phases.count(), unlike.is_empty()) {
            (0, _) => String::new(),
            (_, true) => "closed".to_owned(),
            (_, false) => unlike.join(", "),
        };
        table.row([
            text(service, "/name"),
            number(&service["requests_per_second"], |rate| format!("{rate:.1}")),
            number(&service["error_ratio"], percent),
            number(&service["p50_seconds"], seconds),
            number(&service["p95_seconds"], seconds),
            number(&service["p99_seconds"], seconds),
            format!("{well}/{}", endpoints.len()),
            breakers,
        ]);
    }
    table.to_string()
}

/// Endpoints with something to say: the others are counted above.
fn endpoints(services: &Value) -> Option<String> {
    let mut table = Table::new(&["endpoint", "service", "state", "connections"]);
    let mut any = false;
    for service in services.as_array().into_iter().flatten() {
        for one in service["endpoints"].as_array().into_iter().flatten() {
            let breaker = text(one, "/breaker");
            let mut states = Vec::new();
            if one["healthy"] == false {
                states.push("unhealthy".to_owned());
            }
            if one["ejected"] == true {
                states.push("ejected".to_owned());
            }
            if !breaker.is_empty() && breaker != "closed" {
                states.push(format!("breaker {breaker}"));
            }
            if states.is_empty() {
                continue;
            }
            any = true;
            table.row([
                text(one, "/url"),
                text(service, "/name"),
                states.join(", "),
                text(one, "/connections"),
            ]);
        }
    }
    any.then(|| table.to_string())
}

fn queues(queues: &Value) -> Option<String> {
    let queues = queues.as_array().filter(|queues| !queues.is_empty())?;
    let mut table = Table::new(&["queue", "available", "running", "waiting", "dead", "oldest", ""]);
    for queue in queues {
        table.row([
            text(queue, "/name"),
            text(queue, "/available"),
            text(queue, "/running"),
            text(queue, "/waiting"),
            text(queue, "/dead"),
            number(&queue["oldest_seconds"], rough),
            if queue["paused"] == true { "paused".to_owned() } else { " ".to_owned() },
        ]);
    }
    Some(table.to_string())
}

fn objectives(objectives: &Value) -> Option<String> {
    let objectives = objectives.as_array().filter(|objectives| !objectives.is_empty())?;
    let mut table = Table::new(&["objective", "budget left", "burn rate", "empty in"]);
    for one in objectives {
        let empty = one["exhausted_in_seconds"].as_f64().map_or_else(|| "lasts".to_owned(), rough);
        table.row([
            text(one, "/name"),
            number(&one["budget_left_ratio"], percent),
            number(&one["burn_rate"], |rate| format!("{rate:.1}")),
            empty,
        ]);
    }
    Some(table.to_string())
}

fn alerts(alerts: &Value) -> String {
    let list = alerts["list"].as_array().map(Vec::as_slice).unwrap_or_default();
    if list.is_empty() {
        return "no alert is firing\n".to_owned();
    }
    let mut table = Table::new(&["alert", "severity", "for", "state", "summary"]);
    for alert in list.iter().take(MOST_ALERTS) {
        let held = text(alert, "/held");
        table.row([
            text(alert, "/name"),
            text(alert, "/severity"),
            number(&alert["since_seconds"], rough),
            if held.is_empty() { "firing".to_owned() } else { held },
            text(alert, "/summary"),
        ]);
    }
    let firing = alerts["firing"].as_u64().unwrap_or_default();
    match firing.saturating_sub(MOST_ALERTS as u64) {
        0 => table.to_string(),
        more => format!("{table}and {more} more: seaworthy alert list\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn snapshot() -> Value {
        json!({
            "at": "2026-11-22T04:05:06.789Z",
            "process": { "cpu_cores": 0.256, "memory_resident_bytes": 52_428_800.0, "file_descriptors": 40.0,
                "file_descriptors_max": 1024.0, "threads": 12.0, "uptime_seconds": 7_300.0 },
            "services": [
                { "name": "shop", "requests_per_second": 12.34, "error_ratio": 0.025, "p50_seconds": 0.0042,
                  "p95_seconds": 0.25, "p99_seconds": 2.5, "endpoints": [
                    { "url": "http://a", "healthy": true, "ejected": false, "breaker": "closed", "connections": 3 },
                    { "url": "http://b", "healthy": false, "ejected": false, "breaker": "open", "connections": 0 }] },
                { "name": "still\u{1b}[31m", "requests_per_second": null, "endpoints": [] },
            ],
            "queues": [{ "name": "mail", "paused": true, "available": 3, "running": 1, "waiting": 2, "dead": 4,
                "oldest_seconds": 130.0 }],
            "objectives": [{ "name": "shop", "budget_left_ratio": 0.5, "burn_rate": 14.41, "exhausted_in_seconds": 90_000.0 }],
            "alerts": { "firing": 12, "list": [
                { "name": "HighErrorRate", "severity": "critical", "since_seconds": 61.0, "summary": "2 % fail" }] },
        })
    }

    #[test]
    fn everything_has_its_place() {
        let expected = expect_test::expect![[r#"
            seaworthy 2026-11-22T04:05:06  cpu 0.26 cores  memory 50 MiB  descriptors 40/1024  threads 12  up 2h
            ! no answer

            SERVICE     REQ/S  ERRORS  P50   P95     P99    HEALTHY  BREAKERS
            shop        12.3   2.5 %   4 ms  250 ms  2.5 s  1/2      open
            still [31m  -      -       -     -       -      0/0      -

            ENDPOINT  SERVICE  STATE                    CONNECTIONS
            http://b  shop     unhealthy, breaker open  0

            QUEUE  AVAILABLE  RUNNING  WAITING  DEAD  OLDEST
            mail   3          1        2        4     2m      paused

            OBJECTIVE  BUDGET LEFT  BURN RATE  EMPTY IN
            shop       50.0 %       14.4       25h

            ALERT          SEVERITY  FOR  STATE   SUMMARY
            HighErrorRate  critical  61s  firing  2 % fail
            and 2 more: seaworthy alert list
        "#]];
        expected.assert_eq(&draw(&snapshot(), Some("no answer\u{7}"), (200, 100)));
    }

    #[test]
    fn a_frame_fits_its_screen() {
        for (columns, lines) in [(1, 1), (10, 3), (40, 8), (500, 500)] {
            let frame = draw(&snapshot(), None, (columns, lines));
            assert!(
                frame.lines().count() <= lines && frame.lines().all(|line| line.chars().count() <= columns)
            );
            let whole = screen(&frame, (columns, lines));
            assert_eq!(
                whole.matches('\n').count() + 1,
                frame.lines().count(),
                "the last line must not scroll"
            );
        }
    }

    #[test]
    fn nothing_is_known_at_first() {
        let empty = json!({ "at": "", "process": {}, "services": [], "queues": null, "objectives": [], "alerts": {} });
        let frame = draw(&empty, None, (120, 50));
        assert!(frame.contains("cpu - cores") && frame.ends_with("no alert is firing\n"), "{frame}");
    }
}
