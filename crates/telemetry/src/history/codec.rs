//! Rows of numbers as bytes: what changed since the row before.
//!
//! A sample begins with a varint whose two lowest bits say what follows:
//!
//! | bits | meaning of the rest |
//! |---|---|
//! | 0 | so many samples more than one are like the last |
//! | 1 | so many samples more than one are missing |
//! | 2 | one column: a difference of whole numbers; several: which of them changed, each followed by its cell |
//! | 3 | one column: where the bits of the number differ from the last, which follow |
//!
//! A cell is a difference of whole numbers or differing bits, told apart by its lowest bit. So a counter that stands
//! still costs nothing, one that counts two bytes, a duration histogram with a few observations about ten.

/// Beyond this, differences of whole numbers are not exact.
const EXACT: f64 = 9_007_199_254_740_992.0;
/// How many changes a bit of the change mask can tell apart; wider rows share bits.
const MASK: usize = 56;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Run {
    Same,
    Missing,
}

/// Writes a run of samples.
pub(super) fn run(out: &mut Vec<u8>, run: Run, length: u64) {
    if length > 0 {
        varint(out, ((length - 1) << 2) | u64::from(run == Run::Missing));
    }
}

/// Writes a row that differs from the last one.
pub(super) fn row(out: &mut Vec<u8>, last: &[f64], row: &[f64]) {
    if let ([last], [value]) = (last, row) {
        match difference(*last, *value) {
            Some(difference) => varint(out, (difference << 2) | 2),
            None => bits(out, *last, *value, |shape| (shape << 2) | 3),
        }
        return;
    }
    let group = row.len().div_ceil(MASK).max(1);
    let changed =
        |i: usize| last.get(i).map(|last| last.to_bits()) != row.get(i).map(|value| value.to_bits());
    let mask = (0..row.len()).filter(|i| changed(*i)).fold(0u64, |mask, i| mask | (1 << (i / group)));
    varint(out, (mask << 2) | 2);
    for (i, (last, value)) in last.iter().zip(row).enumerate() {
        if mask & (1 << (i / group)) == 0 {
            continue;
        }
        match difference(*last, *value) {
            Some(difference) => varint(out, difference << 1),
            None => bits(out, *last, *value, |shape| (shape << 1) | 1),
        }
    }
}

/// The difference of whole numbers in zigzag.
fn difference(last: f64, value: f64) -> Option<u64> {
    let whole = |value: f64| {
        value.fract() == 0.0 && value.abs() < EXACT && !(value == 0.0 && value.is_sign_negative())
    };
    (whole(last) && whole(value)).then(|| {
        let difference = value as i64 - last as i64;
        ((difference << 1) ^ (difference >> 63)).cast_unsigned()
    })
}

fn bits(out: &mut Vec<u8>, last: f64, value: f64, tag: impl Fn(u64) -> u64) {
    let differing = (last.to_bits() ^ value.to_bits()).to_be_bytes();
    let leading = differing.iter().take_while(|byte| **byte == 0).count().min(7);
    let trailing = differing[leading..].iter().rev().take_while(|byte| **byte == 0).count().min(7 - leading);
    varint(out, tag((leading as u64) << 3 | trailing as u64));
    out.extend_from_slice(&differing[leading..8 - trailing]);
}

pub(super) fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value as u8 & 0x7f) | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Reads what was written. What ends too early or makes no sense yields `None`: bytes may come from a file.
#[derive(Debug, Clone)]
pub(super) struct Reader<'a>(&'a [u8]);

/// What the next sample is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Run(Run, u64),
    /// The row was changed in place.
    Row,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Reads one sample; `row` is the last one and becomes this one.
    pub(super) fn step(&mut self, row: &mut [f64]) -> Option<Step> {
        let tag = self.varint()?;
        let rest = tag >> 2;
        match (tag & 3, row) {
            (0, _) => Some(Step::Run(Run::Same, rest.checked_add(1)?)),
            (1, _) => Some(Step::Run(Run::Missing, rest.checked_add(1)?)),
            (2, [value]) => {
                *value = apply(*value, rest);
                Some(Step::Row)
            }
            (3, [value]) => {
                *value = self.bits(*value, rest)?;
                Some(Step::Row)
            }
            (2, row) => self.cells(row, rest),
            _ => None,
        }
    }

    fn cells(&mut self, row: &mut [f64], mask: u64) -> Option<Step> {
        let group = row.len().div_ceil(MASK).max(1);
        for (i, value) in row.iter_mut().enumerate() {
            if mask & (1 << (i / group)) == 0 {
                continue;
            }
            let tag = self.varint()?;
            *value = if tag & 1 == 0 { apply(*value, tag >> 1) } else { self.bits(*value, tag >> 1)? };
        }
        Some(Step::Row)
    }

    fn bits(&mut self, last: f64, shape: u64) -> Option<f64> {
        let (leading, trailing) = (usize::try_from(shape >> 3).ok()?, (shape & 7) as usize);
        let length = 8usize.checked_sub(leading.checked_add(trailing)?)?;
        let mut differing = [0; 8];
        differing[leading..leading + length].copy_from_slice(self.take(length)?);
        Some(f64::from_bits(last.to_bits() ^ u64::from_be_bytes(differing)))
    }

    pub(super) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn varint(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for (i, byte) in self.0.iter().enumerate().take(10) {
            value |= u64::from(byte & 0x7f).checked_shl(7 * i as u32)?;
            if byte & 0x80 == 0 {
                self.0 = &self.0[i + 1..];
                return Some(value);
            }
        }
        None
    }
}

fn apply(last: f64, zigzag: u64) -> f64 {
    let difference = (zigzag >> 1).cast_signed() ^ -(zigzag & 1).cast_signed();
    // written differences stay within exact whole numbers; a file may say anything
    (last as i64).wrapping_add(difference) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn number() -> impl Strategy<Value = f64> {
        prop_oneof![
            (0u32..50).prop_map(f64::from),
            any::<i64>().prop_map(|n| n as f64),
            any::<f64>(),
            Just(-0.0),
            Just(f64::INFINITY),
            (0u64..1 << 53).prop_map(|n| n as f64),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(rows in proptest::collection::vec(proptest::collection::vec(number(), 3), 1..20), wide in 1usize..70) {
            let rows: Vec<Vec<f64>> = rows.into_iter().map(|row| row.iter().copied().cycle().take(wide).collect()).collect();
            let mut out = Vec::new();
            let mut last = vec![0.0; wide];
            for next in &rows {
                row(&mut out, &last, next);
                run(&mut out, Run::Same, 3);
                run(&mut out, Run::Missing, 0);
                last.clone_from(next);
            }
            let mut reader = Reader::new(&out);
            let mut read = vec![0.0; wide];
            for next in &rows {
                prop_assert_eq!(reader.step(&mut read), Some(Step::Row));
                let bits = |row: &[f64]| row.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
                prop_assert_eq!(bits(&read), bits(next));
                prop_assert_eq!(reader.step(&mut read), Some(Step::Run(Run::Same, 3)));
            }
            prop_assert!(reader.is_empty());
        }

        #[test]
        fn any_bytes_are_read_without_harm(bytes in proptest::collection::vec(any::<u8>(), 0..200), wide in 0usize..70) {
            let mut reader = Reader::new(&bytes);
            let mut read = vec![0.0; wide];
            while reader.step(&mut read).is_some() {}
        }
    }

    #[test]
    fn what_is_frequent_is_small() {
        let length = |last: &[f64], next: &[f64]| {
            let mut out = Vec::new();
            row(&mut out, last, next);
            out.len()
        };
        assert_eq!(length(&[1_000_000.0], &[1_000_007.0]), 1);
        assert_eq!(length(&[1_000_000.0], &[1_000_950.0]), 2);
        let mut counts = [500.0; 16];
        let last = counts;
        counts[3] += 20.0;
        counts[4] += 2.0;
        counts[15] += 654_321_000.0; // nanoseconds
        assert_eq!(length(&last, &counts), 3 + 1 + 1 + 5);
        assert!(length(&[0.123], &[0.124]) <= 9);
    }
}
