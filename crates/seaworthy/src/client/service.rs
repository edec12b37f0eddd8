//! `seaworthy service …`

use std::io::BufRead as _;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Args, Subcommand};
use reqwest::Method;
use seaworthy_core::duration;
use serde_json::{Value, json};

use super::job::again;
use super::output::{facts, is_read};
use super::reach::segment;
use super::{Common, Done, Error, Output, Query, Reach, Table, text};

/// Between two looks at a service that is waited for.
const LOOK: Duration = Duration::from_millis(200);
/// A log is followed for so long.
const LONGEST_FOLLOWED: Duration = Duration::from_secs(365 * 86_400);

/// See services and their replicas, restart, stop, start and scale them.
#[derive(Debug, Args)]
pub(crate) struct Service {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List all services
    List {
        /// Show it anew every two seconds
        #[arg(long)]
        watch: bool,
    },
    /// Show a service that is run here, with its replicas
    Show {
        /// Which
        name: String,
        /// Show it anew every two seconds
        #[arg(long)]
        watch: bool,
    },
    /// Show what happened to a service
    Events {
        /// Which
        name: String,
    },
    /// Show what the replicas of a service wrote
    Logs {
        /// Which
        name: String,
        /// Go on with what comes
        #[arg(short, long)]
        follow: bool,
        /// Only this replica
        #[arg(long)]
        replica: Option<String>,
        /// How many lines, 1000 at the most
        #[arg(short = 'n', long, default_value_t = 50, value_name = "N")]
        lines: usize,
    },
    /// Replace every replica, without losing a request
    Restart {
        /// Which
        name: String,
        #[command(flatten)]
        wait: Wait,
    },
    /// End all replicas, until `start` or the next start of Seaworthy
    Stop {
        /// Which
        name: String,
        #[command(flatten)]
        wait: Wait,
    },
    /// Start a service that was stopped
    Start {
        /// Which
        name: String,
        #[command(flatten)]
        wait: Wait,
    },
    /// Have so many replicas run, until the configured number changes or Seaworthy starts anew
    Scale {
        /// Which
        name: String,
        /// How many
        replicas: u32,
        #[command(flatten)]
        wait: Wait,
    },
    /// Start a replica that only requests with a pass reach, and print the pass
    Sandbox {
        /// Of which service
        name: String,
        /// How long the pass is good for
        #[arg(long, default_value = "1h", value_name = "DURATION")]
        valid: String,
        /// End it instead
        #[arg(long)]
        end: bool,
        #[command(flatten)]
        wait: Wait,
    },
}

/// Whether and how long it is waited for.
#[derive(Debug, Args)]
struct Wait {
    /// Return at once
    #[arg(long)]
    no_wait: bool,
    /// Longest wait
    #[arg(long, default_value = "10m", value_name = "DURATION", value_parser = duration::parse)]
    timeout: Duration,
}

fn path(name: &str, what: &str) -> String {
    format!("/api/v1/services/{}/{what}", segment(name))
}

impl Service {
    pub(crate) fn run(self) -> Done {
        let (reach, output) = (self.common.reach()?, self.common.output());
        let order = |name: &str, what: &str| reach.post(&path(name, what), None);
        match self.command {
            Command::List { watch } => again(watch, output, || list(&reach), listed),
            Command::Show { name, watch } => {
                again(watch, output, || reach.get(&path(&name, "replicas"), &Query::default()), shown)
            }
            Command::Events { name } => {
                let answer = reach.get(&path(&name, "events"), &Query::default())?;
                output.show(&answer, |answer| events(&answer["events"]));
                Ok(ExitCode::SUCCESS)
            }
            Command::Logs { name, follow, replica, lines } => {
                logs(&reach, output, &name, follow, replica.as_deref(), lines)
            }
            Command::Restart { name, wait } => {
                order(&name, "restart")?;
                settled(&reach, output, &name, &wait, true, is_settled)
            }
            Command::Stop { name, wait } => {
                order(&name, "stop")?;
                settled(&reach, output, &name, &wait, false, |run| run["instances"] == json!([]))
            }
            Command::Start { name, wait } => {
                order(&name, "start")?;
                settled(&reach, output, &name, &wait, true, is_settled)
            }
            Command::Scale { name, replicas, wait } => {
                reach.order(Method::PUT, &path(&name, "replicas"), Some(&json!({ "replicas": replicas })))?;
                settled(&reach, output, &name, &wait, false, is_settled)
            }
            Command::Sandbox { name, end: true, wait, .. } => {
                reach.order(Method::DELETE, &path(&name, "sandbox"), None)?;
                settled(&reach, output, &name, &wait, false, |run| run["sandbox"].is_null())
            }
            Command::Sandbox { name, valid, wait, .. } => sandbox(&reach, output, &name, &valid, &wait),
        }
    }
}

fn list(reach: &Reach) -> Result<Value, Error> {
    let mut all = reach.get("/api/v1/services", &Query::default())?;
    for service in all["services"].as_array_mut().into_iter().flatten() {
        let name = text(service, "/name");
        match reach.get(&path(&name, "replicas"), &Query::default()) {
            Ok(run) => service["run"] = run,
            // it is not run here
            Err(Error::Refused { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(all)
}

fn listed(all: &Value) -> String {
    let mut table = Table::new(&["service", "health", "ready", "updated", "restarts", "upstreams"]);
    for service in all["services"].as_array().into_iter().flatten() {
        let endpoints = service["endpoints"].as_array().map_or(&[][..], Vec::as_slice);
        let upstreams: Vec<String> = endpoints.iter().map(|endpoint| text(endpoint, "/url")).collect();
        let run = &service["run"];
        let of = |count: &str| match run.is_null() {
            true => String::new(),
            false => format!("{}/{}", text(run, count), text(run, "/replicas")),
        };
        let restarts = run["instances"].as_array().map(|instances| {
            instances.iter().filter_map(|one| one["restarts"].as_u64()).sum::<u64>().to_string()
        });
        table.row([
            text(service, "/name"),
            text(run, "/health"),
            of("/ready"),
            of("/updated"),
            restarts.unwrap_or_default(),
            upstreams.join(", "),
        ]);
    }
    table.to_string()
}

fn shown(run: &Value) -> String {
    let mut told = facts(
        run,
        &[
            ("service", "/name"),
            ("health", "/health"),
            ("reason", "/reason"),
            ("wanted", "/replicas"),
            ("ready", "/ready"),
            ("updated", "/updated"),
            ("rollout", "/rollout/state"),
            ("rollout failed", "/rollout/reason"),
            ("autoscale", "/autoscale/reason"),
        ],
    );
    for line in run["limits"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        told.push_str(&format!("limits   {line}\n"));
    }
    let mut table = Table::new(&[
        "replica", "phase", "address", "pid", "restarts", "cores", "memory", "since", "message",
    ]);
    let sandbox = Some(&run["sandbox"]).filter(|sandbox| !sandbox.is_null());
    for replica in run["instances"].as_array().into_iter().flatten().chain(sandbox) {
        let cores = replica["usage"]["cores"].as_f64().map(|cores| format!("{cores:.2}"));
        let memory = replica["usage"]["memory_bytes"].as_u64();
        let memory = memory.map(|bytes| format!("{:.1} MiB", bytes as f64 / (1 << 20) as f64));
        let message = match text(replica, "/message") {
            message if message.is_empty() => text(replica, "/last_exit"),
            message => message,
        };
        table.row([
            text(replica, "/name"),
            text(replica, "/phase"),
            text(replica, "/address"),
            text(replica, "/pid"),
            text(replica, "/restarts"),
            cores.unwrap_or_default(),
            memory.unwrap_or_default(),
            text(replica, "/since"),
            message,
        ]);
    }
    format!("{told}\n{table}{}", last_words(run))
}

/// What replicas said last that keep ending.
fn last_words(run: &Value) -> String {
    let mut told = String::new();
    for replica in run["instances"].as_array().into_iter().flatten() {
        let lines = replica["last_lines"].as_array().map_or(&[][..], Vec::as_slice);
        if lines.is_empty() || replica["phase"] == "Ready" {
            continue;
        }
        told.push_str(&format!("\nlast words of {}:\n", text(replica, "/name")));
        let shown = lines.iter().skip(lines.len().saturating_sub(10));
        shown.for_each(|line| told.push_str(&format!("  {}\n", text(line, ""))));
    }
    told
}

fn events(all: &Value) -> String {
    let columns = [
        ("last", "/last"),
        ("count", "/count"),
        ("severity", "/severity"),
        ("reason", "/reason"),
        ("replica", "/replica"),
        ("message", "/message"),
    ];
    Table::of(all, &columns).to_string()
}

fn logs(
    reach: &Reach,
    output: Output,
    name: &str,
    follow: bool,
    replica: Option<&str>,
    lines: usize,
) -> Done {
    let query = Query::default().and("limit", Some(lines)).and("replica", replica);
    let query = query.and("follow", follow.then_some(true));
    let request =
        reach.request(Method::GET, &path(name, "logs")).query(query.pairs()).timeout(LONGEST_FOLLOWED);
    let answer = reach.send(request)?;
    for line in std::io::BufReader::new(answer).lines() {
        let line = line.map_err(|error| Error::Other(format!("the log broke off: {error}")))?;
        if !is_read(&if output.json { format!("{line}\n") } else { said(&line) }) {
            break;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn said(line: &str) -> String {
    let line: Value = serde_json::from_str(line).unwrap_or_default();
    match line["missed"].as_u64() {
        Some(missed) => format!("({missed} lines were missed: they came faster than they were read)\n"),
        None => format!("{} {} {}\n", text(&line, "/at"), text(&line, "/replica"), text(&line, "/text")),
    }
}

fn is_settled(run: &Value) -> bool {
    let wanted = run["replicas"].as_u64();
    run["rollout"]["state"] == "Complete"
        && run["ready"].as_u64() == wanted
        && run["updated"].as_u64() == wanted
        && run["instances"].as_array().map(|all| all.len() as u64) == wanted
}

/// Waits until the service is as it was asked to be, and shows it. `may_fail`: a failed rollout is the end of it.
fn settled(
    reach: &Reach,
    output: Output,
    name: &str,
    wait: &Wait,
    may_fail: bool,
    is_settled: impl Fn(&Value) -> bool,
) -> Done {
    let begun = Instant::now();
    loop {
        let run = match reach.get(&path(name, "replicas"), &Query::default()) {
            // Seaworthy itself is being replaced
            Err(Error::Refused { reason, .. })
                if reason == "services_not_open" && begun.elapsed() < wait.timeout =>
            {
                std::thread::sleep(LOOK);
                continue;
            }
            other => other?,
        };
        let (done, failed) = (is_settled(&run), may_fail && run["rollout"]["state"] == "Failed");
        if wait.no_wait || done || failed || begun.elapsed() > wait.timeout {
            output.show(&run, shown);
            if wait.no_wait || done {
                return Ok(ExitCode::SUCCESS);
            }
            let why = match failed {
                true => text(&run, "/rollout/reason"),
                false => format!("not there after {}", duration::format(wait.timeout)),
            };
            return Err(Error::Other(why));
        }
        std::thread::sleep(LOOK);
    }
}

fn sandbox(reach: &Reach, output: Output, name: &str, valid: &str, wait: &Wait) -> Done {
    let mut answer = reach.post(&path(name, "sandbox"), Some(&json!({ "valid": valid })))?;
    let begun = Instant::now();
    while !wait.no_wait && answer["run"]["sandbox"]["phase"] != "Ready" {
        if begun.elapsed() > wait.timeout {
            output.show(&answer, |answer| shown(&answer["run"]));
            return Err(Error::Other(format!("not ready after {}", duration::format(wait.timeout))));
        }
        std::thread::sleep(LOOK);
        answer["run"] = reach.get(&path(name, "replicas"), &Query::default())?;
    }
    output.show(&answer, |answer| {
        let (header, pass) = (text(answer, "/header"), text(answer, "/pass"));
        let facts = facts(
            answer,
            &[
                ("service", "/service"),
                ("sandbox", "/run/sandbox/name"),
                ("phase", "/run/sandbox/phase"),
                ("expires", "/expires_at"),
            ],
        );
        format!("{facts}\nshow this header to reach it through the gateway:\n  {header}: {pass}\n")
    });
    Ok(ExitCode::SUCCESS)
}
