//! Our scores against PyOD's, row for row.

use seaworthy_detect::statistics::{roc_auc, spearman};
use seaworthy_detect::{Detector, Table};

use crate::data::Set;
use crate::error::Error;

const DETERMINISTIC: [&str; 7] = ["HBOS", "ECOD", "COPOD", "PCA", "KNN", "LOF", "OCSVM"];

#[expect(clippy::print_stdout, reason = "the report")]
pub(crate) fn run(sets: &[Set]) -> Result<(), Error> {
    println!(
        "| set | detector | greatest relative difference: training | later | Spearman | AUC | PyOD's AUC |"
    );
    println!("| --- | --- | ---: | ---: | ---: | ---: | ---: |");
    for set in sets {
        for name in DETERMINISTIC {
            let Ok(detector) = Detector::new(name) else { continue };
            if let (Some(training), Some(later)) =
                (recorded(set, name, "train"), recorded(set, name, "decision"))
            {
                println!("| {} | {name} | {} |", set.name, line(set, &detector, training, later)?);
            }
        }
    }
    println!();
    Ok(())
}

fn recorded<'a>(set: &'a Set, name: &str, what: &str) -> Option<&'a [f64]> {
    set.recorded.get(&format!("{name}_{what}")).map(Vec::as_slice)
}

fn line(set: &Set, detector: &Detector, training: &[f64], later: &[f64]) -> Result<String, Error> {
    let model = detector.fit(&set.table)?;
    let scores = model.training_scores();
    let again = scored(&model, &set.table)?;
    let area = |scores: &[f64]| roc_auc(scores, &set.labels).unwrap_or(f64::NAN);
    Ok(format!(
        "{:.1e} | {:.1e} | {:.5} | {:.4} | {:.4}",
        difference(scores, training),
        difference(&again, later),
        spearman(scores, training),
        area(scores),
        area(training),
    ))
}

fn scored(model: &seaworthy_detect::Model, table: &Table) -> Result<Vec<f64>, Error> {
    Ok(model.score(table)?)
}

/// The greatest difference, over the size of the score, but no less than a thousandth of the usual size.
fn difference(ours: &[f64], theirs: &[f64]) -> f64 {
    let usual = theirs.iter().map(|score| score.abs()).sum::<f64>() / theirs.len() as f64;
    let each = |(ours, theirs): (&f64, &f64)| (ours - theirs).abs() / theirs.abs().max(usual * 1e-3);
    ours.iter().zip(theirs).map(each).fold(0.0, f64::max)
}
