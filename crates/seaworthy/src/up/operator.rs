//! The token of this machine's operator: whoever may read its file may give any order at the control listener. Made at
//! the first start, kept ever after; to change it, remove the file and restart.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::OFlags;
use seaworthy_core::Secret;

/// What it starts with, so that scanners for leaked secrets can know it.
const PREFIX: &str = "swop_";
/// Random bytes in it.
const BYTES: usize = 32;
/// More than any token of ours.
const LONGEST: u64 = 4_096;

/// The token, made where there is none; whether it is new.
pub(super) fn token(path: &Path) -> Result<(Secret<String>, bool), String> {
    // not `token: why`, which whatever keeps secrets out of logs would take for one
    let wrong = |why: String| format!("{why} ({})", path.display());
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    match options.open(path) {
        Ok(file) => {
            let token =
                fresh().ok_or_else(|| wrong("the system's random numbers cannot be read".to_owned()))?;
            write(file, &token).map(|()| (token, true)).map_err(|error| {
                // half a token would be refused at every start
                let _ = std::fs::remove_file(path);
                wrong(error.to_string())
            })
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            read(path).map(|token| (token, false)).map_err(wrong)
        }
        Err(error) => Err(wrong(error.to_string())),
    }
}

fn write(mut file: File, token: &Secret<String>) -> std::io::Result<()> {
    file.write_all(token.expose().as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()
}

fn fresh() -> Option<Secret<String>> {
    let mut bytes = [0_u8; BYTES];
    aws_lc_rs::rand::fill(&mut bytes).ok()?;
    let digits = bytes.iter().fold(PREFIX.to_owned(), |text, byte| format!("{text}{byte:02x}"));
    Some(Secret::new(digits))
}

/// Reads a token that only its owner could have read and written.
fn read(path: &Path) -> Result<Secret<String>, String> {
    let flags = i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or_default();
    let file =
        OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(|error| error.to_string())?;
    let found = file.metadata().map_err(|error| error.to_string())?;
    if !found.is_file() {
        return Err("is no file".to_owned());
    }
    if found.mode() & 0o077 != 0 {
        return Err("others on this machine may read it; remove it and restart, or `chmod 600` it".to_owned());
    }
    let us = rustix::process::geteuid().as_raw();
    if found.uid() != us && found.uid() != 0 {
        return Err("belongs to somebody else".to_owned());
    }
    let mut text = String::new();
    file.take(LONGEST).read_to_string(&mut text).map_err(|error| error.to_string())?;
    let token = Secret::new(text.trim().to_owned());
    drop(Secret::new(text));
    // whoever makes one by hand must not make one that can be guessed
    match token.expose().len() >= PREFIX.len() + BYTES {
        true => Ok(token),
        false => Err("holds no token, or one that is too short; remove it and restart".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_token_is_made_once_and_read_by_its_owner_alone() {
        let folder = std::env::temp_dir().join(format!("operator-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("token");
        let (made, new) = token(&path).unwrap();
        assert!(new && made.expose().starts_with(PREFIX) && made.expose().len() == PREFIX.len() + 2 * BYTES);
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        let (again, new) = token(&path).unwrap();
        assert!(!new && again.expose() == made.expose());
        std::fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        assert!(token(&path).unwrap_err().contains("others on this machine"));
        std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        std::fs::write(&path, "short\n").unwrap();
        assert!(token(&path).unwrap_err().contains("too short"));
        std::fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("/etc/hostname", &path).unwrap();
        assert!(token(&path).is_err());
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
