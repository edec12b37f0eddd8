//! `seaworthy access …`

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::output::facts;
use super::reach::segment;
use super::user::join;
use super::{Common, Done, Query, Table, text};

/// Who may do what: the matrix of roles, grants for a time, requests for them.
#[derive(Debug, Args)]
pub(crate) struct Access {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show who one is
    Whoami,
    /// Show which role may call what
    Matrix {
        /// As a Markdown table
        #[arg(long)]
        markdown: bool,
    },
    /// List what a person has beyond its roles
    Grants {
        /// Name or id
        user: String,
    },
    /// Give a person a role or permissions for a time
    Grant {
        /// Name or id
        user: String,
        /// A role, or permissions such as jobs:*
        what: String,
        /// For how long
        #[arg(long = "for", value_name = "DURATION")]
        duration: String,
        /// What for
        #[arg(long)]
        reason: String,
    },
    /// Take a grant back
    Revoke {
        /// The grant's id
        id: String,
    },
    /// Refuse what another issuer vouched for: a token, or everything of somebody until now
    Disown {
        /// The issuer's URL, as in `iss`
        issuer: String,
        /// Whose tokens and sessions (`sub`)
        #[arg(long, conflicts_with = "token_id", required_unless_present = "token_id")]
        subject: Option<String>,
        /// One token (`jti`)
        #[arg(long)]
        token_id: Option<String>,
    },
    /// List requests for access
    Requests {
        /// Everybody's
        #[arg(long)]
        all: bool,
    },
    /// Ask for a role or permissions for a time
    Request {
        /// A role, or permissions such as jobs:*
        what: String,
        /// For how long
        #[arg(long = "for", value_name = "DURATION")]
        duration: String,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// Grant what somebody asked for
    Approve {
        /// The request's id
        id: String,
        /// What is said to it
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// Refuse what somebody asked for
    Deny {
        /// The request's id
        id: String,
        /// What is said to it
        #[arg(long, default_value = "")]
        reason: String,
    },
}

const REQUEST: [(&str, &str); 7] = [
    ("id", "/id"),
    ("user", "/user"),
    ("what", "/what"),
    ("for", "/duration"),
    ("state", "/state"),
    ("reason", "/reason"),
    ("decided by", "/decided_by"),
];

const GRANT: [(&str, &str); 5] = [
    ("id", "/id"),
    ("what", "/what"),
    ("until", "/expires_at"),
    ("by", "/granted_by"),
    ("reason", "/reason"),
];

impl Access {
    pub(crate) fn run(self) -> Done {
        let (reach, output) = (self.common.reach()?, self.common.output());
        let none = Query::default();
        match self.command {
            Command::Whoami => {
                let mut answer = reach.get("/api/v1/account", &none)?;
                output.show(&answer.clone(), |_| {
                    for list in ["roles", "scopes", "grants"] {
                        answer[list] = join(&answer[list]).into();
                    }
                    let fields = [
                        ("name", "/name"),
                        ("subject", "/subject"),
                        ("by", "/method"),
                        ("roles", "/roles"),
                        ("scopes", "/scopes"),
                        ("grants", "/grants"),
                        ("tenant", "/tenant"),
                    ];
                    facts(&answer, &fields)
                });
            }
            Command::Matrix { markdown } => {
                let answer = reach.get("/api/v1/access/matrix", &none)?;
                output.show(&answer, |answer| matrix(answer, markdown));
            }
            Command::Grants { user } => {
                let answer = reach.get(&format!("/api/v1/users/{}/grants", segment(&user)), &none)?;
                output.show(&answer, |answer| Table::of(&answer["grants"], &GRANT).to_string());
            }
            Command::Grant { user, what, duration, reason } => {
                let body = json!({ "what": what, "duration": duration, "reason": reason });
                let answer = reach.post(&format!("/api/v1/users/{}/grants", segment(&user)), Some(&body))?;
                output.show(&answer, |grant| Table::of(&json!([grant]), &GRANT).to_string());
            }
            Command::Revoke { id } => {
                let path = format!("/api/v1/grants/{}", segment(&id));
                let answer = reach.order(reqwest::Method::DELETE, &path, None)?;
                output.say(&answer, &format!("{id} is taken back"));
            }
            Command::Disown { issuer, subject, token_id } => {
                let body = match &subject {
                    Some(subject) => json!({ "issuer": issuer, "subject": subject }),
                    None => json!({ "issuer": issuer, "token_id": token_id }),
                };
                let answer = reach.post("/api/v1/revocations", Some(&body))?;
                let what = subject.or(token_id).unwrap_or_default();
                output.say(&answer, &format!("what {issuer} vouched for is refused from now on: {what}"));
            }
            Command::Requests { all } => {
                let query = Query::default().and("user", all.then_some("*"));
                let answer = reach.get("/api/v1/access-requests", &query)?;
                output.show(&answer, |answer| Table::of(&answer["requests"], &REQUEST).to_string());
            }
            Command::Request { what, duration, reason } => {
                let body = json!({ "what": what, "duration": duration, "reason": reason });
                let answer = reach.post("/api/v1/access-requests", Some(&body))?;
                output.show(&answer, |asked| Table::of(&json!([asked]), &REQUEST).to_string());
            }
            Command::Approve { id, reason } => decide(&reach, output, &id, "approve", &reason)?,
            Command::Deny { id, reason } => decide(&reach, output, &id, "deny", &reason)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn decide(
    reach: &super::Reach,
    output: super::Output,
    id: &str,
    what: &str,
    reason: &str,
) -> Result<(), super::Error> {
    let path = format!("/api/v1/access-requests/{}/{what}", segment(id));
    let answer = reach.post(&path, Some(&json!({ "reason": reason })))?;
    output.show(&answer, |asked| Table::of(&json!([asked]), &REQUEST).to_string());
    Ok(())
}

/// Roles as columns, routes as rows.
fn matrix(answer: &Value, markdown: bool) -> String {
    let roles: Vec<String> =
        answer["roles"].as_array().into_iter().flatten().map(|role| text(role, "")).collect();
    let mut lines = vec![
        ["method", "path", "permission"]
            .map(str::to_owned)
            .into_iter()
            .chain(roles.clone())
            .collect::<Vec<_>>(),
    ];
    for row in answer["rows"].as_array().into_iter().flatten() {
        let has =
            |role: &String| row["roles"].as_array().is_some_and(|all| all.iter().any(|one| one == role));
        let permission = match text(row, "/permission") {
            none if none.is_empty() => "(public)".to_owned(),
            permission => permission,
        };
        let cells = [text(row, "/method"), text(row, "/path"), permission];
        let marks = roles.iter().map(|role| if has(role) { "yes" } else { "-" }.to_owned());
        lines.push(cells.into_iter().chain(marks).collect());
    }
    if markdown {
        let width = lines.first().map_or(0, Vec::len);
        lines.insert(1, vec!["---".to_owned(); width]);
        return lines.iter().map(|line| format!("| {} |\n", line.join(" | "))).collect();
    }
    let titles: Vec<&str> = lines[0].iter().map(String::as_str).collect();
    let mut table = Table::new(&titles);
    lines[1..].iter().for_each(|line| table.row(line.iter().cloned()));
    table.to_string()
}
