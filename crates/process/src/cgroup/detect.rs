//! Finding out by trying what control groups can do here, and saying why not more.

use super::{Cgroups, V1, V2, mounts, remove};
use crate::capabilities::{Capabilities, Enforcement, Mechanism};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Where Seaworthy moves itself when its own group has to be empty of processes.
const LEAF: &str = "seaworthy-leaf";

/// Everything is read below `root`: a machine's own, or a tree made for a test.
pub(super) fn detect(root: &Path, tag: &str) -> Cgroups {
    let read = |path: &str| fs::read_to_string(root.join(path)).unwrap_or_default();
    let (groups, mounts) = (read("proc/self/cgroup"), mounts::parse(&read("proc/self/mountinfo")));
    let own = |controller| {
        let path = mounts::own(&groups, &mounts, controller)?;
        Ok(root.join(path.strip_prefix("/").unwrap_or(&path)))
    };
    let prefix = format!("seaworthy-{tag}-");
    // '~' is in no id
    let probe = format!("{prefix}~");
    let (v2, why2) = version_2(own(None), &probe);
    let v1 = |controller, file| version_1(own(Some(controller)), &probe, file);
    let (memory, cpu, pids) =
        (v1("memory", "memory.limit_in_bytes"), v1("cpu", "cpu.cfs_quota_us"), v1("pids", "pids.max"));
    let capabilities = Capabilities {
        memory: enforcement(&why2[0], &memory, Mechanism::Rlimit, ADDRESS_SPACE),
        cpu: enforcement(
            &why2[1],
            &cpu,
            Mechanism::Nothing,
            "no resource limit bounds a share of a processor",
        ),
        processes: enforcement(&why2[2], &pids, Mechanism::Rlimit, PROCESSES),
        open_files: Enforcement::new(Mechanism::Rlimit, "of each process by itself"),
        ending: ending(v2.as_ref()),
    };
    // where version 2 does it, a group of version 1 beside it would only cost
    let unless =
        |does: &Result<(), String>, found: Result<PathBuf, String>| found.ok().filter(|_| does.is_err());
    let v1 =
        V1 { memory: unless(&why2[0], memory), cpu: unless(&why2[1], cpu), pids: unless(&why2[2], pids) };
    Cgroups { prefix, v2, v1, capabilities }
}

const ADDRESS_SPACE: &str = "the address space of each process is limited, not the memory of the tree: a larger \
                             request fails in the program, nothing is killed";
const PROCESSES: &str = "counted per user, not per tree; without effect for root";

fn enforcement(
    v2: &Result<(), String>,
    v1: &Result<PathBuf, String>,
    otherwise: Mechanism,
    meaning: &str,
) -> Enforcement {
    match (v2, v1) {
        (Ok(()), _) => Enforcement::new(Mechanism::CgroupV2, ""),
        (Err(why), Ok(_)) => Enforcement::new(Mechanism::CgroupV1, format!("no version 2: {why}")),
        (Err(why2), Err(why1)) => {
            Enforcement::new(otherwise, format!("{meaning} (no version 2: {why2}; no version 1: {why1})"))
        }
    }
}

fn ending(v2: Option<&V2>) -> Enforcement {
    match v2 {
        Some(_) => {
            Enforcement::new(Mechanism::CgroupV2, "at once, with cgroup.kill where the kernel has it (5.14)")
        }
        None => {
            Enforcement::new(Mechanism::ProcessTree, "everything below the keeper, until nothing is left")
        }
    }
}

/// Whether groups can be made, and for each controller why it cannot be used.
fn version_2(own: Result<PathBuf, String>, probe: &str) -> (Option<V2>, [Result<(), String>; 3]) {
    let base = own.map(above_leaf).and_then(|base| {
        try_make(&base.join(probe))?;
        Ok(base)
    });
    let base = match base {
        Ok(base) => base,
        Err(why) => return (None, [Err(why.clone()), Err(why.clone()), Err(why)]),
    };
    let usable = ["memory", "cpu", "pids"].map(|controller| enable(&base, controller));
    remove(&base.join(probe), Instant::now());
    let [memory, cpu, pids] = &usable;
    (Some(V2 { memory: memory.is_ok(), cpu: cpu.is_ok(), pids: pids.is_ok(), base }), usable)
}

/// A Seaworthy that an earlier one started is in the leaf already.
fn above_leaf(own: PathBuf) -> PathBuf {
    match own.parent() {
        Some(parent) if own.ends_with(LEAF) => parent.to_owned(),
        _ => own,
    }
}

fn enable(base: &Path, controller: &str) -> Result<(), String> {
    let has = |file: &str| {
        let list = fs::read_to_string(base.join(file)).unwrap_or_default();
        list.split_ascii_whitespace().any(|found| found == controller)
    };
    if !has("cgroup.controllers") {
        return Err(format!("{} has no {controller} controller", base.display()));
    }
    if has("cgroup.subtree_control") {
        return Ok(());
    }
    let switch = || fs::write(base.join("cgroup.subtree_control"), format!("+{controller}"));
    match switch() {
        // a group with controllers for others must not hold processes itself
        Err(error) if error.kind() == std::io::ErrorKind::ResourceBusy => {
            move_aside(base)?;
            switch().map_err(|error| format!("{}: +{controller}: {error}", base.display()))
        }
        Err(error) => Err(format!("{}: +{controller}: {error}", base.display())),
        Ok(()) => Ok(()),
    }
}

/// Moves this process into a leaf, if it is alone in its group.
fn move_aside(base: &Path) -> Result<(), String> {
    let own = std::process::id().to_string();
    let members = fs::read_to_string(base.join("cgroup.procs")).unwrap_or_default();
    if members.lines().any(|member| member != own) {
        return Err(format!("{} holds other processes", base.display()));
    }
    let leaf = base.join(LEAF);
    try_make(&leaf)?;
    fs::write(leaf.join("cgroup.procs"), own).map_err(|error| format!("{}: {error}", leaf.display()))
}

fn version_1(own: Result<PathBuf, String>, probe: &str, file: &str) -> Result<PathBuf, String> {
    let base = own?;
    let probe = base.join(probe);
    try_make(&probe)?;
    let usable = fs::OpenOptions::new().write(true).open(probe.join(file));
    let usable = usable.map_err(|error| format!("{}: {error}", probe.join(file).display()));
    remove(&probe, Instant::now());
    usable.map(|_| base)
}

fn try_make(path: &Path) -> Result<(), String> {
    match fs::create_dir(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            Err(format!("{}: {error}", path.display()))
        }
        _ => Ok(()),
    }
}
