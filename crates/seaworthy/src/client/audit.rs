//! `seaworthy audit …`

use std::io::BufReader;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use reqwest::Method;
use seaworthy_identity::audit::{PublicKeys, Report, Verifier};
use serde_json::{Value, json};

use super::{Common, Done, Error, Output, Query, Table, text};

/// Read the audit log, verify it, export it.
#[derive(Debug, Args)]
pub(crate) struct Audit {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List entries, newest first
    List {
        /// Of this actor, such as user:…
        #[arg(long)]
        actor: Option<String>,
        /// Of this action, such as user.create or key.*
        #[arg(long)]
        action: Option<String>,
        /// success, failure or denied
        #[arg(long)]
        outcome: Option<String>,
        /// Not before this moment
        #[arg(long, value_name = "MOMENT")]
        from: Option<String>,
        /// Before this moment
        #[arg(long, value_name = "MOMENT")]
        to: Option<String>,
        /// At most so many
        #[arg(long, value_name = "N", default_value_t = 50)]
        limit: u32,
    },
    /// Verify the chain: any edit, removal or reordering is found, and the entry named
    Verify {
        /// An export, instead of the log in the store
        file: Option<PathBuf>,
        /// With a file: the keys that `seaworthy audit keys` printed
        #[arg(long, value_name = "FILE", requires = "file")]
        keys: Option<PathBuf>,
    },
    /// Print the whole log as JSON lines
    Export,
    /// Print the public keys that exports are verified with
    Keys,
}

impl Audit {
    pub(crate) fn run(self) -> Done {
        let output = self.common.output();
        if let Command::Verify { file: Some(file), keys } = &self.command {
            let keys = keys
                .as_ref()
                .ok_or_else(|| Error::Usage("an export is verified with --keys FILE".to_owned()))?;
            return verify(file, keys, output);
        }
        let reach = self.common.reach()?;
        match self.command {
            Command::List { actor, action, outcome, from, to, limit } => {
                let query = Query::default()
                    .and("actor", actor)
                    .and("action", action)
                    .and("outcome", outcome)
                    .and("from", from)
                    .and("to", to)
                    .and("limit", Some(limit));
                let answer = reach.get("/api/v1/audit", &query)?;
                output.show(&answer, |answer| listed(&answer["entries"]));
            }
            Command::Verify { .. } => {
                let answer = reach.get("/api/v1/audit/verify", &Query::default())?;
                return Ok(concluded(&answer, output));
            }
            Command::Export => {
                let mut answer = reach.send(reach.request(Method::GET, "/api/v1/audit/export"))?;
                answer.copy_to(&mut std::io::stdout()).map_err(|error| Error::Other(error.to_string()))?;
            }
            Command::Keys => {
                let answer = reach.get("/api/v1/audit/keys", &Query::default())?;
                super::output::print(&format!("{answer:#}\n"));
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Verifies an export, without any Seaworthy.
fn verify(file: &PathBuf, keys: &PathBuf, output: Output) -> Done {
    let fail = |path: &PathBuf, error: String| Error::Usage(format!("{}: {error}", path.display()));
    let text = std::fs::read_to_string(keys).map_err(|error| fail(keys, error.to_string()))?;
    let keys = public(&text).ok_or_else(|| fail(keys, "holds no keys of an audit log".to_owned()))?;
    let opened = std::fs::File::open(file).map_err(|error| fail(file, error.to_string()))?;
    let report = seaworthy_identity::audit::verify(BufReader::new(opened), Verifier::new(keys));
    let report = report.map_err(|error| fail(file, error.to_string()))?;
    let mut told = told(&report);
    if report.is_sound() && (report.last == 0 || report.vouched < report.last) {
        // an export ends with a signature: without it the end may have been cut off, or made anew
        told["sound"] = false.into();
        told["fault"] = json!({
            "seq": report.vouched + 1,
            "kind": "unsigned_end",
            "detail": "no signature covers what is from here on; the end of the export is missing, or not as it was",
        });
    }
    Ok(concluded(&told, output))
}

fn public(text: &str) -> Option<PublicKeys> {
    let keys: std::collections::BTreeMap<String, String> = serde_json::from_str(text).ok()?;
    let key = |(id, hex): (String, String)| {
        let bytes: Option<Vec<u8>> = (hex.len() == 64 && hex.is_ascii())
            .then(|| (0..32).map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).ok()).collect())?;
        Some((id, bytes?.try_into().ok()?))
    };
    let keys: Option<std::collections::BTreeMap<String, [u8; 32]>> = keys.into_iter().map(key).collect();
    keys.filter(|keys| !keys.is_empty()).map(PublicKeys)
}

fn told(report: &Report) -> Value {
    json!({
        "sound": report.is_sound(),
        "entries": report.entries,
        "checkpoints": report.checkpoints,
        "first": report.first,
        "last": report.last,
        "vouched": report.vouched,
        "fault": report.fault.as_ref().map(|fault| json!({
            "seq": fault.seq, "kind": fault.kind.as_str(), "detail": fault.detail,
        })),
    })
}

fn concluded(report: &Value, output: Output) -> ExitCode {
    output.show(report, |report| match report["sound"].as_bool() {
        Some(true) => format!(
            "sound: {} entries ({} to {}), {} checkpoints; signed up to entry {}\n",
            text(report, "/entries"),
            text(report, "/first"),
            text(report, "/last"),
            text(report, "/checkpoints"),
            text(report, "/vouched"),
        ),
        _ => format!(
            "NOT SOUND at entry {}: {} ({})\n",
            text(report, "/fault/seq"),
            text(report, "/fault/kind"),
            text(report, "/fault/detail"),
        ),
    });
    if report["sound"] == true { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn listed(entries: &Value) -> String {
    let columns = [
        ("seq", "/seq"),
        ("at", "/at"),
        ("who", "/actor_name"),
        ("did", "/action"),
        ("to", "/resource"),
        ("outcome", "/outcome"),
        ("from", "/client"),
        ("why", "/reason"),
    ];
    Table::of(entries, &columns).to_string()
}
