//! The keeper as a process: whether it is there, and ending it if it does not answer.

use super::handle_on;
use crate::error::Error;
use crate::folder::{Inner, locked};
use crate::procfs;
use crate::signal::Signal;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::process::Child;
use std::sync::{Arc, Mutex};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// A keeper that was started here, or adopted.
pub(crate) struct Keeper {
    pub(crate) pid: u32,
    /// Readable once it has ended.
    handle: AsyncFd<OwnedFd>,
    /// To be waited for, if it is ours.
    child: Mutex<Option<Child>>,
    folder: Arc<Inner>,
}

impl Keeper {
    pub(crate) fn born(folder: &Arc<Inner>, child: Child) -> Result<Self, Error> {
        let pid = child.id();
        // it has not been waited for, so the number is its own
        let handle = handle_on(pid).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound));
        match handle.and_then(watched) {
            Ok(handle) => {
                Ok(Self { pid, handle, child: Mutex::new(Some(child)), folder: Arc::clone(folder) })
            }
            Err(error) => {
                // without its socket it ends by itself
                folder.retire(child);
                Err(Error::system("watching a keeper")(error))
            }
        }
    }

    pub(crate) fn adopted(folder: &Arc<Inner>, pid: u32, handle: OwnedFd) -> Result<Self, Error> {
        let handle = watched(handle).map_err(Error::system("watching a keeper"))?;
        Ok(Self { pid, handle, child: Mutex::new(None), folder: Arc::clone(folder) })
    }

    /// Returns once it has ended.
    pub(crate) async fn gone(&self) {
        // an error means that the runtime ends
        let _ = self.handle.readable().await;
        if let Some(child) = &mut *locked(&self.child) {
            let _ = child.try_wait();
        }
    }

    pub(crate) fn is_gone(&self) -> bool {
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        let mut fds = [PollFd::from_borrowed_fd(self.handle.get_ref().as_fd(), PollFlags::IN)];
        poll(&mut fds, Some(&now)).is_ok_and(|count| count > 0)
    }

    pub(crate) fn kill(&self) {
        // gone is what it should be
        let _ = procfs::send(self.handle.get_ref(), Signal::KILL);
    }
}

#[expect(
    deprecated,
    reason = "unsound for what does not own its descriptor; this does, and the other way is unsafe"
)]
fn watched(handle: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::with_interest(handle, Interest::READABLE)
}

impl Drop for Keeper {
    fn drop(&mut self) {
        if let Some(child) = locked(&self.child).take() {
            self.folder.retire(child);
        }
    }
}
