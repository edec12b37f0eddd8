use super::{PARAMETERS, Tails, fit};
use crate::algorithm::Algorithm;

pub(crate) static COPOD: Algorithm = Algorithm {
    name: "COPOD",
    aliases: &["copula", "copula_based_outlier_detection"],
    about: "how far in its column's tails each value lies, the tails weighed as an empirical copula does",
    parameters: PARAMETERS,
    seeded: false,
    fit: |rows, settings| Ok(fit(rows, settings, true)),
    read: |from, columns| Ok(Box::new(Tails::read(from, columns, true)?)),
};
