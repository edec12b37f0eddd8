use super::*;
use crate::testing::Scratch;

const MOUNTS: &str = "\
31 30 0:27 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
33 30 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu
34 30 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
35 30 0:31 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids
";

/// A machine whose kernel does nothing: files that it would make in new groups have to be there before.
fn machine(files: &[(&str, &str)]) -> Scratch {
    let scratch = Scratch::new("cgroup");
    for (path, text) in files {
        let path = scratch.path().join(path);
        fs::create_dir_all(path.parent().expect("below")).expect("folder");
        fs::write(path, text).expect("file");
    }
    scratch
}

fn only_v2(controllers: &str, members: &str) -> Scratch {
    machine(&[
        ("proc/self/mountinfo", "31 30 0:27 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"),
        ("proc/self/cgroup", "0::/me\n"),
        ("sys/fs/cgroup/me/cgroup.controllers", controllers),
        ("sys/fs/cgroup/me/cgroup.subtree_control", "memory cpu pids"),
        ("sys/fs/cgroup/me/cgroup.procs", members),
    ])
}

fn read(scratch: &Scratch, path: &str) -> String {
    fs::read_to_string(scratch.path().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

const ALL: Limits =
    Limits { memory: Some(64 << 20), cpu_millicores: Some(1500), processes: Some(32), open_files: None };

#[test]
fn version_2_is_preferred() {
    let scratch = only_v2("cpuset cpu io memory pids\n", "");
    let cgroups = detect::detect(scratch.path(), "t");
    let found = &cgroups.capabilities;
    for enforcement in [&found.memory, &found.cpu, &found.processes, &found.ending] {
        assert_eq!(enforcement.mechanism, Mechanism::CgroupV2, "{enforcement}");
    }
    assert_eq!(cgroups.needs_rlimits(), (false, false));
    let groups = cgroups.create("shop", &ALL).expect("made");
    let group = "sys/fs/cgroup/me/seaworthy-t-shop";
    assert_eq!(groups.paths(), BTreeSet::from([scratch.path().join(group)]));
    assert_eq!(read(&scratch, &format!("{group}/memory.max")), "67108864");
    assert_eq!(read(&scratch, &format!("{group}/memory.oom.group")), "1");
    assert_eq!(read(&scratch, &format!("{group}/cpu.max")), "150000 100000");
    assert_eq!(read(&scratch, &format!("{group}/pids.max")), "32");
}

#[test]
fn version_1_fills_the_gaps_of_version_2() {
    let probe = "seaworthy-t-~";
    let scratch = machine(&[
        ("proc/self/mountinfo", MOUNTS),
        ("proc/self/cgroup", "3:cpu:/\n4:memory:/a\n5:pids:/\n0::/\n"),
        ("sys/fs/cgroup/unified/cgroup.controllers", "hugetlb\n"),
        (&format!("sys/fs/cgroup/memory/a/{probe}/memory.limit_in_bytes"), ""),
        (&format!("sys/fs/cgroup/cpu/{probe}/cpu.cfs_quota_us"), ""),
    ]);
    // a group that cannot even be made
    fs::create_dir_all(scratch.path().join("sys/fs/cgroup/pids")).expect("folder");
    let cgroups = detect::detect(scratch.path(), "t");
    let words = cgroups.capabilities.words();
    assert!(words[0].starts_with("memory: cgroup v1: no version 2"), "{words:?}");
    assert!(words[0].ends_with("has no memory controller"), "{words:?}");
    assert!(words[1].starts_with("cpu: cgroup v1"), "{words:?}");
    assert!(words[2].starts_with("processes: resource limit: counted per user"), "{words:?}");
    assert_eq!(cgroups.needs_rlimits(), (false, true));
    let few = cgroups.create("few", &Limits::default()).expect("made");
    assert_eq!(few.paths().len(), 1, "{few:?}");
    let groups = cgroups.create("shop", &ALL).expect("made");
    assert_eq!(groups.paths().len(), 3, "{groups:?}");
    let name = "seaworthy-t-shop";
    assert_eq!(read(&scratch, &format!("sys/fs/cgroup/memory/a/{name}/memory.limit_in_bytes")), "67108864");
    assert_eq!(read(&scratch, &format!("sys/fs/cgroup/cpu/{name}/cpu.cfs_quota_us")), "150000");
}

#[test]
fn without_control_groups_it_says_so() {
    let scratch = Scratch::new("cgroup");
    let cgroups = detect::detect(scratch.path(), "t");
    let found = &cgroups.capabilities;
    assert_eq!(found.memory.mechanism, Mechanism::Rlimit);
    assert_eq!(found.cpu.mechanism, Mechanism::Nothing);
    assert_eq!(found.ending.mechanism, Mechanism::ProcessTree);
    assert!(found.memory.why.contains("address space"), "{}", found.memory);
    let groups = cgroups.create("shop", &ALL).expect("nothing to make");
    assert_eq!(groups, Groups::default());
    assert_eq!((groups.members(), groups.cpu(), groups.memory(), groups.oom_kills()), (None, None, None, 0));
}

#[test]
fn what_groups_count_is_read() {
    let scratch = machine(&[
        ("two/cpu.stat", "usage_usec 2500\nuser_usec 1\n"),
        ("two/memory.current", "1000\n"),
        ("two/memory.stat", "anon 1\ninactive_file 300\n"),
        ("two/memory.events", "low 0\noom 9\noom_kill 3\n"),
        ("two/cgroup.procs", "12\n13\n0\nx\n"),
        ("two/below/cgroup.procs", "14\n"),
        ("one/memory.usage_in_bytes", "500\n"),
        ("one/memory.stat", "total_inactive_file 600\n"),
        ("one/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n"),
    ]);
    let at = |name: &str| Some(scratch.path().join(name));
    let two = Groups { v2: at("two"), ..Groups::default() };
    assert_eq!((two.cpu(), two.memory(), two.oom_kills()), (Some(Duration::from_micros(2500)), Some(700), 3));
    assert_eq!(two.members(), Some(vec![12, 13, 14]));
    let one = Groups { memory: at("one"), ..Groups::default() };
    assert_eq!((one.cpu(), one.memory(), one.oom_kills()), (None, Some(0), 2));
}

#[test]
fn only_groups_of_ours_are_believed() {
    let groups = |path: &str| Groups { v2: Some(path.into()), ..Groups::default() };
    assert!(groups("/sys/fs/cgroup/me/seaworthy-t-shop").plausible("shop"));
    assert!(Groups::default().plausible("shop"));
    for path in ["/sys/fs/cgroup/init.scope", "/tmp/seaworthy-t-shop", "/sys/fs/cgroup/../x/seaworthy-t-shop"]
    {
        assert!(!groups(path).plausible("shop"), "{path}");
    }
    assert!(!groups("/sys/fs/cgroup/me/seaworthy-t-shop").plausible("mail"));
}
