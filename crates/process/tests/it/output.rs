//! What programs say, and how much.

use crate::harness::{Bed, eventually, exit, line, next, python, rest, runs, sh, texts, within};
use seaworthy_process::{Event, Launch, OutputLimits, Stream};
use std::fs;

#[tokio::test]
async fn both_outputs_are_told_apart() {
    let bed = Bed::new();
    let folder = bed.empty().await;
    let mut process = folder.start(sh("shop", "echo out; echo err >&2; printf end")).await.expect("start");
    let (lines, dropped, _) = rest(&mut process).await;
    let of = |stream| lines.iter().filter(move |line| line.stream == stream).map(|line| line.text.as_str());
    assert_eq!(of(Stream::Stdout).collect::<Vec<_>>(), ["out", "end"]);
    assert_eq!(of(Stream::Stderr).collect::<Vec<_>>(), ["err"]);
    assert_eq!(dropped, 0);
}

#[tokio::test]
async fn bytes_that_are_no_text_do_no_harm() {
    let bed = Bed::new();
    let folder = bed.empty().await;
    let script = r"
import sys
out = sys.stdout.buffer
out.write(b'\xff\x00\x1b[31m\n' + bytes(range(256)) * 100 + b'\n')
out.write(b'x' * 1000000 + b'\nafter\n')
";
    let mut process = folder.start(python("shop", script)).await.expect("start");
    let (lines, dropped, exit) = rest(&mut process).await;
    assert_eq!(lines[0].text, "\u{fffd}\0\u{1b}[31m");
    let long = lines.iter().find(|line| line.text.starts_with("xxx")).expect("the long one");
    assert!(long.cut && long.text.len() == 16 << 10);
    assert_eq!(lines.last().map(|line| (line.text.as_str(), line.cut)), Some(("after", false)));
    assert!(exit.success() && dropped == 0);
}

#[tokio::test]
async fn who_closes_his_outputs_goes_on() {
    let bed = Bed::new();
    let folder = bed.empty().await;
    let file = bed.file("alive");
    let script = format!("echo bye; exec >&- 2>&-; while :; do date > {}; sleep 0.05; done", file.display());
    let mut process = folder.start(sh("shop", &script)).await.expect("start");
    assert_eq!(line(&mut process).await, "bye");
    eventually("it works on", || file.exists()).await;
    assert!(process.pid().is_some_and(runs));
    within("kill", process.kill()).await.expect("killed");
    exit(&mut process).await;
}

#[tokio::test]
async fn a_flood_is_counted_and_costs_no_memory() {
    const LINES: u64 = 1_000_000;
    let bed = Bed::new();
    let folder = bed.empty().await;
    // 100 MB
    let script = format!(
        "import sys, time\nline = b'y' * 99 + b'\\n'\nfor _ in range({LINES} // 1000):\n    sys.stdout.buffer.write(line * 1000)\nsys.stdout.flush()\ntime.sleep(100000)"
    );
    let mut process = folder.start(python("flood", &script)).await.expect("start");
    let (mut lines, mut dropped) = (0, 0);
    while lines + dropped < LINES {
        match next(&mut process).await.expect("it runs") {
            Event::Line(_) => lines += 1,
            Event::Dropped(count) => dropped += count,
            Event::Exited(exit) => panic!("{exit}"),
        }
    }
    assert_eq!(lines + dropped, LINES);
    assert!(lines >= 5_000 && dropped > 0, "{lines} lines, {dropped} dropped");
    let status = fs::read_to_string(format!("/proc/{}/status", bed.keeper_of("flood"))).expect("keeper");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().expect("kB");
    assert!(peak < 64 << 10, "the keeper needed {peak} kB");
    within("kill", process.kill()).await.expect("killed");
    exit(&mut process).await;
}

#[tokio::test]
async fn nobody_listens_and_nothing_waits() {
    let bed = Bed::new();
    let folder = bed.empty().await;
    let done = bed.file("done");
    let script = format!(
        "import sys\nfor i in range(20000):\n    print(i, 'z' * 500)\nopen({:?}, 'w').close()\nprint('the end')",
        done.display().to_string()
    );
    let mut launch = python("shop", &script);
    launch.output = OutputLimits { lines_per_second: 1_000_000, burst: 1_000_000 };
    let mut process = folder.start(launch).await.expect("start");
    eventually("it says everything", || done.exists()).await;
    within("gone", process.handle().gone()).await.expect("ended");
    let (lines, dropped, exit) = rest(&mut process).await;
    assert_eq!(lines.len() as u64 + dropped, 20_001);
    assert!(dropped > 0 && exit.success());
    assert_eq!(texts(&lines).last(), Some(&"the end"));
    assert_eq!(process.last_lines().len(), 50);
}

#[tokio::test]
async fn a_limit_on_lines_is_kept() {
    let bed = Bed::new();
    let folder = bed.empty().await;
    let mut launch = Launch::new("shop", ["seq", "1", "1000"]);
    launch.output = OutputLimits { lines_per_second: 1, burst: 10 };
    let mut process = folder.start(launch).await.expect("start");
    let (lines, dropped, exit) = rest(&mut process).await;
    assert_eq!((texts(&lines)[..10].join(" "), exit.success()), ("1 2 3 4 5 6 7 8 9 10".to_owned(), true));
    assert_eq!(lines.len() as u64 + dropped, 1000);
}
