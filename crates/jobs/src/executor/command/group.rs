use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::Child;

/// A process group that does not outlive this value.
pub(super) struct Group(Option<Pid>);

impl Group {
    pub(super) fn of(child: &Child) -> Self {
        Self(child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw))
    }

    /// Asks all of it to end.
    pub(super) fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Ends what is left of it. Right after its leader's end the number cannot mean another group yet: numbers are given
    /// out in a circle.
    pub(super) fn kill(&mut self) {
        self.signal(Signal::KILL);
        // once, and then never again: later the number may be another's
        self.0 = None;
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = self.0 {
            // nobody left to hear it is what we want
            let _ = kill_process_group(group, signal);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}
