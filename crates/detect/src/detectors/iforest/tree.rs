use crate::Error;
use crate::bytes::{Reader, Writer};
use crate::random::Random;
use crate::table::Rows;

/// A node. The right child follows the left one; a leaf leads back to itself, so that every row takes the same number
/// of steps and a processor need not guess.
#[derive(Debug, Clone, Copy)]
struct Node {
    cut: f64,
    column: u32,
    left: u32,
}

/// An isolation tree.
#[derive(Debug)]
pub(super) struct Tree {
    nodes: Vec<Node>,
    /// For each node how long a path ends there: its depth, and what its rows would need on average; 0 within.
    length: Vec<f64>,
    depth: usize,
}

/// The path that an unsuccessful search in a binary tree of `rows` rows takes on average.
pub(super) fn average_path(rows: usize) -> f64 {
    const EULER: f64 = 0.577_215_664_901_532_9;
    let n = rows as f64;
    match rows {
        0 | 1 => 0.0,
        2 => 1.0,
        _ => 2.0 * ((n - 1.0).ln() + EULER) - 2.0 * (n - 1.0) / n,
    }
}

impl Tree {
    /// Grows a tree from some rows and columns (all if none are named).
    pub(super) fn grow(rows: Rows<'_>, drawn: &[usize], among: &[usize], random: &mut Random) -> Self {
        // What is drawn lies together, for the many passes over it.
        let width = if among.is_empty() { rows.columns } else { among.len() };
        let mut sample = Vec::with_capacity(drawn.len() * width);
        for row in drawn.iter().map(|row| rows.row(*row)) {
            match among.is_empty() {
                true => sample.extend_from_slice(row),
                false => sample.extend(among.iter().map(|column| row[*column])),
            }
        }
        let limit = (drawn.len().max(2) as f64).log2().ceil() as usize;
        let mut tree = Self { nodes: Vec::new(), length: Vec::new(), depth: limit };
        tree.leaf(drawn.len(), 0);
        let mut members: Vec<u32> = (0..drawn.len() as u32).collect();
        let mut growth = Growth { sample: &sample, width, limit, random };
        growth.split(&mut tree, 0, &mut members, 0);
        if !among.is_empty() {
            tree.nodes.iter_mut().for_each(|node| node.column = among[node.column as usize] as u32);
        }
        tree
    }

    fn leaf(&mut self, rows: usize, depth: usize) {
        self.nodes.push(Node { cut: f64::INFINITY, column: 0, left: self.nodes.len() as u32 });
        self.length.push(depth as f64 + average_path(rows));
    }

    /// Adds each row's path length.
    pub(super) fn walk(&self, values: &[f64], columns: usize, lengths: &mut [f64]) {
        const TOGETHER: usize = 8;
        let mut blocks = values.chunks_exact(columns * TOGETHER);
        let mut slots = lengths.chunks_exact_mut(TOGETHER);
        for (rows, slots) in blocks.by_ref().zip(slots.by_ref()) {
            let mut at = [0_u32; TOGETHER];
            for _ in 0..self.depth {
                for (row, at) in at.iter_mut().enumerate() {
                    let node = self.nodes[*at as usize];
                    *at = node.left + u32::from(rows[row * columns + node.column as usize] > node.cut);
                }
            }
            slots.iter_mut().zip(at).for_each(|(slot, at)| *slot += self.length[at as usize]);
        }
        for (row, slot) in blocks.remainder().chunks_exact(columns).zip(slots.into_remainder()) {
            let mut at = 0;
            for _ in 0..self.depth {
                let node = self.nodes[at as usize];
                at = node.left + u32::from(row[node.column as usize] > node.cut);
            }
            *slot += self.length[at as usize];
        }
    }

    pub(super) fn write(&self, out: &mut Writer) {
        out.whole(self.depth);
        out.whole(self.nodes.len());
        for (at, (node, length)) in self.nodes.iter().zip(&self.length).enumerate() {
            let leaf = node.left as usize == at;
            out.number(if leaf { *length } else { node.cut });
            out.indices(if leaf { &[] } else { std::slice::from_ref(&node.column) });
            if !leaf {
                out.whole(node.left as usize);
            }
        }
    }

    pub(super) fn read(from: &mut Reader<'_>, columns: usize) -> Result<Self, Error> {
        let depth = from.within(1, 64)?;
        let count = from.within(1, 1 << 22)?;
        let mut tree = Self { nodes: Vec::new(), length: Vec::new(), depth };
        for at in 0..count {
            let number = from.number()?;
            match from.indices()?[..] {
                [] => {
                    tree.nodes.push(Node { cut: f64::INFINITY, column: 0, left: at as u32 });
                    tree.length.push(number);
                }
                [column] if (column as usize) < columns => {
                    let left = from.within(at + 1, count.saturating_sub(2).max(at + 1))?;
                    tree.nodes.push(Node { cut: number, column, left: left as u32 });
                    tree.length.push(0.0);
                }
                _ => return Err(Error::model("a tree asks for a column that is not there")),
            }
        }
        if tree
            .nodes
            .iter()
            .enumerate()
            .any(|(at, node)| node.left as usize != at && node.left as usize + 1 >= count)
        {
            return Err(Error::model("a tree leads nowhere"));
        }
        Ok(tree)
    }
}

struct Growth<'a> {
    sample: &'a [f64],
    width: usize,
    limit: usize,
    random: &'a mut Random,
}

impl Growth<'_> {
    fn value(&self, member: u32, column: usize) -> f64 {
        self.sample[member as usize * self.width + column]
    }

    fn split(&mut self, tree: &mut Tree, node: usize, members: &mut [u32], depth: usize) {
        if depth == self.limit || members.len() < 2 {
            return;
        }
        let Some((column, low, high)) = self.choose(members) else {
            return;
        };
        let mut cut = self.random.between(low, high);
        if cut >= high {
            cut = low;
        }
        let mut left = 0;
        for at in 0..members.len() {
            if self.value(members[at], column) <= cut {
                members.swap(at, left);
                left += 1;
            }
        }
        let first = tree.nodes.len();
        tree.nodes[node] = Node { cut, column: column as u32, left: first as u32 };
        tree.length[node] = 0.0;
        tree.leaf(left, depth + 1);
        tree.leaf(members.len() - left, depth + 1);
        let (low, high) = members.split_at_mut(left);
        self.split(tree, first, low, depth + 1);
        self.split(tree, first + 1, high, depth + 1);
    }

    /// A column by chance among those that vary here, and its extent.
    fn choose(&mut self, members: &[u32]) -> Option<(usize, f64, f64)> {
        for _ in 0..4 {
            let column = self.random.below(self.width);
            let (low, high) = self.extent(members, column);
            if low < high {
                return Some((column, low, high));
            }
        }
        // Several constant ones were drawn: look at all, in an order by chance.
        let order = self.random.permutation(self.width);
        order
            .into_iter()
            .map(|column| (column, self.extent(members, column)))
            .find_map(|(column, (low, high))| (low < high).then_some((column, low, high)))
    }

    fn extent(&self, members: &[u32], column: usize) -> (f64, f64) {
        members
            .iter()
            .map(|member| self.value(*member, column))
            .fold((f64::INFINITY, f64::NEG_INFINITY), |extent, v| {
                (if v < extent.0 { v } else { extent.0 }, if v > extent.1 { v } else { extent.1 })
            })
    }
}
