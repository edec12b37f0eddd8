//! Whose folder it is.

use super::blocking;
use crate::error::Error;
use crate::files;
use crate::procfs::Identity;
use rustix::fs::{FlockOperation, flock};
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::Duration;
use tokio::time::Instant;

/// How long the lock of an owner that is gone, or was this process itself, may outlive it: a child that was just being
/// born has it too.
const AFTERGLOW: Duration = Duration::from_secs(2);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

pub(super) async fn acquire(path: &Path, patience: Duration) -> Result<File, Error> {
    let folder = path.to_owned();
    blocking(move || prepare(&folder)).await??;
    let now = Instant::now();
    let mut deadline = now.checked_add(patience).unwrap_or(now + Duration::from_secs(86_400));
    let mut generous = false;
    loop {
        let folder = path.to_owned();
        match blocking(move || try_lock(&folder)).await?? {
            Attempt::Locked(file) => return Ok(file),
            Attempt::Held { gone: true, .. } if !generous => {
                generous = true;
                deadline = deadline.max(Instant::now() + AFTERGLOW);
            }
            Attempt::Held { holder, .. } if Instant::now() >= deadline => {
                return Err(Error::Held { path: path.to_owned(), holder });
            }
            Attempt::Held { .. } => tokio::time::sleep(LOOK_AGAIN).await,
        }
    }
}

/// Ours, and nobody else's to write in.
fn prepare(path: &Path) -> Result<(), Error> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(Error::file(path))?;
    let found = fs::symlink_metadata(path).map_err(Error::file(path))?;
    let unsafe_because = |what| Err(Error::Unsafe { path: path.to_owned(), what });
    if !found.is_dir() {
        return unsafe_because("is a link");
    }
    if found.uid() != rustix::process::geteuid().as_raw() {
        return unsafe_because("belongs to another user");
    }
    if found.mode() & 0o022 != 0 {
        return unsafe_because("can be written to by others");
    }
    if found.mode() & 0o077 != 0 {
        fs::set_permissions(path, Permissions::from_mode(0o700)).map_err(Error::file(path))?;
    }
    let replicas = path.join("replicas");
    DirBuilder::new().recursive(true).mode(0o700).create(&replicas).map_err(Error::file(&replicas))
}

enum Attempt {
    Locked(File),
    Held { holder: String, gone: bool },
}

fn try_lock(folder: &Path) -> Result<Attempt, Error> {
    let path = folder.join("lock");
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
    let mut file = file.map_err(Error::file(&path))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {
            write_holder(&mut file).map_err(Error::file(&path))?;
            Ok(Attempt::Locked(file))
        }
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(held(&path)),
        Err(error) => Err(Error::file(&path)(error.into())),
    }
}

fn write_holder(file: &mut File) -> std::io::Result<()> {
    let own = Identity::of(std::process::id());
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(&serde_json::to_vec(&own)?)
}

fn held(path: &Path) -> Attempt {
    match files::read_json::<Identity>(path) {
        Ok(holder) => {
            let gone = holder.pid == std::process::id() || holder.open().is_none();
            Attempt::Held { gone, holder: holder.pid.to_string() }
        }
        Err(_) => Attempt::Held { holder: "unknown".to_owned(), gone: false },
    }
}

/// A name for the folder in hierarchies that others use too. A new one, where there is none that makes sense.
pub(super) fn tag(folder: &Path) -> Result<String, Error> {
    let path = folder.join("tag");
    let found = files::read(&path).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let valid = |tag: &String| tag.len() == 12 && tag.bytes().all(|byte| byte.is_ascii_hexdigit());
    if let Some(tag) = found.filter(valid) {
        return Ok(tag);
    }
    let tag = format!("{:012x}", fastrand::u64(..1 << 48));
    files::write(&path, tag.as_bytes()).map_err(Error::file(&path))?;
    Ok(tag)
}

/// A secret for the folder. A new one, where there is none.
pub(super) fn secret(folder: &Path) -> Result<[u8; 32], Error> {
    let path = folder.join("secret");
    if let Some(found) = files::read(&path).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok()) {
        return Ok(found);
    }
    let mut secret = [0; 32];
    let random = Path::new("/dev/urandom");
    let read = File::open(random).and_then(|mut file| file.read_exact(&mut secret));
    read.map_err(Error::file(random))?;
    files::write(&path, &secret).map_err(Error::file(&path))?;
    Ok(secret)
}
