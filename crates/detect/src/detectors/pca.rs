//! Principal components (Shyu et al., "A novel anomaly detection scheme based on principal component classifier",
//! 2003), reckoned as PyOD does: distances of the standardised row to each unit component, over its share of variance.

use nalgebra::{DMatrix, SymmetricEigen};
use pulp::{Arch, NullaryFnOnce};

use crate::Error;
use crate::algorithm::Algorithm;
use crate::bytes::{Reader, Writer, times};
use crate::guard::Standard;
use crate::linear::dot;
use crate::parameters::{Default, Kind, Parameter, Settings};
use crate::scorer::{Fitted, Scorer, each_row_with};
use crate::table::Rows;

#[cfg(test)]
mod tests;

/// PyOD divides by shares of variance that are zero up to rounding when columns depend on each other: scores of 10¹⁷
/// that mean nothing. Here components without variance are left out.
pub(crate) static PCA: Algorithm = Algorithm {
    name: "PCA",
    aliases: &["principal_component_analysis"],
    about: "distance to the principal components, those of little variance weighing most",
    parameters: &[
        Parameter {
            name: "n_components",
            about: "how many components are kept, those of most variance first",
            default: Default::Text("all"),
            kind: Kind::Integer(1, MOST as i64, &["all"]),
        },
        Parameter {
            name: "n_selected_components",
            about: "how many of the kept components score, those of least variance first",
            default: Default::Text("all"),
            kind: Kind::Integer(1, MOST as i64, &["all"]),
        },
        Parameter {
            name: "weighted",
            about: "whether a distance is divided by the component's share of variance",
            default: Default::Flag(true),
            kind: Kind::Flag,
        },
        Parameter {
            name: "standardization",
            about: "whether columns are brought to mean 0 and deviation 1 first",
            default: Default::Flag(true),
            kind: Kind::Flag,
        },
    ],
    seeded: false,
    fit,
    read: |from, columns| Ok(Box::new(Pca::read(from, columns)?)),
};

/// At most so many components are looked for: the effort grows with the cube.
const MOST: usize = 4096;
/// A component with less than this share of the greatest variance is rounding.
const RANK: f64 = 1e-13;

#[derive(Debug)]
struct Pca {
    standard: Standard,
    /// Unit vectors, one after the other.
    components: Vec<f64>,
    /// The same, entry by entry.
    across: Vec<f64>,
    /// What each distance is divided by.
    weights: Vec<f64>,
}

fn fit(rows: Rows<'_>, settings: &Settings) -> Result<Fitted, Error> {
    let size = rows.columns.min(rows.len());
    if size > MOST {
        return Err(Error::TooLarge {
            what: "columns or rows for PCA, the fewer of both".into(),
            most: MOST,
            got: size,
        });
    }
    let standard =
        if settings.flag("standardization") { Standard::fit(rows) } else { Standard::none(rows.columns) };
    let values = standard.all(rows);
    let (variances, mut components) = components(Rows { values: &values, columns: rows.columns });
    let total: f64 = variances.iter().sum();
    let kept = settings.integer("n_components").unwrap_or(usize::MAX).min(variances.len());
    let selected = settings.integer("n_selected_components").unwrap_or(kept);
    if selected > kept {
        let reason = format!("there are {kept} components");
        return Err(Error::parameter("n_selected_components", selected, reason));
    }
    let weighted = settings.flag("weighted");
    let weights =
        variances[kept - selected..kept].iter().map(|each| if weighted { each / total } else { 1.0 });
    let weights = weights.collect();
    components.truncate(kept * rows.columns);
    components.drain(..(kept - selected) * rows.columns);
    Ok(Fitted::by_scoring(
        Pca { standard, across: across(&components, rows.columns), components, weights },
        rows,
    ))
}

/// Variances from the greatest on, without those that are rounding, and their unit vectors.
fn components(rows: Rows<'_>) -> (Vec<f64>, Vec<f64>) {
    let (n, d) = (rows.len(), rows.columns);
    let mean: Vec<f64> = (0..d).map(|at| rows.column(at).sum::<f64>() / n as f64).collect();
    // As a matrix of columns: its transpose is what lies in memory.
    let centred = DMatrix::from_fn(d, n, |column, row| rows.values[row * d + column] - mean[column]);
    let wide = d > n;
    let product = if wide { centred.tr_mul(&centred) } else { &centred * centred.transpose() };
    let scale = product.amax().max(f64::MIN_POSITIVE);
    let eigen = SymmetricEigen::new(product / scale);
    let mut order: Vec<usize> = (0..eigen.eigenvalues.len()).collect();
    order.sort_by(|a, b| eigen.eigenvalues[*b].total_cmp(&eigen.eigenvalues[*a]));
    let least = eigen.eigenvalues.max() * RANK;
    order.retain(|at| eigen.eigenvalues[*at] > least);
    let (mut variances, mut vectors) = (Vec::new(), Vec::new());
    for at in order {
        let found = eigen.eigenvectors.column(at);
        let mut vector: Vec<f64> =
            if wide { (&centred * found).iter().copied().collect() } else { found.iter().copied().collect() };
        let length = dot(&vector, &vector).sqrt();
        let greatest = vector
            .iter()
            .copied()
            .fold(0.0_f64, |most, each| if each.abs() > most.abs() { each } else { most });
        // scikit-learn's choice of sign: the entry that is greatest in size is positive.
        let unit = length * greatest.signum();
        vector.iter_mut().for_each(|each| *each /= unit);
        variances.push(eigen.eigenvalues[at] * scale / (n as f64 - 1.0));
        vectors.extend(vector);
    }
    if variances.is_empty() {
        // All rows are equal: any direction is as good.
        variances.push(1.0);
        vectors.extend((0..d).map(|at| if at == 0 { 1.0 } else { 0.0 }));
    }
    (variances, vectors)
}

impl Pca {
    fn read(from: &mut Reader<'_>, columns: usize) -> Result<Self, Error> {
        let standard = Standard::read(from, columns)?;
        let weights = from.numbers()?;
        let components = from.exactly(times(weights.len(), columns)?)?;
        if weights.is_empty() || weights.iter().any(|weight| *weight <= 0.0) {
            return Err(Error::model("a component weighs nothing"));
        }
        Ok(Self { standard, across: across(&components, columns), components, weights })
    }

    /// A row's distance to each component.
    fn distances(&self, row: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let mut standard = vec![0.0; row.len()];
        let mut distances = vec![0.0; self.weights.len()];
        self.standard.apply(row, &mut standard);
        Arch::new().dispatch(Distances { row: &standard, across: &self.across, out: &mut distances });
        (standard, distances)
    }
}

/// The distance of a row to all components, side by side.
struct Distances<'a> {
    row: &'a [f64],
    /// Components entry by entry: all first entries, all second ones, …
    across: &'a [f64],
    out: &'a mut [f64],
}

impl NullaryFnOnce for Distances<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for (value, entries) in self.row.iter().zip(self.across.chunks_exact(self.out.len())) {
            for (sum, entry) in self.out.iter_mut().zip(entries) {
                *sum += (value - entry) * (value - entry);
            }
        }
        for sum in self.out.iter_mut() {
            *sum = sum.sqrt();
        }
    }
}

/// Components entry by entry.
fn across(components: &[f64], columns: usize) -> Vec<f64> {
    (0..columns).flat_map(|column| components.iter().skip(column).step_by(columns)).copied().collect()
}

impl Scorer for Pca {
    fn score(&self, rows: Rows<'_>) -> Vec<f64> {
        let arch = Arch::new();
        let scratch = || (vec![0.0; rows.columns], vec![0.0; self.weights.len()]);
        each_row_with(rows, scratch, |(standard, distances), row| {
            self.standard.apply(row, standard);
            distances.fill(0.0);
            arch.dispatch(Distances { row: standard, across: &self.across, out: distances });
            distances.iter().zip(&self.weights).map(|(far, weight)| far / weight).sum()
        })
    }

    /// Each distance is shared out by the squares it is the root of.
    fn contributions(&self, row: &[f64]) -> Option<Vec<f64>> {
        let (standard, distances) = self.distances(row);
        let mut shares = vec![0.0; row.len()];
        let components = self.components.chunks_exact(row.len());
        for ((component, far), weight) in
            components.zip(distances).zip(&self.weights).filter(|each| each.0.1 > 0.0)
        {
            for ((share, value), entry) in shares.iter_mut().zip(&standard).zip(component) {
                *share += (value - entry) * (value - entry) / far / weight;
            }
        }
        Some(shares)
    }

    fn write(&self, out: &mut Writer) {
        self.standard.write(out);
        out.numbers(&self.weights);
        out.numbers(&self.components);
    }
}
