//! How well anomalies are told apart: ROC-AUC per set, ours and PyOD's.

use std::collections::BTreeMap;

use seaworthy_detect::algorithm::ALGORITHMS;
use seaworthy_detect::statistics::roc_auc;
use seaworthy_detect::{Algorithm, Detector};

use crate::data::Set;
use crate::error::Error;

const SEEDS: u64 = 10;

#[expect(clippy::print_stdout, reason = "the report")]
pub(crate) fn run(sets: &[Set]) -> Result<(), Error> {
    println!("| detector | {} | mean | PyOD's mean | seconds |", heads(sets));
    println!("| --- | {} ---: | ---: | ---: |", "---: | ".repeat(sets.len()));
    for algorithm in ALGORITHMS {
        let start = std::time::Instant::now();
        let areas: Vec<f64> = sets.iter().map(|set| area(set, algorithm)).collect::<Result<_, _>>()?;
        let cells: Vec<String> = areas.iter().map(|area| format!("{area:.3}")).collect();
        let theirs: Vec<f64> = sets.iter().filter_map(|set| mean_of(&set.baseline, algorithm.name)).collect();
        let theirs = if theirs.is_empty() { "–".to_owned() } else { format!("{:.4}", mean(&theirs)) };
        println!(
            "| {} | {} | {:.4} | {theirs} | {:.1} |",
            algorithm.name,
            cells.join(" | "),
            mean(&areas),
            start.elapsed().as_secs_f64()
        );
    }
    println!();
    chance(sets)
}

/// Detectors with chance: are our means PyOD's, up to two standard errors of their difference?
#[expect(clippy::print_stdout, reason = "the report")]
fn chance(sets: &[Set]) -> Result<(), Error> {
    println!(
        "| set | detector | mean ± standard error of {SEEDS} seeds | PyOD's | difference in standard errors |"
    );
    println!("| --- | --- | ---: | ---: | ---: |");
    for (name, set) in sets.iter().flat_map(|set| ["IForest", "LODA"].map(|name| (name, set))) {
        let Some(theirs) = set.baseline.get(name) else { continue };
        let one = |seed| {
            let detector = Detector::new(name)?.seed(seed);
            let detector = if name == "LODA" { detector.set("lookup", "pyod")? } else { detector };
            Ok(roc_auc(detector.fit(&set.table)?.training_scores(), &set.labels).unwrap_or(f64::NAN))
        };
        let ours = (0..SEEDS).map(one).collect::<Result<Vec<f64>, Error>>()?;
        let apart = (mean(&ours) - mean(theirs)) / error(&ours).hypot(error(theirs));
        let (our_error, their_error) = (error(&ours), error(theirs));
        println!(
            "| {} | {name} | {:.4} ± {our_error:.4} | {:.4} ± {their_error:.4} | {apart:+.1} |",
            set.name,
            mean(&ours),
            mean(theirs)
        );
    }
    println!();
    Ok(())
}

/// The standard error of a mean.
fn error(values: &[f64]) -> f64 {
    let mean = mean(values);
    let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
    let count = values.len() as f64;
    (squares / (count - 1.0) / count).sqrt()
}

fn heads(sets: &[Set]) -> String {
    sets.iter().map(|set| set.name.as_str()).collect::<Vec<_>>().join(" | ")
}

fn area(set: &Set, algorithm: &Algorithm) -> Result<f64, Error> {
    let seeds = if algorithm.seeded { SEEDS } else { 1 };
    let one = |seed| {
        let model = Detector::new(algorithm.name)?.seed(seed).fit(&set.table)?;
        Ok(roc_auc(model.training_scores(), &set.labels).unwrap_or(f64::NAN))
    };
    Ok(mean(&(0..seeds).map(one).collect::<Result<Vec<_>, Error>>()?))
}

fn mean_of(areas: &BTreeMap<String, Vec<f64>>, name: &str) -> Option<f64> {
    areas.get(name).map(|areas| mean(areas))
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}
