//! The end of a keeper: nothing is left of the tree, everything that it said is handed over or written down.

use super::{Watch, read_output};
use crate::exit::{Exit, Reason, Stage};
use crate::keeper::record;
use crate::signal::Signal;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io;
use std::os::fd::AsFd as _;
use std::time::{Duration, Instant};

/// How long a Seaworthy that reads slowly is waited for; what it has not read by then, it finds in a file.
const HAND_OVER: Duration = Duration::from_secs(2);

/// How long the kernel may take to see that a control group is empty.
const GROUPS: Duration = Duration::from_secs(1);

impl Watch {
    pub(super) fn finish(mut self) -> io::Result<()> {
        for output in &mut self.outputs {
            // nobody is left who could write: what is in the pipe is all there will be
            while read_output(output, &mut self.limiter, &mut self.outbox) {}
            let (mut wanted, outbox) = (|| true, &mut self.outbox);
            output.lines.finish(&mut wanted, &mut |line| outbox.line(line));
        }
        self.outbox.dropped(self.limiter.take_dropped());
        self.hand_over();
        let exit = self.exit();
        // the counters have been read, and perhaps no Seaworthy ever comes again
        self.keep.groups.remove(GROUPS);
        record::exit(exit, self.confirmed, &mut self.outbox)
    }

    fn hand_over(&mut self) {
        let deadline = Instant::now() + HAND_OVER;
        while let Some(peer) = &mut self.peer {
            let now = Instant::now();
            if !peer.has_something_to_send(&self.outbox) || now >= deadline {
                return;
            }
            let patience = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
            let writable =
                poll(&mut [PollFd::from_borrowed_fd(peer.as_fd(), PollFlags::OUT)], Some(&patience));
            if writable.is_ok_and(|count| count > 0) {
                peer.write(&mut self.outbox);
            }
        }
    }

    fn exit(&self) -> Exit {
        let oom_kills = self.keep.groups.oom_kills();
        let mut exit = Exit::new(self.reason(oom_kills));
        exit.ordered = self.ordered;
        exit.oom_kills = oom_kills;
        exit.memory_limit = self.keep.limits.memory;
        exit.address_space = self.keep.address_space;
        exit.left_behind = self.left_behind.and_then(|left| u32::try_from(left).ok()).unwrap_or(0);
        exit.last_lines = self.outbox.last_lines();
        exit
    }

    fn reason(&self, oom_kills: u64) -> Reason {
        if let Some(failure) = &self.failure {
            return Reason::FailedToStart { stage: failure.stage, error: failure.error.clone() };
        }
        let Some(status) = self.status else { return Reason::Lost };
        let reason = match (status.exit_status(), status.terminating_signal()) {
            (Some(code), _) => Reason::Code(code),
            (None, Some(9)) if oom_kills > 0 && !self.ordered => Reason::OutOfMemory,
            (None, Some(signal)) => Reason::Signal(Signal::reported(signal)),
            (None, None) => Reason::Lost,
        };
        if self.ready {
            return reason;
        }
        let how = Exit::new(reason).words();
        Reason::FailedToStart { stage: Stage::Keeper, error: format!("the launch stage {how}") }
    }
}
