//! A choice of detectors without labels: different views of the data, those that fit its shape, put together by
//! Fisher's method.
//!
//! Four views miss different things: rows that are quickly isolated, rows without near neighbours, rows with one
//! extreme value, rows that break the dependence between columns. Each view's score becomes the share p of training
//! rows that score higher; −ln p is averaged (Fisher's method without its distribution), so that a view that is sure
//! outweighs one that is not. A view whose order of the rows contradicts the others' is left out.

use crate::algorithm::Algorithm;
use crate::ensemble::{Combination, Ensemble, Scale};
use crate::parameters::Settings;
use crate::scorer::Fitted;
use crate::statistics::{correlation, ranks};
use crate::table::Rows;
use crate::{Detector, Error, Model, Table};

#[cfg(test)]
mod tests;

pub(crate) static AUTO: Algorithm = Algorithm {
    name: "auto",
    aliases: &["automatic"],
    about: "an ensemble of detectors that suit the data, with the reasons",
    parameters: &[],
    seeded: true,
    fit,
    read: |from, columns| Ok(Box::new(Ensemble::read(from, columns)?)),
};

/// A detector that was thought of, and what speaks for it.
struct Candidate {
    name: &'static str,
    reason: String,
}

/// More rows than this are too many to compare each with each, should it come to that.
const MANY_ROWS: usize = 50_000;
/// Trees and boxes help to find neighbours up to so many columns.
const NARROW: usize = 15;
/// A covariance takes this many rows per column, and no more columns than this.
const ROWS_PER_COLUMN: usize = 5;
const WIDE: usize = 256;

/// The views that suit this many rows and columns.
fn candidates(rows: usize, columns: usize) -> Vec<Candidate> {
    let one = |name, reason: String| Candidate { name, reason };
    let isolation = one("IForest", "isolation by random cuts suits any shape".to_owned());
    let near = if rows <= MANY_ROWS || columns <= NARROW {
        one("KNN", format!("distances to neighbours are affordable for {rows} rows of {columns} columns"))
    } else {
        one("INNE", format!("{rows} rows of {columns} columns are too many for exact neighbours"))
    };
    let single = one("MAD", "single extreme values stand out against each column's median".to_owned());
    let joint = if columns > WIDE {
        one(
            "ECOD",
            format!("{columns} columns are too many for a covariance, tails are taken column by column"),
        )
    } else if rows < ROWS_PER_COLUMN * columns {
        one("ECOD", format!("{rows} rows are too few for a covariance of {columns} columns"))
    } else {
        one("MCD", format!("{rows} rows are enough for a robust covariance of {columns} columns"))
    };
    vec![isolation, near, single, joint]
}

fn fit(rows: Rows<'_>, settings: &Settings) -> Result<Fitted, Error> {
    let table = Table::new(rows.columns, rows.values.to_vec())?;
    let candidates = candidates(rows.len(), rows.columns);
    let fit = |each: &Candidate| Detector::new(each.name)?.seed(settings.seed()).fit(&table);
    let fitted: Vec<Model> = candidates.iter().map(fit).collect::<Result<_, Error>>()?;
    let agreement = agreement(&fitted);
    let mut reasons = Vec::new();
    let mut members = Vec::new();
    for ((candidate, model), agreement) in candidates.into_iter().zip(fitted).zip(agreement) {
        let kept = agreement >= 0.0;
        let verdict = if kept { "agrees" } else { "left out, contradicts" };
        let Candidate { name, reason } = candidate;
        reasons
            .push(format!("{name}: {reason}; {verdict} with the others (rank correlation {agreement:.2})"));
        if kept {
            members.push(model);
        }
    }
    let ensemble = Ensemble::new(members, Combination::Average, Scale::Tail, reasons);
    let scores = ensemble.training();
    Ok(Fitted { scorer: Box::new(ensemble), scores })
}

/// The rank correlation of each member with the mean rank of the others. The most agreeing half always counts as
/// agreeing, so that something is left.
fn agreement(members: &[Model]) -> Vec<f64> {
    let places: Vec<Vec<f64>> = members.iter().map(|member| ranks(member.training_scores())).collect();
    let sum: Vec<f64> = (0..places[0].len()).map(|row| places.iter().map(|each| each[row]).sum()).collect();
    let with_others = |own: &Vec<f64>| {
        let others: Vec<f64> = sum.iter().zip(own).map(|(sum, own)| sum - own).collect();
        ranks(&others)
    };
    let mut found: Vec<f64> = places.iter().map(|own| correlation(own, &with_others(own))).collect();
    let mut sorted = found.clone();
    sorted.sort_unstable_by(f64::total_cmp);
    let middle = sorted[sorted.len() / 2];
    found.iter_mut().filter(|each| **each >= middle).for_each(|each| *each = each.max(0.0));
    found
}
