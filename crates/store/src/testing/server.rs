use super::{Folder, free_port, wait_for};
use rustix::process::{Pid, Signal, kill_process};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A PostgreSQL server of this test alone.
#[derive(Debug)]
pub struct Postgres {
    programs: PathBuf,
    folder: Folder,
    port: u16,
    child: Option<Child>,
    settings: Vec<String>,
}

impl Postgres {
    /// Makes and starts one that does not wait for the disk: tests kill processes, not machines.
    pub fn start() -> Self {
        Self::start_with(&["fsync=off", "full_page_writes=off"])
    }

    /// Makes and starts one with settings of the caller's.
    pub fn start_with(settings: &[&str]) -> Self {
        let programs = programs();
        let folder = Folder::new("postgres");
        hand_over(folder.path());
        copy_cluster(&programs, &folder.path().join("data"));
        let settings = settings.iter().map(|setting| (*setting).to_owned()).collect();
        let mut server = Self { programs, folder, port: free_port(), child: None, settings };
        server.run();
        server
    }

    /// The address of one of its databases.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// Its port on 127.0.0.1.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The process id of its first process, the parent of all its others.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Ends it as a crash does: no process of it gets to say anything.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // the children of a postmaster that was killed notice by themselves
            let _ = child.kill();
            let _ = child.wait();
            let data = self.folder.path().join("data");
            wait_for(self.port, || !still_there(&data), "the end of postgres");
            let _ = std::fs::remove_file(data.join("postmaster.pid"));
        }
    }

    /// Starts it again after [`kill`](Self::kill), on the same port and data.
    pub fn run(&mut self) {
        let mut command = as_postgres(&self.programs.join("postgres"));
        command.arg("-D").arg(self.folder.path().join("data")).arg("-p").arg(self.port.to_string());
        command.args(["-c", "listen_addresses=127.0.0.1", "-c", "max_connections=200"]);
        command.arg("-c").arg(format!("unix_socket_directories={}", self.folder.path().display()));
        for setting in &self.settings {
            command.arg("-c").arg(setting);
        }
        let log = std::fs::File::create(self.folder.path().join("log")).expect("a log can be written");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        self.child = Some(command.spawn().expect("postgres starts"));
        let ready = || {
            let port = self.port.to_string();
            let probe = Command::new(self.programs.join("pg_isready"))
                .args(["-q", "-h", "127.0.0.1", "-p", &port])
                .status();
            probe.is_ok_and(|status| status.success())
        };
        wait_for(self.port, ready, "postgres");
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
                // "immediate": no checkpoint, but its children end too
                let _ = kill_process(pid, Signal::QUIT);
            }
            let _ = child.wait();
        }
    }
}

/// Whether a process still uses this data: PostgreSQL's own check is the shared memory's attach count.
fn still_there(data: &Path) -> bool {
    let data = data.display().to_string();
    let Ok(processes) = std::fs::read_dir("/proc") else { return false };
    processes.flatten().any(|process| {
        std::fs::read_link(process.path().join("cwd")).is_ok_and(|cwd| cwd.display().to_string() == data)
    })
}

fn programs() -> PathBuf {
    let mut found: Vec<_> = std::fs::read_dir("/usr/lib/postgresql")
        .map(|versions| versions.flatten().map(|version| version.path().join("bin")).collect())
        .unwrap_or_default();
    found.retain(|folder: &PathBuf| folder.join("postgres").exists());
    found.sort();
    found.pop().expect("postgresql is installed (cargo xtask setup)")
}

/// PostgreSQL refuses to run as root.
fn as_postgres(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    // a test that is killed takes its server along
    command.args(["--pdeathsig", "KILL"]);
    if rustix::process::geteuid().is_root() {
        command.args(["--reuid", "postgres", "--regid", "postgres", "--init-groups"]);
    }
    command.arg("--").arg(program);
    command.current_dir("/");
    command
}

fn hand_over(folder: &Path) {
    if rustix::process::geteuid().is_root() {
        let done = Command::new("chown").arg("postgres:").arg(folder).status();
        assert!(done.is_ok_and(|status| status.success()), "the user postgres exists");
    }
}

/// A fresh cluster takes seconds to make, so one is kept and copied.
fn copy_cluster(programs: &Path, data: &Path) {
    let version = programs.parent().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    let user = rustix::process::geteuid().as_raw();
    let name = format!("seaworthy-test-cluster-{}-{user}", version.unwrap_or_default());
    let template = std::env::temp_dir().join(name);
    if !template.join("PG_VERSION").exists() {
        make_cluster(programs, &template);
    }
    let copied = Command::new("cp").arg("-a").arg(&template).arg(data).status();
    assert!(copied.is_ok_and(|status| status.success()), "the cluster can be copied");
}

fn make_cluster(programs: &Path, template: &Path) {
    let making = Folder::new("initdb");
    hand_over(making.path());
    let data = making.path().join("data");
    let mut command = as_postgres(&programs.join("initdb"));
    command.arg("-D").arg(&data).args([
        "-U",
        "postgres",
        "-A",
        "trust",
        "-E",
        "UTF8",
        "--locale=C",
        "--no-sync",
    ]);
    let output = command.output().expect("initdb runs");
    assert!(output.status.success(), "initdb: {}", String::from_utf8_lossy(&output.stderr));
    // whoever was first wins; the others' copy goes away with its folder
    let _ = std::fs::rename(&data, template);
}
