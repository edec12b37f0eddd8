//! The same on a machine without control groups: everything is done with resource limits and by walking the tree.

use std::process::Command;

/// What depends on them.
const CASES: [&str; 6] = [
    "limits::",
    "trees::a_daemon_does_not_get_away",
    "trees::kill_returns_when_nothing_is_left",
    "trees::orphans_of_the_program_are_waited_for",
    "trees::who_forks_without_end_is_ended",
    "trees::without_its_keeper_nothing_lives",
];

/// Hides them in a mount namespace, and runs those tests there.
#[test]
fn without_control_groups() {
    let hide = "umount -R -l /sys/fs/cgroup && exec \"$0\" \"$@\"";
    let own = std::env::current_exe().expect("the tests");
    let mut command = Command::new("unshare");
    command.args(["--mount", "/bin/sh", "-c", hide]).arg(own).args(CASES).arg("--test-threads=2");
    let output = command.output().expect("unshare");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if !out.contains("test result") {
        eprintln!("NOT TESTED: the mounts of control groups cannot be hidden here: {err}");
        return;
    }
    assert!(output.status.success() && out.contains("10 passed"), "{out}\n{err}");
}
