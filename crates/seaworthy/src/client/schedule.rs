//! `seaworthy schedule …`

use std::process::ExitCode;

use clap::{Args, Subcommand};
use seaworthy_jobs::cron::{Daylight, explain};
use serde_json::{Value, json};

use super::job::again;
use super::output::facts;
use super::reach::segment;
use super::{Common, Done, Error, Output, Query, Reach, Table, confirmed, given_json, text};

/// See schedules, make them, run them, and have cron expressions explained.
#[derive(Debug, Args)]
pub(crate) struct Schedule {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List schedules
    List {
        /// active, paused, expired or disabled
        #[arg(long)]
        status: Option<String>,
        /// The page after the one that ended with this cursor
        #[arg(long)]
        cursor: Option<String>,
        #[arg(long, default_value_t = 50)]
        limit: usize,
        /// Show it anew every two seconds
        #[arg(long)]
        watch: bool,
    },
    /// Show a schedule, its last runs and what happened to it
    Show {
        /// Which
        name: String,
    },
    /// Make a schedule
    Add(Box<Add>),
    /// Make a schedule something else
    Change {
        /// Its whole definition: JSON, @FILE, or - for the standard input
        definition: String,
        /// Refuse where it has another version by now
        #[arg(long, value_name = "N")]
        if_version: Option<i64>,
    },
    /// Remove a schedule and its history
    Remove {
        /// Which
        name: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Fire no more ticks until it is resumed
    Pause {
        /// Which
        name: String,
        #[arg(long)]
        reason: Option<String>,
    },
    /// Run it again, from its first tick after now on
    Resume {
        /// Which
        name: String,
    },
    /// Switch it off, for running it by hand too
    Disable {
        /// Which
        name: String,
        #[arg(long)]
        reason: Option<String>,
    },
    /// Run it now, beside its ticks
    Trigger {
        /// Which
        name: String,
        /// Follow the job until it has ended
        #[arg(long)]
        watch: bool,
    },
    /// What became of its ticks, missed and skipped ones too
    Runs {
        /// Which
        name: String,
        #[arg(long)]
        cursor: Option<String>,
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// What the configuration declares against what there is
    Diff,
    /// Say in words what a cron expression means, and when it fires next
    Explain {
        /// Five fields, or six with seconds first
        expression: String,
        /// The zone its clock hangs in, by the IANA's name
        #[arg(long, value_name = "ZONE", default_value = "UTC")]
        tz: String,
        /// Firings to show
        #[arg(long, default_value_t = 5)]
        count: usize,
    },
}

#[derive(Debug, Args)]
struct Add {
    /// Its whole definition: JSON, @FILE, or - for the standard input; instead of the options
    #[arg(long, value_name = "JSON", conflicts_with_all = ["name", "kind", "cron", "every", "at"])]
    definition: Option<String>,
    /// Its name
    #[arg(required_unless_present = "definition")]
    name: Option<String>,
    /// What runs: the kind of worker
    #[arg(required_unless_present = "definition")]
    kind: Option<String>,
    /// Its arguments: JSON, @FILE, or - for the standard input
    #[arg(default_value = "null")]
    payload: String,
    #[arg(long, value_name = "EXPRESSION", conflicts_with_all = ["every", "at"])]
    cron: Option<String>,
    #[arg(long, value_name = "ZONE", default_value = "UTC", requires = "cron")]
    tz: String,
    #[arg(long, value_name = "DURATION", conflicts_with = "at")]
    every: Option<String>,
    /// Once, such as 2026-11-21T02:30:00Z
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    #[arg(long)]
    queue: Option<String>,
    /// skip, buffer_one, allow or cancel_running
    #[arg(long)]
    overlap: Option<String>,
}

impl Schedule {
    pub(crate) fn run(self) -> Done {
        let output = self.common.output();
        if let Command::Explain { expression, tz, count } = &self.command {
            // needs nobody
            if !(1..=100).contains(count) {
                return Err(Error::Usage("--count must be from 1 to 100".to_owned()));
            }
            return explained(output, expression, tz, *count);
        }
        let reach = self.common.reach()?;
        match self.command {
            Command::List { status, cursor, limit, watch } => {
                let query =
                    Query::default().and("status", status).and("cursor", cursor).and("limit", Some(limit));
                return again(watch, output, || reach.get("/api/v1/schedules", &query), listed);
            }
            Command::Show { name } => show(&reach, output, &name)?,
            Command::Add(add) => {
                let answer = reach.post("/api/v1/schedules", Some(&add.definition()?))?;
                let next = text(&answer, "/next_at");
                output.say(&answer, &format!("{} is made; next: {next}", text(&answer, "/name")));
            }
            Command::Change { definition, if_version } => {
                let definition = given_json("the definition", &definition)?;
                let name = text(&definition, "/name");
                let version = if_version.map(|version| format!("?version={version}")).unwrap_or_default();
                let path = format!("{}{version}", path(&name, ""));
                let answer = reach.order(reqwest::Method::PUT, &path, Some(&definition))?;
                output.say(&answer, &format!("{name} is changed; next: {}", text(&answer, "/next_at")));
            }
            Command::Remove { name, yes } => {
                confirmed(&format!("remove {name} and its history?"), yes)?;
                let answer = reach.order(reqwest::Method::DELETE, &path(&name, ""), None)?;
                output.say(&answer, &format!("{name} is removed"));
            }
            Command::Pause { name, reason } => switch(&reach, output, &name, "pause", reason.as_deref())?,
            Command::Resume { name } => switch(&reach, output, &name, "resume", None)?,
            Command::Disable { name, reason } => switch(&reach, output, &name, "disable", reason.as_deref())?,
            Command::Trigger { name, watch } => {
                let answer = reach.post(&path(&name, "/trigger"), None)?;
                match answer["job"].as_i64() {
                    Some(job) if watch => return super::job::follow(&reach, output, job),
                    Some(job) => output.say(&answer, &format!("{name} runs as job {job}")),
                    None => {
                        output.say(&answer, &format!("{name} was skipped: the run before it has not ended"))
                    }
                }
            }
            Command::Runs { name, cursor, limit } => {
                let query = Query::default().and("cursor", cursor).and("limit", Some(limit));
                output.show(&reach.get(&path(&name, "/runs"), &query)?, ran);
            }
            Command::Diff => return differ(&reach, output),
            Command::Explain { .. } => {}
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn path(name: &str, what: &str) -> String {
    format!("/api/v1/schedules/{}{what}", segment(name))
}

impl Add {
    fn definition(self) -> Result<Value, Error> {
        if let Some(text) = &self.definition {
            return given_json("the definition", text);
        }
        let trigger = match (self.cron, self.every, self.at) {
            (Some(cron), ..) => json!({ "type": "cron", "expression": cron, "timezone": self.tz }),
            (None, Some(every), _) => json!({ "type": "interval", "every": every }),
            (None, None, Some(at)) => json!({ "type": "at", "at": at }),
            (None, None, None) => json!({ "type": "manual" }),
        };
        let mut job = json!({ "kind": self.kind, "payload": given_json("the arguments", &self.payload)? });
        if let Some(queue) = self.queue {
            job["queue"] = queue.into();
        }
        let mut definition = json!({ "name": self.name, "trigger": trigger, "job": job });
        if let Some(overlap) = self.overlap {
            definition["overlap"] = overlap.into();
        }
        Ok(definition)
    }
}

fn switch(reach: &Reach, output: Output, name: &str, to: &str, reason: Option<&str>) -> Result<(), Error> {
    let body = reason.map(|reason| json!({ "reason": reason }));
    let answer = reach.post(&path(name, &format!("/{to}")), body.as_ref())?;
    output.say(&answer, &format!("{name} is {}", text(&answer, "/status")));
    Ok(())
}

fn listed(answer: &Value) -> String {
    let mut table =
        Table::new(&["name", "status", "runs on", "next", "last", "runs", "failures", "declared"]);
    for schedule in answer["schedules"].as_array().into_iter().flatten() {
        let declared = match (schedule["declared"] == true, schedule["drifted"] == true) {
            (true, true) => "drifted",
            (true, false) => "yes",
            _ => "no",
        };
        table.row([
            text(schedule, "/name"),
            text(schedule, "/status"),
            trigger(&schedule["definition"]["trigger"]),
            text(schedule, "/next_at"),
            text(schedule, "/last_at"),
            text(schedule, "/executions"),
            text(schedule, "/failures"),
            declared.to_owned(),
        ]);
    }
    table.page(answer)
}

fn trigger(trigger: &Value) -> String {
    match trigger["type"].as_str().unwrap_or_default() {
        "cron" => format!("{} {}", text(trigger, "/expression"), text(trigger, "/timezone")),
        "interval" => format!("every {}", text(trigger, "/every")),
        "at" => format!("at {}", text(trigger, "/at")),
        "dependency" => {
            let on = trigger["on"].as_array().into_iter().flatten().filter_map(Value::as_str);
            format!("after {}", on.collect::<Vec<_>>().join(", "))
        }
        _ => "by hand".to_owned(),
    }
}

fn show(reach: &Reach, output: Output, name: &str) -> Result<(), Error> {
    let schedule = reach.get(&path(name, ""), &Query::default())?;
    let runs = reach.get(&path(name, "/runs"), &Query::default().and("limit", Some(10)))?;
    let events = reach.get(&path(name, "/events"), &Query::default())?;
    let whole = json!({ "schedule": schedule, "runs": runs["runs"], "events": events["events"] });
    output.show(&whole, |whole| {
        let mut out = facts(
            &whole["schedule"],
            &[
                ("name", "/name"),
                ("status", "/status"),
                ("reason", "/reason"),
                ("next", "/next_at"),
                ("last", "/last_at"),
                ("runs", "/executions"),
                ("failures", "/failures"),
                ("drifted", "/drifted"),
                ("version", "/version"),
                ("definition", "/definition"),
            ],
        );
        out.push_str(&format!("\n{}", ran(whole)));
        let columns = [("at", "/at"), ("event", "/event"), ("detail", "/detail")];
        out.push_str(&format!("\n{}", Table::of(&whole["events"], &columns)));
        out
    });
    Ok(())
}

fn ran(answer: &Value) -> String {
    let columns = [
        ("tick", "/tick"),
        ("outcome", "/outcome"),
        ("cause", "/cause"),
        ("count", "/count"),
        ("job", "/job"),
        ("finished", "/finished_at"),
        ("note", "/note"),
    ];
    Table::of(&answer["runs"], &columns).page(answer)
}

/// Fails where something differs, as `diff` does.
fn differ(reach: &Reach, output: Output) -> Done {
    let answer = reach.get("/api/v1/schedule-drift", &Query::default())?;
    let mut table = Table::new(&["schedule", "difference"]);
    let mut differs = false;
    for (field, says) in [
        ("created", "declared, and not there"),
        ("changed", "its declaration changed"),
        ("adopted", "made by hand, and declared"),
        ("removed", "there, and declared no longer"),
    ] {
        for name in answer[field].as_array().into_iter().flatten().filter_map(Value::as_str) {
            differs = true;
            table.row([name.to_owned(), says.to_owned()]);
        }
    }
    for drift in answer["drifted"].as_array().into_iter().flatten() {
        differs = true;
        let fields = drift["fields"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let fields = fields.collect::<Vec<_>>().join(", ");
        table.row([text(drift, "/name"), format!("changed by hand: {fields}")]);
    }
    output.show(
        &answer,
        |_| if differs { table.to_string() } else { "schedules are as declared\n".to_owned() },
    );
    Ok(if differs { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn explained(output: Output, expression: &str, zone: &str, count: usize) -> Done {
    let now = std::time::SystemTime::now().into();
    let explained = explain(expression, zone, Daylight::default(), now, count);
    let explained = explained.map_err(|error| Error::Usage(error.to_string()))?;
    let answer = serde_json::to_value(&explained).map_err(|error| Error::Other(error.to_string()))?;
    output.show(&answer, |answer| {
        let mut out = format!("{}, {}\n", text(answer, "/words"), text(answer, "/timezone"));
        out.push_str(&format!("when clocks change: {}\n\n", text(answer, "/daylight")));
        let columns = [("next", "/local"), ("utc", "/utc")];
        out.push_str(&Table::of(&answer["next"], &columns).to_string());
        out
    });
    Ok(ExitCode::SUCCESS)
}
