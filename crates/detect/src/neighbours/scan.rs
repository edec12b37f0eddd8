use std::sync::LazyLock;

use pulp::{Arch, NullaryFnOnce};

use super::{BLOCK, Metric, Nearest, Neighbours};

/// The widest vectors this processor has, found out once.
static ARCH: LazyLock<Arch> = LazyLock::new(Arch::new);

/// One search under way.
pub(super) struct Scan<'a> {
    pub(super) tree: &'a Neighbours,
    pub(super) point: &'a [f64],
    /// The place that does not count: that of the point itself.
    pub(super) but: Option<u32>,
    pub(super) nearest: &'a mut Nearest,
}

impl Scan<'_> {
    /// Looks into a node that is no nearer than `least`.
    pub(super) fn node(&mut self, at: usize, least: f64) {
        if least >= self.nearest.limit() {
            return;
        }
        let node = self.tree.nodes[at];
        if node.leaves == 1 {
            self.leaf(node.first as usize);
            return;
        }
        let (first, second) = (at + 1, node.second as usize);
        let (near, far) = (self.bound(first), self.bound(second));
        if near <= far {
            self.node(first, near);
            self.node(second, far);
        } else {
            self.node(second, far);
            self.node(first, near);
        }
    }

    /// What no row of a node is nearer than, before the root is taken.
    fn bound(&self, node: usize) -> f64 {
        let boxed = self.tree.boxed();
        let bounds = &self.tree.boxes[node * boxed * 2..(node + 1) * boxed * 2];
        let outside = |(value, bounds): (&f64, &[f64])| (bounds[0] - value).max(value - bounds[1]).max(0.0);
        let metric = self.tree.metric;
        let outside = self.point.iter().zip(bounds.chunks_exact(2)).map(outside);
        if metric == Metric::Euclidean {
            return outside.map(|each| each * each).sum();
        }
        outside.fold(0.0, |sum, each| metric.add(sum, metric.one(each)))
    }

    fn leaf(&mut self, leaf: usize) {
        let limit = self.nearest.limit();
        let block = self.tree.leaf(leaf);
        let distances = match self.tree.metric {
            Metric::Euclidean => ARCH.dispatch(Squares { point: self.point, block, limit }),
            metric => Some(general(metric, self.point, block)),
        };
        let Some(distances) = distances else {
            return;
        };
        for (slot, distance) in distances.into_iter().enumerate() {
            let place = (leaf * BLOCK + slot) as u32;
            if distance < self.nearest.limit() && Some(place) != self.but {
                self.nearest.take(distance, place);
            }
        }
    }
}

/// Squared distances to all rows of a leaf; nothing where all are beyond the limit.
struct Squares<'a> {
    point: &'a [f64],
    block: &'a [f64],
    limit: f64,
}

impl NullaryFnOnce for Squares<'_> {
    type Output = Option<[f64; BLOCK]>;

    #[inline(always)]
    fn call(self) -> Self::Output {
        let mut sums = [0.0; BLOCK];
        for (values, block) in self.point.chunks(8).zip(self.block.chunks(8 * BLOCK)) {
            for (value, column) in values.iter().zip(block.chunks_exact(BLOCK)) {
                for (sum, each) in sums.iter_mut().zip(column) {
                    let far = each - value;
                    *sum += far * far;
                }
            }
            let within = sums.iter().fold(false, |within, sum| within | (*sum < self.limit));
            if !within {
                return None;
            }
        }
        Some(sums)
    }
}

fn general(metric: Metric, point: &[f64], block: &[f64]) -> [f64; BLOCK] {
    let mut sums = [0.0; BLOCK];
    for (value, column) in point.iter().zip(block.chunks_exact(BLOCK)) {
        for (sum, each) in sums.iter_mut().zip(column) {
            *sum = metric.add(*sum, metric.one(each - value));
        }
    }
    sums
}
