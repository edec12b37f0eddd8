use crate::Error;
use crate::bytes::{Reader, Writer};
use crate::calibration::Calibration;
use crate::statistics;

/// How members' numbers become one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Combination {
    Average,
    Median,
    Max,
    /// Average of the maxima of so many groups (Aggarwal and Sathe 2015). Groups are dealt like cards.
    AverageOfMaxima(usize),
    /// Maximum of the averages of so many groups.
    MaximumOfAverages(usize),
    Weighted(Vec<f64>),
    Majority,
    Unanimous,
    Any,
}

impl Combination {
    pub(crate) const NAMES: &'static [&'static str] =
        &["average", "median", "max", "aom", "moa", "weighted", "majority", "unanimous", "any"];

    pub(crate) fn of(name: &str, weights: Vec<f64>, buckets: usize) -> Self {
        match name {
            "median" => Self::Median,
            "max" => Self::Max,
            "aom" => Self::AverageOfMaxima(buckets),
            "moa" => Self::MaximumOfAverages(buckets),
            "weighted" => Self::Weighted(weights),
            "majority" => Self::Majority,
            "unanimous" => Self::Unanimous,
            "any" => Self::Any,
            _ => Self::Average,
        }
    }

    /// Whether members say yes or no rather than how much.
    pub(crate) fn votes(&self) -> bool {
        matches!(self, Self::Majority | Self::Unanimous | Self::Any)
    }

    /// One number of all members'; their order may change. For votes: above 0.5 where the row is called anomalous, and
    /// within either side the more the more members say so.
    pub(crate) fn apply(&self, members: &mut [f64]) -> f64 {
        let share = statistics::mean(members);
        let agreed = |yes: bool| if yes { 0.5 + share / 2.0 } else { share / 2.0 };
        match self {
            Self::Average => share,
            Self::Median => statistics::median(members),
            Self::Max => greatest(members.iter().copied()),
            Self::AverageOfMaxima(groups) => {
                let maxima = dealt(members, *groups).map(greatest);
                statistics::mean(&maxima.collect::<Vec<f64>>())
            }
            Self::MaximumOfAverages(groups) => {
                greatest(dealt(members, *groups).map(|group| statistics::mean(&group.collect::<Vec<f64>>())))
            }
            Self::Weighted(weights) => {
                let sum: f64 = members.iter().zip(weights).map(|(member, weight)| member * weight).sum();
                sum / weights.iter().sum::<f64>()
            }
            Self::Majority => agreed(share > 0.5),
            Self::Unanimous => agreed(share >= 1.0),
            Self::Any => agreed(share > 0.0),
        }
    }

    pub(crate) fn write(&self, out: &mut Writer) {
        let (place, groups) = match self {
            Self::Average => (0, 0),
            Self::Median => (1, 0),
            Self::Max => (2, 0),
            Self::AverageOfMaxima(groups) => (3, *groups),
            Self::MaximumOfAverages(groups) => (4, *groups),
            Self::Weighted(_) => (5, 0),
            Self::Majority => (6, 0),
            Self::Unanimous => (7, 0),
            Self::Any => (8, 0),
        };
        out.whole(place);
        out.whole(groups);
        out.numbers(if let Self::Weighted(weights) = self { weights } else { &[] });
    }

    pub(crate) fn read(from: &mut Reader<'_>, members: usize) -> Result<Self, Error> {
        let name = Self::NAMES[from.within(0, Self::NAMES.len() - 1)?];
        let groups = from.within(0, 1000)?;
        let weights = from.numbers()?;
        let fine = weights.len() == members
            && weights.iter().all(|weight| (0.0..=1e9).contains(weight))
            && weights.iter().sum::<f64>() > 0.0;
        if name == "weighted" && !fine {
            return Err(Error::model("weights weigh nothing"));
        }
        Ok(Self::of(name, weights, groups.max(1)))
    }
}

fn greatest(values: impl Iterator<Item = f64>) -> f64 {
    values.fold(f64::NEG_INFINITY, f64::max)
}

fn dealt(members: &[f64], groups: usize) -> impl Iterator<Item = impl Iterator<Item = f64>> {
    let groups = groups.min(members.len());
    (0..groups).map(move |group| members[group..].iter().step_by(groups).copied())
}

/// The scale on which members' scores meet.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Scale {
    Rank,
    Tail,
    Z,
}

impl Scale {
    pub(crate) const NAMES: &'static [&'static str] = &["rank", "tail", "z"];

    pub(crate) fn of(name: &str) -> Self {
        match name {
            "tail" => Self::Tail,
            "z" => Self::Z,
            _ => Self::Rank,
        }
    }

    pub(crate) fn place(self) -> usize {
        self as usize
    }

    pub(crate) fn apply(self, score: f64, calibration: &Calibration, (mean, deviation): (f64, f64)) -> f64 {
        match self {
            Self::Rank => calibration.place(score),
            Self::Tail => -(1.0 - calibration.place(score)).max(f64::MIN_POSITIVE).ln(),
            Self::Z => ((score - mean) / deviation).clamp(-1e100, 1e100),
        }
    }
}
