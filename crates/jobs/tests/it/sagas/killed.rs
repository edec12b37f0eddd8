//! A process with sagas that is killed, again and again, wherever it is.

use crate::harness::{Bed, quick};
use seaworthy_core::Secret;
use seaworthy_jobs::retry::Backoff;
use seaworthy_jobs::runner::{Queue, Runner};
use seaworthy_jobs::saga::{
    Action, Effect, NewSaga, Policy, Probe, Saga, SagaState, Sagas, Step, StepError, Unknown,
};
use seaworthy_jobs::{Jobs, Retry, Settings, State};
use seaworthy_store::testing::Folder;
use seaworthy_store::{Options, Store};
use seaworthy_telemetry::metrics::Registry;
use serde_json::Value;
use std::collections::HashMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const URL: &str = "SEAWORTHY_TEST_SAGA_URL";
const LEDGER: &str = "SEAWORTHY_TEST_SAGA_LEDGER";
const SAGAS: usize = 30;

crate::on_both!(all_or_nothing_however_often_it_is_killed);

/// A file to which one line is added per effect, and one per effect taken back.
#[derive(Clone)]
struct Lines(PathBuf);

impl Lines {
    fn add(&self, sign: char, key: &str) {
        let mut file = std::fs::OpenOptions::new().append(true).create(true).open(&self.0).expect("opens");
        file.write_all(format!("{sign} {key}\n").as_bytes()).expect("written");
    }

    fn count(&self) -> usize {
        std::fs::read_to_string(&self.0).unwrap_or_default().lines().count()
    }

    /// By key: how often it was made, and how often taken back.
    fn read(&self) -> HashMap<String, (usize, usize)> {
        let mut all: HashMap<String, (usize, usize)> = HashMap::new();
        for line in std::fs::read_to_string(&self.0).unwrap_or_default().lines() {
            let (sign, key) = line.split_at(2);
            let counts = all.entry(key.to_owned()).or_default();
            if sign == "+ " { counts.0 += 1 } else { counts.1 += 1 }
        }
        all
    }
}

/// Does it twice where it is asked twice, but can be asked whether it did.
struct Writes(Lines);

async fn a_while() {
    tokio::time::sleep(Duration::from_millis(fastrand::u64(0..60))).await;
}

impl Action for Writes {
    fn name(&self) -> &str {
        "writes"
    }
    async fn run(&self, step: Step) -> Result<Effect, StepError> {
        if step.input() == "never" {
            return Err(StepError::refused("never", "not this one"));
        }
        a_while().await;
        self.0.add('+', step.key());
        a_while().await;
        Ok(Effect::made(step.input().clone()))
    }
    async fn undo(&self, step: Step, _: Option<Value>) -> Result<(), StepError> {
        a_while().await;
        self.0.add('-', step.key());
        a_while().await;
        Ok(())
    }
    async fn probe(&self, step: Step) -> Probe {
        match self.0.read().get(step.key()) {
            Some((made, undone)) if made > undone => Probe::Found(Effect::made(step.input().clone())),
            _ => Probe::Absent,
        }
    }
    fn policy(&self) -> Policy {
        let retry = Retry {
            max_attempts: 100,
            backoff: Backoff::Fixed { delay: Duration::from_millis(5) },
            jitter: 0.0,
        };
        Policy { retry, unknown: Unknown::Stop, ..Policy::default() }
    }
}

/// What the killed process runs: not a test of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn process() {
    let read = |name| std::env::var(name).expect("started by the other test");
    // run as a test like any other it has nothing to do
    if std::env::var_os(URL).is_none() {
        return;
    }
    let store = Store::open(&Secret::new(read(URL)), Options::default()).await.expect("opens");
    let jobs = Jobs::open(store, Settings::default()).await.expect("opens");
    let saga = Saga::new("voyage").action(Writes(Lines(PathBuf::from(read(LEDGER)))));
    let settings = seaworthy_jobs::runner::RunnerSettings {
        lease: Duration::from_secs(30),
        heartbeat: Duration::from_millis(100),
        ..quick(Queue::new("default", 6))
    };
    let _running = Runner::new(jobs, settings).with(saga).start(&Registry::new()).await.expect("starts");
    std::future::pending::<()>().await;
}

fn start(url: &str, ledger: &Path) -> Child {
    let mut command = Command::new(std::env::current_exe().expect("known"));
    command.args(["--exact", "sagas::killed::process"]);
    command.env(URL, url).env(LEDGER, ledger).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("starts")
}

async fn execute(bed: &Bed, query: &'static str) {
    // the other process may be writing
    while let Err(error) = bed.jobs.store().execute(seaworthy_store::Query::new(query)).await {
        assert!(error.is_outage(), "{error}");
    }
}

async fn all_or_nothing_however_often_it_is_killed(bed: Bed) {
    let folder = Folder::new("saga");
    let lines = Lines(folder.path().join("ledger"));
    let sagas = Sagas::new(bed.jobs.clone());
    let mut ids = Vec::new();
    for number in 0..SAGAS {
        let last = if number % 2 == 0 { "d" } else { "never" };
        let saga = ["a", "b", "c", last]
            .into_iter()
            .fold(NewSaga::new("voyage"), |saga, input| saga.step("writes", input));
        ids.push(sagas.start(saga).await.expect("accepted").id);
    }
    let (until, mut kills) = (Instant::now() + Duration::from_secs(120), 0);
    loop {
        let mut child = start(bed.database.url(), &lines.0);
        // by what was done, not by the time that went by: a quick machine would be through before the first kill
        let life = lines.count() + fastrand::usize(8..30);
        let mut open = SAGAS;
        while open > 0 && lines.count() < life {
            assert!(Instant::now() < until, "{open} sagas have not ended");
            tokio::time::sleep(Duration::from_millis(20)).await;
            // nobody waits for the next attempt
            execute(&bed, "UPDATE jobs SET run_at = 0 WHERE state = 'retryable'").await;
            open = 0;
            for id in &ids {
                open += usize::from(!bed.jobs.get(*id).await.expect("there").state.is_final());
            }
        }
        child.kill().expect("killed");
        child.wait().expect("gone");
        // nor for the end of its lease
        execute(&bed, "DELETE FROM job_workers").await;
        if open == 0 {
            break;
        }
        kills += 1;
        assert!(Instant::now() < until, "{open} sagas have not ended");
    }
    assert!(kills >= 2, "only {kills} kills");
    let ledger = lines.read();
    for (number, id) in ids.into_iter().enumerate() {
        let saga = sagas.get(id).await.expect("there");
        let counts: Vec<_> = saga.steps.iter().map(|step| ledger.get(&step.key).copied()).collect();
        if number % 2 == 0 {
            assert_eq!((saga.state, saga.job), (SagaState::Completed, State::Completed), "{saga:?}");
            assert_eq!(counts, [Some((1, 0)); 4]);
        } else {
            assert_eq!((saga.state, saga.job), (SagaState::Compensated, State::Discarded), "{saga:?}");
            assert_eq!(counts, [Some((1, 1)), Some((1, 1)), Some((1, 1)), None]);
        }
    }
}
