//! Small files that are whole or not there. What is read may have been written by anybody.

use rustix::fs::OFlags;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::{self, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Largest file that is read, in bytes.
const LARGEST: u64 = 4 << 20;

/// Written beside and put in place at once. Not synced: it is of no use after the machine was restarted.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    file.write_all(bytes)?;
    fs::rename(&beside, path)
}

pub(crate) fn write_json(path: &Path, value: &impl Serialize) -> io::Result<()> {
    write(path, &serde_json::to_vec_pretty(value)?)
}

/// The whole of a plain file; a link, a pipe or a giant is an error.
pub(crate) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits();
    let flags = i32::try_from(flags).map_err(io::Error::other)?;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "this is no plain file"));
    }
    let mut bytes = Vec::new();
    if file.take(LARGEST + 1).read_to_end(&mut bytes)? as u64 > LARGEST {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "this file is larger than any of ours"));
    }
    Ok(bytes)
}

pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> io::Result<T> {
    Ok(serde_json::from_slice(&read(path)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scratch;

    #[test]
    fn only_plain_files_are_read() {
        let scratch = Scratch::new("files");
        let at = |name: &str| scratch.path().join(name);
        write(&at("plain"), b"text").expect("written");
        assert_eq!(read(&at("plain")).expect("read"), b"text");
        std::os::unix::fs::symlink(at("plain"), at("link")).expect("link");
        assert!(read(&at("link")).is_err());
        assert!(read(scratch.path()).is_err());
        fs::write(at("giant"), vec![0; 5 << 20]).expect("written");
        assert!(read(&at("giant")).is_err());
        assert!(read_json::<String>(&at("plain")).is_err());
        let made = std::process::Command::new("mkfifo").arg(at("pipe")).status().expect("mkfifo");
        assert!(made.success() && read(&at("pipe")).is_err());
    }
}
