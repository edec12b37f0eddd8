use super::checked;
use crate::Error;
use crate::statistics::mean;

/// How much a value stands out of what the spectrum expects (spectral residual; Ren et al., "Time-series anomaly
/// detection service at Microsoft", 2019): the saliency over its local mean, less one, at least 0.
///
/// # Errors
/// Fewer than twelve values or a value that is not finite.
pub fn spectral_residual(series: &[f64]) -> Result<Vec<f64>, Error> {
    let series = checked(series, 12, "a spectral residual")?;
    let saliency = saliency(&extended(&series));
    let mut sum = 0.0;
    let mut scores = Vec::with_capacity(series.len());
    for at in 0..series.len() {
        sum += saliency[at];
        if at >= LOCAL {
            sum -= saliency[at - LOCAL];
        }
        let local = sum / (at + 1).min(LOCAL) as f64;
        scores.push(if local > 1e-300 { (saliency[at] / local - 1.0).max(0.0) } else { 0.0 });
    }
    Ok(scores)
}

/// Values of saliency that a local mean is taken of (the paper's z).
const LOCAL: usize = 21;
/// Log amplitudes that are averaged (the paper's q).
const AVERAGED: usize = 3;
/// Values that are estimated beyond the end, so that the last ones are not the edge (the paper's κ).
const BEYOND: usize = 5;

/// The series with a few estimated values after it.
fn extended(series: &[f64]) -> Vec<f64> {
    let last = series.len() - 1;
    let slopes: Vec<f64> =
        (1..=BEYOND).map(|back| (series[last] - series[last - back]) / back as f64).collect();
    let next = series[last - BEYOND + 1] + mean(&slopes) * BEYOND as f64;
    series.iter().copied().chain([next; BEYOND]).collect()
}

fn saliency(series: &[f64]) -> Vec<f64> {
    let size = series.len().next_power_of_two();
    let middle = mean(series);
    let mut wave: Vec<(f64, f64)> = series.iter().map(|value| (value - middle, 0.0)).collect();
    // Filled up with its mirror image: zeros would be an edge, and edges are what stands out.
    let mirror: Vec<(f64, f64)> = wave.iter().rev().copied().take(size - wave.len()).collect();
    wave.extend(mirror);
    transform(&mut wave, false);
    let amplitude: Vec<f64> = wave.iter().map(|(re, im)| re.hypot(*im)).collect();
    let greatest = amplitude.iter().copied().fold(0.0, f64::max);
    let least = (greatest * 1e-12).max(1e-300);
    let logs: Vec<f64> = amplitude.iter().map(|each| each.max(least).ln()).collect();
    for (at, part) in wave.iter_mut().enumerate() {
        let around = (0..AVERAGED).map(|step| logs[(at + size + step - AVERAGED / 2) % size]).sum::<f64>();
        let weight = (logs[at] - around / AVERAGED as f64).exp() / amplitude[at].max(least);
        *part = (part.0 * weight, part.1 * weight);
    }
    transform(&mut wave, true);
    wave.iter().map(|(re, im)| re.hypot(*im)).collect()
}

/// The discrete Fourier transform in place (Cooley and Tukey), of a power of two of values.
fn transform(values: &mut [(f64, f64)], inverse: bool) {
    let size = values.len();
    let mut reversed = 0;
    for at in 1..size {
        let mut bit = size >> 1;
        while reversed & bit != 0 {
            reversed ^= bit;
            bit >>= 1;
        }
        reversed |= bit;
        if at < reversed {
            values.swap(at, reversed);
        }
    }
    let mut half = 1;
    while half < size {
        let turn = std::f64::consts::PI / half as f64 * if inverse { 1.0 } else { -1.0 };
        for block in values.chunks_exact_mut(2 * half) {
            let (low, high) = block.split_at_mut(half);
            for (at, (a, b)) in low.iter_mut().zip(high).enumerate() {
                let (sin, cos) = (turn * at as f64).sin_cos();
                let turned = (b.0 * cos - b.1 * sin, b.0 * sin + b.1 * cos);
                *b = (a.0 - turned.0, a.1 - turned.1);
                *a = (a.0 + turned.0, a.1 + turned.1);
            }
        }
        half *= 2;
    }
    if inverse {
        values.iter_mut().for_each(|each| *each = (each.0 / size as f64, each.1 / size as f64));
    }
}

#[cfg(test)]
mod tests {
    use super::transform;

    #[test]
    fn there_and_back_again() {
        let series: Vec<(f64, f64)> = (0..16).map(|at| (f64::from(at * at % 7), 0.0)).collect();
        let mut wave = series.clone();
        transform(&mut wave, false);
        // The first coefficient is the sum; the energy stays (Parseval).
        assert!((wave[0].0 - series.iter().map(|each| each.0).sum::<f64>()).abs() < 1e-9);
        let energy = |values: &[(f64, f64)]| values.iter().map(|(re, im)| re * re + im * im).sum::<f64>();
        assert!((energy(&wave) / 16.0 - energy(&series)).abs() < 1e-9);
        transform(&mut wave, true);
        assert!(wave.iter().zip(&series).all(|(a, b)| (a.0 - b.0).abs() < 1e-12 && a.1.abs() < 1e-12));
    }
}
