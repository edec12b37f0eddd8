//! Where this process's own groups are in the file system.

use std::path::{Component, Path, PathBuf};

/// A line of `/proc/self/mountinfo` that mounts control groups.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mount {
    /// The group that is mounted there.
    root: PathBuf,
    point: PathBuf,
    /// Empty for version 2.
    controllers: Vec<String>,
    v2: bool,
}

pub(super) fn parse(mountinfo: &str) -> Vec<Mount> {
    mountinfo.lines().filter_map(parse_line).collect()
}

fn parse_line(line: &str) -> Option<Mount> {
    let (before, after) = line.split_once(" - ")?;
    let mut after = after.split(' ');
    let kind = after.next()?;
    let v2 = kind == "cgroup2";
    if !v2 && kind != "cgroup" {
        return None;
    }
    let options = after.nth(1).unwrap_or_default();
    let mut before = before.split(' ').skip(3);
    Some(Mount {
        root: unescape(before.next()?),
        point: unescape(before.next()?),
        controllers: if v2 { Vec::new() } else { options.split(',').map(str::to_owned).collect() },
        v2,
    })
}

/// Blanks in paths stand as octal numbers.
fn unescape(text: &str) -> PathBuf {
    let mut parts = text.split('\\');
    let mut found = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let code = part.get(..3).and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match code {
            Some(code) => {
                found.push(char::from(code));
                found.push_str(part.get(3..).unwrap_or_default());
            }
            None => {
                found.push('\\');
                found.push_str(part);
            }
        }
    }
    PathBuf::from(found)
}

/// The folder of this process's own group in the hierarchy of a controller of version 1, or in that of version 2.
pub(super) fn own(groups: &str, mounts: &[Mount], controller: Option<&str>) -> Result<PathBuf, String> {
    let hierarchy = controller.map_or("version 2".to_owned(), |name| format!("the {name} controller"));
    let path = groups
        .lines()
        .find_map(|line| {
            let mut fields = line.splitn(3, ':');
            let (number, names, path) = (fields.next()?, fields.next()?, fields.next()?);
            let it_is = match controller {
                Some(name) => names.split(',').any(|found| found == name),
                None => number == "0" && names.is_empty(),
            };
            it_is.then(|| PathBuf::from(path))
        })
        .ok_or_else(|| format!("this kernel has no control groups of {hierarchy}"))?;
    if path.components().any(|part| part == Component::ParentDir) {
        return Err(format!("its own group of {hierarchy} is outside of what it can see"));
    }
    let mount = mounts
        .iter()
        .find(|mount| match controller {
            Some(name) => !mount.v2 && mount.controllers.iter().any(|found| found == name),
            None => mount.v2,
        })
        .ok_or_else(|| format!("control groups of {hierarchy} are not mounted"))?;
    // in a container the mount may begin at the container's own group, and paths may be told from another root
    let below = path.strip_prefix(&mount.root).or_else(|_| path.strip_prefix("/")).unwrap_or(Path::new(""));
    Ok(mount.point.join(below))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
30 24 0:26 / /sys/fs/cgroup ro,nosuid - tmpfs tmpfs ro,mode=755
31 30 0:27 / /sys/fs/cgroup/unified rw,nosuid - cgroup2 cgroup2 rw,nsdelegate
33 30 0:29 /docker/abc /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
34 30 0:30 / /sys/fs/cgroup/a\\040b rw shared:1 - cgroup cgroup rw,memory
garbage
";
    const GROUPS: &str = "9:memory:/shop\n4:cpu,cpuacct:/docker/abc/x\n1:pids:/../..\n0::/user/me\n";

    #[test]
    fn own_groups_are_found() {
        let mounts = parse(MOUNTS);
        assert_eq!(mounts.len(), 3);
        let own = |controller| own(GROUPS, &mounts, controller);
        assert_eq!(own(None), Ok("/sys/fs/cgroup/unified/user/me".into()));
        assert_eq!(own(Some("memory")), Ok("/sys/fs/cgroup/a b/shop".into()));
        assert_eq!(own(Some("cpu")), Ok("/sys/fs/cgroup/cpu,cpuacct/x".into()));
        assert!(own(Some("pids")).is_err_and(|why| why.contains("outside")));
        assert!(own(Some("rdma")).is_err_and(|why| why.contains("no control groups")));
    }

    #[test]
    fn what_is_not_mounted_is_said() {
        let why = own("3:freezer:/\n", &parse(MOUNTS), Some("freezer")).expect_err("not mounted");
        assert_eq!(why, "control groups of the freezer controller are not mounted");
    }
}
