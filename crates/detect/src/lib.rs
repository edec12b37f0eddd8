//! Anomaly detection: rows of numbers in; scores, labels and reasons out.
//!
//! A [`Detector`] is chosen by name and fitted on a [`Table`]; the [`Model`] it gives scores any later row, alone or in
//! a batch, always the same, and says which columns made it so. Names, parameters and defaults are PyOD's.
//!
//! It must never read a file, a clock or the environment, open a socket or log: numbers in, numbers out. On finite
//! input no score is ever NaN or infinite, and the same seed gives the same bits on any number of threads.
//!
//! ```
//! use seaworthy_detect::{Detector, Model, Table};
//!
//! let mut rows: Vec<[f64; 2]> = (0..200).map(|i| [f64::from(i % 20), f64::from(i / 20)]).collect();
//! rows.push([90.0, -40.0]);
//! let table = Table::from_rows(&rows)?;
//!
//! let model = Detector::new("iforest")?.set("n_estimators", 50)?.seed(7).contamination(0.004)?.fit(&table)?;
//! assert_eq!(model.predict(&table)?.iter().position(|anomalous| *anomalous), Some(200));
//!
//! let again = Model::from_bytes(&model.to_bytes())?;
//! assert_eq!(again.score(&table)?, model.score(&table)?);
//! # Ok::<(), seaworthy_detect::Error>(())
//! ```

pub mod algorithm;
mod auto;
mod bytes;
mod calibration;
mod chi_squared;
mod clusters;
mod detector;
mod detectors;
mod distinct;
pub mod drift;
mod ensemble;
mod error;
pub mod explain;
mod exponential;
mod gaussian;
mod guard;
mod linear;
mod model;
mod neighbours;
pub mod parameters;
mod random;
mod scorer;
pub mod series;
pub mod statistics;
pub mod stream;
pub mod table;
pub mod threshold;

pub use algorithm::Algorithm;
pub use detector::Detector;
pub use error::Error;
pub use model::Model;
pub use table::Table;
pub use threshold::Threshold;
