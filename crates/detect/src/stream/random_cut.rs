use std::collections::VecDeque;

use super::{Stream, within};
use crate::Error;
use crate::random::Random;
use crate::table::MOST_COLUMNS;

mod tree;

use tree::Tree;

/// Robust random cut forest (Guha, Mishra, Roy and Schrijvers, 2016): how many rows a tree would have to move if this
/// one were not there (collusive displacement), averaged over trees. Each tree holds the last `size` rows.
#[derive(Debug, Clone)]
pub struct RandomCutForest {
    columns: usize,
    size: usize,
    trees: Vec<(Tree, Random)>,
    /// In order of arrival, the leaf of each row in each tree.
    held: VecDeque<Vec<u32>>,
}

impl RandomCutForest {
    /// So many trees (1–1000; usual are 40–100) of so many rows (2–65,536; 256).
    ///
    /// # Errors
    /// A setting out of its range.
    pub fn new(columns: usize, trees: usize, size: usize, seed: u64) -> Result<Self, Error> {
        let columns = within("columns", columns, 1, MOST_COLUMNS)?;
        let size = within("tree_size", size, 2, 65_536)?;
        let trees = within("n_trees", trees, 1, 1000)?;
        let trees = (0..trees).map(|tree| (Tree::new(columns), Random::new(seed, tree as u64))).collect();
        Ok(Self { columns, size, trees, held: VecDeque::new() })
    }

    fn bounded(row: &[f64]) -> Vec<f64> {
        row.iter().map(|value| value.clamp(-1e100, 1e100) + 0.0).collect()
    }

    /// Takes a row in, the oldest out, and returns how displaced it is.
    fn take(&mut self, row: &[f64]) -> f64 {
        let row = Self::bounded(row);
        let oldest = if self.held.len() == self.size { self.held.pop_front() } else { None };
        let mut leaves = Vec::with_capacity(self.trees.len());
        let mut sum = 0.0;
        for (at, (tree, random)) in self.trees.iter_mut().enumerate() {
            if let Some(oldest) = &oldest {
                tree.remove(oldest[at]);
            }
            let leaf = tree.insert(&row, random);
            sum += tree.displacement(leaf);
            leaves.push(leaf);
        }
        self.held.push_back(leaves);
        sum / self.trees.len() as f64
    }
}

impl Stream for RandomCutForest {
    fn columns(&self) -> usize {
        self.columns
    }

    /// Puts the row into a copy of the forest: [`Stream::update`] costs far less.
    fn score(&self, row: &[f64]) -> f64 {
        self.clone().take(row)
    }

    fn learn(&mut self, row: &[f64]) {
        self.take(row);
    }

    fn update(&mut self, row: &[f64]) -> Result<f64, Error> {
        super::check(row, self.columns)?;
        Ok(self.take(row))
    }
}
