/// What to do after a runner came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Its result is the caller's.
    Finish,
    /// It failed and the other still runs: wait for that one.
    Wait,
}

/// Who runs and who came in, without the runners themselves.
#[derive(Debug, Default)]
pub struct Race {
    second_runs: bool,
    one_failed: bool,
    closed: bool,
}

impl Race {
    /// Whether a second runner may still start.
    pub const fn may_start(&self) -> bool {
        !self.closed
    }

    /// The second runner starts.
    pub const fn start(&mut self) {
        self.second_runs = true;
        self.closed = true;
    }

    /// There will be no second runner.
    pub const fn close(&mut self) {
        self.closed = true;
    }

    /// A runner came in. The first good result wins; of two bad ones the later is the caller's.
    pub const fn came_in(&mut self, good: bool) -> Step {
        if good || !self.second_runs || self.one_failed {
            return Step::Finish;
        }
        self.one_failed = true;
        Step::Wait
    }
}
