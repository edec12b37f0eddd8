//! What `/proc` says about processes, and signals that cannot reach the wrong one.

use crate::signal::Signal;
use rustix::process::{Pid, PidfdFlags, pidfd_open, pidfd_send_signal};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Read as _};
use std::os::fd::OwnedFd;
use std::time::Duration;

/// The largest environment that is searched, in bytes.
const MOST_ENVIRONMENT: u64 = 4 << 20;

/// A process for all time: numbers are given out again, but not twice in one tick of one boot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    pub(crate) pid: u32,
    /// Field 22 of `/proc/PID/stat`: ticks since the boot.
    pub(crate) start: u64,
    pub(crate) boot: String,
}

impl Identity {
    /// Whoever has this number now.
    pub(crate) fn of(pid: u32) -> Option<Self> {
        Some(Self { pid, start: stat(pid)?.start, boot: boot_id()? })
    }

    /// A handle on exactly this process, if it is still there.
    pub(crate) fn open(&self) -> Option<OwnedFd> {
        if boot_id()? != self.boot {
            return None;
        }
        // the handle first: what is checked afterwards is then true of what the handle means
        let handle = pidfd_open(pid(self.pid)?, PidfdFlags::empty()).ok()?;
        (stat(self.pid)?.start == self.start).then_some(handle)
    }

    /// Signals exactly this process; `false` if it is gone.
    pub(crate) fn signal(&self, signal: Signal) -> io::Result<bool> {
        let Some(handle) = self.open() else { return Ok(false) };
        send(&handle, signal)
    }
}

/// Signals a process by a handle on it; `false` if it is gone.
pub(crate) fn send(handle: &OwnedFd, signal: Signal) -> io::Result<bool> {
    let Some(signal) = signal.to_kernel() else {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    };
    match pidfd_send_signal(handle, signal) {
        Ok(()) => Ok(true),
        Err(rustix::io::Errno::SRCH) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

pub(crate) fn pid(number: u32) -> Option<Pid> {
    i32::try_from(number).ok().and_then(Pid::from_raw)
}

pub(crate) fn boot_id() -> Option<String> {
    Some(fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?.trim().to_owned())
}

/// What is used of `/proc/PID/stat`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stat {
    pub(crate) pid: u32,
    pub(crate) state: char,
    pub(crate) parent: u32,
    pub(crate) group: u32,
    /// Its own processor time, in ticks.
    pub(crate) own: u64,
    /// That of its children that were waited for.
    pub(crate) waited: u64,
    pub(crate) start: u64,
}

pub(crate) fn stat(pid: u32) -> Option<Stat> {
    parse_stat(&fs::read(format!("/proc/{pid}/stat")).ok()?)
}

/// The name stands in brackets and may hold anything, brackets too: what counts is behind the last one.
fn parse_stat(bytes: &[u8]) -> Option<Stat> {
    let text = String::from_utf8_lossy(bytes);
    let (head, tail) = text.rsplit_once(')')?;
    let pid = head.split(' ').next()?.parse().ok()?;
    let fields: Vec<&str> = tail.split_ascii_whitespace().collect();
    // fields[0] is field 3 of proc_pid_stat(5)
    let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
    Some(Stat {
        pid,
        state: fields.first()?.chars().next()?,
        parent: u32::try_from(number(4)?).ok()?,
        group: u32::try_from(number(5)?).ok()?,
        own: number(14)?.saturating_add(number(15)?),
        waited: number(16)?.saturating_add(number(17)?),
        start: number(22)?,
    })
}

/// Everything below a process, itself not included. What is born or ends meanwhile may be missing.
pub(crate) fn descendants(root: u32) -> Vec<u32> {
    walk(root, children).unwrap_or_else(|| {
        let parents = parents();
        walk(root, |pid| Some(parents.get(&pid).cloned().unwrap_or_default())).unwrap_or_default()
    })
}

fn walk(root: u32, mut children: impl FnMut(u32) -> Option<Vec<u32>>) -> Option<Vec<u32>> {
    let mut seen = BTreeSet::from([root]);
    let mut found = Vec::new();
    let mut next = vec![root];
    while let Some(pid) = next.pop() {
        for child in children(pid)? {
            if seen.insert(child) {
                found.push(child);
                next.push(child);
            }
        }
    }
    Some(found)
}

/// `None` where the kernel keeps no such list. A process that has gone has no children.
fn children(pid: u32) -> Option<Vec<u32>> {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { return Some(Vec::new()) };
    let mut found = Vec::new();
    for task in tasks.flatten() {
        match fs::read_to_string(task.path().join("children")) {
            Ok(list) => found.extend(list.split_ascii_whitespace().filter_map(|pid| pid.parse::<u32>().ok())),
            Err(_) if !task.path().exists() => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(_) => {}
        }
    }
    Some(found)
}

fn parents() -> BTreeMap<u32, Vec<u32>> {
    let mut parents: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for stat in all().filter_map(stat) {
        parents.entry(stat.parent).or_default().push(stat.pid);
    }
    parents
}

fn all() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// Processes whose environment holds exactly this `NAME=value`.
pub(crate) fn marked(variable: &str) -> Vec<Identity> {
    let Some(boot) = boot_id() else { return Vec::new() };
    let own = std::process::id();
    let marked = |pid: u32| {
        let start = stat(pid)?.start;
        let mut environment = Vec::new();
        let file = fs::File::open(format!("/proc/{pid}/environ")).ok()?;
        file.take(MOST_ENVIRONMENT).read_to_end(&mut environment).ok()?;
        let found = environment.split(|byte| *byte == 0).any(|entry| entry == variable.as_bytes());
        found.then(|| Identity { pid, start, boot: boot.clone() })
    };
    all().filter(|pid| *pid != own).filter_map(marked).collect()
}

/// How many files a process has open.
pub(crate) fn open_files(pid: u32) -> u64 {
    fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, |entries| entries.count() as u64)
}

/// The resident set of a process, in bytes.
pub(crate) fn resident(pid: u32) -> u64 {
    let pages = fs::read_to_string(format!("/proc/{pid}/statm"))
        .ok()
        .and_then(|text| text.split_ascii_whitespace().nth(1)?.parse::<u64>().ok());
    pages.unwrap_or(0).saturating_mul(rustix::param::page_size() as u64)
}

pub(crate) fn ticks(ticks: u64) -> Duration {
    let per_second = rustix::param::clock_ticks_per_second().max(1);
    Duration::from_millis(ticks.saturating_mul(1000) / per_second)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LINE: &str = "77 (a) b (c)) S 5 76 75 0 -1 4194560 1 2 3 4 100 20 3 4 20 0 1 0 4242 1 2";

    #[test]
    fn a_name_may_hold_brackets() {
        let stat = parse_stat(LINE.as_bytes()).expect("readable");
        assert_eq!((stat.pid, stat.parent, stat.group, stat.state), (77, 5, 76, 'S'));
        assert_eq!((stat.own, stat.waited, stat.start), (120, 7, 4242));
        assert_eq!(parse_stat(b"77 (a"), None);
        assert_eq!(parse_stat(b""), None);
    }

    proptest! {
        #[test]
        fn nothing_in_it_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse_stat(&bytes);
        }
    }

    #[test]
    fn another_start_is_another_process() {
        let own = Identity::of(std::process::id()).expect("we are here");
        assert!(own.open().is_some());
        assert!(Identity { start: own.start + 1, ..own.clone() }.open().is_none());
        assert!(Identity { boot: "another".to_owned(), ..own }.open().is_none());
    }

    #[test]
    fn a_circle_is_walked_once() {
        let circle = |pid: u32| Some(vec![pid % 3 + 1]);
        assert_eq!(walk(1, circle), Some(vec![2, 3]));
    }

    #[test]
    fn both_ways_find_a_child() {
        let mut child = std::process::Command::new("sleep").arg("1000").spawn().expect("sleep");
        let own = std::process::id();
        let by_list = descendants(own).contains(&child.id());
        let by_scan = parents().get(&own).is_some_and(|children| children.contains(&child.id()));
        child.kill().expect("killed");
        child.wait().expect("waited");
        assert!(by_list && by_scan);
    }
}
