use super::{Stream, within};
use crate::Error;
use crate::random::Random;
use crate::table::MOST_COLUMNS;

/// Half-space trees (Tan, Ting and Liu, "Fast anomaly detection for streaming data", 2011): how few rows of the last
/// window fell where a row falls. Scores lie in [0, 1].
///
/// Ranges of columns are learned from the first window, so that data need not be scaled; a column that does not vary
/// there tells nothing until [`HalfSpaceTrees::restart`]. Masses are kept for leaves alone and summed up when a window
/// ends, so that a row costs one walk per tree.
#[derive(Debug, Clone)]
pub struct HalfSpaceTrees {
    columns: usize,
    trees: usize,
    depth: usize,
    window: usize,
    seed: u64,
    /// Rows seen in this window.
    seen: usize,
    /// The least and greatest value of each column in the first window.
    extent: Vec<(f64, f64)>,
    first: Vec<f64>,
    /// All trees' inner nodes, tree after tree, in the order of a heap.
    nodes: Vec<Split>,
    /// For each leaf the score of a row there, by the last window.
    value: Vec<f64>,
    /// For each leaf the rows of this window.
    mass: Vec<u32>,
}

#[derive(Debug, Clone, Copy)]
struct Split {
    cut: f64,
    column: u32,
}

/// A node with a smaller share of the window than this is not looked into.
const SPARSE: f64 = 0.1;

impl HalfSpaceTrees {
    /// So many trees (1–1000; the paper has 25) of a depth (1–16; 15), with a window (2–1,000,000 rows; 250).
    ///
    /// # Errors
    /// A setting out of its range.
    pub fn new(columns: usize, trees: usize, depth: usize, window: usize, seed: u64) -> Result<Self, Error> {
        Ok(Self {
            columns: within("columns", columns, 1, MOST_COLUMNS)?,
            trees: within("n_trees", trees, 1, 1000)?,
            depth: within("max_depth", depth, 1, 16)?,
            window: within("window_size", window, 2, 1_000_000)?,
            seed,
            seen: 0,
            extent: Vec::new(),
            first: Vec::new(),
            nodes: Vec::new(),
            value: Vec::new(),
            mass: Vec::new(),
        })
    }

    /// Forgets everything, ranges included: after a drift.
    pub fn restart(&mut self) {
        (self.seen, self.nodes, self.value, self.mass) = (0, Vec::new(), Vec::new(), Vec::new());
        self.extent = Vec::new();
    }

    fn leaves(&self) -> usize {
        1 << self.depth
    }

    fn inner(&self) -> usize {
        self.leaves() - 1
    }

    /// Builds the trees on the ranges seen, each range stretched by chance as in the paper.
    fn build(&mut self) {
        let inner = self.inner();
        self.nodes = Vec::with_capacity(inner * self.trees);
        for tree in 0..self.trees {
            let mut random = Random::new(self.seed, tree as u64);
            let stretched = |(low, high): &(f64, f64)| {
                let middle = random.unit();
                let reach = 2.0 * middle.max(1.0 - middle);
                // Halves first: twice the range of doubles is beyond them.
                let width = (high / 2.0 - low / 2.0).min(f64::MAX / 16.0) * 2.0;
                (low + width * (middle - reach), low + width * (middle + reach))
            };
            let whole: Vec<(f64, f64)> = self.extent.iter().map(stretched).collect();
            let mut boxes = vec![whole];
            for node in 0..inner {
                let own = boxes[node].clone();
                let column = random.below(self.columns);
                let (low, high) = own[column];
                let cut = low / 2.0 + high / 2.0;
                self.nodes.push(Split { cut, column: column as u32 });
                if 2 * node + 2 < inner {
                    let (mut left, mut right) = (own.clone(), own);
                    (left[column].1, right[column].0) = (cut, cut);
                    boxes.extend([left, right]);
                    boxes[node] = Vec::new();
                }
            }
        }
        self.mass = vec![0; self.leaves() * self.trees];
        self.value = vec![0.0; self.leaves() * self.trees];
    }

    /// The leaf of each tree that a row falls into.
    fn walk(&self, row: &[f64], mut visit: impl FnMut(usize)) {
        let (inner, leaves) = (self.inner(), self.leaves());
        let mut trees = self.nodes.chunks_exact(inner * 2);
        let mut first = 0;
        // Two trees at a time, so that the processor need not wait for one.
        for pair in trees.by_ref() {
            let (a, b) = pair.split_at(inner);
            let (mut at, mut other) = (0, 0);
            for _ in 0..self.depth {
                let (one, two) = (a[at], b[other]);
                at = 2 * at + 1 + usize::from(row[one.column as usize] >= one.cut);
                other = 2 * other + 1 + usize::from(row[two.column as usize] >= two.cut);
            }
            visit(first + at - inner);
            visit(first + leaves + other - inner);
            first += 2 * leaves;
        }
        for tree in trees.remainder().chunks_exact(inner) {
            let mut at = 0;
            for _ in 0..self.depth {
                at = 2 * at + 1 + usize::from(row[tree[at].column as usize] >= tree[at].cut);
            }
            visit(first + at - inner);
            first += leaves;
        }
    }

    /// From this window's masses to the scores of the next one.
    fn turn(&mut self) {
        let (inner, leaves) = (self.inner(), self.leaves());
        let sparse = SPARSE * self.window as f64;
        let most = self.window as f64 * leaves as f64;
        for (mass, value) in self.mass.chunks_exact_mut(leaves).zip(self.value.chunks_exact_mut(leaves)) {
            let mut sums = vec![0.0; inner + leaves];
            sums[inner..].iter_mut().zip(&*mass).for_each(|(sum, mass)| *sum = f64::from(*mass));
            (0..inner).rev().for_each(|node| sums[node] = sums[2 * node + 1] + sums[2 * node + 2]);
            for (leaf, value) in value.iter_mut().enumerate() {
                // The first sparse node on the way down, or the leaf.
                let way =
                    (0..=self.depth).map(|level| (level, ((inner + leaf + 1) >> (self.depth - level)) - 1));
                let end =
                    way.clone().find(|(_, node)| sums[*node] < sparse).unwrap_or((self.depth, inner + leaf));
                *value = sums[end.1] * (end.0 as f64).exp2() / most;
            }
            mass.fill(0);
        }
        self.seen = 0;
    }
}

impl Stream for HalfSpaceTrees {
    fn columns(&self) -> usize {
        self.columns
    }

    fn score(&self, row: &[f64]) -> f64 {
        if self.nodes.is_empty() {
            return 0.0;
        }
        let mut sum = 0.0;
        self.walk(row, |leaf| sum += self.value[leaf]);
        (1.0 - sum / self.trees as f64).clamp(0.0, 1.0)
    }

    fn learn(&mut self, row: &[f64]) {
        if self.nodes.is_empty() {
            self.begin(row);
            return;
        }
        let mut mass = std::mem::take(&mut self.mass);
        self.walk(row, |leaf| mass[leaf] += 1);
        self.mass = mass;
        self.seen += 1;
        if self.seen == self.window {
            self.turn();
        }
    }

    fn update(&mut self, row: &[f64]) -> Result<f64, Error> {
        super::check(row, self.columns)?;
        if self.nodes.is_empty() {
            self.begin(row);
            return Ok(0.0);
        }
        // One walk for both.
        let (mut sum, mut mass) = (0.0, std::mem::take(&mut self.mass));
        self.walk(row, |leaf| {
            sum += self.value[leaf];
            mass[leaf] += 1;
        });
        self.mass = mass;
        self.seen += 1;
        if self.seen == self.window {
            self.turn();
        }
        Ok((1.0 - sum / self.trees as f64).clamp(0.0, 1.0))
    }
}

impl HalfSpaceTrees {
    /// The first window: ranges are learned, rows are kept until the trees are there.
    fn begin(&mut self, row: &[f64]) {
        if self.extent.is_empty() {
            self.extent = row.iter().map(|value| (*value, *value)).collect();
        }
        for ((low, high), value) in self.extent.iter_mut().zip(row) {
            (*low, *high) = (low.min(*value), high.max(*value));
        }
        // Ranges settle long before a window of many wide rows is full.
        let most = (4_000_000 / self.columns).max(2);
        if self.first.len() < most * self.columns {
            self.first.extend_from_slice(row);
        }
        self.seen += 1;
        if self.seen == self.window {
            self.build();
            let first = std::mem::take(&mut self.first);
            let mut mass = std::mem::take(&mut self.mass);
            first.chunks_exact(self.columns).for_each(|row| self.walk(row, |leaf| mass[leaf] += 1));
            self.mass = mass;
            self.turn();
        }
    }
}
