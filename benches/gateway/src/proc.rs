//! Processor time and memory of a process and all its descendants, from `/proc`.

use crate::error::Error;
use std::fs;

/// The kernel's unit of processor time towards programs, on every architecture Rust runs on.
const TICKS_PER_SECOND: f64 = 100.0;

/// User and system time so far, in seconds, all threads and children that still run.
pub(crate) fn cpu_seconds(root: u32) -> Result<f64, Error> {
    let ticks = family(root).into_iter().filter_map(|id| stat(id).map(|stat| stat.ticks)).sum::<f64>();
    if stat(root).is_none() { Err(Error::Proc(root)) } else { Ok(ticks / TICKS_PER_SECOND) }
}

/// Resident memory in KiB, shared pages counted in full for each process.
pub(crate) fn rss_kib(root: u32) -> Result<u64, Error> {
    let rss = |id: u32| {
        let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.split_ascii_whitespace().next()?.parse::<u64>().ok()
    };
    rss(root).ok_or(Error::Proc(root))?;
    Ok(family(root).into_iter().filter_map(rss).sum())
}

fn family(root: u32) -> Vec<u32> {
    let mut family = vec![root];
    family.extend(descendants(root));
    family
}

/// Children, their children and so on, parents first.
pub(crate) fn descendants(root: u32) -> Vec<u32> {
    let mut all = Vec::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        if let Some(id) = entry.file_name().to_str().and_then(|name| name.parse().ok())
            && let Some(stat) = stat(id)
        {
            all.push((id, stat.parent));
        }
    }
    let mut found = vec![root];
    let mut next = 0;
    while next < found.len() {
        let parent = found[next];
        found.extend(all.iter().filter(|(_, p)| *p == parent).map(|(id, _)| *id));
        next += 1;
    }
    found.split_off(1)
}

struct Stat {
    parent: u32,
    ticks: f64,
}

fn stat(id: u32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // the second field is the program's name in brackets and may hold anything
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_ascii_whitespace().collect();
    let field = |number: usize| fields.get(number - 3);
    let ticks = field(14)?.parse::<f64>().ok()? + field(15)?.parse::<f64>().ok()?;
    Some(Stat { parent: field(4)?.parse().ok()?, ticks })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn a_child_and_its_child_belong_to_the_family() {
        let mut child =
            Command::new("sh").args(["-c", "cat; true"]).stdin(std::process::Stdio::piped()).spawn().unwrap();
        let grandchildren = || descendants(child.id()).len();
        while grandchildren() == 0 {
            std::thread::yield_now();
        }
        assert!(descendants(std::process::id()).contains(&child.id()));
        assert!(rss_kib(child.id()).unwrap() > 500);
        assert!(cpu_seconds(child.id()).unwrap() < 5.0);
        drop(child.stdin.take());
        child.wait().unwrap();
        assert!(cpu_seconds(child.id()).is_err());
    }
}
