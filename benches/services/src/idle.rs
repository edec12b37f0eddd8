//! What ten services with default probes cost while nobody asks for anything: Seaworthy and its keepers.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::say;
use crate::up::{Up, command};

pub(crate) fn run(program: &Path, seconds: u64) -> Result<bool, Error> {
    let mut text = String::new();
    for n in 0..10 {
        text.push_str(&format!(
            "[[route]]\npath = \"/s{n}/{{*path}}\"\nservice = \"s{n}\"\n[service.s{n}]\ncommand = \"{}\"\nenvironment = {{ BENCH_MARK = \"MARK\" }}\n\
             liveness = {{ http = \"/\" }}\nreadiness = {{ http = \"/\" }}\n",
            command()?
        ));
    }
    let mut up = Up::new(program, &text)?;
    up.start()?;
    up.ready()?;
    for n in 0..10 {
        up.settles(&format!("s{n}"), 1)?;
    }
    std::thread::sleep(Duration::from_secs(2));
    let all = family(up.pid());
    let keepers: Vec<u32> = all.iter().copied().filter(|pid| *pid != up.pid()).collect();
    let (before, begun) = (ticks(&all), Instant::now());
    std::thread::sleep(Duration::from_secs(seconds));
    let (after, took) = (ticks(&all), begun.elapsed());
    let used = (after - before) as f64 / rustix::param::clock_ticks_per_second() as f64;
    let share = used / took.as_secs_f64() * 100.0;
    let memory = |pids: &[u32]| pids.iter().map(|pid| resident(*pid)).sum::<u64>() as f64 / 1024.0;
    say(&format!("ten services, {} keepers: {share:.3} % of one processor in {took:.0?}", keepers.len()));
    say(&format!(
        "memory: seaworthy {:.1} MiB, a keeper {:.1} MiB",
        memory(&[up.pid()]),
        memory(&keepers) / keepers.len().max(1) as f64
    ));
    up.stop()?;
    Ok(share <= 0.2)
}

/// Seaworthy and its keepers: everything that runs its program.
fn family(pid: u32) -> Vec<u32> {
    let program = |pid: u32| std::fs::read_link(format!("/proc/{pid}/exe")).ok();
    let own = program(pid);
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    numbers.filter(|other| own.is_some() && program(*other) == own).collect()
}

/// Processor time of processes, in the kernel's ticks.
fn ticks(pids: &[u32]) -> u64 {
    let of = |pid: &u32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
        Some(fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?)
    };
    pids.iter().filter_map(of).sum()
}

/// Resident memory that is its own, in KiB.
fn resident(pid: u32) -> u64 {
    let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let line = rollup.lines().find(|line| line.starts_with("Pss:"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).unwrap_or(0)
}
