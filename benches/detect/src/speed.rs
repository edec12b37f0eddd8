//! Fitting and scoring next to a live PyOD: the same values, on the same machine, in turn.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use seaworthy_detect::stream::{HalfSpaceTrees, Stream};
use seaworthy_detect::{Detector, Table};

use crate::data::Set;
use crate::error::Error;

/// Reads a table, then names of detectors; answers each with the seconds that fitting and scoring took, and writes the
/// training scores to a file.
const PEER: &str = r#"
import importlib, sys, time, warnings
import numpy as np
warnings.filterwarnings("ignore")
folder, rows, columns = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
x = np.fromfile(folder + "/table", dtype="<f8").reshape(rows, columns)
print("ready", flush=True)
for line in sys.stdin:
    name = line.strip()
    make = lambda: getattr(importlib.import_module("pyod.models." + name.lower()), name)()
    if name == "HBOS" or name == "ECOD" or name == "COPOD":
        make().fit(x[: min(rows, 64)])  # compiles what numba compiles
    start = time.perf_counter()
    detector = make().fit(x)
    fitted = time.perf_counter()
    detector.decision_function(x)
    scored = time.perf_counter()
    detector.decision_scores_.astype("<f8").tofile(folder + "/scores")
    print(fitted - start, scored - fitted, flush=True)
"#;

/// What is compared; PyOD's MAD takes one column only.
const COMPARED: [&str; 15] = [
    "HBOS", "ECOD", "COPOD", "PCA", "IForest", "KNN", "LOF", "LODA", "CBLOF", "INNE", "ABOD", "GMM", "KDE",
    "MCD", "OCSVM",
];
/// A detector that takes PyOD longer than this for one set is not asked again for it.
const PATIENCE: f64 = 20.0;

#[expect(clippy::print_stdout, reason = "the report")]
pub(crate) fn run(sets: &[Set], python: &Path, rounds: usize, only: &str) -> Result<(), Error> {
    println!("{} threads, {rounds} rounds, least time of each", rayon::current_num_threads());
    println!(
        "| set | rows × columns | detector | ours: fit + score, ms | PyOD's, ms | times as fast | greatest difference |"
    );
    println!("| --- | --- | --- | ---: | ---: | ---: | ---: |");
    for set in sets {
        let mut peer = Peer::start(python, &set.table)?;
        for name in
            COMPARED.iter().filter(|name| only.is_empty() || only.split(',').any(|each| each == **name))
        {
            let (ours, theirs, difference) = compare(&mut peer, &set.table, name, rounds)?;
            println!(
                "| {} | {} × {} | {name} | {:.2} | {:.2} | {:.1} | {difference} |",
                set.name,
                set.table.rows(),
                set.table.columns(),
                ours * 1e3,
                theirs * 1e3,
                theirs / ours
            );
        }
    }
    half_space()
}

fn compare(peer: &mut Peer, table: &Table, name: &str, rounds: usize) -> Result<(f64, f64, String), Error> {
    let (mut ours, mut theirs) = (f64::INFINITY, f64::INFINITY);
    let mut difference = String::new();
    for _ in 0..rounds {
        let start = Instant::now();
        let model = Detector::new(name)?.fit(table)?;
        let scores = model.score(table)?;
        ours = ours.min(start.elapsed().as_secs_f64());
        drop(scores);
        if theirs < PATIENCE || theirs.is_infinite() {
            theirs = theirs.min(peer.ask(name)?);
        }
        let recorded = peer.scores()?;
        difference = if model.algorithm().seeded {
            "–".to_owned()
        } else {
            apart(model.training_scores(), &recorded)
        };
    }
    Ok((ours, theirs, difference))
}

/// The greatest difference over the size of the score, or a thousandth of the usual size.
fn apart(ours: &[f64], theirs: &[f64]) -> String {
    let usual = theirs.iter().map(|score| score.abs()).sum::<f64>() / theirs.len() as f64;
    let each = |(ours, theirs): (&f64, &f64)| (ours - theirs).abs() / theirs.abs().max(usual * 1e-3);
    format!("{:.0e}", ours.iter().zip(theirs).map(each).fold(0.0, f64::max))
}

/// Rows per second through half-space trees of the usual size for speed: 10 of depth 8.
#[expect(clippy::print_stdout, reason = "the report")]
fn half_space() -> Result<(), Error> {
    let mut trees = HalfSpaceTrees::new(4, 10, 8, 250, 1)?;
    let rows: Vec<[f64; 4]> = (0..4096_u32)
        .map(|at| [7, 13, 31, 61].map(|step| f64::from(at.wrapping_mul(2_654_435_761) % step)))
        .collect();
    let count = 4_000_000;
    let start = Instant::now();
    let mut sum = 0.0;
    for at in 0..count {
        sum += trees.update(&rows[at % rows.len()])?;
    }
    let rate = count as f64 / start.elapsed().as_secs_f64();
    println!(
        "\nhalf-space trees, 10 of depth 8, one thread: {rate:.0} rows/s (mean score {:.3})",
        sum / count as f64
    );
    Ok(())
}

/// PyOD in a process of its own.
struct Peer {
    process: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
    folder: std::path::PathBuf,
}

impl Peer {
    fn start(python: &Path, table: &Table) -> Result<Self, Error> {
        let folder = std::env::temp_dir().join(format!("bench-detect-{}", std::process::id()));
        let failed = |error: std::io::Error| Error::File {
            path: python.display().to_string(),
            reason: error.to_string(),
        };
        std::fs::create_dir_all(&folder).map_err(failed)?;
        let bytes: Vec<u8> = table.values().iter().flat_map(|value| value.to_le_bytes()).collect();
        std::fs::write(folder.join("table"), bytes).map_err(failed)?;
        let threads = rayon::current_num_threads().to_string();
        let mut process = Command::new(python)
            .args([
                "-c",
                PEER,
                &folder.display().to_string(),
                &table.rows().to_string(),
                &table.columns().to_string(),
            ])
            .env("OMP_NUM_THREADS", &threads)
            .env("OPENBLAS_NUM_THREADS", &threads)
            .env("NUMBA_NUM_THREADS", &threads)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let missing = || Error::File { path: python.display().to_string(), reason: "no pipe".to_owned() };
        let orders = process.stdin.take().ok_or_else(missing)?;
        let answers = BufReader::new(process.stdout.take().ok_or_else(missing)?);
        let mut peer = Self { process, orders, answers, folder };
        peer.line()?;
        Ok(peer)
    }

    fn line(&mut self) -> Result<String, Error> {
        let mut line = String::new();
        match self.answers.read_line(&mut line) {
            Ok(read) if read > 0 => Ok(line),
            _ => Err(Error::Peer),
        }
    }

    /// Seconds for fitting and scoring.
    fn ask(&mut self, name: &str) -> Result<f64, Error> {
        writeln!(self.orders, "{name}").map_err(|_| Error::Peer)?;
        let line = self.line()?;
        let seconds = line.split_whitespace().map(str::parse::<f64>);
        seconds.sum::<Result<f64, _>>().map_err(|_| Error::Peer)
    }

    fn scores(&self) -> Result<Vec<f64>, Error> {
        let bytes = std::fs::read(self.folder.join("scores")).map_err(|_| Error::Peer)?;
        Ok(bytes.as_chunks::<8>().0.iter().map(|each| f64::from_le_bytes(*each)).collect())
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // Nothing depends on these: the process has no more orders, the folder is temporary.
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
