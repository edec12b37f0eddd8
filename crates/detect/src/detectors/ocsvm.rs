//! One-class support vector machine (Schölkopf et al., "Estimating the support of a high-dimensional distribution",
//! 2001).

use crate::Error;
use crate::algorithm::Algorithm;
use crate::bytes::{Reader, Writer};
use crate::parameters::{Default, Kind, Parameter, Settings};
use crate::scorer::{Fitted, Scorer, each_row};
use crate::table::Rows;

mod kernel;
mod solve;
#[cfg(test)]
mod tests;

use kernel::{Kernel, Points, Shape};

/// As PyOD's (libsvm's): the score is ρ − Σ α·K, unscaled. Kernels are reckoned in single precision, as libsvm keeps
/// them.
pub(crate) static OCSVM: Algorithm = Algorithm {
    name: "OCSVM",
    aliases: &["one_class_svm"],
    about: "how far outside the smallest region a row is that holds a share of the training rows",
    parameters: &[
        Parameter {
            name: "kernel",
            about: "rbf, linear, poly or sigmoid",
            default: Default::Text("rbf"),
            kind: Kind::Choice(&["rbf", "linear", "poly", "sigmoid"]),
        },
        Parameter {
            name: "nu",
            about: "the share of training rows that lie outside, about",
            default: Default::Number(0.5),
            kind: Kind::Number(1e-6, 1.0, &[]),
        },
        Parameter {
            name: "gamma",
            about: "width of the kernel; auto is 1 / columns, scale is 1 / (columns · variance)",
            default: Default::Text("auto"),
            kind: Kind::Number(1e-12, 1e12, &["auto", "scale"]),
        },
        Parameter {
            name: "degree",
            about: "of the poly kernel",
            default: Default::Integer(3),
            kind: Kind::Integer(1, 16, &[]),
        },
        Parameter {
            name: "coef0",
            about: "constant of the poly and sigmoid kernels",
            default: Default::Number(0.0),
            kind: Kind::Number(-1e6, 1e6, &[]),
        },
        Parameter {
            name: "tol",
            about: "how exactly the problem is solved",
            default: Default::Number(1e-3),
            kind: Kind::Number(1e-9, 1.0, &[]),
        },
    ],
    seeded: false,
    fit,
    read: |from, columns| Ok(Box::new(Ocsvm::read(from, columns)?)),
};

#[derive(Debug)]
struct Ocsvm {
    kernel: Kernel,
    support: Points,
    weights: Vec<f64>,
    rho: f64,
}

fn fit(rows: Rows<'_>, settings: &Settings) -> Result<Fitted, Error> {
    let kernel = Kernel {
        shape: Shape::of(settings.text("kernel")),
        gamma: settings.number("gamma").unwrap_or_else(|| gamma(rows, settings.text("gamma"))),
        degree: settings.integer("degree").unwrap_or(3) as i32,
        coef0: settings.number("coef0").unwrap_or(0.0),
    };
    let points = Points::new(rows, &kernel);
    let nu = settings.number("nu").unwrap_or(0.5);
    let solved = solve::solve(&points, &kernel, nu, settings.number("tol").unwrap_or(1e-3));
    let chosen: Vec<usize> = (0..rows.len()).filter(|row| solved.alpha[*row] > 0.0).collect();
    let values: Vec<f64> = chosen.iter().flat_map(|row| rows.row(*row)).copied().collect();
    let support = Points::new(Rows { values: &values, columns: rows.columns }, &kernel);
    let weights = chosen.iter().map(|row| solved.alpha[*row]).collect();
    // The training rows' own scores are what the solution was reckoned with.
    let scores = solved.gradient.iter().map(|gradient| solved.rho - gradient).collect();
    Ok(Fitted { scorer: Box::new(Ocsvm { kernel, support, weights, rho: solved.rho }), scores })
}

fn gamma(rows: Rows<'_>, rule: &str) -> f64 {
    let columns = rows.columns as f64;
    if rule != "scale" {
        return 1.0 / columns;
    }
    let deviation = crate::statistics::deviation(rows.values);
    let variance = deviation * deviation;
    if variance.is_normal() { 1.0 / (columns * variance) } else { 1.0 }
}

impl Ocsvm {
    fn read(from: &mut Reader<'_>, columns: usize) -> Result<Self, Error> {
        let kernel = Kernel::read(from)?;
        let rho = from.number()?;
        let weights = from.numbers()?;
        let support = Points::read(from, weights.len(), columns)?;
        Ok(Self { kernel, support, weights, rho })
    }
}

impl Scorer for Ocsvm {
    fn score(&self, rows: Rows<'_>) -> Vec<f64> {
        each_row(rows, |row| {
            let point = self.support.point(row, &self.kernel);
            self.rho - self.support.weighed(&point, &self.kernel, &self.weights)
        })
    }

    fn write(&self, out: &mut Writer) {
        self.kernel.write(out);
        out.number(self.rho);
        out.numbers(&self.weights);
        self.support.write(out);
    }
}
