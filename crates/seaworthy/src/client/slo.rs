//! `seaworthy slo`

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use reqwest::Method;
use serde_json::Value;

use super::output::print;
use super::{Common, Done, Error, Query, Table, text};

/// See what was promised, and how much of what may fail is left.
#[derive(Debug, Args)]
pub(crate) struct Slo {
    #[command(flatten)]
    common: Common,
    /// Print the objectives as rules for a Prometheus
    #[arg(long, conflicts_with = "grafana")]
    prometheus_rules: bool,
    /// Print the objectives as a dashboard for Grafana
    #[arg(long)]
    grafana: bool,
}

impl Slo {
    pub(crate) fn run(self) -> Done {
        let (reach, output) = (self.common.reach()?, self.common.output());
        if self.prometheus_rules {
            let request = reach.request(Method::GET, "/api/v1/objectives/prometheus-rules");
            print(&reach.send(request)?.text().map_err(|error| Error::Other(error.to_string()))?);
        } else if self.grafana {
            let dashboard = reach.get("/api/v1/objectives/grafana-dashboard", &Query::default())?;
            print(&format!("{dashboard:#}\n"));
        } else {
            output.show(&reach.get("/api/v1/objectives", &Query::default())?, listed);
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// A share as percent, with as many digits as tell it from 100.
fn percent(ratio: &Value, digits: usize) -> String {
    ratio.as_f64().map_or_else(String::new, |ratio| format!("{:.digits$} %", ratio * 100.0))
}

/// A length in its greatest unit.
pub(super) fn rough(seconds: f64) -> String {
    let length = Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or_default().as_secs();
    let units = [(86_400, "d"), (3_600, "h"), (60, "m")];
    let unit = units.into_iter().find(|(unit, _)| length >= 2 * unit);
    unit.map_or_else(|| format!("{length}s"), |(unit, name)| format!("{}{name}", length / unit))
}

fn listed(answer: &Value) -> String {
    let titles = [
        "objective",
        "kind",
        "target",
        "window",
        "requests",
        "good",
        "budget left",
        "burn rates",
        "empty in",
        "note",
    ];
    let mut table = Table::new(&titles);
    for one in answer["objectives"].as_array().into_iter().flatten() {
        let status = &one["status"];
        let burns = status["burn_rates"].as_array().into_iter().flatten();
        let is_breached = burns.clone().any(|burn| burn["breached"] == true);
        let rate = |burn: &Value| {
            let rate =
                burn["long_burn_rate"].as_f64().map_or_else(|| "-".to_owned(), |rate| format!("{rate:.1}"));
            format!("{rate}/{}", text(burn, "/long_window"))
        };
        let rates: Vec<_> = burns.map(rate).collect();
        let empty = match (status["exhausted_in_seconds"].as_f64(), status.is_object()) {
            (Some(0.0), _) => "is empty".to_owned(),
            (Some(seconds), _) => rough(seconds),
            (None, true) => "lasts".to_owned(),
            (None, false) => String::new(),
        };
        let note = if is_breached { "burns too fast".to_owned() } else { text(one, "/error") };
        table.row([
            text(one, "/name"),
            text(one, "/indicator"),
            percent(&one["target_ratio"], 3),
            text(one, "/window"),
            status["requests"].as_f64().map_or_else(String::new, |requests| format!("{requests:.0}")),
            percent(&status["good_ratio"], 3),
            percent(&status["budget_left_ratio"], 1),
            rates.join(" "),
            empty,
            note,
        ]);
    }
    table.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn budgets_are_a_table() {
        let burn = json!({ "long_window": "1h", "long_burn_rate": 20.04, "breached": true });
        let answer = json!({ "objectives": [
            { "name": "shop", "indicator": "availability", "target_ratio": 0.999, "window": "30d", "status": {
                "requests": 1000.0, "good_ratio": 0.98, "budget_left_ratio": -19.0, "exhausted_in_seconds": 0.0,
                "burn_rates": [burn] } },
            { "name": "quiet", "indicator": "latency", "target_ratio": 0.99, "window": "7d", "status": {
                "requests": 0.0, "good_ratio": null, "burn_rates": [{ "long_window": "1h", "long_burn_rate": null }] } },
            { "name": "lost", "indicator": "latency", "target_ratio": 0.99, "window": "7d", "error": "no bound" },
        ]});
        let expected = expect_test::expect![[r#"
            OBJECTIVE  KIND          TARGET    WINDOW  REQUESTS  GOOD      BUDGET LEFT  BURN RATES  EMPTY IN  NOTE
            shop       availability  99.900 %  30d     1000      98.000 %  -1900.0 %    20.0/1h     is empty  burns too fast
            quiet      latency       99.000 %  7d      0         -         -            -/1h        lasts     -
            lost       latency       99.000 %  7d      -         -         -            -           -         no bound
        "#]];
        expected.assert_eq(&listed(&answer));
        assert_eq!((rough(59.9), rough(7_200.0), rough(200_000.0)), ("59s".into(), "2h".into(), "2d".into()));
    }
}
