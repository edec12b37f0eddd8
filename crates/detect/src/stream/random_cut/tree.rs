use crate::random::Random;

/// No node.
const NONE: u32 = u32::MAX;

#[derive(Debug, Clone, Copy)]
struct Node {
    parent: u32,
    /// Both children, or none for a leaf.
    children: [u32; 2],
    column: u32,
    cut: f64,
    /// Rows below; equal rows share a leaf.
    rows: u32,
}

/// A random cut tree: rows are put in and taken out, and at any time the tree is one that chance could have grown from
/// the rows it holds.
#[derive(Debug, Clone)]
pub(super) struct Tree {
    columns: usize,
    root: u32,
    nodes: Vec<Node>,
    /// Lower bounds, then upper bounds, of each node.
    boxes: Vec<f64>,
    free: Vec<u32>,
}

impl Tree {
    pub(super) fn new(columns: usize) -> Self {
        Self { columns, root: NONE, nodes: Vec::new(), boxes: Vec::new(), free: Vec::new() }
    }

    fn node(&mut self, node: Node) -> u32 {
        if let Some(at) = self.free.pop() {
            self.nodes[at as usize] = node;
            return at;
        }
        self.nodes.push(node);
        self.boxes.resize(self.nodes.len() * 2 * self.columns, 0.0);
        self.nodes.len() as u32 - 1
    }

    fn bounds(&self, at: u32) -> (&[f64], &[f64]) {
        let start = at as usize * 2 * self.columns;
        self.boxes[start..start + 2 * self.columns].split_at(self.columns)
    }

    fn leaf(&mut self, row: &[f64], parent: u32) -> u32 {
        let at = self.node(Node { parent, children: [NONE; 2], column: 0, cut: 0.0, rows: 1 });
        let start = at as usize * 2 * self.columns;
        self.boxes[start..start + self.columns].copy_from_slice(row);
        self.boxes[start + self.columns..start + 2 * self.columns].copy_from_slice(row);
        at
    }

    /// Puts a row in; returns its leaf.
    pub(super) fn insert(&mut self, row: &[f64], random: &mut Random) -> u32 {
        if self.root == NONE {
            self.root = self.leaf(row, NONE);
            return self.root;
        }
        let mut at = self.root;
        loop {
            let is_leaf = self.nodes[at as usize].children[0] == NONE;
            if is_leaf && self.bounds(at).0 == row {
                self.grow(at, row);
                return at;
            }
            if let Some((column, cut)) = self.separates(at, row, random, is_leaf) {
                return self.branch(at, row, column, cut);
            }
            let node = self.nodes[at as usize];
            at = node.children[usize::from(row[node.column as usize] > node.cut)];
        }
    }

    /// A cut by chance through the box of a node and the row, if it parts them. A leaf is always parted.
    fn separates(&self, at: u32, row: &[f64], random: &mut Random, always: bool) -> Option<(usize, f64)> {
        let (low, high) = self.bounds(at);
        let width = |column: usize| high[column].max(row[column]) - low[column].min(row[column]);
        let total: f64 = (0..self.columns).map(width).sum();
        let mut mark = random.unit() * total;
        for column in 0..self.columns {
            let width = width(column);
            if mark < width {
                let cut = low[column].min(row[column]) + mark;
                if row[column] <= cut && cut < low[column] || high[column] <= cut && cut < row[column] {
                    return Some((column, cut));
                }
                break;
            }
            mark -= width;
        }
        if !always {
            return None;
        }
        // Rounding hid the difference: cut where it is.
        let column = (0..self.columns).find(|column| row[*column] != low[*column]).unwrap_or(0);
        Some((column, low[column].min(row[column])))
    }

    /// Puts a branch in a node's place, with the node and a leaf for the row below it.
    fn branch(&mut self, at: u32, row: &[f64], column: usize, cut: f64) -> u32 {
        let parent = self.nodes[at as usize].parent;
        let leaf = self.leaf(row, NONE);
        let children = if row[column] <= cut { [leaf, at] } else { [at, leaf] };
        let rows = self.nodes[at as usize].rows;
        let branch = self.node(Node { parent, children, column: column as u32, cut, rows });
        let (from, to) = (at as usize * 2 * self.columns, branch as usize * 2 * self.columns);
        self.boxes.copy_within(from..from + 2 * self.columns, to);
        self.nodes[at as usize].parent = branch;
        self.nodes[leaf as usize].parent = branch;
        self.replace(parent, at, branch);
        self.grow(branch, row);
        leaf
    }

    fn replace(&mut self, parent: u32, old: u32, new: u32) {
        if parent == NONE {
            self.root = new;
            return;
        }
        for child in &mut self.nodes[parent as usize].children {
            if *child == old {
                *child = new;
            }
        }
    }

    /// Counts a row in from a node up to the root.
    fn grow(&mut self, from: u32, row: &[f64]) {
        let mut at = from;
        while at != NONE {
            self.nodes[at as usize].rows += 1;
            let start = at as usize * 2 * self.columns;
            for (column, value) in row.iter().enumerate() {
                let (low, high) = (start + column, start + self.columns + column);
                self.boxes[low] = self.boxes[low].min(*value);
                self.boxes[high] = self.boxes[high].max(*value);
            }
            at = self.nodes[at as usize].parent;
        }
    }

    /// Takes a row out of a leaf.
    pub(super) fn remove(&mut self, leaf: u32) {
        let node = self.nodes[leaf as usize];
        if node.rows > 1 || node.parent == NONE {
            self.shrink(leaf, false);
            if node.rows == 1 {
                (self.root, self.nodes, self.free) = (NONE, Vec::new(), Vec::new());
                self.boxes.clear();
            }
            return;
        }
        let parent = self.nodes[node.parent as usize];
        let sibling = parent.children[usize::from(parent.children[0] == leaf)];
        self.nodes[sibling as usize].parent = parent.parent;
        self.replace(parent.parent, node.parent, sibling);
        self.free.extend([leaf, node.parent]);
        self.shrink(parent.parent, true);
    }

    /// Counts a row out from a node up to the root; boxes are drawn anew where a leaf has gone.
    fn shrink(&mut self, from: u32, redraw: bool) {
        let mut at = from;
        while at != NONE {
            self.nodes[at as usize].rows -= 1;
            let [a, b] = self.nodes[at as usize].children;
            if redraw {
                for column in 0..self.columns {
                    let low = self.bounds(a).0[column].min(self.bounds(b).0[column]);
                    let high = self.bounds(a).1[column].max(self.bounds(b).1[column]);
                    let start = at as usize * 2 * self.columns + column;
                    (self.boxes[start], self.boxes[start + self.columns]) = (low, high);
                }
            }
            at = self.nodes[at as usize].parent;
        }
    }

    /// The greatest displacement that the leaf, or anything it is part of, causes: rows beside it over rows in it.
    pub(super) fn displacement(&self, leaf: u32) -> f64 {
        let mut most = 0.0_f64;
        let mut at = leaf;
        loop {
            let node = self.nodes[at as usize];
            if node.parent == NONE {
                return most;
            }
            let beside = self.nodes[node.parent as usize].rows - node.rows;
            most = most.max(f64::from(beside) / f64::from(node.rows));
            at = node.parent;
        }
    }

    #[cfg(test)]
    pub(super) fn check(&self) -> u32 {
        if self.root == NONE { 0 } else { self.check_below(self.root) }
    }

    #[cfg(test)]
    fn check_below(&self, at: u32) -> u32 {
        let node = self.nodes[at as usize];
        if node.children[0] == NONE {
            assert_eq!(self.bounds(at).0, self.bounds(at).1);
            return node.rows;
        }
        let [a, b] = node.children;
        assert_eq!(self.check_below(a) + self.check_below(b), node.rows);
        for column in 0..self.columns {
            assert_eq!(self.bounds(at).0[column], self.bounds(a).0[column].min(self.bounds(b).0[column]));
            assert_eq!(self.bounds(at).1[column], self.bounds(a).1[column].max(self.bounds(b).1[column]));
        }
        assert!(
            self.bounds(a).1[node.column as usize] <= node.cut
                && self.bounds(b).0[node.column as usize] > node.cut
        );
        assert!([a, b].iter().all(|child| self.nodes[*child as usize].parent == at));
        node.rows
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Tree;
    use crate::random::Random;

    proptest! {
        #[test]
        fn a_tree_stays_a_tree(
            rows in prop::collection::vec([-3_i8..3, -3_i8..3], 1..80),
            size in 1_usize..20,
            seed in any::<u64>(),
        ) {
            let (mut tree, mut random) = (Tree::new(2), Random::new(seed, 0));
            let mut held = std::collections::VecDeque::new();
            for row in &rows {
                if held.len() == size && let Some(leaf) = held.pop_front() {
                    tree.remove(leaf);
                }
                held.push_back(tree.insert(&row.map(f64::from), &mut random));
                assert_eq!(tree.check() as usize, held.len());
            }
        }
    }
}
