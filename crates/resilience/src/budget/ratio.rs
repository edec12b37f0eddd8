use std::time::Duration;
use tokio::time::Instant;

const SLOTS: usize = 10;

/// The books of the ratio model: what was deposited and withdrawn within the last `ttl`, in ten slots.
///
/// Source of the model: Finagle's `RetryBudget`, as Linkerd uses it.
#[derive(Debug)]
pub struct RatioLedger {
    ratio: f64,
    /// What is allowed without any request: the minimum per second over the whole `ttl`.
    reserve: f64,
    start: Instant,
    width: u64,
    current: u64,
    slots: [Slot; SLOTS],
    sum: Slot,
}

#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    deposits: u64,
    withdrawals: u64,
}

impl RatioLedger {
    /// Empty books that begin at `now`.
    pub fn new(ratio: f64, min_per_second: u32, ttl: Duration, now: Instant) -> Self {
        Self {
            ratio: ratio.max(0.0),
            reserve: f64::from(min_per_second) * ttl.as_secs_f64(),
            start: now,
            width: u64::try_from(ttl.as_nanos() / SLOTS as u128).unwrap_or(u64::MAX).max(1),
            current: 0,
            slots: [Slot::default(); SLOTS],
            sum: Slot::default(),
        }
    }

    /// Counts a request.
    pub fn deposit(&mut self, now: Instant) {
        self.advance(now);
        self.slot().deposits += 1;
        self.sum.deposits += 1;
    }

    /// Takes one extra call out of the books, if it is there.
    pub fn withdraw(&mut self, now: Instant) -> bool {
        if self.balance(now) == 0 {
            return false;
        }
        self.slot().withdrawals += 1;
        self.sum.withdrawals += 1;
        true
    }

    /// How many extra calls are there.
    pub fn balance(&mut self, now: Instant) -> u64 {
        self.advance(now);
        // a fifth of five requests is one, also where the product comes out a hair below it
        let earned = (self.ratio * self.sum.deposits as f64 + self.reserve + 1e-9).floor();
        (earned as u64).saturating_sub(self.sum.withdrawals)
    }

    const fn slot(&mut self) -> &mut Slot {
        &mut self.slots[(self.current % SLOTS as u64) as usize]
    }

    fn advance(&mut self, now: Instant) {
        let elapsed = u64::try_from(now.saturating_duration_since(self.start).as_nanos()).unwrap_or(u64::MAX);
        let target = elapsed / self.width;
        if target <= self.current {
            return;
        }
        let passed = (target - self.current).min(SLOTS as u64);
        for step in 0..passed {
            let old = std::mem::take(&mut self.slots[((target - step) % SLOTS as u64) as usize]);
            self.sum.deposits -= old.deposits;
            self.sum.withdrawals -= old.withdrawals;
        }
        self.current = target;
    }
}
