//! Signals by their names, and what they mean.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A signal of Linux, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Signal(i32);

/// Number, name, and what a program has done that gets it.
const NAMED: [(i32, &str, &str); 31] = [
    (1, "SIGHUP", "hangup"),
    (2, "SIGINT", "interrupt"),
    (3, "SIGQUIT", "quit"),
    (4, "SIGILL", "invalid instruction"),
    (5, "SIGTRAP", "trap"),
    (6, "SIGABRT", "it aborted itself"),
    (7, "SIGBUS", "memory that is not there"),
    (8, "SIGFPE", "invalid arithmetic"),
    (9, "SIGKILL", "killed"),
    (10, "SIGUSR1", "user signal 1"),
    (11, "SIGSEGV", "invalid memory access"),
    (12, "SIGUSR2", "user signal 2"),
    (13, "SIGPIPE", "wrote to nobody"),
    (14, "SIGALRM", "alarm"),
    (15, "SIGTERM", "told to end"),
    (16, "SIGSTKFLT", "stack fault"),
    (17, "SIGCHLD", "a child ended"),
    (18, "SIGCONT", "continue"),
    (19, "SIGSTOP", "stop"),
    (20, "SIGTSTP", "stop at the terminal"),
    (21, "SIGTTIN", "read from the terminal"),
    (22, "SIGTTOU", "write to the terminal"),
    (23, "SIGURG", "urgent data"),
    (24, "SIGXCPU", "more processor time than allowed"),
    (25, "SIGXFSZ", "a file larger than allowed"),
    (26, "SIGVTALRM", "virtual alarm"),
    (27, "SIGPROF", "profiling alarm"),
    (28, "SIGWINCH", "window size"),
    (29, "SIGIO", "input or output"),
    (30, "SIGPWR", "power failure"),
    (31, "SIGSYS", "forbidden system call"),
];

impl Signal {
    /// Read your configuration again, by custom.
    pub const HUP: Self = Self(1);
    /// Ctrl-C.
    pub const INT: Self = Self(2);
    /// End gracefully, for nginx and its like.
    pub const QUIT: Self = Self(3);
    /// Ends at once, cannot be refused.
    pub const KILL: Self = Self(9);
    /// For the program's own use.
    pub const USR1: Self = Self(10);
    /// For the program's own use.
    pub const USR2: Self = Self(12);
    /// End, please.
    pub const TERM: Self = Self(15);
    /// Go on.
    pub const CONT: Self = Self(18);
    /// Stand still.
    pub const STOP: Self = Self(19);

    /// The signal of this number, if it has a name.
    pub fn from_number(number: i32) -> Option<Self> {
        NAMED.iter().any(|(known, ..)| *known == number).then_some(Self(number))
    }

    /// What the kernel reported: real-time signals have no name, and end programs too.
    pub(crate) const fn reported(number: i32) -> Self {
        Self(number)
    }

    /// Its number.
    pub const fn number(self) -> i32 {
        self.0
    }

    /// What getting it means, in a few words.
    pub fn meaning(self) -> &'static str {
        self.named().map_or("a real-time signal", |(_, _, meaning)| meaning)
    }

    fn named(self) -> Option<&'static (i32, &'static str, &'static str)> {
        NAMED.iter().find(|(number, ..)| *number == self.0)
    }

    pub(crate) fn to_kernel(self) -> Option<rustix::process::Signal> {
        rustix::process::Signal::from_named_raw(self.0)
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.named() {
            Some((_, name, _)) => f.write_str(name),
            None => write!(f, "signal {}", self.0),
        }
    }
}

/// A text that names no signal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a signal; write for example SIGTERM, TERM or 15")]
pub struct UnknownSignal(String);

impl FromStr for Signal {
    type Err = UnknownSignal;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let upper = text.trim().to_ascii_uppercase();
        NAMED
            .iter()
            .find(|(number, name, _)| {
                upper == *name || name.strip_prefix("SIG") == Some(&upper) || upper == number.to_string()
            })
            .map(|(number, ..)| Self(*number))
            .ok_or_else(|| UnknownSignal(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        for (number, name, _) in NAMED {
            assert_eq!(name.parse(), Ok(Signal(number)));
            assert_eq!(name[3..].to_lowercase().parse(), Ok(Signal(number)));
            assert_eq!(number.to_string().parse(), Ok(Signal(number)));
            assert_eq!(Signal(number).to_string(), name);
        }
        assert!("SIGNOPE".parse::<Signal>().is_err());
        assert!("".parse::<Signal>().is_err());
        assert_eq!(Signal::from_number(99), None);
        assert_eq!(Signal::reported(40).to_string(), "signal 40");
    }
}
