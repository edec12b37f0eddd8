//! Isolation forest (Liu, Ting and Zhou, "Isolation forest", 2008): rows that chance cuts off early are anomalous.

use rayon::prelude::*;

use crate::Error;
use crate::algorithm::Algorithm;
use crate::bytes::{Reader, Writer};
use crate::parameters::{Default, Kind, Parameter, Settings};
use crate::random::Random;
use crate::scorer::{Fitted, Scorer};
use crate::table::Rows;

#[cfg(test)]
mod tests;
mod tree;

use tree::{Tree, average_path};

/// As PyOD's (scikit-learn's), up to which numbers chance draws. Scores are 2^(−mean path / average path) − 0.5.
pub(crate) static IFOREST: Algorithm = Algorithm {
    name: "IForest",
    aliases: &["isolation_forest"],
    about: "how few cuts by chance separate a row from all others",
    parameters: &[
        Parameter {
            name: "n_estimators",
            about: "how many trees",
            default: Default::Integer(100),
            kind: Kind::Integer(1, 10_000, &[]),
        },
        Parameter {
            name: "max_samples",
            about: "rows per tree; auto is 256, or all if there are fewer",
            default: Default::Text("auto"),
            kind: Kind::Count(2, 1 << 20, &["auto"]),
        },
        Parameter {
            name: "max_features",
            about: "columns per tree, or the share of them",
            default: Default::Number(1.0),
            kind: Kind::Count(1, 1 << 20, &[]),
        },
        Parameter {
            name: "bootstrap",
            about: "whether a tree can get a row twice",
            default: Default::Flag(false),
            kind: Kind::Flag,
        },
    ],
    seeded: true,
    fit,
    read: |from, columns| Ok(Box::new(Forest::read(from, columns)?)),
};

#[derive(Debug)]
struct Forest {
    trees: Vec<Tree>,
    /// Rows per tree.
    samples: usize,
}

fn fit(rows: Rows<'_>, settings: &Settings) -> Result<Fitted, Error> {
    let samples = settings.count("max_samples", rows.len(), 256);
    let columns = settings.count("max_features", rows.columns, rows.columns);
    let trees = settings.integer("n_estimators").unwrap_or(100);
    let bootstrap = settings.flag("bootstrap");
    let grow = |tree: usize| {
        let mut random = Random::new(settings.seed(), tree as u64);
        let drawn = match bootstrap {
            true => (0..samples).map(|_| random.below(rows.len())).collect(),
            false => random.sample(rows.len(), samples),
        };
        let among = if columns < rows.columns { random.sample(rows.columns, columns) } else { Vec::new() };
        Tree::grow(rows, &drawn, &among, &mut random)
    };
    let trees: Vec<Tree> = (0..trees).into_par_iter().map(grow).collect();
    Ok(Fitted::by_scoring(Forest { trees, samples }, rows))
}

/// Rows that walk a tree together.
const BLOCK: usize = 64;

impl Scorer for Forest {
    fn score(&self, rows: Rows<'_>) -> Vec<f64> {
        let mut scores = vec![0.0; rows.len()];
        let usual = average_path(self.samples) * self.trees.len() as f64;
        scores.par_chunks_mut(BLOCK).zip(rows.values.par_chunks(BLOCK * rows.columns)).for_each(
            |(scores, values)| {
                self.trees.iter().for_each(|tree| tree.walk(values, rows.columns, scores));
                for score in scores {
                    *score = if usual > 0.0 { (-*score / usual).exp2() - 0.5 } else { 0.0 };
                }
            },
        );
        scores
    }

    fn write(&self, out: &mut Writer) {
        out.whole(self.samples);
        out.whole(self.trees.len());
        self.trees.iter().for_each(|tree| tree.write(out));
    }
}

impl Forest {
    fn read(from: &mut Reader<'_>, columns: usize) -> Result<Self, Error> {
        let samples = from.within(1, u32::MAX as usize)?;
        let count = from.within(1, 10_000)?;
        let trees = (0..count).map(|_| Tree::read(from, columns)).collect::<Result<_, _>>()?;
        Ok(Self { trees, samples })
    }
}
