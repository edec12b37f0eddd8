//! What is to be started, and under which conditions.

use crate::error::Error;
use crate::signal::Signal;
use seaworthy_core::Secret;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::TcpListener;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::time::Duration;

const LONGEST_ID: usize = 64;
/// Labels of one replica, keys and values together, in bytes.
const MOST_LABELS: usize = 16 << 10;
/// Arguments and environment together, in bytes; the kernel's own bound is of this size.
const MOST_ARGUMENTS: usize = 2 << 20;

/// What is to be started. [`new`](Self::new) fills in the defaults.
#[derive(Debug)]
pub struct Launch {
    /// Its name in the folder: 1 to 64 letters, digits, `-`, `_` and `.`, the first a letter or a digit. Free again
    /// once [`Event::Exited`](crate::Event::Exited) was taken.
    pub id: String,
    /// Program and arguments. There is no shell in between. A name without `/` is looked up in the `PATH` *of the
    /// program's environment*. Everybody on the machine can read arguments: secrets belong into `env`.
    pub argv: Vec<OsString>,
    /// Its environment, besides `PATH`, `HOME`, `LANG` and `TZ` (and `USER`, `LOGNAME` with a user): nothing else is
    /// inherited unless named in `inherit_env`. `SEAWORTHY_REPLICA` is added: its processes are known by it.
    pub env: Vec<(String, Secret<String>)>,
    /// Names of variables that are passed on from Seaworthy's own environment.
    pub inherit_env: Vec<String>,
    /// Where it runs; Seaworthy's own folder where none is given.
    pub folder: Option<PathBuf>,
    /// Whom it runs as: a name in `/etc/passwd`, or a number. Needs root.
    pub user: Option<String>,
    /// Its group: a name in `/etc/group`, or a number; the user's own where none is given.
    pub group: Option<String>,
    /// What it may use.
    pub limits: Limits,
    /// A listening socket that it gets as file descriptor 3, as `sd_listen_fds(3)` has it (`LISTEN_FDS`,
    /// `LISTEN_PID`). Kept open by the program alone.
    pub socket: Option<TcpListener>,
    /// What becomes of it when Seaworthy is gone without a word.
    pub orphan: Orphan,
    /// How it is asked to end.
    pub stop: StopPlan,
    /// Whatever its owner needs to know it by after an adoption. No secrets: they stand in a file.
    pub labels: BTreeMap<String, String>,
    /// How much it may say.
    pub output: OutputLimits,
}

impl Launch {
    /// This program with these arguments, without limits, kept when Seaworthy dies, ended with SIGTERM and after 30 s.
    pub fn new<A: Into<OsString>>(id: impl Into<String>, argv: impl IntoIterator<Item = A>) -> Self {
        Self {
            id: id.into(),
            argv: argv.into_iter().map(Into::into).collect(),
            env: Vec::new(),
            inherit_env: Vec::new(),
            folder: None,
            user: None,
            group: None,
            limits: Limits::default(),
            socket: None,
            orphan: Orphan::default(),
            stop: StopPlan::default(),
            labels: BTreeMap::new(),
            output: OutputLimits::default(),
        }
    }

    pub(crate) fn validate(&self) -> Result<(), Error> {
        if !valid_id(&self.id) {
            return Err(Error::Invalid(format!(
                "\"{}\" is no id: 1 to {LONGEST_ID} letters, digits, '-', '_' and '.', the first a letter or digit",
                self.id.escape_debug()
            )));
        }
        let program = self.argv.first().filter(|program| !program.is_empty());
        if program.is_none() {
            return Err(Error::Invalid("there is no program to start".to_owned()));
        }
        if self.argv.iter().any(|argument| argument.as_bytes().contains(&0)) {
            return Err(Error::Invalid("an argument holds NUL".to_owned()));
        }
        let names = self.env.iter().map(|(name, _)| name).chain(&self.inherit_env);
        for name in names {
            if name.is_empty() || name.contains(['=', '\0']) {
                let name = name.escape_debug();
                return Err(Error::Invalid(format!("\"{name}\" is no name of an environment variable")));
            }
        }
        if let Some((name, _)) = self.env.iter().find(|(_, value)| value.expose().contains('\0')) {
            return Err(Error::Invalid(format!("the value of the environment variable {name} holds NUL")));
        }
        self.check_sizes()
    }

    fn check_sizes(&self) -> Result<(), Error> {
        let arguments: usize = self.argv.iter().map(|argument| argument.len() + 1).sum();
        let environment: usize = self.env.iter().map(|(n, v)| n.len() + v.expose().len() + 2).sum();
        if arguments + environment > MOST_ARGUMENTS {
            return Err(Error::Invalid("arguments and environment are larger than 2 MiB".to_owned()));
        }
        let labels: usize = self.labels.iter().map(|(key, value)| key.len() + value.len()).sum();
        if labels > MOST_LABELS {
            return Err(Error::Invalid("the labels are larger than 16 KiB".to_owned()));
        }
        if self.output.burst == 0 || self.output.lines_per_second == 0 {
            return Err(Error::Invalid("a program may say at least one line per second".to_owned()));
        }
        Ok(())
    }
}

/// An id is a name of a folder and of control groups: nothing in it may mean anything there.
pub(crate) fn valid_id(id: &str) -> bool {
    id.len() <= LONGEST_ID
        && id.starts_with(|first: char| first.is_ascii_alphanumeric())
        && id.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

/// What a tree may use. [`Capabilities`](crate::Capabilities) says how each is enforced here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Bytes of memory, the whole tree together.
    pub memory: Option<u64>,
    /// Thousandths of a processor, the whole tree together: 1500 is one and a half.
    pub cpu_millicores: Option<u32>,
    /// Processes and threads, the whole tree together.
    pub processes: Option<u32>,
    /// Open files and sockets, each process by itself.
    pub open_files: Option<u64>,
}

/// What becomes of a tree when Seaworthy is gone without a word (killed, crashed).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Orphan {
    /// It goes on; the next Seaworthy adopts it.
    #[default]
    Keep,
    /// It is ended by the [`StopPlan`].
    Stop,
}

/// How a tree is asked to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StopPlan {
    /// What it is told.
    pub signal: Signal,
    /// How long it may take, before what is left of it is killed.
    pub grace: Duration,
    /// Who is told.
    pub scope: Scope,
}

impl Default for StopPlan {
    fn default() -> Self {
        Self { signal: Signal::TERM, grace: Duration::from_secs(30), scope: Scope::Main }
    }
}

/// Who is told to end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scope {
    /// The program that was started: it knows what to do with its children. What it leaves behind is ended after it.
    #[default]
    Main,
    /// Its process group: for a shell, which would end without telling its children.
    Group,
}

/// How much of what a program says is passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputLimits {
    /// Lines per second in the long run; the rest is dropped and counted.
    pub lines_per_second: u32,
    /// Lines at once after a silence.
    pub burst: u32,
}

impl Default for OutputLimits {
    fn default() -> Self {
        Self { lines_per_second: 1_000, burst: 5_000 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(change: impl FnOnce(&mut Launch)) -> String {
        let mut launch = Launch::new("shop-1", ["/bin/true"]);
        change(&mut launch);
        launch.validate().expect_err("refused").to_string()
    }

    #[test]
    fn what_cannot_be_started_is_refused_in_words() {
        assert!(Launch::new("shop-1", ["/bin/true"]).validate().is_ok());
        assert!(refusal(|l| l.argv.clear()).contains("no program"));
        assert!(refusal(|l| l.argv[0].clear()).contains("no program"));
        assert!(refusal(|l| l.argv.push("a\0b".into())).contains("NUL"));
        assert!(refusal(|l| l.inherit_env.push("A=B".into())).contains("A=B"));
        assert!(refusal(|l| l.env.push((String::new(), Secret::new(String::new())))).contains("no name"));
        assert!(refusal(|l| l.argv.push("x".repeat(3 << 20).into())).contains("2 MiB"));
        assert!(refusal(|l| drop(l.labels.insert("x".repeat(20 << 10), String::new()))).contains("16 KiB"));
        assert!(refusal(|l| l.output.burst = 0).contains("one line"));
        let secret = refusal(|l| l.env.push(("KEY".into(), Secret::new("hunter2\0".into()))));
        assert!(secret.contains("KEY") && !secret.contains("hunter2"), "{secret}");
    }

    #[test]
    fn ids_mean_nothing_in_a_path() {
        for good in ["a", "shop-1", "0_a.b"] {
            assert!(valid_id(good), "{good}");
        }
        for bad in ["", ".", "..", ".a", "-a", "a/b", "a b", "ä", "a\0", &"a".repeat(65)] {
            assert!(!valid_id(bad), "{bad}");
        }
    }
}
