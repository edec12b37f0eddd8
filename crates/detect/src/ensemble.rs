//! Several detectors, one answer.

use rayon::prelude::*;

use crate::algorithm::Algorithm;
use crate::bytes::{Reader, Writer};
use crate::model::{read_body, write_body};
use crate::parameters::{Default, Kind, Parameter, Settings};
use crate::scorer::{Fitted, Scorer};
use crate::table::Rows;
use crate::{Detector, Error, Model, Table};

mod combine;
#[cfg(test)]
mod tests;

pub(crate) use combine::{Combination, Scale};

pub(crate) static ENSEMBLE: Algorithm = Algorithm {
    name: "ensemble",
    aliases: &[],
    about: "several detectors, their scores brought to one scale and put together",
    parameters: &[
        Parameter {
            name: "members",
            about: "names of detectors, separated by commas; each with its defaults",
            default: Default::Text("IForest,KNN,HBOS"),
            kind: Kind::Text,
        },
        Parameter {
            name: "method",
            about: "average, median or max of the members' scores; aom, moa: average of the maxima, maximum of the \
                    averages of groups of members; weighted: average with weights; majority, unanimous, any: the share \
                    of members that call a row anomalous must be above a half, one, or above zero",
            default: Default::Text("average"),
            kind: Kind::Choice(Combination::NAMES),
        },
        Parameter {
            name: "weights",
            about: "for weighted: a number per member, separated by commas; equal where it is empty",
            default: Default::Text(""),
            kind: Kind::Text,
        },
        Parameter {
            name: "n_buckets",
            about: "for aom and moa: how many groups",
            default: Default::Integer(5),
            kind: Kind::Integer(1, 1000, &[]),
        },
        Parameter {
            name: "scale",
            about: "rank: the place among the training scores; tail: -ln of the share of training scores above; z: \
                    standard deviations above their mean",
            default: Default::Text("rank"),
            kind: Kind::Choice(Scale::NAMES),
        },
        Parameter {
            name: "contamination",
            about: "the share of training rows a member calls anomalous, where members vote",
            default: Default::Number(0.1),
            kind: Kind::Number(1e-6, 0.5, &[]),
        },
    ],
    seeded: true,
    fit,
    read: |from, columns| Ok(Box::new(Ensemble::read(from, columns)?)),
};

/// At most so many members.
const MOST: usize = 64;

/// Whether a detector is made of others.
pub(crate) fn is_composed(algorithm: &Algorithm) -> bool {
    ["auto", "ensemble"].contains(&algorithm.name)
}

/// Fitted members and how they come together.
#[derive(Debug)]
pub(crate) struct Ensemble {
    pub(crate) members: Vec<Model>,
    /// Mean and deviation of each member's training scores.
    moments: Vec<(f64, f64)>,
    pub(crate) combination: Combination,
    pub(crate) scale: Scale,
    pub(crate) reasons: Vec<String>,
}

fn fit(rows: Rows<'_>, settings: &Settings) -> Result<Fitted, Error> {
    let names: Vec<&str> =
        settings.text("members").split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    let contamination = settings.number("contamination").unwrap_or(0.1);
    let detectors = names.iter().map(|name| {
        let detector = Detector::new(name)?.seed(settings.seed()).contamination(contamination)?;
        if is_composed(detector.algorithm()) {
            return Err(Error::parameter("members", *name, "an ensemble cannot be part of another"));
        }
        Ok(detector)
    });
    let detectors: Vec<Detector> = detectors.collect::<Result<_, Error>>()?;
    if detectors.is_empty() || detectors.len() > MOST {
        return Err(Error::parameter(
            "members",
            settings.text("members"),
            format!("1 to {MOST} names are expected"),
        ));
    }
    let weights = weights(settings.text("weights"), detectors.len())?;
    let buckets = settings.integer("n_buckets").unwrap_or(5);
    let combination = Combination::of(settings.text("method"), weights, buckets);
    let table = Table::new(rows.columns, rows.values.to_vec())?;
    let members: Vec<Model> = detectors.iter().map(|each| each.fit(&table)).collect::<Result<_, _>>()?;
    let ensemble = Ensemble::new(members, combination, Scale::of(settings.text("scale")), Vec::new());
    let scores = ensemble.training();
    Ok(Fitted { scorer: Box::new(ensemble), scores })
}

fn weights(text: &str, members: usize) -> Result<Vec<f64>, Error> {
    if text.trim().is_empty() {
        return Ok(vec![1.0; members]);
    }
    let wrong = |reason: &str| Error::parameter("weights", text, reason);
    let weights = text.split(',').map(|each| each.trim().parse::<f64>());
    let weights: Vec<f64> = weights.collect::<Result<_, _>>().map_err(|_| wrong("numbers are expected"))?;
    let fine = weights.len() == members
        && weights.iter().all(|weight| (0.0..=1e9).contains(weight))
        && weights.iter().sum::<f64>() > 0.0;
    if fine {
        Ok(weights)
    } else {
        Err(wrong("one weight per member is expected, none below zero, not all zero"))
    }
}

impl Ensemble {
    pub(crate) fn new(
        members: Vec<Model>,
        combination: Combination,
        scale: Scale,
        reasons: Vec<String>,
    ) -> Self {
        let moments = |member: &Model| {
            let scores = member.training_scores();
            let deviation = crate::statistics::deviation(scores);
            let deviation = if deviation.is_normal() { deviation } else { 1.0 };
            (crate::statistics::mean(scores), deviation)
        };
        let moments = members.iter().map(moments).collect();
        Self { members, moments, combination, scale, reasons }
    }

    /// The scores of the training rows, from the members' own.
    pub(crate) fn training(&self) -> Vec<f64> {
        self.together(
            &self.members.iter().map(|member| member.training_scores().to_vec()).collect::<Vec<_>>(),
        )
    }

    /// From scores, member by member, to one per row.
    fn together(&self, scores: &[Vec<f64>]) -> Vec<f64> {
        let votes = self.combination.votes();
        let scaled = |(member, scores): (usize, &Vec<f64>)| -> Vec<f64> {
            let model = &self.members[member];
            if votes {
                return scores.iter().map(|score| f64::from(u8::from(*score > model.cut()))).collect();
            }
            let moments = self.moments[member];
            scores.par_iter().map(|score| self.scale.apply(*score, &model.calibration, moments)).collect()
        };
        let scaled: Vec<Vec<f64>> = scores.iter().enumerate().map(scaled).collect();
        let rows = scores.first().map_or(0, Vec::len);
        let one = |row: usize| {
            let mut of_row: Vec<f64> = scaled.iter().map(|member| member[row]).collect();
            self.combination.apply(&mut of_row)
        };
        (0..rows).into_par_iter().map(one).collect()
    }

    pub(crate) fn read(from: &mut Reader<'_>, columns: usize) -> Result<Self, Error> {
        let count = from.within(1, MOST)?;
        let combination = Combination::read(from, count)?;
        let scale = Scale::of(Scale::NAMES[from.within(0, Scale::NAMES.len() - 1)?]);
        let reasons = from.within(0, MOST)?;
        let reasons = (0..reasons).map(|_| from.text().map(str::to_owned)).collect::<Result<_, _>>()?;
        let members: Vec<Model> = (0..count).map(|_| read_body(from, false)).collect::<Result<_, _>>()?;
        if members.iter().any(|member| member.columns != columns) {
            return Err(Error::model("members differ in columns"));
        }
        Ok(Self::new(members, combination, scale, reasons))
    }
}

impl Scorer for Ensemble {
    fn score(&self, rows: Rows<'_>) -> Vec<f64> {
        self.together(&self.members.iter().map(|member| member.score_rows(rows)).collect::<Vec<_>>())
    }

    fn write(&self, out: &mut Writer) {
        out.whole(self.members.len());
        self.combination.write(out);
        out.whole(self.scale.place());
        out.whole(self.reasons.len());
        self.reasons.iter().for_each(|reason| out.text(reason));
        self.members.iter().for_each(|member| write_body(member, out));
    }

    fn reasons(&self) -> &[String] {
        &self.reasons
    }
}
