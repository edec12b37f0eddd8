//! How limits are enforced on this machine, and why not better.

use std::fmt;

/// How each limit is enforced here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capabilities {
    /// Bytes of memory.
    pub memory: Enforcement,
    /// Processor time.
    pub cpu: Enforcement,
    /// Processes and threads.
    pub processes: Enforcement,
    /// Open files: always a resource limit, of each process by itself.
    pub open_files: Enforcement,
    /// Ending a tree.
    pub ending: Enforcement,
}

/// One mechanism, and what stands in the way of the better one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enforcement {
    /// What is used.
    pub mechanism: Mechanism,
    /// What that means, and why it is not the better one, in words.
    pub why: String,
}

/// What enforces a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mechanism {
    /// A control group of version 2.
    CgroupV2,
    /// A control group of version 1.
    CgroupV1,
    /// A resource limit of each process.
    Rlimit,
    /// The process tree under the keeper, walked.
    ProcessTree,
    /// Nothing: the limit has no effect.
    Nothing,
}

impl Mechanism {
    /// Its name in messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CgroupV2 => "cgroup v2",
            Self::CgroupV1 => "cgroup v1",
            Self::Rlimit => "resource limit",
            Self::ProcessTree => "process tree",
            Self::Nothing => "not enforced",
        }
    }
}

impl Enforcement {
    pub(crate) fn new(mechanism: Mechanism, why: impl Into<String>) -> Self {
        Self { mechanism, why: why.into() }
    }
}

impl fmt::Display for Enforcement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.mechanism.as_str())?;
        if self.why.is_empty() { Ok(()) } else { write!(f, ": {}", self.why) }
    }
}

impl Capabilities {
    /// One line per limit, for a person to read.
    pub fn words(&self) -> Vec<String> {
        let all = [
            ("memory", &self.memory),
            ("cpu", &self.cpu),
            ("processes", &self.processes),
            ("open files", &self.open_files),
            ("ending a tree", &self.ending),
        ];
        all.into_iter().map(|(what, how)| format!("{what}: {how}")).collect()
    }
}
