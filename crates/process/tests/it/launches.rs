//! What a program finds when it begins.

use crate::harness::{Bed, all, exit, files_below, fixture, is_root, line, python, rest, sh, texts, within};
use seaworthy_core::Secret;
use seaworthy_process::{Folder, KeeperCommand, Launch, Stage};
use std::collections::BTreeSet;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

#[tokio::test]
async fn the_environment_is_clean() {
    let bed = Bed::new();
    let folder = bed.empty().await;
    let mut launch = Launch::new("shop", ["env"]);
    launch.env = vec![("COLOUR".to_owned(), Secret::new("blue\ngreen".to_owned()))];
    launch.inherit_env = vec!["CARGO_PKG_NAME".to_owned(), "NOT_SET_ANYWHERE".to_owned()];
    let mut process = folder.start(launch).await.expect("start");
    let (lines, _, _) = rest(&mut process).await;
    let names: BTreeSet<&str> =
        texts(&lines).iter().filter_map(|line| Some(line.split_once('=')?.0)).collect();
    let allowed = ["CARGO_PKG_NAME", "COLOUR", "HOME", "LANG", "PATH", "SEAWORTHY_REPLICA", "TZ"];
    assert!(names.is_subset(&allowed.into()), "{names:?}");
    assert!(names.contains("PATH") && names.contains("COLOUR") && names.contains("CARGO_PKG_NAME"));
    assert!(std::env::vars().count() > names.len(), "there is something to leak");
}

/// One whose Seaworthy was started by somebody with odd habits.
fn odd_keeper() -> KeeperCommand {
    let habits = "trap '' HUP INT TERM USR1 PIPE; umask 0; ulimit -c unlimited 2>/dev/null";
    let script = format!("{habits}; exec {} \"$@\" 3</dev/null 7</dev/null", fixture());
    KeeperCommand {
        program: "/bin/sh".into(),
        arguments: ["-c", &script, "sh", "keeper"].map(Into::into).to_vec(),
    }
}

#[tokio::test]
async fn a_program_begins_as_after_a_boot() {
    let bed = Bed::new();
    let (folder, _) = Folder::open(bed.path(), odd_keeper()).await.expect("folder");
    let mut launch =
        sh("shop", "umask; pwd; grep -E '^Sig(Blk|Ign)' /proc/self/status; ls /proc/self/fd; cat");
    launch.folder = Some("/usr".into());
    let mut process = folder.start(launch).await.expect("start");
    let (lines, _, exit) = rest(&mut process).await;
    let said = texts(&lines);
    assert_eq!(&said[..2], ["0022", "/usr"]);
    let mask = |line: &str| u64::from_str_radix(line.split('\t').nth(1).expect("a mask"), 16).expect("hex");
    // beyond 31 are those that C libraries use among themselves
    assert_eq!((mask(said[2]), mask(said[3]) & 0x7fff_ffff), (0, 0), "{said:?}");
    // the fourth is the folder that is being read
    assert_eq!(&said[4..], ["0", "1", "2", "3"]);
    assert!(exit.success());
}

#[tokio::test]
async fn secrets_are_seen_by_the_program_alone() {
    let bed = Bed::new();
    let folder = bed.empty().await;
    let secret = format!("hunter2-{}", fastrand::u64(..));
    let mut launch = sh("shop", "printf '%s' \"$KEY\" | wc -c; exec sleep 1000");
    launch.env = vec![("KEY".to_owned(), Secret::new(secret.clone()))];
    assert!(!format!("{launch:?}").contains(&secret));
    let mut process = folder.start(launch).await.expect("start");
    assert_eq!(line(&mut process).await.trim(), secret.len().to_string());
    let holds = |bytes: &[u8]| bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
    for file in files_below(&bed.path()) {
        assert!(!holds(&fs::read(&file).unwrap_or_default()), "{}", file.display());
    }
    for pid in all() {
        assert!(!holds(&fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default()), "{pid}");
    }
    let keeper = fs::read(format!("/proc/{}/environ", bed.keeper_of("shop"))).expect("keeper");
    assert!(!holds(&keeper) && !format!("{process:?}").contains(&secret));
    within("kill", process.kill()).await.expect("killed");
    exit(&mut process).await;
}

const SERVER: &str = "
import os, socket
assert os.environ['LISTEN_FDS'] == '1' and os.environ['LISTEN_PID'] == str(os.getpid())
listener = socket.socket(fileno=3)
assert os.get_blocking(3)
while True:
    connection, _ = listener.accept()
    connection.sendall(b'hello ' + connection.recv(100))
    connection.close()
";

#[tokio::test]
async fn a_socket_is_passed_on() {
    let bed = Bed::new();
    let folder = bed.empty().await;
    let listener = TcpListener::bind("127.0.0.1:0").expect("port");
    listener.set_nonblocking(true).expect("as async programs do");
    let address = listener.local_addr().expect("address");
    let mut launch = python("shop", SERVER);
    launch.socket = Some(listener);
    let mut process = folder.start(launch).await.expect("start");
    let answer = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(address).expect("listening");
        stream.write_all(b"world").expect("written");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("read");
        answer
    });
    assert_eq!(within("an answer", answer).await.expect("answered"), "hello world");
    within("kill", process.kill()).await.expect("killed");
    exit(&mut process).await;
    assert!(TcpStream::connect(address).is_err(), "the socket was the program's alone");
}

/// A shell, a build tool or a service manager may have left a file open in Seaworthy.
#[tokio::test]
async fn a_socket_is_passed_on_even_if_its_place_is_taken() {
    let bed = Bed::new();
    let (folder, _) = Folder::open(bed.path(), odd_keeper()).await.expect("folder");
    let listener = TcpListener::bind("127.0.0.1:0").expect("port");
    let address = listener.local_addr().expect("address");
    let mut launch = python("shop", SERVER);
    launch.socket = Some(listener);
    let mut process = folder.start(launch).await.expect("start");
    let answer = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(address).expect("listening");
        stream.write_all(b"again").expect("written");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).map(|_| answer)
    });
    assert_eq!(within("an answer", answer).await.expect("answered").expect("read"), "hello again");
    within("kill", process.kill()).await.expect("killed");
    exit(&mut process).await;
}

#[tokio::test]
async fn users_and_groups_are_changed() {
    if !is_root() {
        eprintln!("NOT TESTED: becoming another user needs root");
        return;
    }
    let bed = Bed::new();
    let folder = bed.empty().await;
    let mut launch =
        sh("shop", "id -u; id -g; id -G; echo $USER $HOME; touch /root/x 2>/dev/null || echo no");
    launch.folder = Some("/".into());
    launch.user = Some("4242".to_owned());
    launch.group = Some("4243".to_owned());
    let mut process = folder.start(launch).await.expect("start");
    assert_eq!(texts(&rest(&mut process).await.0), ["4242", "4243", "4243", "", "no"]);

    let mut launch = sh("shop", "id -un; echo $USER; exec sleep 1000");
    launch.folder = Some("/".into());
    launch.user = Some("nobody".to_owned());
    let mut process = folder.start(launch).await.expect("start");
    assert_eq!([line(&mut process).await, line(&mut process).await], ["nobody", "nobody"]);
    // the kernel forgets the wish to die with the parent when the user changes: it was made again
    crate::harness::signal(bed.keeper_of("shop"), "KILL");
    let pid = process.pid().expect("pid");
    exit(&mut process).await;
    assert!(!crate::harness::runs(pid));
}

#[tokio::test]
async fn a_folder_that_the_user_may_not_enter_is_named() {
    if !is_root() {
        eprintln!("NOT TESTED: becoming another user needs root");
        return;
    }
    let bed = Bed::new();
    let folder = bed.empty().await;
    let mut launch = sh("shop", "true");
    launch.user = Some("nobody".to_owned());
    launch.folder = Some(bed.path());
    match folder.start(launch).await {
        Err(seaworthy_process::Error::FailedToStart { stage: Stage::Folder, error }) => {
            assert!(error.contains("ermission denied"), "{error}");
        }
        other => panic!("{other:?}"),
    }
}
