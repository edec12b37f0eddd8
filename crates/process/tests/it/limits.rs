//! What programs may use, and what they do use.

use crate::harness::{Bed, eventually, exit, line, python, rest, sh, texts, within};
use seaworthy_process::{Limits, Mechanism, Reason};
use std::fs;
use std::time::Duration;

const LEAK: &str = "
print('ready')
kept = []
while True:
    kept.append(bytearray(1 << 20))
";

#[tokio::test]
async fn a_leak_is_named() {
    let bed = Bed::new();
    let folder = bed.empty().await;
    let mut launch = python("leak", LEAK);
    launch.limits = Limits { memory: Some(96 << 20), ..Limits::default() };
    let mut process = folder.start(launch).await.expect("start");
    let exit = exit(&mut process).await;
    let how = &folder.capabilities().memory;
    match how.mechanism {
        Mechanism::CgroupV1 | Mechanism::CgroupV2 => {
            assert_eq!(exit.words(), "was killed by SIGKILL (out of memory: limit 96 MiB)", "{how}");
            assert!(exit.reason == Reason::OutOfMemory && exit.oom_kills > 0);
        }
        _ => assert!(
            exit.words().ends_with("it was refused memory (limit 96 MiB on its address space)"),
            "{exit}"
        ),
    }
}

#[tokio::test]
async fn every_limit_says_how_it_is_kept() {
    let bed = Bed::new();
    let folder = bed.empty().await;
    let words = folder.capabilities().words();
    assert_eq!(words.len(), 5);
    for line in &words {
        let (what, how) = line.split_once(": ").expect("a reason");
        let best = how == "cgroup v2";
        assert!(!what.is_empty() && (best || how.contains(": ")), "{line}");
    }
}

#[tokio::test]
async fn files_processes_and_cores_are_limited() {
    let bed = Bed::new();
    let folder = bed.empty().await;
    // fewer than the launch stage has open itself
    for files in ["4", "77"] {
        let mut launch = sh("shop", "ulimit -n; ulimit -Hn; ulimit -c");
        launch.limits = Limits { open_files: files.parse().ok(), ..Limits::default() };
        let mut process = folder.start(launch).await.expect("start");
        assert_eq!(texts(&rest(&mut process).await.0), [files, files, "0"]);
    }

    let script = "
import os, time
count = 1
try:
    while count < 200:
        if os.fork() == 0:
            time.sleep(100000)
        count += 1
except OSError:
    pass
print(count)
";
    let mut launch = python("many", script);
    launch.limits = Limits { processes: Some(20), ..Limits::default() };
    let mut process = folder.start(launch).await.expect("start");
    let count: u64 = line(&mut process).await.parse().expect("a number");
    match folder.capabilities().processes.mechanism {
        Mechanism::CgroupV1 | Mechanism::CgroupV2 => assert_eq!(count, 20),
        _ => assert!(folder.capabilities().processes.why.contains("counted per user")),
    }
    exit(&mut process).await;
}

#[tokio::test]
async fn processor_time_is_limited() {
    let bed = Bed::new();
    let folder = bed.empty().await;
    let mut launch = sh("shop", "cat /proc/self/cgroup; exec sleep 1000");
    launch.limits = Limits { cpu_millicores: Some(250), ..Limits::default() };
    let mut process = folder.start(launch).await.expect("start");
    let text = fs::read_to_string(bed.path().join("replicas/shop/description.json")).expect("description");
    let groups: Vec<&str> = text.split('"').filter(|part| part.starts_with("/sys/fs/cgroup")).collect();
    let value = |file: &str| {
        let found = groups.iter().find_map(|group| fs::read_to_string(format!("{group}/{file}")).ok());
        found.map(|value| value.trim().to_owned())
    };
    match folder.capabilities().cpu.mechanism {
        Mechanism::CgroupV2 => assert_eq!(value("cpu.max").as_deref(), Some("25000 100000")),
        Mechanism::CgroupV1 => assert_eq!(value("cpu.cfs_quota_us").as_deref(), Some("25000")),
        _ => assert!(groups.is_empty() || !folder.capabilities().cpu.why.is_empty()),
    }
    let groups: Vec<String> = groups.into_iter().map(str::to_owned).collect();
    within("kill", process.kill()).await.expect("killed");
    exit(&mut process).await;
    assert!(groups.iter().all(|group| !std::path::Path::new(group).exists()), "groups are left");
}

#[tokio::test]
async fn use_is_that_of_the_whole_tree() {
    let bed = Bed::new();
    let folder = bed.empty().await;
    let script = "
import os, time
kept = bytearray(os.urandom(1 << 20) * 60)
files = [open('/dev/null') for _ in range(10)]
if os.fork() != 0:
    more = [open('/dev/null') for _ in range(10)]
    print('ready')
while True:
    pass
";
    let mut process = folder.start(python("shop", script)).await.expect("start");
    assert_eq!(line(&mut process).await, "ready");
    let usage = process.usage().expect("runs");
    assert_eq!(usage.processes, 2);
    assert!(usage.open_files >= 36, "{usage:?}");
    assert!(usage.memory >= 55 << 20 && usage.memory < 1 << 30, "{usage:?}");
    eventually("it has worked", || {
        process.usage().is_ok_and(|now| now.cpu > usage.cpu + Duration::from_millis(100))
    })
    .await;
    within("kill", process.kill()).await.expect("killed");
    exit(&mut process).await;
}
