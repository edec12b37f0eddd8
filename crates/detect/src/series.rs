//! Time series: one number per moment, evenly spaced; one score per moment.

mod matrix_profile;
mod seasonal;
mod spectral;
#[cfg(test)]
mod tests;

pub use matrix_profile::matrix_profile;
pub use seasonal::{Decomposition, decompose, find_period, seasonal_residual};
pub use spectral::spectral_residual;

use crate::Error;

/// A series that can be worked on: long enough, finite, in a range whose squares are finite.
fn checked(series: &[f64], least: usize, what: &str) -> Result<Vec<f64>, Error> {
    if series.len() < least {
        return Err(Error::too_few(what, least, series.len()));
    }
    if let Some(row) = series.iter().position(|value| !value.is_finite()) {
        return Err(Error::Cell { row, column: 0, name: "value".to_owned(), what: "not finite" });
    }
    let greatest = series.iter().fold(0.0_f64, |most, value| most.max(value.abs()));
    if greatest == 0.0 || (1e-100..1e100).contains(&greatest) {
        return Ok(series.to_vec());
    }
    // A power of two: no digit is lost. What is far smaller than the rest is zero then.
    let scale = (-greatest.log2().floor()).clamp(-1020.0, 1020.0).exp2();
    Ok(series.iter().map(|value| value * scale).collect())
}
