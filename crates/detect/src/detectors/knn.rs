//! Distance to the nearest neighbours (Ramaswamy, Rastogi and Shim, "Efficient algorithms for mining outliers from
//! large data sets", 2000; the mean of them: Angiulli and Pizzuti 2002).

use crate::Error;
use crate::algorithm::Algorithm;
use crate::bytes::{Reader, Writer};
use crate::neighbours::{Metric, Neighbours};
use crate::parameters::{Default, Kind, Parameter, Settings};
use crate::scorer::{Fitted, Scorer};
use crate::statistics;
use crate::table::Rows;

/// As PyOD's. A training row is not its own neighbour; more neighbours than there are rows means all of them.
pub(crate) static KNN: Algorithm = Algorithm {
    name: "KNN",
    aliases: &["k_nearest_neighbors", "k_nearest_neighbours"],
    about: "how far the nearest rows are",
    parameters: &[
        NEIGHBOURS_5,
        Parameter {
            name: "method",
            about: "which distance counts: the largest of them, their mean or their median",
            default: Default::Text("largest"),
            kind: Kind::Choice(&["largest", "mean", "median"]),
        },
        MINKOWSKI,
    ],
    seeded: false,
    fit,
    read: |from, columns| Ok(Box::new(Knn::read(from, columns)?)),
};

const NEIGHBOURS_5: Parameter = Parameter {
    name: "n_neighbors",
    about: "how many neighbours",
    default: Default::Integer(5),
    kind: Kind::Integer(1, 10_000, &[]),
};

/// The exponent of the metric.
pub(super) const MINKOWSKI: Parameter = Parameter {
    name: "p",
    about: "exponent of the Minkowski metric: 1 sums absolute differences, 2 is Euclid's, above 64 the greatest counts",
    default: Default::Number(2.0),
    kind: Kind::Number(1.0, 1e6, &[]),
};

#[derive(Debug, Clone, Copy, PartialEq)]
enum Method {
    Largest,
    Mean,
    Median,
}

impl Method {
    const ALL: [Self; 3] = [Self::Largest, Self::Mean, Self::Median];

    fn of(self, distances: &[f64]) -> f64 {
        match self {
            Self::Largest => distances.last().copied().unwrap_or(0.0),
            Self::Mean => statistics::mean(distances),
            Self::Median => statistics::quantile_sorted(distances, 0.5),
        }
    }
}

#[derive(Debug)]
struct Knn {
    neighbours: Neighbours,
    k: usize,
    method: Method,
}

fn fit(rows: Rows<'_>, settings: &Settings) -> Result<Fitted, Error> {
    let metric = Metric::of(settings.number("p").unwrap_or(2.0));
    let neighbours = Neighbours::new(rows, metric);
    let k = neighbours.most_others(settings.integer("n_neighbors").unwrap_or(5));
    let method = match settings.text("method") {
        "mean" => Method::Mean,
        "median" => Method::Median,
        _ => Method::Largest,
    };
    let scores = neighbours.of_each(k, |nearest| method.of(nearest.distances()));
    Ok(Fitted { scorer: Box::new(Knn { neighbours, k, method }), scores })
}

impl Knn {
    fn read(from: &mut Reader<'_>, columns: usize) -> Result<Self, Error> {
        let method = Method::ALL[from.within(0, 2)?];
        let k = from.within(1, 10_000)?;
        Ok(Self { neighbours: Neighbours::read(from, columns)?, k, method })
    }
}

impl Scorer for Knn {
    fn score(&self, rows: Rows<'_>) -> Vec<f64> {
        self.neighbours.query(rows, self.k, |nearest| self.method.of(nearest.distances()))
    }

    fn write(&self, out: &mut Writer) {
        out.whole(Method::ALL.iter().position(|each| *each == self.method).unwrap_or(0));
        out.whole(self.k);
        self.neighbours.write(out);
    }
}
