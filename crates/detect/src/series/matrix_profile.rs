use rayon::prelude::*;

use super::checked;
use crate::Error;

/// At most so many windows: the effort grows with the square.
const MOST: usize = 200_000;

/// For each window of `width` values the distance, after both are brought to mean 0 and deviation 1, to the window most
/// like it elsewhere (not overlapping by more than half): Yeh et al., "Matrix profile I", 2016. The greatest are
/// discords. A constant window is at 0 from another constant one and at √width from any other.
///
/// Returns one number per window, `series.len() − width + 1` of them.
///
/// # Errors
/// A width below 4, fewer than twice as many values, too many, or a value that is not finite.
pub fn matrix_profile(series: &[f64], width: usize) -> Result<Vec<f64>, Error> {
    if width < 4 {
        return Err(Error::parameter("width", width, "a whole number from 4 on is expected"));
    }
    let series = checked(series, width.saturating_mul(2), "a matrix profile")?;
    let windows = series.len() - width + 1;
    if windows > MOST {
        return Err(Error::TooLarge {
            what: "windows of a matrix profile".to_owned(),
            most: MOST,
            got: windows,
        });
    }
    let (means, deviations) = moments(&series, width);
    let walk = Walk { series: &series, width, means: &means, deviations: &deviations };
    let away = width / 2 + 1;
    // Diagonals are dealt to a fixed number of hands: the result is the same on any number of threads, and it is a
    // maximum, which does not mind the order.
    let hands = 16;
    let deal = |hand: usize| {
        let mut best = vec![-1.0_f64; windows];
        (away..windows).skip(hand).step_by(hands).for_each(|lag| walk.diagonal(lag, &mut best));
        best
    };
    let best = (0..hands).into_par_iter().map(deal).reduce(
        || vec![-1.0; windows],
        |mut a, b| {
            a.iter_mut().zip(b).for_each(|(a, b)| *a = a.max(b));
            a
        },
    );
    Ok(best.into_iter().map(|likeness| (2.0 * width as f64 * (1.0 - likeness).max(0.0)).sqrt()).collect())
}

struct Walk<'a> {
    series: &'a [f64],
    width: usize,
    means: &'a [f64],
    deviations: &'a [f64],
}

impl Walk<'_> {
    /// All pairs of windows that are `lag` apart: the inner product is carried along.
    fn diagonal(&self, lag: usize, best: &mut [f64]) {
        let (series, width) = (self.series, self.width);
        let mut product: f64 = (0..width).map(|at| series[at] * series[at + lag]).sum();
        for at in 0..best.len() - lag {
            let other = at + lag;
            if at > 0 {
                product +=
                    series[at + width - 1] * series[other + width - 1] - series[at - 1] * series[other - 1];
            }
            let likeness = self.likeness(at, other, product);
            best[at] = best[at].max(likeness);
            best[other] = best[other].max(likeness);
        }
    }

    /// The correlation of two windows.
    fn likeness(&self, at: usize, other: usize, product: f64) -> f64 {
        let (a, b) = (self.deviations[at], self.deviations[other]);
        match (a > 0.0, b > 0.0) {
            (true, true) => {
                let width = self.width as f64;
                ((product / width - self.means[at] * self.means[other]) / (a * b)).clamp(-1.0, 1.0)
            }
            (false, false) => 1.0,
            _ => 0.5,
        }
    }
}

/// Mean and deviation of every window; the series is centred first by the caller's range, each window by itself.
fn moments(series: &[f64], width: usize) -> (Vec<f64>, Vec<f64>) {
    let one = |window: &[f64]| {
        let mean = crate::statistics::mean(window);
        let deviation = crate::statistics::deviation(window);
        (mean, if deviation > 1e-12 * mean.abs() { deviation } else { 0.0 })
    };
    series.par_windows(width).map(one).unzip()
}
