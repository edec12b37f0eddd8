//! Nearest neighbours, exactly: a k-d tree whose leaves are scanned as vectors.
//!
//! Leaves hold [`BLOCK`] rows, column after column, so that one instruction works on several rows. Wide rows are turned
//! into the axes of their greatest variance first: distances stay the same, but most of each lies in the first few
//! columns, where the boxes of the tree and the scan of a leaf can stop early.

use rayon::prelude::*;

use crate::Error;
use crate::bytes::{Reader, Writer};
use crate::table::Rows;

mod build;
mod nearest;
mod rotation;
mod scan;
#[cfg(test)]
mod tests;

pub(crate) use nearest::Nearest;
use rotation::Rotation;

/// Rows per leaf.
const BLOCK: usize = 16;
/// Wider rows than this are rotated.
const NARROW: usize = 15;
/// Boxes are told apart by this many columns at most: the others would cost more than they save.
const BOXED: usize = 16;

/// How far apart two rows are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Metric {
    Euclidean,
    Manhattan,
    Chebyshev,
    /// The p-th root of the sum of p-th powers.
    Minkowski(f64),
}

impl Metric {
    /// The metric of a Minkowski exponent.
    pub(crate) fn of(p: f64) -> Self {
        match p {
            1.0 => Self::Manhattan,
            2.0 => Self::Euclidean,
            p if p > 64.0 => Self::Chebyshev,
            p => Self::Minkowski(p),
        }
    }

    /// From the sum (or maximum) over columns to the distance.
    fn finish(self, sum: f64) -> f64 {
        match self {
            Self::Euclidean => sum.sqrt(),
            Self::Manhattan | Self::Chebyshev => sum,
            Self::Minkowski(p) => sum.powf(1.0 / p),
        }
    }

    fn one(self, difference: f64) -> f64 {
        match self {
            Self::Euclidean => difference * difference,
            Self::Manhattan | Self::Chebyshev => difference.abs(),
            Self::Minkowski(p) => difference.abs().powf(p),
        }
    }

    fn add(self, sum: f64, one: f64) -> f64 {
        if self == Self::Chebyshev { sum.max(one) } else { sum + one }
    }

    fn number(self) -> f64 {
        match self {
            Self::Euclidean => 2.0,
            Self::Manhattan => 1.0,
            Self::Chebyshev => 1e6,
            Self::Minkowski(p) => p,
        }
    }
}

/// Rows, arranged so that the nearest to any point are found quickly.
#[derive(Debug)]
pub(crate) struct Neighbours {
    columns: usize,
    rows: usize,
    metric: Metric,
    rotation: Option<Rotation>,
    /// The row that stands in each place of the leaves.
    order: Vec<u32>,
    /// Leaf by leaf, column by column; places without a row are infinitely far.
    points: Vec<f64>,
    nodes: Vec<Node>,
    /// For each node, lower and upper bound of its first columns in turn.
    boxes: Vec<f64>,
}

/// A part of the leaves: halves follow, or it is one leaf.
#[derive(Debug, Clone, Copy)]
struct Node {
    first: u32,
    leaves: u32,
    /// The second half; the first one is the next node.
    second: u32,
}

impl Neighbours {
    pub(crate) fn new(rows: Rows<'_>, metric: Metric) -> Self {
        let rotation =
            (rows.columns > NARROW && metric == Metric::Euclidean).then(|| Rotation::fit(rows)).flatten();
        match &rotation {
            Some(rotation) => {
                let turned = rotation.all(rows);
                Self::arranged(Rows { values: &turned, columns: rows.columns }, metric, None)
            }
            None => Self::arranged(rows, metric, None),
        }
        .with(rotation)
    }

    fn with(mut self, rotation: Option<Rotation>) -> Self {
        self.rotation = rotation;
        self
    }

    fn arranged(rows: Rows<'_>, metric: Metric, order: Option<Vec<u32>>) -> Self {
        let order = order.unwrap_or_else(|| build::order(rows));
        let leaves = rows.len().div_ceil(BLOCK);
        let mut points = vec![f64::INFINITY; leaves * BLOCK * rows.columns];
        for (place, row) in order.iter().enumerate() {
            let (leaf, slot) = (place / BLOCK, place % BLOCK);
            for (column, value) in rows.row(*row as usize).iter().enumerate() {
                points[(leaf * rows.columns + column) * BLOCK + slot] = *value;
            }
        }
        let nodes = build::nodes(leaves);
        let mut this = Self {
            columns: rows.columns,
            rows: rows.len(),
            metric,
            rotation: None,
            order,
            points,
            nodes,
            boxes: Vec::new(),
        };
        this.boxes = build::boxes(&this);
        this
    }

    /// How many rows there are.
    pub(crate) fn len(&self) -> usize {
        self.rows
    }

    fn boxed(&self) -> usize {
        self.columns.min(BOXED)
    }

    fn leaf(&self, leaf: usize) -> &[f64] {
        let size = self.columns * BLOCK;
        &self.points[leaf * size..(leaf + 1) * size]
    }

    /// How many neighbours there can be for a row that is one of these itself.
    pub(crate) fn most_others(&self, wanted: usize) -> usize {
        wanted.min(self.rows - 1).max(1)
    }

    /// The `k` nearest of each row, from the nearest on, given to `each`: one call per row.
    pub(crate) fn query<T: Send>(
        &self,
        rows: Rows<'_>,
        k: usize,
        each: impl Fn(&Nearest) -> T + Sync,
    ) -> Vec<T> {
        self.query_points(rows, k, |_, nearest| each(nearest))
    }

    /// The same, `each` getting the row as well, turned like the rows of [`Neighbours::point`].
    pub(crate) fn query_points<T: Send>(
        &self,
        rows: Rows<'_>,
        k: usize,
        each: impl Fn(&[f64], &Nearest) -> T + Sync,
    ) -> Vec<T> {
        let size = (8192 / rows.columns).clamp(1, 128) * rows.columns;
        let work = |values: &[f64]| {
            let mut nearest = Nearest::new(k.min(self.rows));
            let mut turned = vec![0.0; self.columns];
            let one = |row: &[f64]| {
                let point = match &self.rotation {
                    Some(rotation) => {
                        rotation.one(row, &mut turned);
                        &turned
                    }
                    None => row,
                };
                self.search(point, None, &mut nearest);
                each(point, &nearest)
            };
            values.chunks_exact(rows.columns).map(one).collect::<Vec<T>>()
        };
        rows.values.par_chunks(size).flat_map_iter(work).collect()
    }

    /// The `k` nearest other rows of each of these rows themselves; results in the order of the rows.
    pub(crate) fn of_each<T: Send + Clone + Default>(
        &self,
        k: usize,
        each: impl Fn(&Nearest) -> T + Sync,
    ) -> Vec<T> {
        let work = |leaf: usize| {
            let mut nearest = Nearest::new(k.min(self.rows - 1));
            let mut point = vec![0.0; self.columns];
            let block = self.leaf(leaf);
            let members = leaf * BLOCK..((leaf + 1) * BLOCK).min(self.rows);
            let one = |place: usize| {
                for (column, value) in point.iter_mut().enumerate() {
                    *value = block[column * BLOCK + place % BLOCK];
                }
                self.search(&point, Some(place as u32), &mut nearest);
                (self.order[place], each(&nearest))
            };
            members.map(one).collect::<Vec<(u32, T)>>()
        };
        let found: Vec<Vec<(u32, T)>> = (0..self.rows.div_ceil(BLOCK)).into_par_iter().map(work).collect();
        let mut results = vec![T::default(); self.rows];
        found.into_iter().flatten().for_each(|(row, result)| results[row as usize] = result);
        results
    }

    fn search(&self, point: &[f64], but: Option<u32>, nearest: &mut Nearest) {
        nearest.clear();
        let mut scan = scan::Scan { tree: self, point, but, nearest };
        scan.node(0, 0.0);
        nearest.finish(&self.order, self.metric);
    }

    /// A row as it was given, up to a rotation of all of them that keeps distances and angles.
    pub(crate) fn point(&self, place: usize, out: &mut [f64]) {
        let block = self.leaf(place / BLOCK);
        for (column, value) in out.iter_mut().enumerate() {
            *value = block[column * BLOCK + place % BLOCK];
        }
    }

    pub(crate) fn write(&self, out: &mut Writer) {
        out.number(self.metric.number());
        out.flag(self.rotation.is_some());
        self.rotation.iter().for_each(|rotation| rotation.write(out));
        out.indices(&self.order);
        let mut point = vec![0.0; self.columns];
        out.whole(self.rows * self.columns);
        for place in 0..self.rows {
            self.point(place, &mut point);
            point.iter().for_each(|value| out.number(*value));
        }
    }

    pub(crate) fn read(from: &mut Reader<'_>, columns: usize) -> Result<Self, Error> {
        let metric = Metric::of(from.number()?);
        if matches!(metric, Metric::Minkowski(p) if p < 1.0) {
            return Err(Error::model("a metric is none"));
        }
        let rotation = if from.flag()? { Some(Rotation::read(from, columns)?) } else { None };
        let order = from.indices()?;
        let values = from.exactly(crate::bytes::times(order.len(), columns)?)?;
        if values.is_empty() {
            return Err(Error::model("there are no neighbours"));
        }
        let mut seen = vec![false; order.len()];
        let mut permutes =
            |row: &u32| seen.get_mut(*row as usize).is_some_and(|seen| !std::mem::replace(seen, true));
        if !order.iter().all(&mut permutes) {
            return Err(Error::model("neighbours are out of order"));
        }
        let mut this = Self::arranged(
            Rows { values: &values, columns },
            metric,
            Some((0..order.len() as u32).collect()),
        );
        this.order = order;
        Ok(this.with(rotation))
    }
}
