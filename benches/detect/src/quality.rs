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
    Ok(())
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
