//! The process itself, read from `/proc` at every scrape, under the names that Prometheus' own clients use.

use super::Samples;
use std::fs;

/// Ticks of `/proc` per second: fixed by the kernel's interface to programs on every architecture Rust runs on.
const TICKS: f64 = 100.0;

pub(super) fn collect(samples: &mut Samples) {
    let mut gauge = |name, help, value: Option<f64>| {
        // on a system without /proc there is nothing to say
        if let Some(value) = value {
            samples.gauge(name, help, &[], value);
        }
    };
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let stat = Stat::read();
    let memory = kib(&status, "VmRSS:");
    gauge("process.resident_memory.bytes", "memory that is resident", memory);
    gauge("process.virtual_memory.bytes", "address space in use", kib(&status, "VmSize:"));
    gauge("process.threads", "threads", number(&status, "Threads:"));
    gauge("process.open_fds", "open file descriptors", open_fds());
    gauge("process.max_fds", "file descriptors this process may open", max_fds());
    let started = stat.as_ref().and_then(|stat| Some(boot_time()? + stat.started / TICKS));
    gauge("process.start_time.seconds", "when the process started, in seconds since 1970", started);
    if let Some(stat) = stat {
        let help = "processor time in user and system mode";
        samples.counter("process.cpu.seconds", help, &[], stat.cpu / TICKS);
    }
}

/// The fields of `/proc/self/stat` that are of use, in ticks.
struct Stat {
    cpu: f64,
    started: f64,
}

impl Stat {
    fn read() -> Option<Self> {
        let text = fs::read_to_string("/proc/self/stat").ok()?;
        // the second field is the program's name in brackets and may hold anything
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_ascii_whitespace().collect();
        let field = |number: usize| fields.get(number - 3)?.parse::<f64>().ok();
        Some(Self { cpu: field(14)? + field(15)?, started: field(22)? })
    }
}

fn number(status: &str, key: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix(key))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

fn kib(status: &str, key: &str) -> Option<f64> {
    number(status, key).map(|kib| kib * 1024.0)
}

fn open_fds() -> Option<f64> {
    // reading the directory holds one itself
    fs::read_dir("/proc/self/fd").ok().map(|entries| entries.count().saturating_sub(1) as f64)
}

fn max_fds() -> Option<f64> {
    number(&fs::read_to_string("/proc/self/limits").ok()?, "Max open files")
}

fn boot_time() -> Option<f64> {
    number(&fs::read_to_string("/proc/stat").ok()?, "btime")
}
