//! Everything that came of the program, however it was forked: the keeper is its subreaper.

use crate::cgroup::Groups;
use crate::procfs;
use crate::signal::Signal;
use rustix::process::{PidfdFlags, WaitOptions, WaitStatus, pidfd_open};
use std::collections::BTreeSet;
use std::os::fd::OwnedFd;

/// How often those who fork are looked for anew before they are killed.
const ROUNDS: usize = 8;

/// What the kernel had to say about children.
pub(super) struct Reaped {
    /// How the program ended, if it did just now.
    pub(super) main: Option<WaitStatus>,
    /// There is nobody left who could fork, and nobody to wait for.
    pub(super) empty: bool,
}

pub(super) fn reap(main: u32) -> Reaped {
    let mut reaped = Reaped { main: None, empty: false };
    loop {
        match rustix::process::wait(WaitOptions::NOHANG) {
            Ok(Some((pid, status))) => {
                if u32::try_from(pid.as_raw_nonzero().get()) == Ok(main) {
                    reaped.main = Some(status);
                }
            }
            Ok(None) => return reaped,
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => {
                reaped.empty = true;
                return reaped;
            }
        }
    }
}

/// How many processes there are that still run.
pub(super) fn count() -> usize {
    let running = |pid: &u32| procfs::stat(*pid).is_some_and(|stat| stat.state != 'Z');
    procfs::descendants(std::process::id()).into_iter().filter(running).count()
}

pub(super) fn signal(signal: Signal) {
    for handle in handles() {
        // who is gone needs no signal
        let _ = procfs::send(&handle, signal);
    }
}

/// Kills everything there is now. Who forks faster than this looks is stopped first.
pub(super) fn end(groups: &Groups, again: bool) {
    groups.end();
    if again {
        let mut known = 0;
        for _ in 0..ROUNDS {
            let handles = handles();
            if handles.len() == known {
                break;
            }
            known = handles.len();
            for handle in &handles {
                let _ = procfs::send(handle, Signal::STOP);
            }
        }
    }
    signal(Signal::KILL);
}

/// Handles that mean processes of this tree and nothing else: between a number and its handle the number may have
/// become another's, so only those count that are still in the tree when their handle is there.
fn handles() -> Vec<OwnedFd> {
    let own = std::process::id();
    let opened: Vec<(u32, OwnedFd)> = procfs::descendants(own)
        .into_iter()
        .filter_map(|pid| Some((pid, pidfd_open(procfs::pid(pid)?, PidfdFlags::empty()).ok()?)))
        .collect();
    let still: BTreeSet<u32> = procfs::descendants(own).into_iter().collect();
    opened.into_iter().filter(|(pid, _)| still.contains(pid)).map(|(_, handle)| handle).collect()
}
