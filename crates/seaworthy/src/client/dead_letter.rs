//! `seaworthy dead-letter …`

mod files;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::job::again;
use super::{Common, Done, Error, Output, Query, Reach, Table, confirmed, given_json, text};

/// See what failed for good, and bring it back.
#[derive(Debug, Args)]
pub(crate) struct DeadLetters {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// What they died of, the greatest group first
    Groups {
        #[command(flatten)]
        filter: Filter,
        #[arg(long)]
        cursor: Option<String>,
        #[arg(long, default_value_t = 50)]
        limit: usize,
        /// Show it anew every two seconds
        #[arg(long)]
        watch: bool,
    },
    /// List them, newest job first
    List {
        #[command(flatten)]
        filter: Filter,
        #[arg(long)]
        cursor: Option<String>,
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Show one with its arguments, its history, what it said and how it was changed
    Show {
        /// Its number
        id: i64,
    },
    /// Give one other arguments
    Edit {
        /// Its number
        id: i64,
        /// JSON, @FILE, or - for the standard input
        payload: String,
        /// Who you are: kept with what they were
        #[arg(long, env = "USER")]
        editor: String,
    },
    /// Bring some back: by number, or a sample of a filter
    Replay {
        /// Their numbers
        ids: Vec<i64>,
        #[command(flatten)]
        filter: Filter,
        /// Of the filter, at most so many
        #[arg(long, value_name = "N", conflicts_with = "ids", required_unless_present = "ids")]
        sample: Option<usize>,
        /// Any of them instead of those that came first
        #[arg(long, requires = "sample")]
        random: bool,
        /// Into this queue rather than their own
        #[arg(long, value_name = "QUEUE")]
        to: Option<String>,
        /// With new idempotency keys: what they did so far is to be done again
        #[arg(long)]
        fresh_key: bool,
        /// Even where they are parked or were replayed too often
        #[arg(long)]
        force: bool,
    },
    /// Bring all of a filter back, so many per time; goes on by itself
    Redrive {
        #[command(flatten)]
        filter: Filter,
        /// Such as 10/1s
        #[arg(long, value_name = "N/DURATION")]
        rate: String,
        /// At most so many
        #[arg(long, value_name = "N")]
        most: Option<u64>,
        /// Into this queue rather than their own
        #[arg(long, value_name = "QUEUE")]
        to: Option<String>,
        /// With new idempotency keys
        #[arg(long)]
        fresh_key: bool,
        /// Who you are
        #[arg(long, env = "USER")]
        asked_by: String,
    },
    /// List redrives, newest first
    Redrives {
        /// Show them anew every two seconds
        #[arg(long)]
        watch: bool,
    },
    /// Let a redrive rest
    PauseRedrive {
        /// Its number
        id: i64,
    },
    /// Go on with a redrive
    ResumeRedrive {
        /// Its number
        id: i64,
    },
    /// End a redrive; what it has brought back stays back
    CancelRedrive {
        /// Its number
        id: i64,
    },
    /// Keep some apart: they are neither replayed in samples nor redriven
    Park {
        /// Their numbers
        #[arg(required = true)]
        ids: Vec<i64>,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// Put some back among the others
    Unpark {
        /// Their numbers
        #[arg(required = true)]
        ids: Vec<i64>,
    },
    /// Remove all of a filter with their history, for good
    Purge {
        #[command(flatten)]
        filter: Filter,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Write them out, one JSON line each
    Export {
        #[command(flatten)]
        filter: Filter,
        /// To this file, which must not exist; the standard output unless said
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Take JSON lines in; a file may be imported again
    Import {
        /// A file, or - for the standard input
        file: PathBuf,
        /// The kind of lines that name none: those of other systems
        #[arg(long)]
        kind: Option<String>,
        /// Into this queue rather than the one each names
        #[arg(long, value_name = "QUEUE")]
        to: Option<String>,
        /// Only look
        #[arg(long)]
        check: bool,
    },
}

/// Which dead letters; all that are not parked unless said.
#[derive(Debug, Args)]
struct Filter {
    #[arg(long)]
    queue: Option<String>,
    #[arg(long)]
    kind: Option<String>,
    /// The code of their last failure
    #[arg(long)]
    code: Option<String>,
    /// The signature of their last failure, as in groups
    #[arg(long)]
    signature: Option<String>,
    /// That died at this time or later
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// That died before this time
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// exclude, include or only
    #[arg(long, value_name = "WHICH")]
    parked: Option<String>,
}

impl Filter {
    fn fields(&self) -> [(&'static str, Option<&String>); 7] {
        [
            ("queue", self.queue.as_ref()),
            ("kind", self.kind.as_ref()),
            ("code", self.code.as_ref()),
            ("signature", self.signature.as_ref()),
            ("since", self.since.as_ref()),
            ("until", self.until.as_ref()),
            ("parked", self.parked.as_ref()),
        ]
    }

    fn query(&self) -> Query {
        self.fields().into_iter().fold(Query::default(), |query, (name, value)| query.and(name, value))
    }

    fn json(&self) -> Value {
        let fields = self.fields().into_iter();
        let fields = fields.filter_map(|(name, value)| Some((name.to_owned(), Value::from(value?.as_str()))));
        Value::Object(fields.collect::<Map<_, _>>())
    }
}

const LETTERS: &str = "/api/v1/dead-letters";

impl DeadLetters {
    pub(crate) fn run(self) -> Done {
        let (reach, output) = (self.common.reach()?, self.common.output());
        match self.command {
            Command::Groups { filter, cursor, limit, watch } => {
                let query = filter.query().and("cursor", cursor).and("limit", Some(limit));
                return again(watch, output, || reach.get(&format!("{LETTERS}/groups"), &query), grouped);
            }
            Command::List { filter, cursor, limit } => {
                let query = filter.query().and("cursor", cursor).and("limit", Some(limit));
                output.show(&reach.get(LETTERS, &query)?, listed);
            }
            Command::Show { id } => {
                output.show(&reach.get(&format!("{LETTERS}/{id}"), &Query::default())?, shown);
            }
            Command::Edit { id, payload, editor } => {
                let body = json!({ "payload": given_json("the arguments", &payload)?, "editor": editor });
                let answer =
                    reach.order(reqwest::Method::PUT, &format!("{LETTERS}/{id}/payload"), Some(&body))?;
                output.say(&answer, &format!("dead letter {id} has other arguments; replay brings it back"));
            }
            Command::Replay { ids, filter, sample, random, to, fresh_key, force } => {
                let how = json!({ "queue": to, "fresh_key": fresh_key, "force": force });
                return match sample {
                    None => each(&reach, output, &ids, "replay", Some(&how), "is back"),
                    Some(most) => replay_sample(&reach, output, &filter, most, random, &how),
                };
            }
            Command::Redrive { filter, rate, most, to, fresh_key, asked_by } => {
                let body = json!({
                    "filter": filter.json(), "rate": super::queue::rate(&rate, None)?, "most": most, "queue": to,
                    "fresh_key": fresh_key, "asked_by": asked_by,
                });
                let answer = reach.post(&format!("{LETTERS}/redrives"), Some(&body))?;
                let (id, matched) = (text(&answer, "/id"), text(&answer, "/matched"));
                output.say(&answer, &format!("redrive {id} brings {matched} back, {rate}"));
            }
            Command::Redrives { watch } => {
                let look = || reach.get(&format!("{LETTERS}/redrives"), &Query::default());
                return again(watch, output, look, |all| redriven(&all["redrives"]));
            }
            Command::PauseRedrive { id } => switch(&reach, output, id, "pause")?,
            Command::ResumeRedrive { id } => switch(&reach, output, id, "resume")?,
            Command::CancelRedrive { id } => switch(&reach, output, id, "cancel")?,
            Command::Park { ids, reason } => {
                return each(&reach, output, &ids, "park", Some(&json!({ "reason": reason })), "is parked");
            }
            Command::Unpark { ids } => {
                return each(&reach, output, &ids, "unpark", None, "is among the others");
            }
            Command::Purge { filter, yes } => {
                confirmed(&format!("remove {} for good?", told(&filter)), yes)?;
                let body = json!({ "filter": filter.json() });
                let answer = reach.post(&format!("{LETTERS}/purge"), Some(&body))?;
                output.say(&answer, &format!("{} removed", text(&answer, "/count")));
            }
            Command::Export { filter, output: file } => {
                files::export(&reach, &filter.query(), file.as_deref())?
            }
            Command::Import { file, kind, to, check } => {
                let query = Query::default()
                    .and("kind", kind)
                    .and("queue", to)
                    .and("check_only", check.then_some(true));
                return files::import(&reach, output, &file, &query);
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn told(filter: &Filter) -> String {
    let given = filter.fields().into_iter().filter_map(|(name, value)| Some(format!("{name}={}", value?)));
    let given = given.collect::<Vec<_>>().join(" ");
    if given.is_empty() {
        "all dead letters that are not parked".to_owned()
    } else {
        format!("dead letters with {given}")
    }
}

/// All are tried; fails where one of them is refused.
fn each(reach: &Reach, output: Output, ids: &[i64], what: &str, body: Option<&Value>, done: &str) -> Done {
    let (mut answers, mut failed) = (Vec::new(), false);
    for id in ids {
        match reach.post(&format!("{LETTERS}/{id}/{what}"), body) {
            Ok(_) => answers.push((*id, done.to_owned(), true)),
            Err(Error::Refused { detail, .. }) => {
                failed = true;
                answers.push((*id, detail, false));
            }
            Err(error) => return Err(error),
        }
    }
    let whole = answers.iter().map(|(id, says, ok)| json!({ "id": id, "ok": ok, "detail": says }));
    output.show(&Value::Array(whole.collect()), |_| {
        answers.iter().map(|(id, says, _)| format!("dead letter {id}: {says}\n")).collect()
    });
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn replay_sample(
    reach: &Reach,
    output: Output,
    filter: &Filter,
    most: usize,
    random: bool,
    how: &Value,
) -> Done {
    let pick = if random { "random" } else { "oldest" };
    let body = json!({ "filter": filter.json(), "most": most, "pick": pick, "how": how });
    let answer = reach.post(&format!("{LETTERS}/replay"), Some(&body))?;
    let back = answer["back"].as_array().map_or(0, Vec::len);
    output.show(&answer, |answer| {
        let refused = answer["refused"].as_array().into_iter().flatten();
        let refused =
            refused.map(|stays| format!("dead letter {}: {}\n", text(stays, "/id"), text(stays, "/reason")));
        format!("{back} are back\n{}", refused.collect::<String>())
    });
    Ok(ExitCode::SUCCESS)
}

fn switch(reach: &Reach, output: Output, id: i64, to: &str) -> Result<(), Error> {
    let answer = reach.post(&format!("{LETTERS}/redrives/{id}/{to}"), None)?;
    output.show(&answer, |redrive| redriven(&json!([redrive])));
    Ok(())
}

fn grouped(answer: &Value) -> String {
    let columns = [
        ("count", "/count"),
        ("last seen", "/last_seen"),
        ("queues", "/queues"),
        ("kinds", "/kinds"),
        ("example", "/example"),
        ("signature", "/signature"),
    ];
    Table::of(&answer["groups"], &columns).page(answer)
}

fn listed(answer: &Value) -> String {
    let columns = [
        ("id", "/id"),
        ("queue", "/queue"),
        ("kind", "/kind"),
        ("attempts", "/attempt"),
        ("died", "/finished_at"),
        ("code", "/error/code"),
        ("error", "/error/message"),
    ];
    Table::of(&answer["dead_letters"], &columns).page(answer)
}

fn shown(letter: &Value) -> String {
    let mut out = super::job::shown(&letter["job"]);
    if letter["edits"].as_array().is_some_and(|edits| !edits.is_empty()) {
        let columns = [("edited", "/at"), ("by", "/editor"), ("before", "/before"), ("after", "/after")];
        out.push_str(&format!("\n{}", Table::of(&letter["edits"], &columns)));
    }
    for line in letter["logs"].as_array().into_iter().flatten() {
        out.push_str(&format!("{} {:6} {}\n", text(line, "/at"), text(line, "/level"), text(line, "/text")));
    }
    out
}

fn redriven(redrives: &Value) -> String {
    let columns = [
        ("redrive", "/id"),
        ("state", "/state"),
        ("matched", "/matched"),
        ("back", "/moved"),
        ("refused", "/refused"),
        ("asked by", "/asked_by"),
        ("begun", "/created_at"),
        ("ended", "/finished_at"),
    ];
    Table::of(redrives, &columns).to_string()
}
