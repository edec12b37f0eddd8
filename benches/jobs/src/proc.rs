//! Processor time from `/proc`.

use std::collections::HashMap;

/// Ticks of `/proc/*/stat` per second: `USER_HZ`, 100 on every Linux there is.
const TICKS: f64 = 100.0;

/// Seconds of processor time of a process and all its descendants, those that have ended included.
pub(crate) fn family(root: u32) -> f64 {
    let mut processes = HashMap::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        if let Some(stat) = read(pid) {
            processes.insert(pid, stat);
        }
    }
    let is_family = |mut pid: u32| loop {
        if pid == root {
            return true;
        }
        match processes.get(&pid) {
            Some(stat) if stat.parent != pid => pid = stat.parent,
            _ => return false,
        }
    };
    processes.iter().filter(|(pid, _)| is_family(**pid)).map(|(_, stat)| stat.ticks as f64 / TICKS).sum()
}

/// Seconds of processor time of this process.
pub(crate) fn own() -> f64 {
    // the scheduler counts in nanoseconds where ticks would be too coarse
    let text = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten().filter_map(|task| {
        let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<f64>().ok()
    });
    text.sum::<f64>() / 1e9
}

struct Stat {
    parent: u32,
    /// Own and of children that were waited for.
    ticks: u64,
}

fn read(pid: u32) -> Option<Stat> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // the name, in brackets, may hold anything
    let fields: Vec<&str> = text.get(text.rfind(')')? + 2..)?.split_whitespace().collect();
    let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
    let ticks = number(11)? + number(12)? + number(13)? + number(14)?;
    Some(Stat { parent: u32::try_from(number(1)?).ok()?, ticks })
}
