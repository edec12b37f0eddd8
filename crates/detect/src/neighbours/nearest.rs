use super::Metric;

/// The nearest found so far, from the nearest on.
#[derive(Debug)]
pub(crate) struct Nearest {
    wanted: usize,
    distances: Vec<f64>,
    places: Vec<u32>,
    rows: Vec<u32>,
}

impl Nearest {
    pub(super) fn new(wanted: usize) -> Self {
        let room = wanted + 1;
        Self {
            wanted,
            distances: Vec::with_capacity(room),
            places: Vec::with_capacity(room),
            rows: Vec::with_capacity(room),
        }
    }

    pub(super) fn clear(&mut self) {
        self.distances.clear();
        self.places.clear();
    }

    /// What is not nearer than this is of no use.
    pub(super) fn limit(&self) -> f64 {
        if self.distances.len() < self.wanted {
            return f64::INFINITY;
        }
        self.distances.last().copied().unwrap_or(f64::NEG_INFINITY)
    }

    /// Takes a place that is nearer than the limit.
    pub(super) fn take(&mut self, distance: f64, place: u32) {
        if self.distances.len() == self.wanted {
            self.distances.pop();
            self.places.pop();
        }
        let mut at = self.distances.len();
        while at > 0 && self.distances[at - 1] > distance {
            at -= 1;
        }
        self.distances.insert(at, distance);
        self.places.insert(at, place);
    }

    pub(super) fn finish(&mut self, order: &[u32], metric: Metric) {
        self.distances.iter_mut().for_each(|distance| *distance = metric.finish(*distance));
        self.rows.clear();
        self.rows.extend(self.places.iter().map(|place| order[*place as usize]));
    }

    /// How far each is, from the nearest on.
    pub(crate) fn distances(&self) -> &[f64] {
        &self.distances
    }

    /// Which rows they are.
    pub(crate) fn rows(&self) -> &[u32] {
        &self.rows
    }

    /// Where they stand in the tree.
    pub(crate) fn places(&self) -> &[u32] {
        &self.places
    }
}
