//! `seaworthy key …`

use std::process::ExitCode;

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};

use super::reach::segment;
use super::user::join;
use super::{Common, Done, Query, Table, text};

/// See API keys, make them, replace them, revoke them.
#[derive(Debug, Args)]
pub(crate) struct Key {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List keys
    List {
        /// Of this person; without it one's own, or, of the operator, everybody's
        #[arg(long, value_name = "USER")]
        owner: Option<String>,
    },
    /// Make a key; it is shown once
    Create {
        /// What it is for
        name: String,
        /// Whose it is; its owner's roles are the most it can have
        #[arg(long, value_name = "USER")]
        owner: Option<String>,
        /// Its roles
        #[arg(long, value_name = "ROLE", value_delimiter = ',', required = true)]
        role: Vec<String>,
        /// What it is good for, such as jobs:read; all that its roles allow unless said
        #[arg(long, value_name = "PERMISSION", value_delimiter = ',')]
        scope: Option<Vec<String>>,
        /// How long it lives
        #[arg(long, value_name = "DURATION", default_value = "90d")]
        lifetime: String,
    },
    /// Make a key's successor; the old one works on for a while
    Rotate {
        /// The key's id
        id: String,
        /// For how long; 0s for a key that leaked
        #[arg(long, value_name = "DURATION", default_value = "24h")]
        grace: String,
    },
    /// Revoke a key, at once
    Revoke {
        /// The key's id
        id: String,
        /// Why, for the audit log
        #[arg(long, default_value = "")]
        reason: String,
    },
}

impl Key {
    pub(crate) fn run(self) -> Done {
        let (reach, output) = (self.common.reach()?, self.common.output());
        match self.command {
            Command::List { owner } => {
                let answer = reach.get("/api/v1/keys", &Query::default().and("owner", owner))?;
                output.show(&answer, |answer| listed(&answer["keys"]));
            }
            Command::Create { name, owner, role, scope, lifetime } => {
                let body = json!({
                    "name": name, "owner": owner, "roles": role, "scopes": scope, "lifetime": lifetime,
                });
                output.show(&reach.post("/api/v1/keys", Some(&body))?, made);
            }
            Command::Rotate { id, grace } => {
                let path = format!("/api/v1/keys/{}/rotate", segment(&id));
                output.show(&reach.post(&path, Some(&json!({ "grace": grace })))?, made);
            }
            Command::Revoke { id, reason } => {
                let path = format!("/api/v1/keys/{}", segment(&id));
                let query = Query::default().and("reason", Some(reason));
                let answer = reach.json(reach.request(Method::DELETE, &path).query(query.pairs()))?;
                output.say(&answer, &format!("{id} is revoked"));
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn made(answer: &Value) -> String {
    format!("{}key, shown once: {}\n", listed(&json!([answer["key"]])), text(answer, "/secret"))
}

fn listed(keys: &Value) -> String {
    let mut table =
        Table::new(&["id", "name", "roles", "scopes", "expires", "last used", "successor", "owner"]);
    for key in keys.as_array().into_iter().flatten() {
        let cell = |pointer| text(key, pointer);
        table.row([
            cell("/id"),
            cell("/name"),
            join(&key["roles"]),
            join(&key["scopes"]),
            cell("/expires_at"),
            cell("/last_used_at"),
            cell("/successor"),
            cell("/owner"),
        ]);
    }
    table.to_string()
}
