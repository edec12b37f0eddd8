//! Handing the listening sockets to a successor, so that a restart refuses no connection.
//!
//! The running process listens on a Unix socket (mode 0600). A new one connects to it, gets every listening socket
//! (`SCM_RIGHTS`) with its address, starts serving on them, and says so; only then does the old one stop accepting
//! and drain. At no moment is there nobody behind the kernel's accept queues. If the new one fails before it is
//! ready, the old one goes on as if nothing had happened.

use std::io::{self, IoSlice, IoSliceMut, Read as _, Write as _};
use std::mem::MaybeUninit;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags,
};
use tokio::net::UnixListener;

use crate::up::Sockets;

/// Sockets per message; the kernel allows 253.
const BATCH: usize = 64;
/// Longest wait for the other side.
const PATIENCE: Duration = Duration::from_secs(30);
const READY: &[u8] = b"ready";

/// Why a take-over failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The socket itself.
    #[error("take-over socket {}: {error}", path.display())]
    Socket {
        /// Where it is.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// Something else is where the socket belongs.
    #[error("take-over socket {}: there is something that is no socket; it is left as it is", .0.display())]
    NoSocket(PathBuf),
    /// Somebody listens, and says nothing.
    #[error(
        "the process behind the take-over socket {} did not hand its sockets over within {} s; let it go on or end \
         it, then start again",
        path.display(),
        PATIENCE.as_secs()
    )]
    Silent {
        /// Where it listens.
        path: PathBuf,
    },
    /// The conversation.
    #[error("take-over failed: {0}")]
    Talk(#[from] io::Error),
}

/// The path becomes a socket: whatever else is there already is somebody's file.
fn refuse_others(path: &Path) -> Result<(), Error> {
    match std::fs::symlink_metadata(path) {
        Ok(found) if !found.file_type().is_socket() => Err(Error::NoSocket(path.to_owned())),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(at(path)(error)),
    }
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |error| Error::Socket { path, error }
}

/// What a new process got from its predecessor.
#[derive(Debug)]
pub(crate) struct Heir {
    inherited: Vec<(SocketAddr, TcpListener)>,
    predecessor: Option<UnixStream>,
}

impl Heir {
    /// An heir of nobody.
    pub(crate) const fn none() -> Self {
        Self { inherited: Vec::new(), predecessor: None }
    }

    /// Asks whoever runs behind `path` for its sockets. Nobody there is fine.
    pub(crate) fn of(path: Option<&Path>) -> Result<Self, Error> {
        let Some(path) = path else { return Ok(Self::none()) };
        refuse_others(path)?;
        let stream = match UnixStream::connect(path) {
            Ok(stream) => stream,
            Err(error)
                if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) =>
            {
                return Ok(Self::none());
            }
            Err(error) => return Err(at(path)(error)),
        };
        stream.set_read_timeout(Some(PATIENCE))?;
        tracing::info!(path = %path.display(), "asking the running process for its listening sockets");
        let inherited = receive(&stream).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Error::Silent { path: path.to_owned() },
            _ => Error::Talk(error),
        })?;
        tracing::info!(sockets = inherited.len(), "took listening sockets over from a running process");
        Ok(Self { inherited, predecessor: Some(stream) })
    }

    /// The sockets of an address.
    pub(crate) fn take(&mut self, address: SocketAddr) -> Vec<TcpListener> {
        let (ours, rest) = self.inherited.drain(..).partition(|(known, _)| *known == address);
        self.inherited = rest;
        let ours: Vec<(SocketAddr, TcpListener)> = ours;
        ours.into_iter().map(|(_, socket)| socket).collect()
    }

    /// Whether there is somebody who still serves.
    pub(crate) const fn has_predecessor(&self) -> bool {
        self.predecessor.is_some()
    }

    /// Tells the predecessor that it can go. What comes back resolves when it has gone.
    pub(crate) fn announce_ready(&mut self) -> Result<impl Future<Output = ()> + Send + 'static, Error> {
        let predecessor = self.predecessor.take();
        if let Some(mut stream) = predecessor.as_ref() {
            stream.write_all(READY)?;
        }
        Ok(async move {
            let Some(stream) = predecessor else { return };
            let waited = tokio::task::spawn_blocking(move || {
                stream.set_read_timeout(None)?;
                // it says nothing more: the end of its process is the end of the stream
                io::copy(&mut &stream, &mut io::sink())
            });
            let _ = waited.await;
        })
    }
}

/// The running process's end: it waits for a successor.
pub(crate) struct Estate(Option<UnixListener>);

/// A successor that asks.
pub(crate) struct Ask(UnixStream);

impl Estate {
    /// Listens for successors.
    pub(crate) fn offer(path: Option<&Path>) -> Result<Self, Error> {
        let Some(path) = path else { return Ok(Self(None)) };
        refuse_others(path)?;
        // bound beside and renamed over: there is always a socket, and never one that others may open
        let fresh = path.with_extension(format!("{}.tmp", std::process::id()));
        let _ = std::fs::remove_file(&fresh);
        let listener = UnixListener::bind(&fresh).map_err(at(&fresh))?;
        std::fs::set_permissions(&fresh, std::fs::Permissions::from_mode(0o600)).map_err(at(&fresh))?;
        std::fs::rename(&fresh, path).map_err(at(path))?;
        Ok(Self(Some(listener)))
    }

    /// Resolves when a successor asks.
    pub(crate) async fn asked(&mut self) -> Result<Ask, Error> {
        let Some(listener) = &self.0 else { return std::future::pending().await };
        let (stream, _) = listener.accept().await?;
        let stream = stream.into_std()?;
        stream.set_nonblocking(false)?;
        Ok(Ask(stream))
    }
}

/// Gives a successor all sockets and waits until it serves.
pub(crate) async fn hand_over(ask: Ask, sockets: &Sockets) -> Result<(), Error> {
    let Ask(mut stream) = ask;
    let all: Result<Vec<(SocketAddr, TcpListener)>, io::Error> =
        sockets.all().map(|(address, socket)| Ok((address, socket.try_clone()?))).collect();
    let all = all?;
    let talk = move || -> io::Result<()> {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        send(&stream, &all)?;
        let mut answer = [0; READY.len()];
        stream.read_exact(&mut answer)?;
        if answer != READY {
            return Err(io::Error::other("the successor did not become ready"));
        }
        // open until this process ends, however it does: that tells the successor that nothing is under way here any more
        std::mem::forget(stream);
        Ok(())
    };
    tokio::task::spawn_blocking(talk).await.map_err(io::Error::other)??;
    Ok(())
}

/// Sends sockets in batches: a line with their addresses, the descriptors beside it; an empty line ends.
fn send(stream: &UnixStream, sockets: &[(SocketAddr, TcpListener)]) -> io::Result<()> {
    for batch in sockets.chunks(BATCH) {
        let names: Vec<String> = batch.iter().map(|(address, _)| address.to_string()).collect();
        let line = format!("{}\n", names.join(" "));
        let fds: Vec<_> = batch.iter().map(|(_, socket)| socket.as_fd()).collect();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(BATCH))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !control.push(SendAncillaryMessage::ScmRights(&fds)) {
            return Err(io::Error::other("too many sockets in one message"));
        }
        let bytes = line.as_bytes();
        let length = u32::try_from(bytes.len()).map_err(io::Error::other)?.to_be_bytes();
        // descriptors ride on the first bytes, so the length goes along with them
        let sent = rustix::net::sendmsg(stream, &[IoSlice::new(&length)], &mut control, SendFlags::empty())?;
        if sent != length.len() {
            return Err(io::Error::other("the successor took half a message"));
        }
        (&mut &*stream).write_all(bytes)?;
    }
    (&mut &*stream).write_all(&0u32.to_be_bytes())
}

fn receive(stream: &UnixStream) -> io::Result<Vec<(SocketAddr, TcpListener)>> {
    let mut all = Vec::new();
    loop {
        let (length, fds) = receive_length(stream)?;
        if length == 0 {
            return Ok(all);
        }
        let mut line = vec![0; length.min(1 << 16)];
        (&mut &*stream).read_exact(&mut line)?;
        let line = String::from_utf8(line).map_err(io::Error::other)?;
        let addresses: Result<Vec<SocketAddr>, _> = line.split_whitespace().map(str::parse).collect();
        let addresses = addresses.map_err(io::Error::other)?;
        if addresses.len() != fds.len() {
            return Err(io::Error::other("the predecessor sent addresses and sockets that do not match"));
        }
        all.extend(addresses.into_iter().zip(fds.into_iter().map(TcpListener::from)));
    }
}

fn receive_length(stream: &UnixStream) -> io::Result<(usize, Vec<OwnedFd>)> {
    let mut length = [0; 4];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(BATCH))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::CMSG_CLOEXEC | RecvFlags::WAITALL;
    let got = rustix::net::recvmsg(stream, &mut [IoSliceMut::new(&mut length)], &mut control, flags)?;
    if got.bytes != length.len() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let mut fds = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(received) = message {
            fds.extend(received);
        }
    }
    Ok((u32::from_be_bytes(length) as usize, fds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_arrive_with_their_addresses_and_still_accept() {
        let (one, other) = UnixStream::pair().unwrap();
        let made: Vec<_> = (0..100).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let sent: Vec<_> = made.into_iter().map(|s| (s.local_addr().unwrap(), s)).collect();
        let sender = std::thread::spawn(move || send(&one, &sent).map(|()| sent));
        let received = receive(&other).unwrap();
        drop(sender.join().unwrap().unwrap());
        assert_eq!(received.len(), 100);
        for (address, socket) in received {
            assert_eq!(socket.local_addr().unwrap(), address);
            let client = std::net::TcpStream::connect(address).unwrap();
            assert_eq!(socket.accept().unwrap().1, client.local_addr().unwrap());
        }
    }

    #[tokio::test]
    async fn what_is_no_socket_is_left_alone() {
        let folder = std::env::temp_dir().join(format!("seaworthy-takeover-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("precious");
        std::fs::write(&path, "data").unwrap();
        assert!(matches!(Heir::of(Some(&path)), Err(Error::NoSocket(_))));
        assert!(matches!(Estate::offer(Some(&path)), Err(Error::NoSocket(_))));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "data");
        let fresh = folder.join("socket");
        Estate::offer(Some(&fresh)).unwrap();
        // one that a process left behind is replaced
        Estate::offer(Some(&fresh)).unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn garbage_is_an_error() {
        let (mut one, other) = UnixStream::pair().unwrap();
        one.write_all(b"\0\0\0\x05hello").unwrap();
        drop(one);
        assert!(receive(&other).is_err());
    }
}
