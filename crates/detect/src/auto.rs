//! A choice of detectors without labels.

use crate::algorithm::Algorithm;
use crate::ensemble::{Combination, Ensemble, Scale};
use crate::parameters::Settings;
use crate::scorer::Fitted;
use crate::table::Rows;
use crate::{Detector, Error, Model, Table};

pub(crate) static AUTO: Algorithm = Algorithm {
    name: "auto",
    aliases: &["automatic"],
    about: "an ensemble of detectors that suit the data, with the reasons",
    parameters: &[],
    seeded: true,
    fit,
    read: |from, columns| Ok(Box::new(Ensemble::read(from, columns)?)),
};

fn fit(rows: Rows<'_>, settings: &Settings) -> Result<Fitted, Error> {
    let table = Table::new(rows.columns, rows.values.to_vec())?;
    let names = ["IForest", "KNN", "HBOS"];
    let fit = |name: &&str| Detector::new(name)?.seed(settings.seed()).fit(&table);
    let members: Vec<Model> = names.iter().map(fit).collect::<Result<_, Error>>()?;
    let ensemble = Ensemble::new(members, Combination::Average, Scale::Rank, Vec::new());
    let scores = ensemble.training();
    Ok(Fitted { scorer: Box::new(ensemble), scores })
}
