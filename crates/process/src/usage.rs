//! What a tree uses.

use std::time::Duration;

/// What a whole tree uses, its keeper not counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Processor time since it was started, of the children that ended too.
    pub cpu: Duration,
    /// Bytes of memory: the control group's, less file pages that can be given back at any time (what Kubernetes calls
    /// the working set); without a control group the sum of the resident sets, which counts shared pages repeatedly.
    pub memory: u64,
    /// Open files and sockets.
    pub open_files: u64,
    /// Processes.
    pub processes: u64,
}
