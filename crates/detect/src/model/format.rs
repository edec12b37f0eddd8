//! A model as bytes: `SWDM`, version, length and CRC-32 of what follows, then the body.

use super::Model;
use crate::algorithm::Algorithm;
use crate::bytes::{Reader, Writer};
use crate::calibration::Calibration;
use crate::guard::Guard;
use crate::table::MOST_COLUMNS;
use crate::threshold::Threshold;
use crate::{Error, Table};

const MAGIC: &[u8; 4] = b"SWDM";
const VERSION: u8 = 1;

impl Model {
    /// The model as bytes, in a format with a version and a checksum.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut body = Writer::default();
        write_body(self, &mut body);
        let body = body.finish();
        let mut out = Writer::default();
        out.raw(MAGIC);
        out.byte(VERSION);
        out.whole(body.len());
        out.raw(&crc32fast::hash(&body).to_le_bytes());
        out.raw(&body);
        out.finish()
    }

    /// The model that [`Model::to_bytes`] wrote.
    ///
    /// # Errors
    /// Anything else: cut short, changed, of an unknown version, or made up. Never more memory than the bytes hold.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let mut from = Reader::new(bytes);
        if from.raw(4)? != MAGIC {
            return Err(Error::model("it does not begin as one"));
        }
        let version = from.byte()?;
        if version != VERSION {
            return Err(Error::model(format!("version {version} is unknown, {VERSION} is known")));
        }
        let length = from.whole()?;
        let checksum = from.raw(4)?;
        let body = from.raw(length)?;
        if !from.is_empty() {
            return Err(Error::model("it goes on after its end"));
        }
        if checksum != crc32fast::hash(body).to_le_bytes() {
            return Err(Error::model("its checksum is wrong"));
        }
        let mut from = Reader::new(body);
        let model = read_body(&mut from, true)?;
        if from.is_empty() { Ok(model) } else { Err(Error::model("there is more than belongs to it")) }
    }
}

pub(crate) fn write_body(model: &Model, out: &mut Writer) {
    out.text(model.algorithm.name);
    out.whole(model.columns);
    out.flag(model.names.is_some());
    model.names.iter().flatten().for_each(|name| out.text(name));
    model.guard.write(out);
    write_threshold(model.threshold, out);
    out.number(model.cut);
    out.numbers(model.calibration.scores());
    model.scorer.write(out);
}

/// Reads a model; only the outermost may consist of others.
pub(crate) fn read_body(from: &mut Reader<'_>, outermost: bool) -> Result<Model, Error> {
    let name = from.text()?;
    let algorithm = Algorithm::find(name).map_err(|_| Error::model("its detector is unknown"))?;
    if !outermost && crate::ensemble::is_composed(algorithm) {
        return Err(Error::model("an ensemble within an ensemble"));
    }
    let columns = from.within(1, MOST_COLUMNS)?;
    let names = match from.flag()? {
        true => Some((0..columns).map(|_| from.text().map(str::to_owned)).collect::<Result<Vec<_>, _>>()?),
        false => None,
    };
    let guard = Guard::read(from)?;
    let threshold = read_threshold(from)?;
    let cut = from.number()?;
    let scores = from.numbers()?;
    if scores.is_empty() {
        return Err(Error::model("it has no training scores"));
    }
    let scorer = (algorithm.read)(from, columns)?;
    let calibration = Calibration::new(scores);
    let model = Model { algorithm, columns, names, guard, scorer, calibration, threshold, cut };
    // A row of zeros must come through: the last word on whether the parts fit together.
    model.score(&Table::new(columns, vec![0.0; columns])?)?;
    Ok(model)
}

fn write_threshold(threshold: Threshold, out: &mut Writer) {
    let (kind, value) = match threshold {
        Threshold::Contamination { rate } => (0, rate),
        Threshold::Percentile { percent } => (1, percent),
        Threshold::Iqr => (2, 0.0),
        Threshold::Mad => (3, 0.0),
        Threshold::ExtremeValue { rate } => (4, rate),
        Threshold::Conformal { rate } => (5, rate),
    };
    out.byte(kind);
    out.number(value);
}

fn read_threshold(from: &mut Reader<'_>) -> Result<Threshold, Error> {
    let (kind, value) = (from.byte()?, from.number()?);
    let threshold = match kind {
        0 => Threshold::Contamination { rate: value },
        1 => Threshold::Percentile { percent: value },
        2 => Threshold::Iqr,
        3 => Threshold::Mad,
        4 => Threshold::ExtremeValue { rate: value },
        5 => Threshold::Conformal { rate: value },
        other => return Err(Error::model(format!("threshold {other} is unknown"))),
    };
    threshold.check().map_err(|error| Error::model(error.to_string()))?;
    Ok(threshold)
}
