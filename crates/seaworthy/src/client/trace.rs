//! `seaworthy trace …`, `seaworthy requests`

use std::process::ExitCode;

use clap::Args;
use serde_json::Value;

use super::job::again;
use super::reach::segment;
use super::{Common, Done, Query, Table, text};

/// Show what happened to a request: its phases and attempts.
#[derive(Debug, Args)]
pub(crate) struct Trace {
    #[command(flatten)]
    common: Common,
    /// The request's id, as its client was told in x-request-id; or the trace's
    id: String,
    /// Columns of the bars
    #[arg(long, value_name = "N", default_value_t = 30)]
    width: usize,
    /// Draw with plain ASCII
    #[arg(long)]
    ascii: bool,
}

impl Trace {
    pub(crate) fn run(self) -> Done {
        let (reach, output) = (self.common.reach()?, self.common.output());
        let query = Query::default().and("width", Some(self.width)).and("ascii", Some(self.ascii));
        let answer = reach.get(&format!("/api/v1/requests/{}", segment(&self.id)), &query)?;
        output.show(&answer, drawn);
        Ok(ExitCode::SUCCESS)
    }
}

/// Lines stay lines; other control characters do not reach the terminal.
fn drawn(answer: &Value) -> String {
    let trees = answer["requests"].as_array().into_iter().flatten().filter_map(|one| one["tree"].as_str());
    let trees: Vec<&str> = trees.map(str::trim_end).collect();
    let plain = |c: char| if c.is_control() && c != '\n' { ' ' } else { c };
    format!("{}\n", trees.join("\n\n").chars().map(plain).collect::<String>())
}

/// List the latest requests that are kept; failed and slow ones are kept longer.
#[derive(Debug, Args)]
pub(crate) struct Requests {
    #[command(flatten)]
    common: Common,
    #[arg(long)]
    service: Option<String>,
    #[arg(long)]
    route: Option<String>,
    /// The hundred of the status: 5 is 500 to 599
    #[arg(long, value_name = "1-5")]
    class: Option<u16>,
    /// Failed ones only
    #[arg(long)]
    failed: bool,
    /// Those that took at least so long, such as 100ms
    #[arg(long, value_name = "DURATION")]
    min: Option<String>,
    /// Those that began before, such as 2026-11-21T02:30:00Z
    #[arg(long, value_name = "TIME")]
    before: Option<String>,
    /// How many, 1000 at the most
    #[arg(short = 'n', long, value_name = "N")]
    limit: Option<usize>,
    /// Show it anew every two seconds
    #[arg(long)]
    watch: bool,
}

impl Requests {
    pub(crate) fn run(self) -> Done {
        let (reach, output) = (self.common.reach()?, self.common.output());
        let look = || {
            let query = Query::default()
                .and("service", self.service.as_ref())
                .and("route", self.route.as_ref())
                .and("class", self.class)
                .and("failed", Some(self.failed))
                .and("min", self.min.as_ref())
                .and("before", self.before.as_ref())
                .and("limit", self.limit);
            reach.get("/api/v1/requests", &query)
        };
        again(self.watch, output, look, listed)
    }
}

fn listed(answer: &Value) -> String {
    let titles = ["began", "status", "took", "method", "path", "service", "reason", "id"];
    let mut table = Table::new(&titles);
    for one in answer["requests"].as_array().into_iter().flatten() {
        let took = one["duration_ms"].as_f64().map_or_else(String::new, |took| format!("{took:.1} ms"));
        let plain = |pointer| text(one, pointer);
        table.row([
            plain("/started_at"),
            plain("/status"),
            took,
            plain("/method"),
            plain("/path"),
            plain("/service"),
            plain("/reason"),
            plain("/request_id"),
        ]);
    }
    match text(answer, "/next_before") {
        before if before.is_empty() => table.to_string(),
        before => format!("{table}more: --before '{before}'\n"),
    }
}
