//! The database's clock, read now and then; in between its time is told by the machine's monotonic clock.

use crate::Timestamp;
use seaworthy_core::Clock;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// A reading that took no longer than this is as good as any.
pub(crate) const QUICK: Duration = Duration::from_millis(5);
/// How much less a reading is trusted for every second that it is old: clocks drift, by less than this.
const AGEING: f64 = 0.001;
/// What a reading may be off beyond what explains it, before the database's clock is taken to have been set.
const SET: Duration = Duration::from_secs(1);

pub(crate) enum StoreClock {
    /// A test's.
    Injected(Arc<dyn Clock>),
    /// SQLite lives in this process: the machine's clock is the database's.
    Machine,
    /// PostgreSQL's, as of a moment; and the latest time told, behind which it goes only where the clock was set.
    Remote(Mutex<Reading>, AtomicI64),
}

#[derive(Clone, Copy)]
pub(crate) struct Reading {
    told: Timestamp,
    at: Instant,
    /// By how much it may be wrong.
    spread: Duration,
}

impl StoreClock {
    pub(crate) fn remote() -> Self {
        let reading = Reading {
            told: SystemTime::now().into(),
            at: Instant::now(),
            // anything the database says is better
            spread: Duration::MAX,
        };
        Self::Remote(Mutex::new(reading), AtomicI64::new(i64::MIN))
    }

    pub(crate) fn now(&self) -> Timestamp {
        match self {
            Self::Injected(clock) => clock.wall().into(),
            Self::Machine => SystemTime::now().into(),
            Self::Remote(reading, latest) => {
                let reading = *reading.lock().unwrap_or_else(PoisonError::into_inner);
                let now = reading.told.plus(reading.at.elapsed()).as_micros();
                Timestamp::from_micros(latest.fetch_max(now, Ordering::Relaxed).max(now))
            }
        }
    }

    /// Takes the database's word; `asked` and now bracket the moment it was read. It counts as read just now: our time may
    /// be behind the database's by as long as the word was on its way, and is never ahead of it, so nothing is begun
    /// early. A word that was long on its way may be worse than what is known.
    ///
    /// Whether it is good enough: where not, asking again may help.
    pub(crate) fn set(&self, told: Timestamp, asked: Instant) -> bool {
        let Self::Remote(reading, latest) = self else { return true };
        let spread = asked.elapsed();
        let mut reading = reading.lock().unwrap_or_else(PoisonError::into_inner);
        let known = reading.spread.saturating_add(reading.at.elapsed().mul_f64(AGEING));
        let expected = reading.told.plus(reading.at.elapsed());
        let off = told.since(expected).max(expected.since(told));
        let was_set = off > spread.saturating_add(known).saturating_add(SET);
        if was_set || spread <= QUICK.max(known) {
            let is_first = reading.spread == Duration::MAX;
            *reading = Reading { told, at: asked + spread, spread };
            if was_set || is_first {
                latest.store(i64::MIN, Ordering::Relaxed);
            }
        }
        reading.spread <= QUICK
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_was_long_on_its_way_does_not_replace_a_better_one() {
        let clock = StoreClock::remote();
        let long_ago =
            |seconds| Instant::now().checked_sub(Duration::from_secs(seconds)).expect("up for so long");
        let off = |from: i64| (clock.now().as_micros() - from).abs();
        clock.set(Timestamp::from_micros(5_000_000), long_ago(10));
        assert!(off(5_000_000) < 1_000_000, "the first is taken, whatever it is, and is not ahead");
        assert!(clock.set(Timestamp::from_micros(70_000_000), Instant::now()));
        clock.set(Timestamp::from_micros(69_000_000), long_ago(10));
        assert!(off(70_000_000) < 900_000, "the worse one is not");
        clock.set(Timestamp::from_micros(900_000_000), long_ago(10));
        assert!(off(900_000_000) < 1_000_000, "the database's clock was set");
    }
}
