use crate::Error;
use crate::bytes::{Reader, Writer};

/// One column's training values: the different ones in order, and how many rows lie at or below each.
#[derive(Debug)]
pub(super) struct Column {
    values: Vec<f64>,
    /// Absent where every value occurs once: then the place tells.
    up_to: Option<Vec<u32>>,
    /// For equal steps from the least to the greatest value, how many values lie below: narrows a search down.
    steps: Vec<u32>,
    per_unit: f64,
    pub(super) skew: i8,
    pub(super) moments: Moments,
}

impl Column {
    pub(super) fn fit(mut values: Vec<f64>) -> Self {
        let moments = Moments::default().with(&values);
        values.sort_unstable_by(f64::total_cmp);
        let rows = values.len();
        let mut up_to = Vec::new();
        let mut kept = 0;
        for at in 0..rows {
            if at + 1 == rows || values[at] != values[at + 1] {
                values[kept] = values[at];
                kept += 1;
                up_to.push((at + 1) as u32);
            }
        }
        values.truncate(kept);
        values.shrink_to_fit();
        Self::new(values, (kept < rows).then_some(up_to), moments)
    }

    fn new(values: Vec<f64>, up_to: Option<Vec<u32>>, moments: Moments) -> Self {
        let mut column =
            Self { values, up_to, steps: Vec::new(), per_unit: 0.0, skew: moments.skew(), moments };
        column.index();
        column
    }

    fn index(&mut self) {
        let (first, last) = (self.values[0], self.values[self.values.len() - 1]);
        let steps = self.values.len() / 2 + 1;
        let per_unit = steps as f64 / (last - first);
        if !per_unit.is_normal() {
            self.steps = vec![0, self.values.len() as u32];
            return;
        }
        self.per_unit = per_unit;
        self.steps = vec![0; steps + 2];
        for value in &self.values {
            self.steps[step(*value, first, per_unit, steps) + 1] += 1;
        }
        for at in 1..self.steps.len() {
            self.steps[at] += self.steps[at - 1];
        }
    }

    /// How many different values lie at or below this one.
    fn place(&self, value: f64) -> usize {
        let most = self.steps.len() - 2;
        let step = step(value, self.values[0], self.per_unit, most);
        let (low, high) = (self.steps[step] as usize, self.steps[step + 1] as usize);
        low + self.values[low..high].partition_point(|each| *each <= value)
    }

    /// How many of `rows` training rows lie at or below a value, and how many at or above.
    pub(super) fn tails(&self, value: f64, rows: usize) -> (usize, usize) {
        let place = self.place(value);
        let up_to = |place: usize| match (&self.up_to, place) {
            (_, 0) => 0,
            (Some(up_to), _) => up_to[place - 1] as usize,
            (None, _) => place,
        };
        let known = place > 0 && self.values[place - 1] == value;
        (up_to(place), rows - up_to(place - usize::from(known)))
    }

    pub(super) fn write(&self, out: &mut Writer) {
        out.numbers(&self.values);
        out.indices(self.up_to.as_deref().unwrap_or_default());
        self.moments.write(out);
    }

    pub(super) fn read(from: &mut Reader<'_>, rows: usize) -> Result<Self, Error> {
        let values = from.numbers()?;
        let up_to = from.indices()?;
        let moments = Moments::read(from)?;
        let rising = values.windows(2).all(|pair| pair[0] < pair[1]);
        let counted = if up_to.is_empty() {
            values.len() == rows
        } else {
            up_to.len() == values.len()
                && up_to[0] > 0
                && up_to.windows(2).all(|pair| pair[0] < pair[1])
                && up_to[up_to.len() - 1] as usize == rows
        };
        if values.is_empty() || !rising || !counted {
            return Err(Error::model("a distribution does not rise"));
        }
        Ok(Self::new(values, (!up_to.is_empty()).then_some(up_to), moments))
    }
}

/// The step a value is in. Rises with the value, so that what is in lower steps is smaller.
fn step(value: f64, first: f64, per_unit: f64, steps: usize) -> usize {
    (((value - first) * per_unit) as usize).min(steps)
}

/// Count, mean and central sums: enough for a skewness that more values can be added to (Pébay 2008).
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Moments {
    count: f64,
    mean: f64,
    second: f64,
    third: f64,
}

impl Moments {
    pub(super) fn with(self, values: &[f64]) -> Self {
        let count = values.len() as f64;
        if count == 0.0 {
            return self;
        }
        let mean = values.iter().sum::<f64>() / count;
        let (mut second, mut third) = (0.0, 0.0);
        for value in values {
            let far = value - mean;
            second += far * far;
            third += far * far * far;
        }
        self.joined(Self { count, mean, second, third })
    }

    fn joined(self, other: Self) -> Self {
        if self.count == 0.0 {
            return other;
        }
        let (a, b) = (self, other);
        let count = a.count + b.count;
        let step = b.mean - a.mean;
        let second = a.second + b.second + step * step * a.count * b.count / count;
        let cubes = step * step * step * a.count * b.count * (a.count - b.count) / (count * count);
        let third =
            a.third + b.third + cubes + 3.0 * step * (a.count * b.second - b.count * a.second) / count;
        Self { count, mean: a.mean + step * b.count / count, second, third }
    }

    /// The sign of the skewness; 0 for a column that hardly varies (SciPy's rule).
    pub(super) fn skew(&self) -> i8 {
        let variance = self.second / self.count;
        let rounding = f64::EPSILON * self.mean;
        if variance <= rounding * rounding || self.third == 0.0 || self.third.is_nan() {
            return 0;
        }
        if self.third > 0.0 { 1 } else { -1 }
    }

    fn write(&self, out: &mut Writer) {
        [self.count, self.mean, self.second, self.third]
            .iter()
            .for_each(|value| out.number(value.clamp(-1e300, 1e300)));
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Error> {
        Ok(Self {
            count: from.positive()?,
            mean: from.number()?,
            second: from.number()?,
            third: from.number()?,
        })
    }
}
