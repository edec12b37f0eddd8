//! Folders that somebody else has, or has been at.

use crate::harness::{Bed, exit, keeper, runs, sh, signal, within};
use seaworthy_core::ErrorCode;
use seaworthy_process::{Error, Folder, Reason};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::Duration;

#[tokio::test]
async fn one_owner_at_a_time() {
    let bed = Bed::new();
    let folder = bed.empty().await;
    let error = Folder::open(bed.path(), keeper()).await.expect_err("held");
    assert_eq!(error.code(), ErrorCode::Conflict);
    let own = std::process::id();
    assert!(error.to_string().ends_with(&format!("belongs to another seaworthy, process {own}")), "{error}");
    let process = folder.start(sh("shop", "exec sleep 1000")).await.expect("start");
    drop(folder);
    // a process keeps it too
    let waited = Folder::open_within(bed.path(), keeper(), Duration::from_millis(100)).await;
    assert!(matches!(waited, Err(Error::Held { .. })));
    within("kill", process.kill()).await.expect("killed");
    drop(process);
    bed.open().await;
}

#[tokio::test]
async fn nobody_else_may_write_there() {
    let bed = Bed::new();
    fs::create_dir_all(bed.path()).expect("made");
    fs::set_permissions(bed.path(), Permissions::from_mode(0o777)).expect("open to all");
    let error = Folder::open(bed.path(), keeper()).await.expect_err("unsafe").to_string();
    assert!(error.ends_with("can be written to by others"), "{error}");
    fs::set_permissions(bed.path(), Permissions::from_mode(0o755)).expect("open to readers");
    bed.empty().await;
    assert_eq!(fs::metadata(bed.path()).expect("there").permissions().mode() & 0o777, 0o700);
    let link = bed.file("link");
    std::os::unix::fs::symlink(bed.path(), &link).expect("link");
    assert!(matches!(Folder::open(&link, keeper()).await, Err(Error::Unsafe { .. })));
    fs::write(bed.file("file"), "").expect("written");
    assert!(matches!(Folder::open(bed.file("file"), keeper()).await, Err(Error::File { .. })));
}

#[tokio::test]
async fn what_makes_no_sense_is_set_aside() {
    let bed = Bed::new();
    drop(bed.empty().await);
    let replicas = bed.path().join("replicas");
    fs::write(replicas.join("file"), "x").expect("written");
    fs::create_dir(replicas.join(".hidden")).expect("made");
    std::os::unix::fs::symlink("/etc", replicas.join("link")).expect("link");
    for (id, description) in [
        ("empty", ""),
        ("binary", "\0\u{1}{{{"),
        ("other", "{\"format\":1}"),
        ("array", "[]"),
        ("future", "{\"format\":99}"),
    ] {
        fs::create_dir(replicas.join(id)).expect("made");
        fs::write(replicas.join(id).join("description.json"), description).expect("written");
        fs::write(replicas.join(id).join("exit.json"), "nonsense").expect("written");
    }
    fs::create_dir(replicas.join("folders")).expect("made");
    fs::create_dir(replicas.join("folders").join("description.json")).expect("made");
    fs::create_dir(replicas.join("folders").join("alive")).expect("made");
    fs::create_dir(replicas.join("bare")).expect("made");
    let folder = bed.empty().await;
    assert_eq!(folder.problems().len(), 10, "{:#?}", folder.problems());
    assert_eq!(fs::read_dir(&replicas).expect("there").count(), 0);
    assert_eq!(fs::read_dir(bed.path().join("aside")).expect("there").count(), 10);
    assert!(fs::metadata("/etc/passwd").is_ok(), "a link is set aside, not what it means");
    let mut process = folder.start(sh("empty", "exit 0")).await.expect("the name is free");
    assert!(exit(&mut process).await.success());
}

#[tokio::test]
async fn a_keeper_without_a_description_is_ended() {
    let bed = Bed::new();
    let folder = bed.empty().await;
    let process = folder.start(sh("shop", "exec sleep 1000")).await.expect("start");
    let pid = process.pid().expect("pid");
    fs::write(bed.path().join("replicas/shop/description.json"), "{").expect("written");
    drop((process, folder));
    let folder = bed.empty().await;
    assert_eq!(folder.problems().len(), 1, "{:?}", folder.problems());
    assert!(!runs(pid) && bed.processes().is_empty());
}

/// Ends with its test.
struct Stranger(Child);

impl Stranger {
    /// Who has another start time than whoever these files are about: the kernel counts in hundredths of a second.
    fn of_another_moment(files: &[PathBuf]) -> Self {
        let known: String = files.iter().map(|file| fs::read_to_string(file).expect("there")).collect();
        loop {
            let stranger = Self(Command::new("sleep").arg("1000").spawn().expect("sleep"));
            let stat = fs::read_to_string(format!("/proc/{}/stat", stranger.0.id())).expect("runs");
            let fields = stat.rsplit_once(") ").expect("a name").1;
            let start = fields.split(' ').nth(19).expect("a start");
            if !known.contains(&format!("\"start\": {start},")) {
                return stranger;
            }
        }
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A number that was given out again, in every file that holds one.
#[tokio::test]
async fn a_stranger_with_an_old_number_is_left_alone() {
    let bed = Bed::new();
    let folder = bed.empty().await;
    let process = folder.start(sh("shop", "exec sleep 1000")).await.expect("start");
    let replica = bed.path().join("replicas/shop");
    let stranger = Stranger::of_another_moment(&[replica.join("program.json"), replica.join("keeper.json")]);
    signal(bed.keeper_of("shop"), "KILL");
    drop((process, folder));
    crate::harness::eventually("it dies", || bed.processes().is_empty()).await;
    for file in ["program.json", "keeper.json"] {
        let text = fs::read_to_string(replica.join(file)).expect("there");
        let (before, rest) = text.split_once("\"pid\": ").expect("a number");
        let (_, after) = rest.split_once(',').expect("more");
        fs::write(replica.join(file), format!("{before}\"pid\": {},{after}", stranger.0.id()))
            .expect("written");
    }
    let (_folder, mut processes) = bed.open().await;
    let mut process = processes.pop().expect("found");
    assert_eq!(process.pid(), Some(stranger.0.id()));
    within("kill", process.kill()).await.expect("nothing to kill");
    assert!(process.signal(seaworthy_process::Signal::KILL).is_err());
    assert_eq!(exit(&mut process).await.reason, Reason::Lost);
    assert!(runs(stranger.0.id()));
}

#[tokio::test]
async fn a_half_born_replica_is_nothing() {
    let bed = Bed::new();
    let folder = bed.empty().await;
    let process = folder.start(sh("model", "exec sleep 1000")).await.expect("start");
    let replicas = bed.path().join("replicas");
    let description = fs::read_to_string(replicas.join("model/description.json")).expect("there");
    fs::create_dir(replicas.join("half")).expect("made");
    fs::write(replicas.join("half/alive"), "").expect("written");
    fs::write(replicas.join("half/description.json"), description.replace("\"model\"", "\"half\""))
        .expect("written");
    drop((process, folder));
    let (folder, processes) = bed.open().await;
    assert_eq!((processes.len(), processes[0].id(), folder.problems()), (1, "model", Vec::new()));
    bed.assert_forgotten("half");
}

/// Whatever a disk, an editor or an enemy makes of the files.
#[tokio::test]
async fn damaged_files_do_no_harm() {
    let bed = Bed::new();
    let folder = bed.empty().await;
    let process = folder.start(sh("shop", "echo one; sleep 1000 & sleep 1000")).await.expect("start");
    let replica = bed.path().join("replicas/shop");
    let names = ["description.json", "keeper.json", "program.json"];
    let mut files: Vec<(&str, Vec<u8>)> =
        names.iter().map(|name| (*name, fs::read(replica.join(name)).expect("there"))).collect();
    // a record without its taker
    let handle = process.handle();
    within("kill", handle.kill()).await.expect("killed");
    files.extend(["output", "exit.json"].map(|name| (name, fs::read(replica.join(name)).expect("there"))));
    drop((process, handle, folder));
    let stranger = Stranger(Command::new("sleep").arg("1000").spawn().expect("sleep"));
    for _ in 0..60 {
        fs::create_dir_all(&replica).expect("made");
        for (name, bytes) in &files {
            let mut bytes = bytes.clone();
            match fastrand::u8(..4) {
                0 => bytes.truncate(fastrand::usize(..=bytes.len())),
                1 => {
                    bytes = std::iter::repeat_with(|| fastrand::u8(..)).take(fastrand::usize(..200)).collect()
                }
                2 if !bytes.is_empty() => {
                    let at = fastrand::usize(..bytes.len());
                    bytes[at] = fastrand::u8(..);
                }
                _ => {}
            }
            fs::write(replica.join(name), bytes).expect("written");
        }
        let (_folder, processes) = bed.open().await;
        assert!(processes.len() <= 1, "{processes:?}");
        for mut process in processes {
            within("kill", process.kill()).await.expect("nothing to kill");
            exit(&mut process).await;
        }
    }
    assert!(runs(stranger.0.id()));
}

#[tokio::test]
async fn without_its_tag_a_folder_keeps_what_lives() {
    let bed = Bed::new();
    let folder = bed.empty().await;
    let process = folder.start(sh("shop", "exec sleep 1000")).await.expect("start");
    let pid = process.pid();
    let tag = fs::read(bed.path().join("tag")).expect("there");
    fs::write(bed.path().join("tag"), "../../etc").expect("written");
    drop((process, folder));
    let (_folder, mut processes) = bed.open().await;
    assert_ne!(fs::read(bed.path().join("tag")).expect("there"), tag);
    let mut process = processes.pop().expect("found");
    assert_eq!(process.pid(), pid);
    within("kill", process.kill()).await.expect("killed");
    assert_eq!(exit(&mut process).await.reason, Reason::Signal(seaworthy_process::Signal::KILL));
}
