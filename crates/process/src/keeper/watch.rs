//! A keeper's life: it waits for its program, its Seaworthy and its signals, all in one `poll`.

mod finish;
mod ready;

use super::limiter::Limiter;
use super::lines::Lines;
use super::outbox::Outbox;
use super::peer::{Peer, again};
use super::spawn::{self, Spawned};
use super::{record, tree};
use crate::event::Stream;
use crate::exit::{Exit, Reason, Stage};
use crate::folder::place;
use crate::launch::{Orphan, Scope};
use crate::procfs;
use crate::protocol::{self, Decoder, Failure, Keep, Started};
use crate::signal::Signal;
use ready::Ready;
use rustix::process::WaitStatus;
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM};
use std::io::{self, PipeReader, Read as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::{Duration, Instant, SystemTime};
use zeroize::Zeroizing;

/// How long what the program left behind may take to end by itself.
const LEFTOVERS: Duration = Duration::from_secs(2);
/// Between two attempts to kill what is left.
const KILL_AGAIN: Duration = Duration::from_millis(25);
/// Read at once from one output, in bytes.
const CHUNK: usize = 64 << 10;

pub(super) struct Watch {
    keep: Keep,
    started: Started,
    /// Open until the launch stage has become the program, or failed to.
    channel: Option<UnixStream>,
    launched: Decoder,
    ready: bool,
    failure: Option<Failure>,
    /// Written to by signal handlers: a child ended; this keeper was told to end.
    children: UnixStream,
    told: UnixStream,
    listener: UnixListener,
    peer: Option<Peer>,
    /// The start was seen by its Seaworthy; before that, nothing outlives that Seaworthy.
    confirmed: bool,
    /// Until then a successor may come.
    leave_until: Option<Instant>,
    outputs: [Output; 2],
    limiter: Limiter,
    outbox: Outbox,
    status: Option<WaitStatus>,
    empty: bool,
    kill_at: Option<Instant>,
    killed: bool,
    ordered: bool,
    left_behind: Option<usize>,
}

struct Output {
    pipe: Option<PipeReader>,
    lines: Lines,
}

pub(super) fn run(
    keep: Keep,
    program: Zeroizing<Vec<u8>>,
    socket: Option<OwnedFd>,
    owner: UnixStream,
) -> io::Result<()> {
    let listener = UnixListener::bind(place::SOCKET)?;
    listener.set_nonblocking(true)?;
    let (children, told) = (signals(&[SIGCHLD])?, signals(&[SIGTERM, SIGINT, SIGHUP])?);
    let spawned = match spawn::spawn(&keep.marker, &program, socket) {
        Ok(spawned) => spawned,
        Err(error) => {
            let reason = Reason::FailedToStart { stage: Stage::Keeper, error: error.to_string() };
            return record::exit(Exit::new(reason), false, &mut Outbox::default());
        }
    };
    drop(program);
    let mut watch = Watch::new(keep, spawned, listener, owner, [children, told])?;
    record::program(&watch.started)?;
    while !watch.over() {
        watch.step()?;
    }
    watch.finish()
}

/// A socket that can be read when one of these signals has come.
fn signals(numbers: &[i32]) -> io::Result<UnixStream> {
    let (read, write) = UnixStream::pair()?;
    read.set_nonblocking(true)?;
    for number in numbers {
        signal_hook::low_level::pipe::register(*number, write.try_clone()?)?;
    }
    Ok(read)
}

impl Watch {
    fn new(
        keep: Keep,
        spawned: Spawned,
        listener: UnixListener,
        owner: UnixStream,
        [children, told]: [UnixStream; 2],
    ) -> io::Result<Self> {
        let output = |pipe, stream| Output { pipe: Some(pipe), lines: Lines::new(stream) };
        Ok(Self {
            limiter: Limiter::new(keep.output, Instant::now()),
            keep,
            started: Started { program: spawned.program, at: SystemTime::now() },
            channel: Some(spawned.channel),
            launched: Decoder::default(),
            ready: false,
            failure: None,
            children,
            told,
            listener,
            peer: Some(Peer::new(owner, Vec::new())?),
            confirmed: false,
            leave_until: None,
            outputs: [output(spawned.stdout, Stream::Stdout), output(spawned.stderr, Stream::Stderr)],
            outbox: Outbox::default(),
            status: None,
            empty: false,
            kill_at: None,
            killed: false,
            ordered: false,
            left_behind: None,
        })
    }

    /// Nothing is left of the tree, and it is known how far it came.
    const fn over(&self) -> bool {
        self.empty && self.channel.is_none()
    }

    fn step(&mut self) -> io::Result<()> {
        let ready = self.wait()?;
        if ready.channel {
            self.read_channel();
        }
        if ready.told && drain(&self.told) {
            self.stop();
        }
        for (output, ready) in self.outputs.iter_mut().zip(ready.outputs) {
            if ready {
                read_output(output, &mut self.limiter, &mut self.outbox);
            }
        }
        if ready.children && drain(&self.children) {
            self.reap();
        }
        if ready.peer_read {
            self.read_peer();
        }
        if ready.listener {
            self.accept()?;
        }
        self.on_time(Instant::now());
        self.write_peer();
        Ok(())
    }

    fn wait(&self) -> io::Result<Ready> {
        let deadlines = [self.kill_at, self.leave_until, self.limiter.tell_at()];
        let next = deadlines.into_iter().flatten().min();
        let patience = next.map(|at| at.saturating_duration_since(Instant::now()));
        Ready::wait(self, patience)
    }

    /// The launch stage says that it failed, or closes the socket by becoming the program.
    fn read_channel(&mut self) {
        let Some(channel) = &mut self.channel else { return };
        let mut bytes = [0; 4096];
        let ended = match channel.read(&mut bytes) {
            Ok(0) => true,
            Ok(count) => {
                self.launched.push(bytes.get(..count).unwrap_or_default());
                false
            }
            Err(error) => !again(&error),
        };
        while let Ok(Some((kind, body))) = self.launched.next() {
            match kind {
                protocol::READY => self.ready = true,
                protocol::FAILED => self.failure = serde_json::from_slice(&body).ok(),
                _ => {}
            }
        }
        if ended {
            self.channel = None;
            self.greet_started();
            // the program may have ended before this was known
            self.after_main();
        }
    }

    fn greet_started(&mut self) {
        if !self.ready || self.failure.is_some() {
            return;
        }
        let body = serde_json::to_vec(&self.started).unwrap_or_default();
        if let Some(peer) = &mut self.peer {
            peer.say(&protocol::frame(protocol::STARTED, &body));
        }
    }

    fn reap(&mut self) {
        let reaped = tree::reap(self.started.program.pid);
        self.status = self.status.or(reaped.main);
        self.empty = reaped.empty;
        self.after_main();
    }

    /// Once the program has ended, what it left behind ends as well.
    fn after_main(&mut self) {
        if self.status.is_none() || self.channel.is_some() || self.left_behind.is_some() {
            return;
        }
        let left = if self.killed { 0 } else { tree::count() };
        self.left_behind = Some(left);
        if !self.empty && self.kill_at.is_none_or(|at| at > Instant::now() + LEFTOVERS) {
            tree::signal(Signal::TERM);
            self.kill_at = Some(Instant::now() + LEFTOVERS.min(self.keep.stop.grace));
        }
    }

    fn read_peer(&mut self) {
        let Some(orders) = self.peer.as_mut().map(Peer::read) else { return };
        let Some(orders) = orders else {
            self.peer = None;
            self.outbox.rewind();
            self.orphaned(Instant::now());
            return;
        };
        for (kind, body) in orders {
            match kind {
                protocol::CONFIRM => self.confirmed = true,
                protocol::KILL => self.kill(),
                protocol::STOP => self.stop(),
                protocol::LEAVE => {
                    let patience = protocol::decode_count(&body).unwrap_or(0);
                    self.leave_until = Instant::now().checked_add(Duration::from_millis(patience));
                }
                _ => {}
            }
        }
    }

    /// Nobody owns this any more.
    fn orphaned(&mut self, now: Instant) {
        if !self.confirmed {
            self.kill();
        } else if self.keep.orphan == Orphan::Stop && self.leave_until.is_none_or(|until| until <= now) {
            self.stop();
        }
    }

    fn accept(&mut self) -> io::Result<()> {
        let (stream, _) = match self.listener.accept() {
            Ok(accepted) => accepted,
            // who knocked is gone again
            Err(_) => return Ok(()),
        };
        if !self.confirmed {
            return Ok(());
        }
        let body = serde_json::to_vec(&self.started).unwrap_or_default();
        let mut greeting = protocol::frame(protocol::STARTED, &body);
        self.outbox.rewind();
        greeting.extend(self.outbox.past());
        self.peer = Some(Peer::new(stream, greeting)?);
        self.leave_until = None;
        Ok(())
    }

    fn write_peer(&mut self) {
        if let Some(peer) = &mut self.peer {
            peer.write(&mut self.outbox);
        }
    }

    fn on_time(&mut self, now: Instant) {
        if self.limiter.tell_at().is_some_and(|at| at <= now) {
            self.outbox.dropped(self.limiter.take_dropped());
        }
        if self.leave_until.is_some_and(|until| until <= now) {
            self.leave_until = None;
            if self.peer.is_none() {
                self.orphaned(now);
            }
        }
        if self.kill_at.is_some_and(|at| at <= now) && !self.empty {
            tree::end(&self.keep.groups, self.killed);
            self.killed = true;
            self.kill_at = Some(now + KILL_AGAIN);
        }
    }

    fn kill(&mut self) {
        self.ordered = true;
        self.kill_at = Some(Instant::now());
    }

    /// By the plan: told, waited for, killed.
    fn stop(&mut self) {
        if self.status.is_some() || self.kill_at.is_some() {
            return;
        }
        self.ordered = true;
        self.kill_at = Instant::now().checked_add(self.keep.stop.grace);
        let signal = self.keep.stop.signal;
        match self.keep.stop.scope {
            // it has not been waited for, so the number is still its own
            Scope::Main => drop(self.started.program.signal(signal)),
            Scope::Group => {
                let group = procfs::pid(self.started.program.pid).zip(signal.to_kernel());
                if let Some((group, signal)) = group {
                    let _ = rustix::process::kill_process_group(group, signal);
                }
            }
        }
    }
}

/// Whether anything had come.
fn drain(mut signals: &UnixStream) -> bool {
    let mut bytes = [0; 256];
    let mut any = false;
    while signals.read(&mut bytes).is_ok_and(|count| count > 0) {
        any = true;
    }
    any
}

/// One piece of an output; `false` when there is nothing at the moment, or nothing any more.
fn read_output(output: &mut Output, limiter: &mut Limiter, outbox: &mut Outbox) -> bool {
    let Some(pipe) = &mut output.pipe else { return false };
    let mut bytes = [0; CHUNK];
    let count = match pipe.read(&mut bytes) {
        Ok(count) => count,
        Err(error) if again(&error) => return false,
        Err(_) => 0,
    };
    let now = Instant::now();
    let limiter = std::cell::RefCell::new(limiter);
    let mut wanted = || limiter.borrow_mut().pass(now);
    let mut keep = |line| {
        outbox.dropped(limiter.borrow_mut().take_dropped());
        outbox.line(line);
    };
    if count == 0 {
        output.lines.finish(&mut wanted, &mut keep);
        output.pipe = None;
        return false;
    }
    output.lines.push(bytes.get(..count).unwrap_or_default(), &mut wanted, &mut keep);
    true
}
