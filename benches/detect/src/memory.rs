//! How much memory fitting and scoring take at most, next to the data.

use std::time::Instant;

use seaworthy_detect::{Detector, Table};

use crate::error::Error;

#[expect(clippy::print_stdout, reason = "the report")]
pub(crate) fn run(name: &str, rows: usize, columns: usize) -> Result<(), Error> {
    let mut state = 1_u64;
    let mut value = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // Three uniform numbers are normal enough.
        (0..3).map(|part| ((state >> (16 * part)) & 0xFFFF) as f64).sum::<f64>() / 65_536.0
    };
    let table = Table::new(columns, (0..rows * columns).map(|_| value()).collect())?;
    let data = (rows * columns * 8) as f64;
    let before = peak();
    let start = Instant::now();
    let model = Detector::new(name)?.fit(&table)?;
    let fitted = start.elapsed().as_secs_f64();
    let scores = model.score(&table)?;
    let scored = start.elapsed().as_secs_f64() - fitted;
    let more = (peak() - before) * 1024.0 / data;
    println!(
        "{name}: {rows} × {columns}, fit {fitted:.2} s, score {scored:.2} s, at most {more:.2} times the size of the data \
         on top of the data ({} scores)",
        scores.len()
    );
    Ok(())
}

/// The most memory this process has had, in KiB; 0 where the system does not say.
fn peak() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).unwrap_or(0.0)
}
