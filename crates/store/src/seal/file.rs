//! The key file: made whole or not at all, and for its owner alone.

use super::{BASE64, Error, Keyring};
use base64::Engine as _;
use seaworthy_core::Secret;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The largest key file, in bytes.
const LARGEST: u64 = 1 << 17;

pub(super) fn open(path: &Path) -> Result<Keyring, Error> {
    match File::open(path) {
        Ok(file) => read(path, file),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let text = Zeroizing::new(line(1)?);
            let temporary = write_beside(path, &text)?;
            // a link is refused where the name is taken: of those who start together one makes the file
            let linked = fs::hard_link(&temporary, path);
            let _ = fs::remove_file(&temporary);
            match linked {
                Ok(()) => settle(path)?,
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(failed(path, &error)),
            }
            read(path, File::open(path).map_err(|error| failed(path, &error))?)
        }
        Err(error) => Err(failed(path, &error)),
    }
}

pub(super) fn rotate(path: &Path) -> Result<Keyring, Error> {
    open(path)?;
    // of two who rotate at the same moment the second must see what the first has added
    let held = hold(path)?;
    let before = open(path)?;
    let text = Zeroizing::new(fs::read_to_string(path).map_err(|error| failed(path, &error))?);
    let next = before.newest().checked_add(1).ok_or_else(|| said(path, "it has no version left"))?;
    let text = Zeroizing::new(format!("{}\n{}", text.trim_end(), line(next)?));
    let temporary = write_beside(path, &text)?;
    fs::rename(&temporary, path).map_err(|error| failed(path, &error))?;
    settle(path)?;
    drop(held);
    open(path)
}

/// The key file, locked; the one that has the name, not one that was just replaced.
fn hold(path: &Path) -> Result<File, Error> {
    loop {
        let held = File::open(path).map_err(|error| failed(path, &error))?;
        held.lock().map_err(|error| failed(path, &error))?;
        let mine = held.metadata().map_err(|error| failed(path, &error))?;
        let named = fs::metadata(path).map_err(|error| failed(path, &error))?;
        if (mine.dev(), mine.ino()) == (named.dev(), named.ino()) {
            return Ok(held);
        }
    }
}

pub(super) fn random() -> Result<Secret<[u8; 32]>, Error> {
    let mut bytes = Zeroizing::new([0; 32]);
    aws_lc_rs::rand::fill(&mut *bytes).map_err(|_| said(Path::new("-"), "there are no random numbers"))?;
    Ok(Secret::new(*bytes))
}

fn line(version: u32) -> Result<String, Error> {
    let key = random()?;
    let key = Zeroizing::new(BASE64.encode(key.expose()));
    Ok(format!("v{version}:{}\n", *key))
}

fn read(path: &Path, mut file: File) -> Result<Keyring, Error> {
    // of the open file: the name may mean another one by now
    let meta = file.metadata().map_err(|error| failed(path, &error))?;
    let mode = meta.permissions().mode() & 0o777;
    if !meta.is_file() || meta.len() > LARGEST {
        return Err(said(path, "it is no file of at most 128 KiB"));
    }
    if mode & 0o077 != 0 {
        return Err(Error::Exposed { path: path.display().to_string(), mode });
    }
    let mut text = Zeroizing::new(String::with_capacity(usize::try_from(meta.len()).unwrap_or(0) + 1));
    (&mut file).take(LARGEST).read_to_string(&mut text).map_err(|error| failed(path, &error))?;
    Keyring::parse(&text).map_err(|reason| said(path, reason))
}

fn write_beside(path: &Path, text: &str) -> Result<PathBuf, Error> {
    let mut unique = [0; 8];
    aws_lc_rs::rand::fill(&mut unique).map_err(|_| said(path, "there are no random numbers"))?;
    let name = path.file_name().ok_or_else(|| said(path, "it has no name"))?;
    let name = format!(".{}.{:016x}", name.to_string_lossy(), u64::from_be_bytes(unique));
    let temporary = path.with_file_name(name);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&temporary)
        .map_err(|error| failed(path, &error))?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    written.map_err(|error| {
        let _ = fs::remove_file(&temporary);
        failed(path, &error)
    })?;
    Ok(temporary)
}

/// The name is durable once its folder is.
fn settle(path: &Path) -> Result<(), Error> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| failed(path, &error))
}

fn failed(path: &Path, error: &std::io::Error) -> Error {
    said(path, &error.to_string())
}

fn said(path: &Path, reason: &str) -> Error {
    Error::File { path: path.display().to_string(), reason: reason.to_owned() }
}
