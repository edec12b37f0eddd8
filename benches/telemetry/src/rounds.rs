//! All candidates in turn, round after round.

use std::fmt::Write;
use std::hint::black_box;
use std::sync::{Arc, Barrier};
use std::time::Instant;

/// Records requests of these numbers; what it returns keeps the work from being left out.
type Work = Arc<dyn Fn(std::ops::Range<u64>) -> u64 + Send + Sync>;

/// Something that records requests.
#[derive(Clone)]
pub(crate) struct Candidate {
    pub(crate) name: &'static str,
    /// What it is compared to: the first one of its group is 1.
    pub(crate) group: &'static str,
    pub(crate) work: Work,
}

impl Candidate {
    pub(crate) fn new(
        group: &'static str,
        name: &'static str,
        work: impl Fn(std::ops::Range<u64>) -> u64 + Send + Sync + 'static,
    ) -> Self {
        Self { name, group, work: Arc::new(work) }
    }
}

/// Nanoseconds per request of every round, by candidate.
pub(crate) fn run(candidates: &[Candidate], threads: usize, rounds: usize, requests: u64) -> Vec<Vec<f64>> {
    let mut results = vec![Vec::with_capacity(rounds); candidates.len()];
    for candidate in candidates {
        once(candidate, threads, requests / 10); // warms up
    }
    for round in 0..rounds {
        // each round begins with another one
        for turn in 0..candidates.len() {
            let at = (round + turn) % candidates.len();
            results[at].push(once(&candidates[at], threads, requests));
        }
    }
    results
}

fn once(candidate: &Candidate, threads: usize, requests: u64) -> f64 {
    let barrier = Barrier::new(threads);
    let nanos: Vec<f64> = std::thread::scope(|scope| {
        let run = |thread: usize| {
            let (work, barrier) = (Arc::clone(&candidate.work), &barrier);
            scope.spawn(move || {
                let from = thread as u64 * requests;
                barrier.wait();
                let started = Instant::now();
                black_box(work(from..from + requests));
                started.elapsed().as_nanos() as f64 / requests as f64
            })
        };
        let threads: Vec<_> = (0..threads).map(run).collect();
        threads.into_iter().filter_map(|thread| thread.join().ok()).collect()
    });
    nanos.iter().sum::<f64>() / nanos.len().max(1) as f64
}

/// Medians, and medians of the ratios within each round.
pub(crate) fn table(candidates: &[Candidate], threads: usize, results: &[Vec<f64>]) -> String {
    let mut out = format!("| {threads} thread(s) | ns per request | ratio |\n|---|---|---|\n");
    for (candidate, nanos) in candidates.iter().zip(results) {
        let base = candidates.iter().position(|other| other.group == candidate.group).unwrap_or_default();
        let ratios = nanos.iter().zip(&results[base]).map(|(nanos, base)| nanos / base);
        let (nanos, ratio) = (median(nanos.iter().copied()), median(ratios));
        let _infallible =
            writeln!(out, "| {}: {} | {nanos:.1} | {ratio:.2} |", candidate.group, candidate.name);
    }
    out
}

pub(crate) fn median(numbers: impl IntoIterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = numbers.into_iter().collect();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_a_group_is_what_others_are_compared_to() {
        let candidates =
            [("a", "x"), ("b", "y"), ("a", "z")].map(|(group, name)| Candidate::new(group, name, |_| 0));
        let table = table(&candidates, 2, &[vec![2.0, 4.0, 3.0], vec![10.0; 3], vec![4.0, 8.0, 9.0]]);
        assert!(
            table.contains("| a: x | 3.0 | 1.00 |") && table.contains("| a: z | 8.0 | 2.00 |"),
            "{table}"
        );
        assert!(table.contains("| b: y | 10.0 | 1.00 |"), "{table}");
    }
}
