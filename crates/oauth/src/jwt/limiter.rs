use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// A token bucket on the time it is told.
pub(crate) struct Limiter {
    every: Duration,
    burst: u32,
    state: Mutex<(f64, Option<SystemTime>)>,
}

impl Limiter {
    pub(crate) fn new(every: Duration, burst: u32) -> Self {
        Self { every, burst, state: Mutex::new((f64::from(burst), None)) }
    }

    pub(crate) fn take(&self, now: SystemTime) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // a clock that is set back gives nothing and takes nothing
        let passed = state.1.and_then(|last| now.duration_since(last).ok()).unwrap_or_default();
        let gained = passed.as_secs_f64() / self.every.as_secs_f64().max(0.001);
        let filled = (state.0 + gained).min(f64::from(self.burst));
        let granted = filled >= 1.0;
        *state = (if granted { filled - 1.0 } else { filled }, Some(now));
        granted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_one_at_a_time() {
        let limiter = Limiter::new(Duration::from_secs(30), 2);
        let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let at = |seconds| limiter.take(start + Duration::from_secs(seconds));
        assert_eq!([at(0), at(0), at(0), at(29), at(30), at(30)], [true, true, false, false, true, false]);
        assert!(!limiter.take(start - Duration::from_secs(500)));
        assert_eq!([at(10_000), at(10_000), at(10_000)], [true, true, false]);
    }
}
