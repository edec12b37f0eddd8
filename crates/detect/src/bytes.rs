//! Models as bytes: little-endian numbers, lengths before what they count. The reader trusts nothing: a length is
//! compared with what is left before anything is allocated.

use crate::Error;

/// Bytes being written.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    pub(crate) fn finish(self) -> Vec<u8> {
        self.bytes
    }

    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    pub(crate) fn byte(&mut self, value: u8) {
        self.bytes.push(value);
    }

    pub(crate) fn flag(&mut self, value: bool) {
        self.byte(u8::from(value));
    }

    pub(crate) fn whole(&mut self, value: usize) {
        self.raw(&(value as u64).to_le_bytes());
    }

    pub(crate) fn number(&mut self, value: f64) {
        self.raw(&value.to_le_bytes());
    }

    pub(crate) fn text(&mut self, value: &str) {
        self.whole(value.len());
        self.raw(value.as_bytes());
    }

    pub(crate) fn numbers(&mut self, values: &[f64]) {
        self.whole(values.len());
        values.iter().for_each(|value| self.number(*value));
    }

    pub(crate) fn indices(&mut self, values: &[u32]) {
        self.whole(values.len());
        values.iter().for_each(|value| self.raw(&value.to_le_bytes()));
    }
}

/// Bytes being read.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(crate) fn raw(&mut self, count: usize) -> Result<&'a [u8], Error> {
        let (head, rest) =
            self.bytes.split_at_checked(count).ok_or_else(|| Error::model("it ends too early"))?;
        self.bytes = rest;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let (head, rest) = self.bytes.split_first_chunk().ok_or_else(|| Error::model("it ends too early"))?;
        self.bytes = rest;
        Ok(*head)
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Error> {
        Ok(self.array::<1>()?[0])
    }

    pub(crate) fn flag(&mut self) -> Result<bool, Error> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(Error::model(format!("{other} is neither yes nor no"))),
        }
    }

    fn bits(&mut self) -> Result<u64, Error> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    pub(crate) fn whole(&mut self) -> Result<usize, Error> {
        usize::try_from(self.bits()?).map_err(|_| Error::model("a length is beyond this machine"))
    }

    /// A whole number of which there must be at least `low` and at most `high`.
    pub(crate) fn within(&mut self, low: usize, high: usize) -> Result<usize, Error> {
        let value = self.whole()?;
        if (low..=high).contains(&value) {
            return Ok(value);
        }
        Err(Error::model(format!("{value} is not from {low} to {high}")))
    }

    pub(crate) fn number(&mut self) -> Result<f64, Error> {
        let value = f64::from_le_bytes(self.array()?);
        if value.is_finite() { Ok(value) } else { Err(Error::model("a number is not finite")) }
    }

    /// A finite number above zero.
    pub(crate) fn positive(&mut self) -> Result<f64, Error> {
        let value = self.number()?;
        if value > 0.0 { Ok(value) } else { Err(Error::model("a number is not above zero")) }
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, Error> {
        let length = self.whole()?;
        std::str::from_utf8(self.raw(length)?).map_err(|_| Error::model("a name is not UTF-8"))
    }

    /// How many things of `size` bytes follow, if there is room for them.
    fn count(&mut self, size: usize) -> Result<usize, Error> {
        let count = self.whole()?;
        match count.checked_mul(size) {
            Some(bytes) if bytes <= self.bytes.len() => Ok(count),
            _ => Err(Error::model("a length goes beyond the end")),
        }
    }

    pub(crate) fn numbers(&mut self) -> Result<Vec<f64>, Error> {
        let count = self.count(8)?;
        (0..count).map(|_| self.number()).collect()
    }

    /// Finite numbers, exactly so many.
    pub(crate) fn exactly(&mut self, count: usize) -> Result<Vec<f64>, Error> {
        let values = self.numbers()?;
        if values.len() == count {
            return Ok(values);
        }
        Err(Error::model(format!("{} numbers where {count} belong", values.len())))
    }

    pub(crate) fn indices(&mut self) -> Result<Vec<u32>, Error> {
        let count = self.count(4)?;
        (0..count).map(|_| Ok(u32::from_le_bytes(self.array()?))).collect()
    }
}

/// The product of two sizes from a file.
pub(crate) fn times(a: usize, b: usize) -> Result<usize, Error> {
    a.checked_mul(b).ok_or_else(|| Error::model("a size overflows"))
}
