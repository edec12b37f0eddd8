//! Every detector there is: one file and one line each.

use std::fmt;

use crate::bytes::Reader;
use crate::parameters::{Parameter, Settings, closest};
use crate::scorer::{Fitted, Scorer};
use crate::table::Rows;
use crate::{Error, auto, detectors as d, ensemble};

/// Reads a fitted detector for this many columns.
type Read = fn(&mut Reader<'_>, usize) -> Result<Box<dyn Scorer>, Error>;

/// One kind of detector.
pub struct Algorithm {
    /// Its name: PyOD's, where PyOD has it.
    pub name: &'static str,
    /// Other names it is found by. Case, `_`, `-` and spaces never matter.
    pub aliases: &'static [&'static str],
    /// What it does, in a line, with its source.
    pub about: &'static str,
    /// What can be set.
    pub parameters: &'static [Parameter],
    /// Whether chance plays a part: only then does the seed matter.
    pub seeded: bool,
    pub(crate) fit: fn(Rows<'_>, &Settings) -> Result<Fitted, Error>,
    pub(crate) read: Read,
}

/// All detectors, in the order in which they are shown.
pub static ALGORITHMS: &[&Algorithm] = &[
    &auto::AUTO,
    &ensemble::ENSEMBLE,
    &d::iforest::IFOREST,
    &d::knn::KNN,
    &d::lof::LOF,
    &d::hbos::HBOS,
    &d::ecod::ECOD,
    &d::ecod::copod::COPOD,
    &d::pca::PCA,
    &d::mad::MAD,
    &d::ocsvm::OCSVM,
    &d::loda::LODA,
    &d::cblof::CBLOF,
    &d::mcd::MCD,
    &d::gmm::GMM,
    &d::kde::KDE,
    &d::abod::ABOD,
    &d::inne::INNE,
];

impl Algorithm {
    /// The detector with this name.
    ///
    /// # Errors
    /// No detector is called so; the error names the one that may have been meant.
    pub fn find(name: &str) -> Result<&'static Self, Error> {
        let asked = plain(name);
        let is = |each: &&&Self| {
            plain(each.name) == asked || each.aliases.iter().any(|alias| plain(alias) == asked)
        };
        ALGORITHMS.iter().find(is).copied().ok_or_else(|| {
            let names: Vec<&str> =
                ALGORITHMS.iter().flat_map(|each| each.aliases.iter().chain([&each.name]).copied()).collect();
            Error::UnknownAlgorithm { name: name.to_owned(), suggestion: closest(name, &names) }
        })
    }
}

fn plain(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|each| each.to_ascii_lowercase()).collect()
}

impl fmt::Debug for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{ALGORITHMS, Algorithm, plain};

    #[test]
    fn names_are_found_however_they_are_written() {
        for name in ["iforest", "IForest", "isolation_forest", "IsolationForest", "isolation forest"] {
            assert_eq!(Algorithm::find(name).unwrap().name, "IForest");
        }
        assert_eq!(Algorithm::find("local_outlier_factor").unwrap().name, "LOF");
        let error = Algorithm::find("isolaton_forest").unwrap_err();
        assert_eq!(error.to_string(), "no detector \"isolaton_forest\", did you mean isolation_forest?");
        assert_eq!(Algorithm::find("xyz").unwrap_err().to_string(), "no detector \"xyz\"");
    }

    #[test]
    fn no_name_means_two_things() {
        let mut seen = HashSet::new();
        for each in ALGORITHMS {
            assert!(seen.insert(plain(each.name)), "{each:?}");
            assert!(each.aliases.iter().all(|alias| seen.insert(plain(alias))), "{each:?}");
        }
    }
}
