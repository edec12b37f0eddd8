//! Labelled tables from a folder.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use flate2::read::GzDecoder;
use seaworthy_detect::Table;

use crate::error::Error;

/// One set: its rows, standardised; which are anomalous; and what others scored.
pub(crate) struct Set {
    pub(crate) name: String,
    pub(crate) table: Table,
    pub(crate) labels: Vec<bool>,
    /// PyOD's scores, by column of NAME.pyod.csv.gz.
    pub(crate) recorded: BTreeMap<String, Vec<f64>>,
    /// ROC-AUC per detector in pyod_baseline.csv, one per seed.
    pub(crate) baseline: BTreeMap<String, Vec<f64>>,
}

/// All sets of a folder whose name contains `only`.
pub(crate) fn all(folder: &Path, only: &str) -> Result<Vec<Set>, Error> {
    let failed = |reason: &dyn std::fmt::Display| Error::File {
        path: folder.display().to_string(),
        reason: reason.to_string(),
    };
    let baseline = std::fs::read_to_string(folder.join("pyod_baseline.csv")).unwrap_or_default();
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .map_err(|error| failed(&error))?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter_map(|file| Some(file.strip_suffix(".csv.gz")?.to_owned()))
        .filter(|name| !name.ends_with(".pyod") && name.contains(only))
        .collect();
    names.sort();
    names.into_iter().map(|name| read(folder, name, &baseline)).collect()
}

fn read(folder: &Path, name: String, baseline: &str) -> Result<Set, Error> {
    let mut columns = csv(&folder.join(format!("{name}.csv.gz")))?;
    let labels = columns.remove("label").unwrap_or_default().into_iter().map(|label| label > 0.5).collect();
    let width = columns.len();
    let features: Vec<Vec<f64>> =
        (0..width).filter_map(|at| columns.remove(&format!("f{at}"))).map(standard).collect();
    let rows = features.first().map_or(0, Vec::len);
    let values = (0..rows).flat_map(|row| features.iter().map(move |column| column[row])).collect();
    let recorded = csv(&folder.join(format!("{name}.pyod.csv.gz"))).unwrap_or_default();
    let mut found: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for line in baseline.lines() {
        let cells: Vec<&str> = line.split(',').collect();
        if let (true, Some(Ok(area))) = (cells[0] == name, cells.get(6).map(|cell| cell.parse())) {
            found.entry(cells[4].to_owned()).or_default().push(area);
        }
    }
    Ok(Set { name, table: Table::new(width, values)?, labels, recorded, baseline: found })
}

fn csv(path: &Path) -> Result<BTreeMap<String, Vec<f64>>, Error> {
    let failed = |reason: String| Error::File { path: path.display().to_string(), reason };
    let mut text = String::new();
    let file = File::open(path).map_err(|error| failed(error.to_string()))?;
    GzDecoder::new(file).read_to_string(&mut text).map_err(|error| failed(error.to_string()))?;
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
    let mut columns = vec![Vec::new(); names.len()];
    for line in lines {
        for (cell, column) in line.split(',').zip(&mut columns) {
            column.push(cell.parse().map_err(|_| failed(format!("{cell:?} is no number")))?);
        }
    }
    Ok(names.into_iter().map(str::to_owned).zip(columns).collect())
}

/// Mean 0 and deviation 1, as PyOD's scores were made.
fn standard(mut values: Vec<f64>) -> Vec<f64> {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let deviation = (values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / count).sqrt();
    let unit = if deviation > 10.0 * f64::EPSILON * mean.abs() { deviation } else { 1.0 };
    values.iter_mut().for_each(|value| *value = (*value - mean) / unit);
    values
}
