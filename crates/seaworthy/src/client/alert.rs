//! `seaworthy alert …`, `seaworthy silence …`

use std::process::ExitCode;

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};

use super::job::again;
use super::output::facts;
use super::reach::segment;
use super::{Common, Done, Query, Table, text};

/// See what is wrong, and say what is done about it.
#[derive(Debug, Args)]
pub(crate) struct Alert {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List alerts, firing ones first
    List(List),
    /// Show an alert and all that happened to it
    Show {
        /// Its id
        id: String,
    },
    /// Look after an alert: no repetitions and no escalation until it is over
    #[command(alias = "acknowledge")]
    Ack(Act),
    /// Give an alert back: it is told of again
    #[command(alias = "unacknowledge")]
    Unack(Act),
    /// Have an alert not told of for a while
    Snooze {
        #[command(flatten)]
        act: Act,
        /// How long, up to 30 days
        #[arg(long = "for", value_name = "DURATION", default_value = "1h")]
        length: String,
    },
    /// Say that an alert is over; if it is still wrong after a while it opens again
    Resolve(Act),
    /// Take back that an alert is over
    Reopen(Act),
}

#[derive(Debug, Args)]
struct List {
    /// firing or resolved
    #[arg(long)]
    state: Option<String>,
    /// info, warning or critical
    #[arg(long)]
    severity: Option<String>,
    /// A condition on a label, such as 'seaworthy_service="shop"'; may be given several times
    #[arg(short, long = "match", value_name = "MATCHER")]
    matchers: Vec<String>,
    /// How many, 1000 at the most
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    #[arg(long)]
    cursor: Option<String>,
    /// Show it anew every two seconds
    #[arg(long)]
    watch: bool,
}

#[derive(Debug, Args)]
struct Act {
    /// Its id
    id: String,
    /// Why
    #[arg(short, long, default_value = "")]
    comment: String,
}

const COLUMNS: [(&str, &str); 7] = [
    ("alert", "/name"),
    ("severity", "/severity"),
    ("state", "/shown"),
    ("since", "/starts_at"),
    ("by", "/acknowledged/by"),
    ("id", "/id"),
    ("summary", "/annotations/summary"),
];

impl Alert {
    pub(crate) fn run(self) -> Done {
        let (reach, output) = (self.common.reach()?, self.common.output());
        let path = |id: &str, word: &str| format!("/api/v1/alerts/{}/{word}", segment(id));
        let act = |act: &Act, word: &str| {
            reach.post(&path(&act.id, word), Some(&json!({ "comment": act.comment })))
        };
        let answer = match self.command {
            Command::List(list) => {
                let watch = list.watch;
                return again(watch, output, || reach.get("/api/v1/alerts", &list.query()), listed);
            }
            Command::Show { id } => {
                reach.get(&format!("/api/v1/alerts/{}", segment(&id)), &Query::default())?
            }
            Command::Ack(one) => act(&one, "acknowledge")?,
            Command::Unack(one) => act(&one, "unacknowledge")?,
            Command::Snooze { act, length } => {
                let body = json!({ "duration": length, "comment": act.comment });
                reach.post(&path(&act.id, "snooze"), Some(&body))?
            }
            Command::Resolve(one) => act(&one, "resolve")?,
            Command::Reopen(one) => act(&one, "reopen")?,
        };
        output.show(&answer, shown);
        Ok(ExitCode::SUCCESS)
    }
}

impl List {
    fn query(&self) -> Query {
        let matchers = (!self.matchers.is_empty()).then(|| self.matchers.join(","));
        Query::default()
            .and("state", self.state.as_ref())
            .and("severity", self.severity.as_ref())
            .and("matchers", matchers)
            .and("limit", self.limit)
            .and("cursor", self.cursor.as_ref())
    }
}

/// What is told of it, in one word.
fn standing(alert: &Value) -> String {
    let held = text(alert, "/held");
    match (text(alert, "/state").as_str(), held.as_str()) {
        ("firing", "") if alert["acknowledged"].is_object() => "acknowledged".to_owned(),
        ("firing", "") => "firing".to_owned(),
        ("firing", _) => held,
        (state, _) => state.to_owned(),
    }
}

fn listed(answer: &Value) -> String {
    let mut alerts = answer["alerts"].clone();
    for alert in alerts.as_array_mut().into_iter().flatten() {
        alert["shown"] = standing(alert).into();
    }
    Table::of(&alerts, &COLUMNS).page(answer)
}

fn shown(alert: &Value) -> String {
    let fields = [
        ("id", "/id"),
        ("alert", "/name"),
        ("severity", "/severity"),
        ("state", "/shown"),
        ("summary", "/annotations/summary"),
        ("runbook", "/annotations/runbook_url"),
        ("value", "/value"),
        ("began", "/starts_at"),
        ("ended", "/ends_at"),
        ("acknowledged by", "/acknowledged/by"),
        ("snoozed until", "/snoozed/until"),
        ("resolved by", "/resolved_by"),
        ("came back", "/reopened"),
        ("receivers", "/told"),
        ("labels", "/pairs"),
    ];
    let mut alert = alert.clone();
    alert["shown"] = standing(&alert).into();
    let receivers = alert["receivers"].as_array().into_iter().flatten().filter_map(Value::as_str);
    alert["told"] = receivers.collect::<Vec<_>>().join(", ").into();
    let labels = alert["labels"].as_object().into_iter().flatten();
    let pairs: Vec<_> =
        labels.map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or_default())).collect();
    alert["pairs"] = pairs.join(" ").into();
    let columns = [("when", "/at"), ("what", "/change"), ("who", "/actor"), ("why", "/comment")];
    let transitions = Table::of(&alert["transitions"], &columns);
    format!("{}\n{transitions}", facts(&alert, &fields))
}

/// See silences, make them, end them.
#[derive(Debug, Args)]
pub(crate) struct Silence {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: SilenceCommand,
}

#[derive(Debug, Subcommand)]
enum SilenceCommand {
    /// List silences
    List {
        /// Those that are over too
        #[arg(long)]
        all: bool,
    },
    /// Have alerts not told of for a while
    Add {
        /// Which: conditions on labels that all have to hold, such as 'seaworthy_service="shop"'
        #[arg(required = true)]
        matchers: Vec<String>,
        /// How long, up to 30 days
        #[arg(long = "for", value_name = "DURATION", default_value = "1h")]
        length: String,
        /// From when on, such as 2026-11-21T02:30:00Z; from now on unless given
        #[arg(long, value_name = "TIME")]
        from: Option<String>,
        /// Why
        #[arg(short, long)]
        comment: String,
    },
    /// End a silence now
    Expire {
        /// Its id
        id: String,
    },
}

impl Silence {
    pub(crate) fn run(self) -> Done {
        let (reach, output) = (self.common.reach()?, self.common.output());
        let answer = match self.command {
            SilenceCommand::List { all } => {
                let mut answer = reach.get("/api/v1/silences", &Query::default())?;
                if let Some(silences) = answer["silences"].as_array_mut().filter(|_| !all) {
                    silences.retain(|silence| silence["state"] != "expired");
                }
                answer
            }
            SilenceCommand::Add { matchers, length, from, comment } => {
                let mut body = json!({ "matchers": matchers, "duration": length, "comment": comment });
                if let Some(from) = from {
                    body["starts_at"] = from.into();
                }
                json!({ "silences": [reach.post("/api/v1/silences", Some(&body))?] })
            }
            SilenceCommand::Expire { id } => {
                let path = format!("/api/v1/silences/{}", segment(&id));
                json!({ "silences": [reach.order(Method::DELETE, &path, None)?] })
            }
        };
        output.show(&answer, silences);
        Ok(ExitCode::SUCCESS)
    }
}

fn silences(answer: &Value) -> String {
    let columns = ["id", "state", "matchers", "until", "by", "comment"];
    let mut table = Table::new(&columns);
    for silence in answer["silences"].as_array().into_iter().flatten() {
        let matchers = silence["matchers"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let matchers = matchers.collect::<Vec<_>>().join(",");
        let plain = |pointer| text(silence, pointer);
        table.row([
            plain("/id"),
            plain("/state"),
            text(&matchers.into(), ""),
            plain("/ends_at"),
            plain("/created_by"),
            plain("/comment"),
        ]);
    }
    table.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_says_what_becomes_of_each() {
        let alert = |more: Value| {
            let mut alert = json!({ "id": "a1", "name": "Slow", "severity": "warning", "state": "firing",
                "starts_at": "T", "annotations": { "summary": "x\u{1b}[2J" } });
            for (name, value) in more.as_object().unwrap() {
                alert[name] = value.clone();
            }
            alert
        };
        let list = listed(&json!({ "next_cursor": "0~1~a", "alerts": [
            alert(json!({})),
            alert(json!({ "held": "silenced" })),
            alert(json!({ "acknowledged": { "by": "anna" } })),
            alert(json!({ "state": "resolved" })),
        ]}));
        let expected = expect_test::expect![[r"
            ALERT  SEVERITY  STATE         SINCE  BY    ID  SUMMARY
            Slow   warning   firing        T      -     a1  x [2J
            Slow   warning   silenced      T      -     a1  x [2J
            Slow   warning   acknowledged  T      anna  a1  x [2J
            Slow   warning   resolved      T      -     a1  x [2J
            more: --cursor '0~1~a'
        "]];
        expected.assert_eq(&list);
    }
}
