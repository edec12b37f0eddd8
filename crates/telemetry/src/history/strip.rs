//! The samples of one series.

use super::codec::{self, Reader, Run, Step};
use std::collections::VecDeque;
use std::ops::Range;

/// Rows of one width by the number of their tick, compressed. A tick without a row is one where there was no series.
#[derive(Debug, Default)]
pub(super) struct Strip {
    closed: VecDeque<Chunk>,
    closed_bytes: usize,
    open: Option<Open>,
}

/// Samples that can be read alone. It begins with a row.
#[derive(Debug)]
struct Chunk {
    first: u64,
    data: Box<[u8]>,
}

#[derive(Debug)]
struct Open {
    first: u64,
    /// The tick after the last one written.
    next: u64,
    data: Vec<u8>,
    /// How many samples like the last one are not in `data` yet.
    same: u64,
    row: Box<[f64]>,
}

impl Strip {
    /// Adds a row. A chunk that began before `generation` is closed first.
    pub(super) fn push(&mut self, tick: u64, generation: u64, row: &[f64]) {
        if self.open.as_ref().is_some_and(|open| open.first < generation || open.row.len() != row.len()) {
            self.close();
        }
        match &mut self.open {
            Some(open) => open.push(tick, row),
            None => self.open = Some(Open::begin(tick, row)),
        }
    }

    /// The last row and its tick, unless all is forgotten.
    pub(super) fn last(&self) -> Option<(u64, &[f64])> {
        self.open.as_ref().map(|open| (open.next - 1, &*open.row))
    }

    /// Forgets what began before `tick`, the start of a generation. Whether nothing is left.
    pub(super) fn forget_before(&mut self, tick: u64) -> bool {
        while self.closed.front().is_some_and(|chunk| chunk.first < tick) {
            self.closed_bytes -= self.closed.pop_front().map_or(0, |chunk| chunk.bytes());
        }
        if self.open.as_ref().is_some_and(|open| open.first < tick) {
            self.open = None;
        }
        self.open.is_none() && self.closed.is_empty()
    }

    /// Memory in use.
    pub(super) fn bytes(&self) -> usize {
        let open = self.open.as_ref().map_or(0, |open| open.data.capacity() + 8 * open.row.len());
        self.closed_bytes + open + size_of::<Chunk>() * (self.closed.capacity() - self.closed.len())
    }

    /// Calls with every row of the range, and with those from the last one before it, where there is one.
    pub(super) fn read(&self, range: Range<u64>, width: usize, mut visit: impl FnMut(u64, &[f64])) {
        let from = self.closed.partition_point(|chunk| chunk.first <= range.start).saturating_sub(1);
        let opened_before = self.open.as_ref().is_some_and(|open| open.first <= range.start);
        let mut row = vec![0.0; width];
        if !opened_before {
            for chunk in self.closed.range(from..).take_while(|chunk| chunk.first < range.end) {
                decode(&chunk.data, chunk.first, range.end, &mut row, &mut visit);
            }
        }
        let Some(open) = self.open.as_ref().filter(|open| open.row.len() == width) else { return };
        let mut tick = decode(&open.data, open.first, range.end, &mut row, &mut visit);
        while tick < open.next.min(range.end) {
            visit(tick, &open.row);
            tick += 1;
        }
    }

    fn close(&mut self) {
        let Some(open) = self.open.take() else { return };
        let chunk = open.close();
        self.closed_bytes += chunk.bytes();
        self.closed.push_back(chunk);
    }
}

impl Chunk {
    fn bytes(&self) -> usize {
        self.data.len() + size_of::<Self>()
    }
}

impl Open {
    fn begin(tick: u64, row: &[f64]) -> Self {
        let mut data = Vec::new();
        codec::row(&mut data, &vec![0.0; row.len()], row);
        Self { first: tick, next: tick + 1, data, same: 0, row: row.into() }
    }

    fn push(&mut self, tick: u64, row: &[f64]) {
        if self.data.capacity() - self.data.len() < 16 {
            // all series grow at once: doubling would take as much again
            self.data.reserve_exact(32 + self.data.len() / 8);
        }
        let missing = tick.saturating_sub(self.next);
        if missing > 0 {
            self.write_run();
            codec::run(&mut self.data, Run::Missing, missing);
        }
        if same(&self.row, row) {
            self.same += 1;
        } else {
            self.write_run();
            codec::row(&mut self.data, &self.row, row);
            self.row.copy_from_slice(row);
        }
        self.next = tick + 1;
    }

    fn write_run(&mut self) {
        codec::run(&mut self.data, Run::Same, std::mem::take(&mut self.same));
    }

    fn close(mut self) -> Chunk {
        self.write_run();
        Chunk { first: self.first, data: self.data.into() }
    }
}

/// A gauge may be neither more nor less than itself.
fn same(a: &[f64], b: &[f64]) -> bool {
    a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits())
}

/// Returns the tick after the last one.
fn decode(data: &[u8], first: u64, end: u64, row: &mut [f64], visit: &mut impl FnMut(u64, &[f64])) -> u64 {
    row.fill(0.0);
    let mut reader = Reader::new(data);
    let mut tick = first;
    while tick < end && !reader.is_empty() {
        match reader.step(row) {
            Some(Step::Row) => {
                visit(tick, row);
                tick += 1;
            }
            Some(Step::Run(Run::Missing, length)) => tick += length,
            Some(Step::Run(Run::Same, length)) => {
                let until = (tick + length).min(end);
                (tick..until).for_each(|tick| visit(tick, row));
                tick += length;
            }
            None => break,
        }
    }
    tick
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn reads_what_was_pushed(samples in proptest::collection::vec((1u64..5, 0u8..4), 1..300), cut in 1u64..90, from in 0u64..700, length in 0u64..700) {
            let mut strip = Strip::default();
            let mut model = Vec::new();
            let (mut tick, mut generation) = (0, 0);
            for (step, value) in samples {
                tick += if value == 0 { step } else { 1 };
                if tick - generation >= cut {
                    generation = tick;
                }
                let row = [f64::from(value / 2), 0.5];
                strip.push(tick, generation, &row);
                model.push((tick, row));
                prop_assert_eq!(strip.last().map(|(at, row)| (at, row.to_vec())), Some((tick, row.to_vec())));
            }
            let range = from..from + length;
            let mut read = Vec::new();
            strip.read(range.clone(), 2, |tick, row| read.push((tick, [row[0], row[1]])));
            let before = model.iter().rev().find(|(tick, _)| *tick <= range.start).map_or(0, |(tick, _)| *tick);
            let wanted: Vec<_> = model.iter().copied().filter(|(tick, _)| range.end > *tick && *tick >= before).collect();
            let kept: Vec<_> = read.into_iter().filter(|(tick, _)| *tick >= before).collect();
            prop_assert_eq!(kept, wanted);
        }
    }

    #[test]
    fn what_is_forgotten_gives_its_memory_back() {
        let mut strip = Strip::default();
        for tick in 0..1_000u64 {
            strip.push(tick, tick / 100 * 100, &[(tick * tick) as f64]);
        }
        let before = strip.bytes();
        assert!(!strip.forget_before(900));
        let mut first = None;
        strip.read(0..1_000, 1, |tick, _| first = first.or(Some(tick)));
        assert_eq!(first, Some(900));
        assert!(strip.bytes() < before / 3, "{} of {before}", strip.bytes());
        assert!(strip.forget_before(1_000));
    }
}
