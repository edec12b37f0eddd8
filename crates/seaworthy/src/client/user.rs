//! `seaworthy user …`

use std::process::ExitCode;

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};

use super::output::facts;
use super::reach::segment;
use super::{Common, Done, Query, Reach, Table, confirmed, text};

/// See people, add them, change them, remove them.
#[derive(Debug, Args)]
pub(crate) struct User {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List people
    List,
    /// Show a person
    Show {
        /// Name or id
        user: String,
    },
    /// Add a person; the first password is shown once
    Add {
        /// Name: letters, digits, dots, dashes, underscores, @
        name: String,
        /// Roles; user unless said
        #[arg(long, value_name = "ROLE", value_delimiter = ',')]
        role: Vec<String>,
        /// Whose data it sees
        #[arg(long)]
        tenant: Option<String>,
        /// Where it can be written to
        #[arg(long)]
        email: Option<String>,
    },
    /// Change a person
    Set {
        /// Name or id
        user: String,
        /// Its roles from now on
        #[arg(long, value_name = "ROLE", value_delimiter = ',')]
        role: Option<Vec<String>>,
        /// Whose data it sees; empty for nobody's in particular
        #[arg(long)]
        tenant: Option<String>,
        /// Where it can be written to; empty for nowhere
        #[arg(long)]
        email: Option<String>,
        /// Whether it may come in; false ends sessions, keys and tokens
        #[arg(long)]
        enabled: Option<bool>,
    },
    /// Remove a person, with sessions, keys and tokens
    Remove {
        /// Name or id
        user: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Make up a new password, shown once; sessions and tokens end
    ResetPassword {
        /// Name or id
        user: String,
        /// Take the second factor away too: the device was lost
        #[arg(long)]
        second_factor: bool,
    },
    /// List a person's sessions
    Sessions {
        /// Name or id
        user: String,
    },
    /// End all sessions of a person, and all tokens that came of them
    LogOut {
        /// Name or id
        user: String,
    },
}

impl User {
    pub(crate) fn run(self) -> Done {
        let (reach, output) = (self.common.reach()?, self.common.output());
        let path = |user: &str, rest: &str| format!("/api/v1/users/{}{rest}", segment(user));
        match self.command {
            Command::List => {
                let users = all(&reach)?;
                output.show(&json!({ "users": users }), |all| listed(&all["users"]));
            }
            Command::Show { user } => {
                output.show(&reach.get(&path(&user, ""), &Query::default())?, shown);
            }
            Command::Add { name, role, tenant, email } => {
                let mut body = json!({ "name": name, "tenant": tenant, "email": email });
                if !role.is_empty() {
                    body["roles"] = json!(role);
                }
                let answer = reach.post("/api/v1/users", Some(&body))?;
                output.show(&answer, |answer| {
                    format!("{}password, shown once: {}\n", shown(&answer["user"]), text(answer, "/password"))
                });
            }
            Command::Set { user, role, tenant, email, enabled } => {
                let body = json!({ "roles": role, "tenant": tenant, "email": email, "enabled": enabled });
                output.show(&reach.order(Method::PATCH, &path(&user, ""), Some(&body))?, shown);
            }
            Command::Remove { user, yes } => {
                confirmed(&format!("remove {user} with all sessions, keys and tokens?"), yes)?;
                let answer = reach.order(Method::DELETE, &path(&user, ""), None)?;
                output.say(&answer, &format!("{user} is removed"));
            }
            Command::ResetPassword { user, second_factor } => {
                let body = json!({ "second_factor": second_factor });
                let answer = reach.post(&path(&user, "/reset-password"), Some(&body))?;
                output
                    .show(&answer, |answer| format!("password, shown once: {}\n", text(answer, "/password")));
            }
            Command::Sessions { user } => {
                let answer = reach.get(&path(&user, "/sessions"), &Query::default())?;
                output.show(&answer, |answer| {
                    let columns = [
                        ("id", "/id"),
                        ("method", "/method"),
                        ("from", "/client"),
                        ("by", "/agent"),
                        ("begun", "/created_at"),
                        ("used", "/used_at"),
                        ("ends", "/expires_at"),
                    ];
                    Table::of(&answer["sessions"], &columns).to_string()
                });
            }
            Command::LogOut { user } => {
                let answer = reach.order(Method::DELETE, &path(&user, "/sessions"), None)?;
                output.say(&answer, &format!("{user} is logged out everywhere"));
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Page by page.
fn all(reach: &Reach) -> Result<Vec<Value>, super::Error> {
    let mut users: Vec<Value> = Vec::new();
    loop {
        let after = users.last().map(|user| text(user, "/name"));
        let query = Query::default().and("after", after).and("limit", Some(1_000));
        let page = reach.get("/api/v1/users", &query)?;
        let page = page["users"].as_array().cloned().unwrap_or_default();
        let full = page.len() == 1_000;
        users.extend(page);
        if !full {
            return Ok(users);
        }
    }
}

fn listed(users: &Value) -> String {
    let mut table = Table::new(&["name", "roles", "tenant", "enabled", "second factor", "last log-in", "id"]);
    for user in users.as_array().into_iter().flatten() {
        let cells = ["/tenant", "/enabled", "/second_factor", "/last_log_in_at", "/id"];
        let roles = join(&user["roles"]);
        table.row([text(user, "/name"), roles].into_iter().chain(cells.map(|cell| text(user, cell))));
    }
    table.to_string()
}

fn shown(user: &Value) -> String {
    let mut user = user.clone();
    user["roles"] = join(&user["roles"]).into();
    let fields = [
        ("id", "/id"),
        ("name", "/name"),
        ("email", "/email"),
        ("roles", "/roles"),
        ("tenant", "/tenant"),
        ("enabled", "/enabled"),
        ("second factor", "/second_factor"),
        ("password since", "/password_at"),
        ("must change it", "/must_change"),
        ("last log-in", "/last_log_in_at"),
    ];
    facts(&user, &fields)
}

/// A list of texts in one.
pub(super) fn join(list: &Value) -> String {
    let texts: Vec<_> = list.as_array().into_iter().flatten().map(|one| text(one, "")).collect();
    texts.join(", ")
}
