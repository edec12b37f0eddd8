//! `seaworthy job …`

mod watch;

pub(crate) use watch::{again, follow};

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::output::facts;
use super::{Common, Done, Error, Query, Table, given_json, pair, text};

/// Enqueue jobs, watch them, call them off.
#[derive(Debug, Args)]
pub(crate) struct Job {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Enqueue a job
    Add(Box<Add>),
    /// List jobs, newest first
    List(List),
    /// Show a job, its arguments, its result and its history
    Show {
        /// Its number
        id: i64,
        /// Follow it until it has ended; succeeds where it was completed
        #[arg(long)]
        watch: bool,
    },
    /// Show what a job said while it ran; a command's output stands in its result
    Logs {
        /// Its number
        id: i64,
    },
    /// Call a job off
    Cancel {
        /// Its number
        id: i64,
    },
    /// Try a job that waits for its next attempt now
    Retry {
        /// Its number
        id: i64,
    },
}

#[derive(Debug, Args)]
struct Add {
    /// The kind of worker: http, command, or one of a program of yours
    kind: String,
    /// Its arguments: JSON, @FILE, or - for the standard input
    #[arg(default_value = "null")]
    payload: String,
    #[arg(long)]
    queue: Option<String>,
    /// From 1, first, to 10, last
    #[arg(long)]
    priority: Option<u8>,
    /// Not before this, such as 2026-11-21T02:30:00Z
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// Not before so long from now, such as 10m
    #[arg(long, value_name = "DURATION", conflicts_with = "at")]
    after: Option<String>,
    /// No second job of this kind with this key while it is unfinished
    #[arg(long, value_name = "KEY")]
    unique: Option<String>,
    /// … or for so long
    #[arg(long, value_name = "DURATION", requires = "unique")]
    unique_for: Option<String>,
    /// At most so many jobs with this key at once: KEY or KEY=LIMIT
    #[arg(long, value_name = "KEY[=LIMIT]")]
    concurrency: Option<String>,
    /// Not before these jobs were completed
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    depends_on: Vec<i64>,
    /// The batch it is part of
    #[arg(long, value_name = "ID")]
    batch: Option<i64>,
    /// Attempts in all; for more of it, --retry
    #[arg(long, conflicts_with = "retry")]
    attempts: Option<u32>,
    /// When it is tried again: JSON such as {"max_attempts": 5, "backoff": "fixed", "delay": "30s"}
    #[arg(long, value_name = "JSON")]
    retry: Option<String>,
    /// Longest time for one attempt
    #[arg(long, value_name = "DURATION")]
    timeout: Option<String>,
    /// A fact about it
    #[arg(long = "meta", value_name = "KEY=VALUE", value_parser = pair)]
    metadata: Vec<(String, String)>,
    #[arg(long = "tag")]
    tags: Vec<String>,
    /// The same command again with the same key adds nothing, for a day
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// Follow it until it has ended; succeeds where it was completed
    #[arg(long)]
    watch: bool,
}

#[derive(Debug, Args)]
struct List {
    #[arg(long)]
    queue: Option<String>,
    #[arg(long)]
    kind: Option<String>,
    /// available, scheduled, pending, running, retryable, completed, cancelled or discarded
    #[arg(long)]
    state: Option<String>,
    #[arg(long)]
    batch: Option<i64>,
    #[arg(long)]
    signature: Option<String>,
    /// The page after the one that ended with this cursor
    #[arg(long)]
    cursor: Option<String>,
    #[arg(long, default_value_t = 50)]
    limit: usize,
    /// Show it anew every two seconds
    #[arg(long)]
    watch: bool,
}

impl Job {
    pub(crate) fn run(self) -> Done {
        let (reach, output) = (self.common.reach()?, self.common.output());
        match self.command {
            Command::Add(add) => {
                let watched = add.watch;
                let answer = add.send(&reach)?;
                let id = answer["id"].as_i64().unwrap_or_default();
                if watched {
                    return watch::follow(&reach, output, id);
                }
                let already = answer["duplicate"].as_bool().unwrap_or_default();
                let what = if already { "is there already, with this unique key" } else { "is accepted" };
                output.say(&answer, &format!("job {id} {what}"));
            }
            Command::List(list) => return list.run(&reach, output),
            Command::Show { id, watch: true } => return watch::follow(&reach, output, id),
            Command::Show { id, watch: false } => {
                output.show(&reach.get(&format!("/api/v1/jobs/{id}"), &Query::default())?, shown);
            }
            Command::Logs { id } => {
                let answer = reach.get(&format!("/api/v1/jobs/{id}/logs"), &Query::default())?;
                output.show(&answer, |answer| {
                    let lines = answer["lines"].as_array().into_iter().flatten();
                    lines
                        .map(|line| {
                            format!(
                                "{} {:6} {}\n",
                                text(line, "/at"),
                                text(line, "/level"),
                                text(line, "/text")
                            )
                        })
                        .collect()
                });
            }
            Command::Cancel { id } => {
                let answer = reach.post(&format!("/api/v1/jobs/{id}/cancel"), None)?;
                let at_once = answer["outcome"] == "cancelled";
                let what = if at_once { "is cancelled" } else { "runs; its worker was told" };
                output.say(&answer, &format!("job {id} {what}"));
            }
            Command::Retry { id } => {
                let answer = reach.post(&format!("/api/v1/jobs/{id}/retry"), None)?;
                output.say(&answer, &format!("job {id} is tried as soon as a worker is free"));
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Add {
    fn send(self, reach: &super::Reach) -> Result<Value, Error> {
        let key = self.idempotency_key.clone();
        let body = Value::Object(self.body()?);
        let request = reach.request(reqwest::Method::POST, "/api/v1/jobs").json(&body);
        reach.json(match key {
            Some(key) => request.header("idempotency-key", key),
            None => request,
        })
    }

    fn body(self) -> Result<Map<String, Value>, Error> {
        let mut body = Map::new();
        let mut put = |name: &str, value: Option<Value>| {
            value.map(|value| body.insert(name.to_owned(), value));
        };
        put("kind", Some(self.kind.into()));
        put("payload", Some(given_json("the arguments", &self.payload)?));
        put("queue", self.queue.map(Value::from));
        put("priority", self.priority.map(Value::from));
        put("run_at", self.at.map(Value::from));
        put("delay", self.after.map(Value::from));
        put(
            "unique",
            self.unique.map(|key| match self.unique_for {
                Some(period) => json!({ "key": key, "for": period }),
                None => json!({ "key": key }),
            }),
        );
        put("concurrency", self.concurrency.as_deref().map(concurrency).transpose()?);
        put("depends_on", (!self.depends_on.is_empty()).then(|| json!({ "jobs": self.depends_on })));
        put("batch", self.batch.map(Value::from));
        let retry = match (self.retry, self.attempts) {
            (Some(text), _) => Some(given_json("--retry", &text)?),
            (None, Some(attempts)) => Some(json!({
                "max_attempts": attempts, "backoff": "exponential", "base": "5s", "factor": 3.0, "max": "1h",
            })),
            (None, None) => None,
        };
        put("retry", retry);
        put("timeout", self.timeout.map(Value::from));
        let metadata: Map<String, Value> = self.metadata.into_iter().map(|(k, v)| (k, v.into())).collect();
        put("metadata", (!metadata.is_empty()).then_some(Value::Object(metadata)));
        put("tags", (!self.tags.is_empty()).then(|| json!(self.tags)));
        Ok(body)
    }
}

fn concurrency(text: &str) -> Result<Value, Error> {
    match text.rsplit_once('=') {
        None => Ok(json!({ "key": text })),
        Some((key, limit)) => {
            let limit: u32 =
                limit.parse().map_err(|_| Error::Usage("--concurrency is KEY or KEY=LIMIT".to_owned()))?;
            Ok(json!({ "key": key, "limit": limit }))
        }
    }
}

impl List {
    fn run(self, reach: &super::Reach, output: super::Output) -> Done {
        let watched = self.watch;
        let query = Query::default()
            .and("queue", self.queue)
            .and("kind", self.kind)
            .and("state", self.state)
            .and("batch", self.batch)
            .and("signature", self.signature)
            .and("cursor", self.cursor)
            .and("limit", Some(self.limit));
        watch::again(watched, output, || reach.get("/api/v1/jobs", &query), listed)
    }
}

fn listed(answer: &Value) -> String {
    let columns = [
        ("id", "/id"),
        ("state", "/state"),
        ("queue", "/queue"),
        ("kind", "/kind"),
        ("attempt", "/attempt"),
        ("run at", "/run_at"),
        ("finished", "/finished_at"),
        ("error", "/error/message"),
    ];
    Table::of(&answer["jobs"], &columns).page(answer)
}

pub(super) fn shown(job: &Value) -> String {
    let mut out = facts(
        job,
        &[
            ("id", "/id"),
            ("state", "/state"),
            ("queue", "/queue"),
            ("kind", "/kind"),
            ("priority", "/priority"),
            ("attempt", "/attempt"),
            ("of", "/max_attempts"),
            ("created", "/created_at"),
            ("run at", "/run_at"),
            ("started", "/started_at"),
            ("finished", "/finished_at"),
            ("progress", "/progress/percent"),
            ("unique key", "/unique_key"),
            ("concurrency key", "/concurrency_key"),
            ("batch", "/batch"),
            ("metadata", "/metadata"),
            ("tags", "/tags"),
            ("trace", "/traceparent"),
            ("payload", "/payload"),
            ("result", "/result"),
            ("error", "/error/message"),
        ],
    );
    if job["attempts"].as_array().is_some_and(|attempts| !attempts.is_empty()) {
        let columns = [
            ("attempt", "/attempt"),
            ("finished", "/finished_at"),
            ("outcome", "/outcome"),
            ("code", "/error/code"),
            ("error", "/error/message"),
        ];
        out.push_str(&format!("\n{}", Table::of(&job["attempts"], &columns)));
    }
    out
}
