//! Keeps one cause from filling the log: the first message passes, further ones are counted until a time is over.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How long further messages are only counted.
const REST: Duration = Duration::from_secs(10);

/// One kind of message.
#[derive(Debug, Default)]
pub(crate) struct Quiet(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    last: Option<Instant>,
    held_back: u64,
}

impl Quiet {
    /// Asks to speak. `Some`: do, and tell that so many like it were held back.
    pub(crate) fn may_speak(&self, now: Instant) -> Option<u64> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.last.is_some_and(|last| now.duration_since(last) < REST) {
            state.held_back += 1;
            return None;
        }
        state.last = Some(now);
        Some(std::mem::take(&mut state.held_back))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_speaks_and_tells_of_the_others() {
        let (quiet, start) = (Quiet::default(), Instant::now());
        let asked: Vec<_> =
            [0, 1, 9, 10, 11, 25].map(|after| quiet.may_speak(start + Duration::from_secs(after))).into();
        assert_eq!(asked, [Some(0), None, None, Some(2), None, Some(1)]);
    }
}
