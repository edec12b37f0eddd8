//! Cluster-based local outlier factor (He, Xu and Deng, "Discovering cluster-based local outliers", 2003): the distance
//! to the nearest large cluster.

use crate::Error;
use crate::algorithm::Algorithm;
use crate::bytes::{Reader, Writer};
use crate::clusters::{Clusters, nearest};
use crate::parameters::{Default, Kind, Parameter, Settings};
use crate::random::Random;
use crate::scorer::{Fitted, Scorer, each_row};
use crate::table::Rows;

/// As PyOD's with its k-means, up to where chance lets it begin. Where no split into large and small clusters can be
/// found PyOD fails; here all clusters are large then.
pub(crate) static CBLOF: Algorithm = Algorithm {
    name: "CBLOF",
    aliases: &["cluster_based_local_outlier_factor"],
    about: "how far the centre of the nearest large cluster is",
    parameters: &[
        Parameter {
            name: "n_clusters",
            about: "how many clusters",
            default: Default::Integer(8),
            kind: Kind::Integer(1, 1000, &[]),
        },
        Parameter {
            name: "alpha",
            about: "the share of rows that large clusters hold at least",
            default: Default::Number(0.9),
            kind: Kind::Number(0.001, 0.999, &[]),
        },
        Parameter {
            name: "beta",
            about: "how many times as many rows the last large cluster has as the first small one",
            default: Default::Number(5.0),
            kind: Kind::Number(1.0, 1e6, &[]),
        },
        Parameter {
            name: "use_weights",
            about: "whether a distance is multiplied by the size of the row's cluster",
            default: Default::Flag(false),
            kind: Kind::Flag,
        },
    ],
    seeded: true,
    fit,
    read: |from, columns| Ok(Box::new(Cblof::read(from, columns)?)),
};

#[derive(Debug)]
struct Cblof {
    centres: Vec<f64>,
    sizes: Vec<f64>,
    large: Vec<bool>,
    weighted: bool,
}

fn fit(rows: Rows<'_>, settings: &Settings) -> Result<Fitted, Error> {
    let wanted = settings.integer("n_clusters").unwrap_or(8);
    let clusters = Clusters::find(rows, wanted, &mut Random::new(settings.seed(), 0));
    let mut sizes = vec![0.0; clusters.centres.len() / rows.columns];
    clusters.labels.iter().for_each(|label| sizes[*label as usize] += 1.0);
    let alpha = settings.number("alpha").unwrap_or(0.9);
    let beta = settings.number("beta").unwrap_or(5.0);
    let large = large(&sizes, alpha * rows.len() as f64, beta);
    let cblof = Cblof { centres: clusters.centres, sizes, large, weighted: settings.flag("use_weights") };
    Ok(Fitted::by_scoring(cblof, rows))
}

/// Which clusters are large: the first split, from the largest on, that holds enough rows and where sizes drop; else
/// the first that holds enough rows.
fn large(sizes: &[f64], enough: f64, beta: f64) -> Vec<bool> {
    let mut order: Vec<usize> = (0..sizes.len()).collect();
    order.sort_by(|a, b| sizes[*b].total_cmp(&sizes[*a]));
    let mut sum = 0.0;
    let (mut both, mut holds, mut drops) = (None, None, None);
    for split in 1..order.len() {
        sum += sizes[order[split - 1]];
        let (is_enough, is_drop) = (sum >= enough, sizes[order[split - 1]] >= beta * sizes[order[split]]);
        both = both.or((is_enough && is_drop).then_some(split));
        holds = holds.or(is_enough.then_some(split));
        drops = drops.or(is_drop.then_some(split));
    }
    let split = both.or(holds).or(drops).unwrap_or(order.len());
    let mut large = vec![false; sizes.len()];
    order[..split].iter().for_each(|cluster| large[*cluster] = true);
    large
}

impl Cblof {
    fn one(&self, row: &[f64]) -> f64 {
        let (cluster, mut square) = nearest(row, &self.centres);
        if !self.large[cluster] {
            let large = self.centres.chunks_exact(row.len()).zip(&self.large).filter(|(_, large)| **large);
            let far = large.map(|(centre, _)| crate::linear::squared_distance(row, centre));
            square = far.fold(f64::INFINITY, f64::min);
        }
        square.sqrt() * if self.weighted { self.sizes[cluster] } else { 1.0 }
    }

    fn read(from: &mut Reader<'_>, columns: usize) -> Result<Self, Error> {
        let weighted = from.flag()?;
        let sizes = from.numbers()?;
        let large = (0..sizes.len()).map(|_| from.flag()).collect::<Result<Vec<_>, _>>()?;
        let centres = from.exactly(crate::bytes::times(sizes.len(), columns)?)?;
        if !large.contains(&true) {
            return Err(Error::model("no cluster is large"));
        }
        Ok(Self { centres, sizes, large, weighted })
    }
}

impl Scorer for Cblof {
    fn score(&self, rows: Rows<'_>) -> Vec<f64> {
        each_row(rows, |row| self.one(row))
    }

    fn write(&self, out: &mut Writer) {
        out.flag(self.weighted);
        out.numbers(&self.sizes);
        self.large.iter().for_each(|large| out.flag(*large));
        out.numbers(&self.centres);
    }
}

#[cfg(test)]
mod tests {
    use super::large;

    #[test]
    fn large_clusters_by_hand() {
        // 50 + 45 of 100 rows are 90 % and the next is more than five times smaller.
        assert_eq!(large(&[3.0, 50.0, 45.0, 2.0], 90.0, 5.0), [false, true, true, false]);
        // No drop: the fewest that hold 90 %.
        assert_eq!(large(&[30.0, 30.0, 25.0, 15.0], 80.0, 5.0), [true, true, true, false]);
        assert_eq!(large(&[10.0], 9.0, 5.0), [true]);
    }
}
