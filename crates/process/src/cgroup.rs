//! Control groups: one per tree and hierarchy, made by Seaworthy, joined by the launch stage before it is the program.
//!
//! Version 2 is used for what it can do here, version 1 for the rest: on many machines version 2 is mounted beside
//! version 1 without controllers, and even then it ends a whole tree at once.

mod detect;
mod mounts;

use crate::capabilities::{Capabilities, Mechanism};
use crate::launch::Limits;
use crate::procfs::{self, Identity};
use crate::signal::Signal;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The period over which a quota of processor time holds, in microseconds; the kernel's default.
const PERIOD: u64 = 100_000;
/// The smallest quota that the kernel takes.
const LEAST_QUOTA: u64 = 1_000;
/// How deep groups that a program made itself are followed.
const DEEPEST: usize = 16;
/// Between two looks at a group whose last process is still ending.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// Where groups can be made, and what they enforce.
#[derive(Debug)]
pub(crate) struct Cgroups {
    prefix: String,
    v2: Option<V2>,
    v1: V1,
    pub(crate) capabilities: Capabilities,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct V2 {
    base: PathBuf,
    memory: bool,
    cpu: bool,
    pids: bool,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct V1 {
    memory: Option<PathBuf>,
    cpu: Option<PathBuf>,
    pids: Option<PathBuf>,
}

/// The groups of one tree.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Groups {
    v2: Option<PathBuf>,
    memory: Option<PathBuf>,
    cpu: Option<PathBuf>,
    pids: Option<PathBuf>,
}

impl Cgroups {
    /// Tries what can be used; `tag` keeps the groups of two folders apart.
    pub(crate) fn detect(tag: &str) -> Self {
        detect::detect(Path::new("/"), tag)
    }

    fn name(&self, id: &str) -> String {
        format!("{}{id}", self.prefix)
    }

    /// Makes the groups of one tree and sets its limits. On an error nothing is left.
    pub(crate) fn create(&self, id: &str, limits: &Limits) -> Result<Groups, String> {
        let name = self.name(id);
        // joining one can take the kernel some milliseconds, so there is none without need
        let at = |base: &Option<PathBuf>, needed: bool| {
            base.as_ref().filter(|_| needed).map(|base| base.join(&name))
        };
        let groups = Groups {
            v2: self.v2.as_ref().map(|v2| v2.base.join(&name)),
            memory: at(&self.v1.memory, limits.memory.is_some()),
            cpu: at(&self.v1.cpu, limits.cpu_millicores.is_some()),
            pids: at(&self.v1.pids, limits.processes.is_some()),
        };
        let made = groups.paths().iter().try_for_each(|path| make(path));
        made.and_then(|()| self.limit(&groups, limits)).inspect_err(|_| groups.remove(Duration::ZERO))?;
        Ok(groups)
    }

    fn limit(&self, groups: &Groups, limits: &Limits) -> Result<(), String> {
        let v2 =
            |usable: fn(&V2) -> bool| groups.v2.as_ref().filter(|_| self.v2.as_ref().is_some_and(usable));
        if let Some(bytes) = limits.memory {
            if let Some(group) = v2(|v2| v2.memory) {
                write(group, "memory.max", &bytes.to_string())?;
                // swapped out is slow, not limited; and half a program is none. Both are absent from some kernels
                let _ = write(group, "memory.swap.max", "0");
                let _ = write(group, "memory.oom.group", "1");
            } else if let Some(group) = &groups.memory {
                write(group, "memory.limit_in_bytes", &bytes.to_string())?;
                let _ = write(group, "memory.memsw.limit_in_bytes", &bytes.to_string());
            }
        }
        if let Some(millicores) = limits.cpu_millicores {
            let quota = (u64::from(millicores) * PERIOD / 1000).max(LEAST_QUOTA);
            if let Some(group) = v2(|v2| v2.cpu) {
                write(group, "cpu.max", &format!("{quota} {PERIOD}"))?;
            } else if let Some(group) = &groups.cpu {
                write(group, "cpu.cfs_period_us", &PERIOD.to_string())?;
                write(group, "cpu.cfs_quota_us", &quota.to_string())?;
            }
        }
        if let Some(processes) = limits.processes
            && let Some(group) = v2(|v2| v2.pids).or(groups.pids.as_ref())
        {
            write(group, "pids.max", &processes.to_string())?;
        }
        Ok(())
    }

    /// Whether the memory limit, and the one on processes, need a resource limit because no group holds them.
    pub(crate) fn needs_rlimits(&self) -> (bool, bool) {
        let lacking = |mechanism| !matches!(mechanism, Mechanism::CgroupV1 | Mechanism::CgroupV2);
        (lacking(self.capabilities.memory.mechanism), lacking(self.capabilities.processes.mechanism))
    }

    /// Ends what is in groups of this folder that belong to none of the living.
    pub(crate) fn sweep(&self, living: &BTreeSet<String>) {
        let v1 = [&self.v1.memory, &self.v1.cpu, &self.v1.pids];
        let v2 = self.v2.as_ref().map(|v2| &v2.base);
        for base in v2.into_iter().chain(v1.into_iter().flatten()) {
            let entries = fs::read_dir(base).into_iter().flatten().flatten();
            for entry in entries {
                let name = entry.file_name();
                let id = name.to_str().and_then(|name| name.strip_prefix(&self.prefix));
                if id.is_some_and(|id| !living.contains(id)) {
                    end(&entry.path());
                    remove(&entry.path(), Instant::now() + Duration::from_secs(2));
                }
            }
        }
    }

    /// The groups of a tree by its id alone, for when nothing is known of it any more.
    pub(crate) fn of(&self, id: &str) -> Groups {
        let name = self.name(id);
        let at = |base: &PathBuf| Some(base.join(&name)).filter(|path| path.is_dir());
        Groups {
            v2: self.v2.as_ref().and_then(|v2| at(&v2.base)),
            memory: self.v1.memory.as_ref().and_then(at),
            cpu: self.v1.cpu.as_ref().and_then(at),
            pids: self.v1.pids.as_ref().and_then(at),
        }
    }
}

impl Groups {
    /// All of them, to be joined.
    pub(crate) fn paths(&self) -> BTreeSet<PathBuf> {
        let all = [&self.v2, &self.memory, &self.cpu, &self.pids];
        all.into_iter().flatten().cloned().collect()
    }

    /// Asks the kernel to end everything in them.
    pub(crate) fn end(&self) {
        match &self.v2 {
            Some(group) => end(group),
            None => self.paths().iter().for_each(|group| end(group)),
        }
    }

    /// The processes in them; `None` without groups.
    pub(crate) fn members(&self) -> Option<Vec<u32>> {
        let group = [&self.v2, &self.memory, &self.pids, &self.cpu].into_iter().flatten().next()?;
        let mut members = Vec::new();
        members_of(group, DEEPEST, &mut members);
        Some(members)
    }

    /// Processor time of the tree, if a group counts it: version 2 does so without any controller.
    pub(crate) fn cpu(&self) -> Option<Duration> {
        field(&self.v2.as_ref()?.join("cpu.stat"), "usage_usec").map(Duration::from_micros)
    }

    /// Memory of the tree that cannot be given back at any time, if a group counts it.
    pub(crate) fn memory(&self) -> Option<u64> {
        let v2 = self.v2.as_ref().and_then(|group| {
            let used = number(&group.join("memory.current"))?;
            Some(used.saturating_sub(field(&group.join("memory.stat"), "inactive_file").unwrap_or(0)))
        });
        v2.or_else(|| {
            let group = self.memory.as_ref()?;
            let used = number(&group.join("memory.usage_in_bytes"))?;
            Some(used.saturating_sub(field(&group.join("memory.stat"), "total_inactive_file").unwrap_or(0)))
        })
    }

    /// How often the kernel killed in them for want of memory.
    pub(crate) fn oom_kills(&self) -> u64 {
        let v2 = self.v2.as_ref().and_then(|group| field(&group.join("memory.events"), "oom_kill"));
        let v1 = || field(&self.memory.as_ref()?.join("memory.oom_control"), "oom_kill");
        v2.or_else(v1).unwrap_or(0)
    }

    /// Takes the groups away; what is still in them after this long stays, for the next sweep.
    pub(crate) fn remove(&self, patience: Duration) {
        let deadline = Instant::now() + patience;
        for path in self.paths() {
            remove(&path, deadline);
        }
    }

    /// Whether every path can be one that [`Cgroups::create`] made for this id: what was read from a file is not
    /// trusted further than that.
    pub(crate) fn plausible(&self, id: &str) -> bool {
        let suffix = format!("-{id}");
        self.paths().iter().all(|path| {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let plain = path.components().all(|part| part != std::path::Component::ParentDir);
            plain
                && path.starts_with("/sys/fs/cgroup")
                && name.starts_with("seaworthy-")
                && name.ends_with(&suffix)
        })
    }
}

fn make(path: &Path) -> Result<(), String> {
    // what an earlier life left behind has counters of its own
    remove(path, Instant::now());
    match fs::create_dir(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(format!("{}: {error}", path.display()))
        }
        _ => Ok(()),
    }
}

fn write(group: &Path, file: &str, value: &str) -> Result<(), String> {
    let path = group.join(file);
    fs::write(&path, value).map_err(|error| format!("{} = {value}: {error}", path.display()))
}

/// Ends everything in a group and below: at once where the kernel can, else one by one.
fn end(group: &Path) {
    if fs::write(group.join("cgroup.kill"), "1").is_ok() {
        return;
    }
    let mut members = Vec::new();
    members_of(group, DEEPEST, &mut members);
    for pid in members {
        let Some(member) = Identity::of(pid) else { continue };
        let Some(handle) = member.open() else { continue };
        // only now that the handle cannot change its meaning: is it still the one that is in the group
        let mut now = Vec::new();
        members_of(group, DEEPEST, &mut now);
        if now.contains(&pid) {
            // gone is what it should be
            let _ = procfs::send(&handle, Signal::KILL);
        }
    }
}

fn below(group: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(group).into_iter().flatten().flatten();
    entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path())
}

fn members_of(group: &Path, depth: usize, members: &mut Vec<u32>) {
    let list = fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
    members.extend(list.lines().filter_map(|line| line.trim().parse::<u32>().ok()).filter(|pid| *pid != 0));
    if depth > 0 {
        below(group).for_each(|group| members_of(&group, depth - 1, members));
    }
}

fn remove(group: &Path, deadline: Instant) {
    loop {
        below(group).for_each(|group| remove(&group, Instant::now()));
        match fs::remove_dir(group) {
            // its last process is not quite gone
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy && Instant::now() < deadline => {
                std::thread::sleep(LOOK_AGAIN);
            }
            _ => return,
        }
    }
}

fn number(path: &Path) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// A line `name value` of a file with one per line.
fn field(path: &Path, name: &str) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    text.lines().find_map(|line| {
        let (found, value) = line.split_once(' ')?;
        if found == name { value.trim().parse().ok() } else { None }
    })
}

#[cfg(test)]
mod tests;
