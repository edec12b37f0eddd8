//! How a process ended, in words.

mod words;

use crate::signal::Signal;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::SystemTime;

/// How a process ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    /// Why.
    pub reason: Reason,
    /// When.
    pub ended_at: SystemTime,
    /// Whether it ended because its owner had told it to (`stop`, `kill`, or the orphan policy).
    pub ordered: bool,
    /// How often the kernel killed a process of the tree for want of memory.
    pub oom_kills: u64,
    /// The memory limit it ran under, in bytes.
    pub memory_limit: Option<u64>,
    /// Whether that limit held through its address space only, so that the kernel refused memory instead of killing.
    pub address_space: bool,
    /// How many processes the program left behind; they were ended.
    pub left_behind: u32,
    /// The last lines it said, 50 at most.
    pub last_lines: Vec<String>,
}

/// Why a process ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reason {
    /// By itself, with this code.
    Code(i32),
    /// By a signal.
    Signal(Signal),
    /// Killed by the kernel for want of memory.
    OutOfMemory,
    /// Before it was the program that it should become.
    FailedToStart {
        /// How far it came.
        stage: Stage,
        /// Why it came no further.
        error: String,
    },
    /// Its keeper is gone without a record, so nobody saw it end. What was left of it has been ended.
    Lost,
}

/// What happens between the order to start and the program's first instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Stage {
    /// Starting the keeper and talking to it.
    Keeper,
    /// Making the control groups and joining them.
    ControlGroup,
    /// Setting resource limits.
    Limits,
    /// Handing over the listening socket.
    Socket,
    /// Becoming the user and the group.
    User,
    /// Entering the working directory.
    Folder,
    /// Becoming the program.
    Program,
}

impl Stage {
    /// Its name in messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Keeper => "keeper",
            Self::ControlGroup => "control group",
            Self::Limits => "limits",
            Self::Socket => "socket",
            Self::User => "user",
            Self::Folder => "working directory",
            Self::Program => "program",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Exit {
    pub(crate) fn new(reason: Reason) -> Self {
        Self {
            reason,
            ended_at: SystemTime::now(),
            ordered: false,
            oom_kills: 0,
            memory_limit: None,
            address_space: false,
            left_behind: 0,
            last_lines: Vec::new(),
        }
    }

    /// Whether it ended by itself with code 0.
    pub const fn success(&self) -> bool {
        matches!(self.reason, Reason::Code(0))
    }

    /// The code a shell would show: 128 and the signal's number for a signal.
    pub const fn code(&self) -> Option<i32> {
        match self.reason {
            Reason::Code(code) => Some(code),
            Reason::Signal(signal) => Some(128 + signal.number()),
            Reason::OutOfMemory => Some(128 + Signal::KILL.number()),
            Reason::FailedToStart { .. } | Reason::Lost => None,
        }
    }

    /// How it ended, as a predicate: "exited with code 127 (command not found)".
    pub fn words(&self) -> String {
        words::of(self)
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words())
    }
}
