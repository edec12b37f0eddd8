use super::checked;
use crate::{Error, statistics};

/// A series taken apart: `trend + seasonal + residual` is the series.
#[derive(Debug, Clone, PartialEq)]
pub struct Decomposition {
    /// Running median over a period.
    pub trend: Vec<f64>,
    /// What repeats: the median of each phase.
    pub seasonal: Vec<f64>,
    /// What is left.
    pub residual: Vec<f64>,
}

/// Takes a series apart, with medians throughout, so that anomalies move neither trend nor season. A period of 1 means
/// that nothing repeats.
///
/// # Errors
/// Fewer than four values or two periods, or a value that is not finite.
pub fn decompose(series: &[f64], period: usize) -> Result<Decomposition, Error> {
    if period == 0 {
        return Err(Error::parameter("period", period, "a whole number from 1 on is expected"));
    }
    let series = checked(series, period.saturating_mul(2).max(4), "a seasonal decomposition")?;
    let trend = running_median(&series, if period > 1 { period | 1 } else { 25.min(series.len() | 1) });
    let mut seasonal = vec![0.0; series.len()];
    if period > 1 {
        let mut phases: Vec<f64> =
            (0..period).map(|phase| phase_median(&series, &trend, phase, period)).collect();
        let middle = statistics::mean(&phases);
        phases.iter_mut().for_each(|phase| *phase -= middle);
        seasonal.iter_mut().zip(phases.iter().cycle()).for_each(|(slot, phase)| *slot = *phase);
    }
    let parts = series.iter().zip(&trend).zip(&seasonal);
    let residual = parts.map(|((value, trend), seasonal)| value - trend - seasonal).collect();
    Ok(Decomposition { trend, seasonal, residual })
}

fn phase_median(series: &[f64], trend: &[f64], phase: usize, period: usize) -> f64 {
    let apart = series.iter().zip(trend).skip(phase).step_by(period).map(|(value, trend)| value - trend);
    statistics::median(&mut apart.collect::<Vec<f64>>())
}

/// The median of the `width` values around each; fewer at the ends.
fn running_median(series: &[f64], width: usize) -> Vec<f64> {
    let half = width / 2;
    let mut window: Vec<f64> = Vec::with_capacity(width + 1);
    let put = |window: &mut Vec<f64>, value: f64| {
        window.insert(window.partition_point(|each| *each < value), value)
    };
    series.iter().take(half).for_each(|value| put(&mut window, *value));
    let one = |at: usize| {
        if let Some(next) = series.get(at + half) {
            put(&mut window, *next);
        }
        if at > half {
            let gone = series[at - half - 1];
            window.remove(window.partition_point(|each| *each < gone));
        }
        statistics::quantile_sorted(&window, 0.5)
    };
    (0..series.len()).map(one).collect()
}

/// The lag in `2..=most` at which a series, less its trend, is most like itself; 1 where it nowhere is (correlation
/// below 0.3).
///
/// # Errors
/// Fewer than eight values or a value that is not finite.
pub fn find_period(series: &[f64], most: usize) -> Result<usize, Error> {
    let series = checked(series, 8, "a period")?;
    let change = slope_free(&series);
    let like = |lag: usize| statistics::correlation(&change[lag..], &change[..change.len() - lag]);
    let most = most.min(series.len() / 2);
    let likeness: Vec<f64> = (0..=most).map(like).collect();
    let peaks =
        (2..most).filter(|lag| likeness[*lag] >= likeness[lag - 1] && likeness[*lag] >= likeness[lag + 1]);
    let best = peaks.clone().map(|lag| likeness[lag]).fold(0.3, f64::max);
    // The shortest of the lags that are nearly the best: the others are its multiples.
    Ok(peaks.into_iter().find(|lag| likeness[*lag] >= 0.9 * best && likeness[*lag] >= 0.3).unwrap_or(1))
}

fn slope_free(series: &[f64]) -> Vec<f64> {
    let n = series.len() as f64;
    let (middle, mean) = ((n - 1.0) / 2.0, statistics::mean(series));
    let (mut both, mut squares) = (0.0, 0.0);
    for (at, value) in series.iter().enumerate() {
        let along = at as f64 - middle;
        both += along * (value - mean);
        squares += along * along;
    }
    let slope = both / squares;
    series.iter().enumerate().map(|(at, value)| value - mean - slope * (at as f64 - middle)).collect()
}

/// How far each value is from trend and season, in (robust) standard deviations of what is left.
///
/// # Errors
/// As [`decompose`].
pub fn seasonal_residual(series: &[f64], period: usize) -> Result<Vec<f64>, Error> {
    let mut residual = decompose(series, period)?.residual;
    let median = statistics::median(&mut residual.clone());
    residual.iter_mut().for_each(|each| *each = (*each - median).abs());
    let spread = 1.4826 * statistics::median(&mut residual.clone());
    let spread = if spread.is_normal() { spread } else { 1.253_314 * statistics::mean(&residual) };
    let spread = if spread.is_normal() { spread } else { 1.0 };
    residual.iter_mut().for_each(|each| *each = (*each / spread).min(1e300));
    Ok(residual)
}
