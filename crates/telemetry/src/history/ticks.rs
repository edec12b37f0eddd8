//! The moments at which all series were sampled, and which of them are kept.

use std::collections::VecDeque;
use std::ops::Range;

/// Numbered moments in milliseconds since 1970, rising. Numbers go on; what is forgotten is forgotten from the front,
/// a generation at a time.
#[derive(Debug)]
pub(super) struct Ticks {
    times: VecDeque<i64>,
    /// The number of the first one kept.
    first: u64,
    /// The numbers with which generations begin; the last of them is being written.
    generations: VecDeque<u64>,
    /// How many ticks a generation has.
    length: u64,
}

impl Ticks {
    pub(super) fn new(length: u64) -> Self {
        Self { times: VecDeque::new(), first: 0, generations: VecDeque::from([0]), length: length.max(1) }
    }

    /// Adds a moment after all others and returns its number.
    pub(super) fn push(&mut self, time: i64) -> u64 {
        let tick = self.next();
        if tick - self.generation() >= self.length {
            self.begin_generation();
        }
        self.times.push_back(time);
        tick
    }

    /// What comes next is of a new generation.
    pub(super) fn begin_generation(&mut self) {
        let next = self.next();
        if self.generation() != next {
            self.generations.push_back(next);
        }
    }

    /// The number with which the generation that is being written begins.
    pub(super) fn generation(&self) -> u64 {
        self.generations.back().copied().unwrap_or(self.first)
    }

    /// Forgets generations that ended before `time`.
    pub(super) fn forget_before(&mut self, time: i64) -> bool {
        let mut forgot = false;
        while let Some(end) = self.generations.get(1)
            && self.time(end - 1).is_none_or(|last| last < time)
        {
            forgot |= self.forget_generation();
        }
        forgot
    }

    /// Forgets the oldest generation unless it is being written.
    pub(super) fn forget_generation(&mut self) -> bool {
        let Some(end) = self.generations.get(1).copied() else { return false };
        self.generations.pop_front();
        self.times.drain(..usize::try_from(end - self.first).unwrap_or(usize::MAX).min(self.times.len()));
        self.first = end;
        true
    }

    /// Whether the very first one is still there.
    pub(super) fn is_whole(&self) -> bool {
        self.first == 0
    }

    /// The number of the first one kept.
    pub(super) fn first(&self) -> u64 {
        self.first
    }

    fn next(&self) -> u64 {
        self.first + self.times.len() as u64
    }

    pub(super) fn len(&self) -> usize {
        self.times.len()
    }

    pub(super) fn time(&self, tick: u64) -> Option<i64> {
        self.times.get(usize::try_from(tick.checked_sub(self.first)?).ok()?).copied()
    }

    pub(super) fn earliest(&self) -> Option<i64> {
        self.times.front().copied()
    }

    pub(super) fn latest(&self) -> Option<i64> {
        self.times.back().copied()
    }

    /// The first moment at or after `time`.
    pub(super) fn at_or_after(&self, time: i64) -> Option<i64> {
        self.times.get(self.times.partition_point(|tick| *tick < time)).copied()
    }

    /// The last moment at or before `time`.
    pub(super) fn at_or_before(&self, time: i64) -> Option<i64> {
        let after = self.times.partition_point(|tick| *tick <= time);
        self.times.get(after.checked_sub(1)?).copied()
    }

    /// The numbers from the last moment at or before `start` to the last at or before `end`.
    pub(super) fn covering(&self, start: i64, end: i64) -> Range<u64> {
        let before = |time: i64| self.first + self.times.partition_point(|tick| *tick <= time) as u64;
        before(start).saturating_sub(1).max(self.first)..before(end)
    }
}
