//! The dual problem: minimise ½ αᵀKα where 0 ≤ αᵢ ≤ 1 and Σα = ν·n, by pairs of coordinates, the second chosen by what
//! it gains (Fan, Chen and Lin, "Working set selection using second order information", 2005), as libsvm does.

use rayon::prelude::*;

use super::kernel::{Kernel, Points};

/// The solution.
pub(super) struct Solved {
    pub(super) alpha: Vec<f64>,
    /// Kα: what each training row's score is made of.
    pub(super) gradient: Vec<f64>,
    pub(super) rho: f64,
}

/// Bytes that rows of the kernel matrix may take.
const CACHE: usize = 256 << 20;
/// A gain is divided by no less.
const LEAST: f64 = 1e-12;

pub(super) fn solve(points: &Points, kernel: &Kernel, nu: f64, tolerance: f64) -> Solved {
    let n = points.len();
    let alpha = begin(points, kernel, nu);
    let support: Vec<usize> = (0..n).filter(|at| alpha[*at] > 0.0).collect();
    let mut state = State {
        gradient: gradient(points, kernel, &alpha, &support),
        diagonal: diagonal(points, kernel),
        alpha,
        cache: Cache::new(n),
        points,
        kernel,
    };
    let most = (100 * n).max(100_000);
    for _ in 0..most {
        if !state.step(tolerance) {
            break;
        }
    }
    let rho = state.rho();
    Solved { alpha: state.alpha, gradient: state.gradient, rho }
}

/// All weight on the rows in the thinnest places, by the kernels of a sample: near to the solution, which is of that
/// kind. (libsvm begins with the first rows.)
fn begin(points: &Points, kernel: &Kernel, nu: f64) -> Vec<f64> {
    let n = points.len();
    let step = n.div_ceil(1000);
    let mut density = vec![0.0; n];
    for at in (0..n).step_by(step) {
        points.each(&points.own(at), kernel, |first, kernels| {
            density[first..].iter_mut().zip(kernels).for_each(|(sum, kernel)| *sum += f64::from(*kernel));
        });
    }
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|a, b| density[*a].total_cmp(&density[*b]));
    let mut left = nu * n as f64;
    let mut alpha = vec![0.0; n];
    for at in order {
        alpha[at] = left.clamp(0.0, 1.0);
        left -= 1.0;
    }
    alpha
}

fn gradient(points: &Points, kernel: &Kernel, alpha: &[f64], support: &[usize]) -> Vec<f64> {
    let weights: Vec<f64> = support.iter().map(|at| alpha[*at]).collect();
    if support.len() == points.len() {
        return (0..points.len())
            .into_par_iter()
            .map(|at| points.weighed(&points.own(at), kernel, &weights))
            .collect();
    }
    // Rows of weight zero add nothing: the kernel is symmetric, so rows of weight are walked against all others.
    const TOGETHER: usize = 512;
    let part = |support: &[usize]| {
        let mut sums = vec![0.0; points.len()];
        for at in support {
            let weight = alpha[*at];
            points.each(&points.own(*at), kernel, |first, kernels| {
                sums[first..]
                    .iter_mut()
                    .zip(kernels)
                    .for_each(|(sum, each)| *sum += weight * f64::from(*each));
            });
        }
        sums
    };
    // Parts are added in their order, whatever thread reckoned them; few are kept at a time.
    let mut all = vec![0.0; points.len()];
    for parts in support.chunks(TOGETHER * 16) {
        let parts: Vec<Vec<f64>> = parts.par_chunks(TOGETHER).map(part).collect();
        parts.iter().for_each(|part| all.iter_mut().zip(part).for_each(|(all, part)| *all += part));
    }
    all
}

fn diagonal(points: &Points, kernel: &Kernel) -> Vec<f64> {
    (0..points.len()).into_par_iter().map(|at| points.with_itself(at, kernel)).collect()
}

struct State<'a> {
    alpha: Vec<f64>,
    gradient: Vec<f64>,
    diagonal: Vec<f64>,
    cache: Cache,
    points: &'a Points,
    kernel: &'a Kernel,
}

impl State<'_> {
    /// Moves weight between two rows; `false` when nothing is left to gain.
    fn step(&mut self, tolerance: f64) -> bool {
        let (Some(up), most) = self.steepest() else {
            return false;
        };
        self.cache.load(up, self.points, self.kernel);
        let (Some((down, curve)), least) = self.partner(up, most) else {
            return false;
        };
        if most + least < tolerance {
            return false;
        }
        self.cache.load(down, self.points, self.kernel);
        self.shift(up, down, curve);
        true
    }

    /// The row whose weight lowers the objective most when it grows, and by how much.
    fn steepest(&self) -> (Option<usize>, f64) {
        let (mut found, mut most) = (None, f64::NEG_INFINITY);
        for (at, (alpha, gradient)) in self.alpha.iter().zip(&self.gradient).enumerate() {
            if *alpha < 1.0 && -gradient > most {
                (found, most) = (Some(at), -gradient);
            }
        }
        (found, most)
    }

    /// The row to take weight from: the one that gains most, the curvature of the objective between both, and the
    /// greatest gradient of all rows that have weight.
    fn partner(&self, up: usize, most: f64) -> (Option<(usize, f64)>, f64) {
        let own = self.diagonal[up];
        let (mut best, mut gain, mut least) = (None, 0.0, f64::NEG_INFINITY);
        let rows =
            self.alpha.iter().zip(&self.gradient).zip(&self.diagonal).zip(self.cache.row(up)).enumerate();
        for (at, (((alpha, gradient), diagonal), kernel)) in rows {
            let gradient = if *alpha > 0.0 { *gradient } else { f64::NEG_INFINITY };
            least = if gradient > least { gradient } else { least };
            let difference = most + gradient;
            if difference > 0.0 {
                let curve = (own + diagonal - 2.0 * f64::from(*kernel)).max(LEAST);
                let gained = difference * difference / curve;
                if gained > gain {
                    (best, gain) = (Some((at, curve)), gained);
                }
            }
        }
        (best, least)
    }

    fn shift(&mut self, up: usize, down: usize, curve: f64) {
        let wanted = (self.gradient[down] - self.gradient[up]) / curve;
        let amount = wanted.min(1.0 - self.alpha[up]).min(self.alpha[down]);
        self.alpha[up] = if amount == 1.0 - self.alpha[up] { 1.0 } else { self.alpha[up] + amount };
        self.alpha[down] = if amount == self.alpha[down] { 0.0 } else { self.alpha[down] - amount };
        let (gained, lost) = (self.cache.row(up), self.cache.row(down));
        for ((gradient, gained), lost) in self.gradient.iter_mut().zip(gained).zip(lost) {
            *gradient += amount * (f64::from(*gained) - f64::from(*lost));
        }
    }

    /// The offset: the mean gradient of rows between the bounds, or the middle of what the others allow.
    fn rho(&self) -> f64 {
        let (mut low, mut high) = (f64::NEG_INFINITY, f64::INFINITY);
        let (mut sum, mut count) = (0.0, 0.0);
        for (alpha, gradient) in self.alpha.iter().zip(&self.gradient) {
            if *alpha >= 1.0 {
                low = low.max(*gradient);
            } else if *alpha <= 0.0 {
                high = high.min(*gradient);
            } else {
                sum += gradient;
                count += 1.0;
            }
        }
        match (count > 0.0, low.is_finite(), high.is_finite()) {
            (true, _, _) => sum / count,
            (_, true, true) => (low + high) / 2.0,
            (_, true, _) => low,
            _ => high,
        }
    }
}

/// Rows of the kernel matrix; the oldest makes room.
struct Cache {
    rows: Vec<Option<Box<[f32]>>>,
    order: std::collections::VecDeque<usize>,
    most: usize,
    latest: usize,
}

impl Cache {
    fn new(n: usize) -> Self {
        let most = (CACHE / (4 * n.max(1))).max(3);
        Self { rows: vec![None; n], order: std::collections::VecDeque::new(), most, latest: 0 }
    }

    /// Makes sure of a row; the one asked for before stays.
    fn load(&mut self, row: usize, points: &Points, kernel: &Kernel) {
        if self.rows[row].is_none() {
            let mut out = Vec::new();
            if self.order.len() >= self.most {
                if self.order.front() == Some(&self.latest) {
                    self.order.rotate_left(1);
                }
                let oldest = self.order.pop_front().and_then(|oldest| self.rows[oldest].take());
                out = oldest.map_or_else(Vec::new, Vec::from);
            }
            out.clear();
            out.reserve_exact(points.len());
            points.each(&points.own(row), kernel, |_, kernels| out.extend_from_slice(kernels));
            self.rows[row] = Some(out.into_boxed_slice());
            self.order.push_back(row);
        }
        self.latest = row;
    }

    fn row(&self, row: usize) -> &[f32] {
        self.rows[row].as_deref().unwrap_or_default()
    }
}
