//! Users and groups of `/etc/passwd` and `/etc/group`. Directories in a network are not asked: a number always works.

use rustix::process::{Gid, Uid};
use std::fs;

/// Whom a program runs as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) user: Option<User>,
    pub(super) group: Option<Gid>,
    /// Supplementary groups.
    pub(super) groups: Vec<Gid>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct User {
    pub(super) id: Uid,
    /// Its name and its home, if it has an entry.
    pub(super) entry: Option<(String, String)>,
}

pub(super) fn resolve(user: Option<&str>, group: Option<&str>) -> Result<Account, String> {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    find(user, group, &read("/etc/passwd"), &read("/etc/group"))
}

fn find(user: Option<&str>, group: Option<&str>, users: &str, groups: &str) -> Result<Account, String> {
    let (user, main) = match user {
        Some(user) => find_user(user, users).map(|(user, main)| (Some(user), main))?,
        None => (None, None),
    };
    let group = match group {
        Some(group) => Some(find_group(group, groups)?),
        None => main,
    };
    if user.is_some() && group.is_none() {
        return Err("a user that is a mere number needs a group beside it".to_owned());
    }
    let name = user.as_ref().and_then(|user| user.entry.as_ref()).map(|(name, _)| name.as_str());
    let mut supplementary: Vec<Gid> = name.map_or_else(Vec::new, |name| groups_of(name, groups));
    supplementary.extend(group);
    supplementary.sort_unstable_by_key(|group| group.as_raw());
    supplementary.dedup();
    Ok(Account { user, group, groups: supplementary })
}

fn number(text: &str) -> Option<u32> {
    // the highest number means "leave it as it is" to the kernel
    text.parse().ok().filter(|number| *number != u32::MAX)
}

fn find_user(wanted: &str, users: &str) -> Result<(User, Option<Gid>), String> {
    for line in users.lines() {
        let fields: Vec<&str> = line.split(':').collect();
        let [name, _, id, group, _, home, ..] = fields[..] else { continue };
        let (Some(id), Some(group)) = (number(id), number(group)) else { continue };
        if name == wanted || Some(id) == number(wanted) {
            let entry = Some((name.to_owned(), home.to_owned()));
            return Ok((User { id: Uid::from_raw(id), entry }, Some(Gid::from_raw(group))));
        }
    }
    match number(wanted) {
        Some(id) => Ok((User { id: Uid::from_raw(id), entry: None }, None)),
        None => Err(format!("there is no user \"{}\" in /etc/passwd", wanted.escape_debug())),
    }
}

fn find_group(wanted: &str, groups: &str) -> Result<Gid, String> {
    let by_name = groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, _, id) = (fields.next()?, fields.next()?, fields.next()?);
        if name == wanted { number(id) } else { None }
    });
    by_name
        .or_else(|| number(wanted))
        .map(Gid::from_raw)
        .ok_or_else(|| format!("there is no group \"{}\" in /etc/group", wanted.escape_debug()))
}

fn groups_of(user: &str, groups: &str) -> Vec<Gid> {
    let member = |line: &str| {
        let fields: Vec<&str> = line.split(':').collect();
        let [_, _, id, members, ..] = fields[..] else { return None };
        members.split(',').any(|member| member == user).then(|| number(id)).flatten()
    };
    groups.lines().filter_map(member).map(Gid::from_raw).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const USERS: &str = "root:x:0:0:root:/root:/bin/sh\nbroken\nshop:x:1000:100::/home/shop:/bin/sh\n";
    const GROUPS: &str = "users:x:100:\nssl:x:104:mail,shop\nmail:x:8:shop\nodd\n";

    type Found = (Option<u32>, Option<u32>, Vec<u32>);

    fn found(user: Option<&str>, group: Option<&str>) -> Result<Found, String> {
        let account = find(user, group, USERS, GROUPS)?;
        let groups = account.groups.iter().map(|group| group.as_raw()).collect();
        Ok((account.user.map(|user| user.id.as_raw()), account.group.map(Gid::as_raw), groups))
    }

    #[test]
    fn names_and_numbers() {
        assert_eq!(found(Some("shop"), None), Ok((Some(1000), Some(100), vec![8, 100, 104])));
        assert_eq!(found(Some("1000"), None), Ok((Some(1000), Some(100), vec![8, 100, 104])));
        assert_eq!(found(Some("shop"), Some("ssl")), Ok((Some(1000), Some(104), vec![8, 104])));
        assert_eq!(found(Some("4242"), Some("77")), Ok((Some(4242), Some(77), vec![77])));
        assert_eq!(found(None, Some("mail")), Ok((None, Some(8), vec![8])));
        assert_eq!(found(None, None), Ok((None, None, vec![])));
    }

    #[test]
    fn strangers_are_named() {
        assert_eq!(found(Some("bob"), None), Err("there is no user \"bob\" in /etc/passwd".to_owned()));
        assert_eq!(found(None, Some("bobs")), Err("there is no group \"bobs\" in /etc/group".to_owned()));
        assert!(found(Some("4242"), None).is_err_and(|why| why.contains("needs a group")));
        assert!(found(Some("4294967295"), Some("0")).is_err());
    }
}
