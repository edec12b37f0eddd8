//! What can be done without waiting.

use super::Watch;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io;
use std::os::fd::AsFd as _;
use std::time::Duration;

#[derive(Debug, Default)]
pub(super) struct Ready {
    pub(super) channel: bool,
    pub(super) children: bool,
    pub(super) told: bool,
    pub(super) listener: bool,
    pub(super) peer_read: bool,
    pub(super) outputs: [bool; 2],
}

#[derive(Clone, Copy)]
enum Source {
    Channel,
    Children,
    Told,
    Listener,
    Peer,
    Output(usize),
}

impl Ready {
    /// Sleeps until something happens, or this long.
    pub(super) fn wait(watch: &Watch, patience: Option<Duration>) -> io::Result<Self> {
        let (sources, mut fds) = sources(watch);
        // rounded up, so that a deadline has passed when it is looked at
        let patience = patience.map(|patience| Timespec {
            tv_sec: i64::try_from(patience.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(patience.subsec_nanos()),
        });
        match poll(&mut fds, patience.as_ref()) {
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => return Ok(Self::default()),
            Err(error) => return Err(error.into()),
        }
        let mut ready = Self::default();
        for (source, fd) in sources.into_iter().zip(&fds) {
            let found = fd.revents();
            let readable = found.intersects(PollFlags::IN | PollFlags::HUP | PollFlags::ERR);
            match source {
                Source::Channel => ready.channel = readable,
                Source::Children => ready.children = readable,
                Source::Told => ready.told = readable,
                Source::Listener => ready.listener = readable,
                Source::Peer => ready.peer_read = readable,
                Source::Output(index) => ready.outputs[index] = readable,
            }
        }
        Ok(ready)
    }
}

fn sources(watch: &Watch) -> (Vec<Source>, Vec<PollFd<'_>>) {
    let mut sources = vec![Source::Children, Source::Told, Source::Listener];
    let mut fds: Vec<PollFd<'_>> = [watch.children.as_fd(), watch.told.as_fd(), watch.listener.as_fd()]
        .into_iter()
        .map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN))
        .collect();
    if let Some(channel) = &watch.channel {
        sources.push(Source::Channel);
        fds.push(PollFd::from_borrowed_fd(channel.as_fd(), PollFlags::IN));
    }
    if let Some(peer) = &watch.peer {
        let write = peer.has_something_to_send(&watch.outbox);
        let events = if write { PollFlags::IN | PollFlags::OUT } else { PollFlags::IN };
        sources.push(Source::Peer);
        fds.push(PollFd::from_borrowed_fd(peer.as_fd(), events));
    }
    for (index, output) in watch.outputs.iter().enumerate() {
        if let Some(pipe) = &output.pipe {
            sources.push(Source::Output(index));
            fds.push(PollFd::from_borrowed_fd(pipe.as_fd(), PollFlags::IN));
        }
    }
    (sources, fds)
}
