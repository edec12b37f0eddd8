use super::{BLOCK, Neighbours, Node};
use crate::table::Rows;

/// The rows in the order in which they fill the leaves: halved again and again along the column in which they spread
/// most, each half a whole number of leaves.
pub(super) fn order(rows: Rows<'_>) -> Vec<u32> {
    let mut order: Vec<u32> = (0..rows.len() as u32).collect();
    halve(rows, &mut order);
    order
}

fn halve(rows: Rows<'_>, members: &mut [u32]) {
    let leaves = members.len().div_ceil(BLOCK);
    if leaves < 2 {
        return;
    }
    let column = widest(rows, members);
    let middle = first_half(leaves) * BLOCK;
    let value = |row: &u32| rows.values[*row as usize * rows.columns + column];
    members.select_nth_unstable_by(middle, |a, b| value(a).total_cmp(&value(b)).then(a.cmp(b)));
    let (low, high) = members.split_at_mut(middle);
    if low.len() > 4096 {
        rayon::join(|| halve(rows, low), || halve(rows, high));
    } else {
        halve(rows, low);
        halve(rows, high);
    }
}

/// How many of several leaves the first half has.
fn first_half(leaves: usize) -> usize {
    leaves.div_ceil(2)
}

/// The column with the greatest variance among (some of) the members.
fn widest(rows: Rows<'_>, members: &[u32]) -> usize {
    let step = (members.len() / 256).max(1);
    let (mut sum, mut squares) = (vec![0.0; rows.columns], vec![0.0; rows.columns]);
    // Against one member, so that what is far from zero keeps its digits.
    let origin = rows.row(members[0] as usize);
    let mut count = 0.0;
    for member in members.iter().step_by(step) {
        count += 1.0;
        for (at, (value, origin)) in rows.row(*member as usize).iter().zip(origin).enumerate() {
            let far = value - origin;
            sum[at] += far;
            squares[at] += far * far;
        }
    }
    let spread = |at: usize| squares[at] - sum[at] * sum[at] / count;
    (0..rows.columns).max_by(|a, b| spread(*a).total_cmp(&spread(*b))).unwrap_or(0)
}

/// The tree over so many leaves, depth first.
pub(super) fn nodes(leaves: usize) -> Vec<Node> {
    let mut nodes = Vec::with_capacity(2 * leaves);
    add(&mut nodes, 0, leaves);
    nodes
}

fn add(nodes: &mut Vec<Node>, first: usize, leaves: usize) {
    let at = nodes.len();
    nodes.push(Node { first: first as u32, leaves: leaves as u32, second: 0 });
    if leaves > 1 {
        let half = first_half(leaves);
        add(nodes, first, half);
        nodes[at].second = nodes.len() as u32;
        add(nodes, first + half, leaves - half);
    }
}

/// Lower and upper bounds of every node.
pub(super) fn boxes(tree: &Neighbours) -> Vec<f64> {
    let boxed = tree.boxed();
    let mut boxes = vec![0.0_f64; tree.nodes.len() * boxed * 2];
    for at in (0..tree.nodes.len()).rev() {
        let node = tree.nodes[at];
        for column in 0..boxed {
            let (low, high) = if node.leaves == 1 {
                extent(&tree.leaf(node.first as usize)[column * BLOCK..(column + 1) * BLOCK])
            } else {
                let of = |child: usize, side: usize| -> f64 { boxes[(child * boxed + column) * 2 + side] };
                let second = node.second as usize;
                (of(at + 1, 0).min(of(second, 0)), of(at + 1, 1).max(of(second, 1)))
            };
            boxes[(at * boxed + column) * 2] = low;
            boxes[(at * boxed + column) * 2 + 1] = high;
        }
    }
    boxes
}

fn extent(values: &[f64]) -> (f64, f64) {
    let finite = values.iter().filter(|value| value.is_finite());
    finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(*value), high.max(*value)))
}
