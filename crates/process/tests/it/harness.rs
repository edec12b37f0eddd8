//! A folder whose processes do not outlive their test.

use seaworthy_process::{Event, Exit, Folder, KeeperCommand, Launch, Line, Process};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Longer than anything takes on the slowest machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) struct Bed {
    path: PathBuf,
}

impl Bed {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("process-it-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).expect("folder");
        Self { path }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.path.join("run")
    }

    /// A file for a program to write to.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    pub(crate) async fn open(&self) -> (Folder, Vec<Process>) {
        within("opening", Folder::open(self.path(), keeper())).await.expect("folder opens")
    }

    pub(crate) async fn empty(&self) -> Folder {
        let (folder, processes) = self.open().await;
        assert!(processes.is_empty(), "{processes:?}");
        folder
    }

    /// The number of the keeper of a replica.
    pub(crate) fn keeper_of(&self, id: &str) -> u32 {
        let path = self.path().join("replicas").join(id).join("keeper.json");
        let text = fs::read_to_string(path).expect("keeper.json");
        let (_, rest) = text.split_once("\"pid\":").expect("a number");
        rest.trim_start().split(|c: char| !c.is_ascii_digit()).next().expect("digits").parse().expect("pid")
    }

    /// Nothing of a replica is left on the disk.
    pub(crate) fn assert_forgotten(&self, id: &str) {
        assert!(!self.path().join("replicas").join(id).exists(), "{id} is still there");
    }

    /// Every process that belongs to this folder: its keepers and their trees.
    pub(crate) fn processes(&self) -> Vec<u32> {
        let tag = fs::read_to_string(self.path().join("tag")).unwrap_or_else(|_| "none".to_owned());
        let marker = format!("SEAWORTHY_REPLICA={tag}/");
        let replicas = self.path().join("replicas");
        all()
            .filter(|pid| {
                let at_home =
                    fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd.starts_with(&replicas));
                let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
                at_home
                    || environment.split(|byte| *byte == 0).any(|entry| entry.starts_with(marker.as_bytes()))
            })
            .collect()
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        for _ in 0..1000 {
            let left = self.processes();
            if left.is_empty() {
                break;
            }
            left.into_iter().for_each(|pid| signal(pid, "KILL"));
            std::thread::sleep(Duration::from_millis(5));
        }
        // what the next owner would take away
        let tag = fs::read_to_string(self.path().join("tag")).unwrap_or_else(|_| "none".to_owned());
        remove_groups(Path::new("/sys/fs/cgroup"), &format!("seaworthy-{tag}-"), 8);
        let _ = fs::remove_dir_all(&self.path);
    }
}

fn remove_groups(below: &Path, prefix: &str, depth: u32) {
    for entry in fs::read_dir(below).into_iter().flatten().flatten() {
        if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        if entry.file_name().to_str().is_some_and(|name| name.starts_with(prefix)) {
            let _ = fs::remove_dir(entry.path());
        } else if depth > 0 {
            remove_groups(&entry.path(), prefix, depth - 1);
        }
    }
}

pub(crate) fn keeper() -> KeeperCommand {
    KeeperCommand { program: fixture().into(), arguments: vec!["keeper".into()] }
}

pub(crate) fn fixture() -> &'static str {
    env!("CARGO_BIN_EXE_seaworthy-process-fixture")
}

pub(crate) fn sh(id: &str, script: &str) -> Launch {
    Launch::new(id, ["/bin/sh", "-c", script])
}

/// The interpreter itself, not a script that looks for it.
pub(crate) fn python(id: &str, script: &str) -> Launch {
    static PYTHON: OnceLock<String> = OnceLock::new();
    let python = PYTHON.get_or_init(|| {
        let output = Command::new("python3").args(["-c", "import sys; print(sys.executable)"]).output();
        String::from_utf8(output.expect("python3").stdout).expect("a path").trim().to_owned()
    });
    Launch::new(id, [python.as_str(), "-u", "-c", script])
}

pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("{what} takes for ever"))
}

pub(crate) async fn next(process: &mut Process) -> Option<Event> {
    within("the next event", process.next()).await
}

/// Everything it says until it ends.
pub(crate) async fn rest(process: &mut Process) -> (Vec<Line>, u64, Exit) {
    let (mut lines, mut dropped) = (Vec::new(), 0);
    loop {
        match next(process).await.expect("an exit comes first") {
            Event::Line(line) => lines.push(line),
            Event::Dropped(count) => dropped += count,
            Event::Exited(exit) => {
                assert_eq!(next(process).await, None);
                return (lines, dropped, exit);
            }
        }
    }
}

pub(crate) async fn exit(process: &mut Process) -> Exit {
    rest(process).await.2
}

pub(crate) async fn line(process: &mut Process) -> String {
    match next(process).await {
        Some(Event::Line(line)) => line.text,
        other => panic!("no line: {other:?}"),
    }
}

pub(crate) fn texts(lines: &[Line]) -> Vec<&str> {
    lines.iter().map(|line| line.text.as_str()).collect()
}

/// Looks again and again until it is so.
pub(crate) async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let look = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    within(what, look).await;
}

pub(crate) fn all() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").expect("/proc").flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// Whether it runs: a process that only waits to be waited for does not.
pub(crate) fn runs(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

/// How many processes have exactly these arguments.
pub(crate) fn running(arguments: &[&str]) -> usize {
    let wanted = arguments.iter().map(|argument| format!("{argument}\0")).collect::<String>();
    let is_it =
        |pid: &u32| fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|found| found == wanted.as_bytes());
    all().filter(is_it).count()
}

pub(crate) fn signal(pid: u32, name: &str) {
    let sent = Command::new("/bin/sh").args(["-c", &format!("kill -{name} {pid} 2>/dev/null")]).status();
    let _ = sent.expect("sh");
}

pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Every file below, to be searched.
pub(crate) fn files_below(path: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(path).expect("folder").flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => found.extend(files_below(&entry.path())),
            Ok(kind) if kind.is_file() => found.push(entry.path()),
            _ => {}
        }
    }
    found
}
