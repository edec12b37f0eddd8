//! `seaworthy queue …`

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::job::again;
use super::reach::segment;
use super::{Common, Done, Error, Query, Table, text};

/// See queues, pause them, limit them.
#[derive(Debug, Args)]
pub(crate) struct Queue {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List all queues
    List {
        /// Show it anew every two seconds
        #[arg(long)]
        watch: bool,
    },
    /// Begin nothing of a queue until it is resumed
    Pause {
        /// Which
        name: String,
    },
    /// Go on with a queue
    Resume {
        /// Which
        name: String,
    },
    /// Set what a queue as a whole may do; what is not given is not limited
    Limit {
        /// Which
        name: String,
        /// Jobs of it that run at once, over all workers
        #[arg(long, value_name = "N")]
        max_running: Option<u32>,
        /// Starts per time, such as 100/1s
        #[arg(long, value_name = "N/DURATION")]
        rate: Option<String>,
        /// Starts at once after a quiet time
        #[arg(long, value_name = "N", requires = "rate")]
        burst: Option<u32>,
    },
}

impl Queue {
    pub(crate) fn run(self) -> Done {
        let (reach, output) = (self.common.reach()?, self.common.output());
        let path = |name: &str, what: &str| format!("/api/v1/queues/{}/{what}", segment(name));
        let answer = match self.command {
            Command::List { watch } => {
                return again(
                    watch,
                    output,
                    || reach.get("/api/v1/queues", &Query::default()),
                    |all| listed(&all["queues"]),
                );
            }
            Command::Pause { name } => reach.post(&path(&name, "pause"), None)?,
            Command::Resume { name } => reach.post(&path(&name, "resume"), None)?,
            Command::Limit { name, max_running, rate, burst } => {
                let rate = rate.as_deref().map(|rate| self::rate(rate, burst)).transpose()?;
                let body = json!({ "max_running": max_running, "rate": rate });
                reach.order(reqwest::Method::PUT, &path(&name, "limits"), Some(&body))?
            }
        };
        output.show(&answer, |queue| listed(&json!([queue])));
        Ok(ExitCode::SUCCESS)
    }
}

pub(super) fn rate(text: &str, burst: Option<u32>) -> Result<Value, Error> {
    let usage = || Error::Usage("--rate is N/DURATION, such as 100/1s".to_owned());
    let (starts, per) = text.split_once('/').ok_or_else(usage)?;
    let starts: u32 = starts.parse().map_err(|_| usage())?;
    Ok(json!({ "starts": starts, "per": per, "burst": burst.unwrap_or(1) }))
}

fn listed(queues: &Value) -> String {
    let mut table = Table::new(&[
        "queue",
        "available",
        "scheduled",
        "pending",
        "running",
        "retryable",
        "dead",
        "oldest",
        "limits",
    ]);
    for queue in queues.as_array().into_iter().flatten() {
        let depth = |state: &str| text(queue, &format!("/depth/{state}"));
        let mut limits = Vec::new();
        if queue["paused"] == true {
            limits.push("paused".to_owned());
        }
        if let Some(most) = queue["max_running"].as_u64() {
            limits.push(format!("{most} at once"));
        }
        if queue["rate"].is_object() {
            limits.push(format!("{} per {}", text(queue, "/rate/starts"), text(queue, "/rate/per")));
        }
        let states = ["available", "scheduled", "pending", "running", "retryable", "discarded"];
        let cells = std::iter::once(text(queue, "/name")).chain(states.into_iter().map(depth));
        table.row(cells.chain([text(queue, "/oldest"), limits.join(", ")]));
    }
    table.to_string()
}
