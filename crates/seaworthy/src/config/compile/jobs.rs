//! Jobs: the store, the queues, what may be run, the schedules.

mod schedules;

use std::collections::BTreeMap;

use seaworthy_core::Secret;
use seaworthy_jobs::executor::command::Program;
use seaworthy_jobs::runner::{Queue, RunnerSettings};
use seaworthy_jobs::schedule::Definition;
use seaworthy_jobs::{DEFAULT_QUEUE, QueueLimits, Rate};

use super::Files;
use crate::config::Environment;
use crate::config::file::jobs::{self, Sync};
use crate::config::file::{File, Service};
use crate::config::problem::Problems;

/// The variable that goes before `store.url`.
const STORE_URL: &str = "SEAWORTHY_STORE_URL";

/// What is needed to take part in jobs.
#[derive(Debug, Clone)]
pub(crate) struct Jobs {
    /// Where the store is.
    pub(crate) url: Secret<String>,
    /// How it is opened.
    pub(crate) store: seaworthy_store::Options,
    /// What holds for all jobs.
    pub(crate) settings: seaworthy_jobs::Settings,
    /// How jobs are run; none here where it is absent.
    pub(crate) work: Option<Work>,
    /// What this process is called.
    pub(crate) name: String,
    /// Whether schedules are fired.
    pub(crate) schedule: bool,
    /// The schedules.
    pub(crate) schedules: Vec<Definition>,
    /// How people, keys and tokens are handled.
    pub(crate) identity: seaworthy_identity::Settings,
    /// The key file.
    pub(crate) key_file: std::path::PathBuf,
    /// Who else gets the audit log.
    pub(crate) syslog: Option<super::identity::Syslog>,
    /// And as log records of OpenTelemetry: the receiver's URL.
    pub(crate) otlp: Option<String>,
    /// Queues whose limits are written.
    pub(crate) limits: Vec<(String, QueueLimits)>,
}

/// How jobs are run.
#[derive(Debug, Clone)]
pub(crate) struct Work {
    /// The runner's settings.
    pub(crate) runner: RunnerSettings,
    /// How long a stop waits.
    pub(crate) drain: std::time::Duration,
    /// What `command` jobs may run.
    pub(crate) commands: BTreeMap<String, Program>,
    /// Hosts that `http` jobs may call though they are no public ones.
    pub(crate) hosts: Vec<String>,
}

impl Jobs {
    /// What is read once, at the start: the store and what holds for all jobs.
    pub(crate) fn fixed(&self) -> String {
        format!(
            "{} {:?} {:?} {:?} {:?} {:?} {:?}",
            self.url.expose(),
            self.store,
            self.settings,
            self.identity,
            self.key_file,
            self.syslog,
            self.otlp
        )
    }
}

impl Work {
    /// Whether both run the same in the same way.
    pub(crate) fn same(&self, other: &Self) -> bool {
        let tell = |work: &Self| format!("{work:?}");
        tell(self) == tell(other)
    }
}

/// Nothing where the file says nothing about jobs.
pub(super) fn jobs(
    file: &File,
    environment: &Environment,
    files: &Files<'_>,
    problems: &mut Problems,
) -> Option<Jobs> {
    let wanted =
        file.store.is_some() || file.jobs.is_some() || !file.queue.is_empty() || !file.schedule.is_empty();
    if !wanted {
        super::identity::without_store(file, problems);
        for command in file.command.values() {
            problems.push(command.spans.of(""), "has no effect: jobs are not switched on, write [jobs]");
        }
        return None;
    }
    let (store, written) = (file.store.clone().unwrap_or_default(), file.jobs.clone().unwrap_or_default());
    let url = url(&store, environment, files, problems);
    let embedded = url.expose().starts_with("sqlite:");
    let commands = commands(file, problems);
    let queues = queues(file, &written, problems);
    let here: Option<Vec<&str>> =
        (embedded && written.work).then(|| queues.iter().map(|queue| queue.name.as_str()).collect());
    let settings = seaworthy_jobs::Settings {
        keep_finished: written.keep_finished,
        keep_discarded: written.keep_dead_letters,
        ..seaworthy_jobs::Settings::default()
    };
    if !written.schedule && embedded && !file.schedule.is_empty() {
        problems.push(
            written.spans.of("schedule"),
            "the schedules of this file would never be fired: an SQLite store has no other process",
        );
    }
    let name = name(&written);
    Some(Jobs {
        store: options(&store, embedded, problems),
        url,
        schedules: schedules::schedules(file, here.as_deref(), &settings, problems),
        limits: limits(file, problems),
        identity: super::identity::settings(file, problems),
        key_file: files.folder.join(&file.identity.key_file),
        syslog: super::identity::syslog(file, problems),
        otlp: super::identity::collector(file, problems),
        settings,
        schedule: written.schedule,
        work: written.work.then(|| Work {
            runner: runner(&written, name.clone(), queues, problems),
            drain: written.drain_timeout,
            commands,
            hosts: hosts(&written, file.service.values()),
        }),
        name,
    })
}

fn name(written: &jobs::Jobs) -> String {
    written.name.clone().unwrap_or_else(|| {
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        format!("{host}-{}", std::process::id())
    })
}

fn url(
    store: &jobs::Store,
    environment: &Environment,
    files: &Files<'_>,
    problems: &mut Problems,
) -> Secret<String> {
    let variable = environment.iter().find(|(name, _)| name == STORE_URL).map(|(_, value)| value.clone());
    let (text, whose) = match &variable {
        Some(text) => (text.as_str(), STORE_URL),
        None => (store.url.value.as_str(), "`url`"),
    };
    if let Some(path) = text.strip_prefix("sqlite://") {
        if path.is_empty() || path.contains('?') {
            problems.push(store.spans.of("url"), format!("{whose} names no file after sqlite://"));
        }
        return Secret::new(format!("sqlite://{}", files.folder.join(path).display()));
    }
    if !(text.starts_with("postgres://") || text.starts_with("postgresql://")) {
        // without the text: it may hold a password
        let suggestion =
            Some("write \"sqlite://seaworthy.db\" or \"postgres://user@host/database\"".to_owned());
        problems.suggest(store.spans.of("url"), format!("{whose} is no address of a store"), suggestion);
    }
    Secret::new(text.to_owned())
}

fn options(store: &jobs::Store, embedded: bool, problems: &mut Problems) -> seaworthy_store::Options {
    if embedded && store.spans.has("statement_timeout") {
        problems.push(store.spans.of("statement_timeout"), "has no effect on SQLite");
    }
    if !embedded && store.spans.has("sync") {
        problems.push(store.spans.of("sync"), "has no effect on PostgreSQL: its own settings hold");
    }
    if store.connections == 0 {
        problems.push(store.spans.of("connections"), "without a connection nothing can be stored");
    }
    seaworthy_store::Options {
        max_connections: store.connections,
        acquire_timeout: store.acquire_timeout,
        statement_timeout: store.statement_timeout,
        sync: match store.sync {
            Sync::Full => seaworthy_store::Sync::Full,
            Sync::Normal => seaworthy_store::Sync::Normal,
        },
        ..seaworthy_store::Options::default()
    }
}

fn queues(file: &File, written: &jobs::Jobs, problems: &mut Problems) -> Vec<Queue> {
    for queue in file.queue.values().filter(|_| !written.work) {
        for setting in ["workers", "prefetch"].into_iter().filter(|name| queue.spans.has(name)) {
            problems.push(queue.spans.of(setting), "has no effect: `jobs.work` is false");
        }
    }
    for queue in file.queue.values() {
        if queue.workers == 0 || queue.workers > 10_000 {
            problems.push(queue.spans.of("workers"), "must be from 1 to 10000");
        }
        if queue.prefetch > 10_000 {
            problems.push(queue.spans.of("prefetch"), "must be at most 10000");
        }
    }
    if file.queue.is_empty() {
        return vec![Queue::new(DEFAULT_QUEUE, 10)];
    }
    file.queue.iter().map(|(name, queue)| Queue::new(name, queue.workers).prefetch(queue.prefetch)).collect()
}

fn limits(file: &File, problems: &mut Problems) -> Vec<(String, QueueLimits)> {
    let mut limits = Vec::new();
    for (name, queue) in &file.queue {
        if queue.max_running == Some(0) {
            problems.push(queue.spans.of("max_running"), "0 would hold the queue for ever: pause it instead");
        }
        let rate = queue.rate.as_ref().map(|rate| {
            if rate.starts == 0 || rate.burst == Some(0) || rate.per < std::time::Duration::from_millis(1) {
                problems.push(queue.spans.of("rate"), "needs starts, a burst and a period of at least 1ms");
            }
            Rate { count: rate.starts, period: rate.per, burst: rate.burst.unwrap_or(1) }
        });
        if rate.is_some() || queue.max_running.is_some() {
            limits.push((name.clone(), QueueLimits { paused: false, max_running: queue.max_running, rate }));
        }
    }
    limits
}

fn runner(written: &jobs::Jobs, name: String, queues: Vec<Queue>, problems: &mut Problems) -> RunnerSettings {
    let heartbeat = (written.lease / 6).max(std::time::Duration::from_millis(100));
    let settings =
        RunnerSettings { name, queues, lease: written.lease, heartbeat, ..RunnerSettings::default() };
    if let Err(error) = settings.validate() {
        let message = error.to_string();
        let setting = message.split(':').next().unwrap_or_default();
        problems.push(written.spans.of(setting), message.clone());
    }
    settings
}

/// What may be called besides public addresses: as listed, and the services that this process stands in front of.
fn hosts<'a>(written: &jobs::Jobs, services: impl Iterator<Item = &'a Service>) -> Vec<String> {
    let listed = written.hosts.iter().map(|host| host.value.clone());
    let upstreams = services.flat_map(|service| &service.upstreams);
    let upstreams = upstreams.filter_map(|upstream| {
        let uri: http::Uri = upstream.value.parse().ok()?;
        Some(uri.authority()?.to_string())
    });
    let mut hosts: Vec<_> = listed.chain(upstreams).collect();
    hosts.sort();
    hosts.dedup();
    hosts
}

fn commands(file: &File, problems: &mut Problems) -> BTreeMap<String, Program> {
    let program = |command: &jobs::Command| Program {
        program: command.program.value.clone().into(),
        arguments: command.arguments.clone(),
        accepts_arguments: command.accepts_arguments,
        environment: command.environment.clone(),
        folder: command.folder.clone().map(Into::into),
    };
    for command in file.command.values().filter(|command| command.program.value.is_empty()) {
        problems.push(command.spans.of("program"), "a command needs a `program`");
    }
    file.command.iter().map(|(name, command)| (name.clone(), program(command))).collect()
}
