//! Ending what a keeper that was killed left behind.

use super::Inner;
use super::place::Place;
use crate::cgroup::Groups;
use crate::procfs::{self, Identity};
use crate::protocol::MARKER;
use crate::signal::Signal;
use rustix::process::WaitOptions;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How long killed processes may take to be gone.
const PATIENCE: Duration = Duration::from_secs(10);
const LOOK_AGAIN: Duration = Duration::from_millis(5);

impl Inner {
    /// Ends everything that was part of this replica, and takes its groups away. Its keeper must be gone. Returns
    /// whether nothing is left.
    ///
    /// Its processes are known by three things, none of which a foreign process can have by chance: a control group of
    /// this name, a variable in the environment that everything in the tree inherits, and for the program itself its
    /// number together with the moment of its start.
    pub(crate) fn sweep(&self, place: &Place, groups: &Groups) -> bool {
        let marker = format!("{MARKER}={}", self.marker(place.id()));
        let boot = procfs::boot_id();
        let program = place.started().map(|started| started.program);
        // a number of an earlier boot means nobody
        let program = program.filter(|program| boot.as_ref() == Some(&program.boot));
        let mut seen: BTreeMap<u32, Identity> =
            program.iter().map(|program| (program.pid, program.clone())).collect();
        let deadline = Instant::now() + PATIENCE;
        let empty = loop {
            let left = left(&marker, program.as_ref());
            let grouped = groups.members().unwrap_or_default();
            seen.extend(left.clone());
            seen.extend(grouped.iter().filter_map(|pid| Some((*pid, Identity::of(*pid)?))));
            if left.is_empty() && grouped.iter().all(|pid| is_zombie(*pid)) {
                break true;
            }
            if Instant::now() >= deadline {
                break false;
            }
            groups.end();
            for process in left.values() {
                // who is gone meanwhile needs no signal
                let _ = process.signal(Signal::KILL);
            }
            std::thread::sleep(LOOK_AGAIN);
        };
        seen.values().for_each(|process| wait_for(process, deadline));
        groups.remove(Duration::from_secs(2));
        empty
    }
}

/// Until it is gone, or only its parent's to wait for: one that is dying has lost its environment before that. Where
/// Seaworthy is the first process of a container, the orphans of a killed keeper become its own children, and stay in
/// the kernel's table until it waits for them.
fn wait_for(process: &Identity, deadline: Instant) {
    while Instant::now() < deadline {
        let Some(stat) = procfs::stat(process.pid).filter(|stat| stat.start == process.start) else { return };
        match (stat.parent == std::process::id(), stat.state) {
            (true, _) => drop(rustix::process::waitpid(procfs::pid(process.pid), WaitOptions::NOHANG)),
            (false, 'Z' | 'X') => return,
            (false, _) => {}
        }
        std::thread::sleep(LOOK_AGAIN);
    }
}

fn left(marker: &str, program: Option<&Identity>) -> BTreeMap<u32, Identity> {
    let mut left: BTreeMap<u32, Identity> =
        procfs::marked(marker).into_iter().map(|process| (process.pid, process)).collect();
    if let Some(program) = program
        && program.open().is_some()
        && !is_zombie(program.pid)
    {
        left.insert(program.pid, program.clone());
    }
    left
}

fn is_zombie(pid: u32) -> bool {
    procfs::stat(pid).is_none_or(|stat| matches!(stat.state, 'Z' | 'X'))
}
