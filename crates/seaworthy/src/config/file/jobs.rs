//! Settings of jobs: the store, the queues, what may be run, the schedules.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::config::setting::{At, Json};

const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

settings! {
    /// Where state is kept. Opened where `[store]`, `[jobs]`, `[queue.NAME]` or `[schedule.NAME]` is written; traffic
    /// never waits for it.
    struct Store {
        /// `sqlite://FILE`, a file in this file's folder unless absolute, or `postgres://…`. The environment's
        /// `SEAWORTHY_STORE_URL` goes first: a password does not belong in a file.
        url: At<String> = At { value: "sqlite://seaworthy.db".to_owned(), span: 0..0 },
        /// Most connections to PostgreSQL, or readers of SQLite.
        connections: u32 = 8,
        /// How long a call waits for a connection before it is answered `unavailable`.
        acquire_timeout: Duration = secs(5),
        /// How long one statement may take, PostgreSQL.
        statement_timeout: Duration = secs(30),
        /// When SQLite waits for the disk.
        sync: Sync = Sync::Full,
    }

    /// How this process takes part in jobs.
    struct Jobs {
        /// Whether it runs jobs, in its queues. Where not, it takes them in and shows them.
        work: bool = true,
        /// Whether it fires schedules. Of many processes on one PostgreSQL, one leads at a time.
        schedule: bool = true,
        /// How long jobs are its own after its last sign of life.
        lease: Duration = secs(30),
        /// How long a stop, or a reload, waits for jobs under way; then they are given back without costing an attempt.
        drain_timeout: Duration = secs(30),
        /// Hosts inside the network that `http` jobs may call, as `host:port` or `host`, besides the upstreams of the
        /// services. Public addresses always may be.
        hosts: Vec<At<String>> = Vec::new(),
        /// How long completed and cancelled jobs are kept.
        keep_finished: Duration = secs(86_400),
        /// How long dead letters are kept.
        keep_dead_letters: Duration = secs(7 * 86_400),
        /// The process's name in the list of workers. Without it: the host's name.
        name: Option<String> = None,
    }

    /// A queue that this process takes jobs from. Without any: `default`.
    struct Queue {
        /// Jobs of it that run at once in this process.
        workers: usize = 10,
        /// Jobs taken in advance, for jobs that take less time than a look into the database.
        prefetch: usize = 0,
        /// Jobs of it that run at once, over all processes. Without it: no limit of that kind.
        max_running: Option<u32> = None,
        /// Starts per time, over all processes. Without it: no limit of that kind.
        rate: Option<QueueRate> = None,
    }

    /// Starts per time.
    struct QueueRate {
        /// Starts …
        starts: u32 = 100,
        /// … in this time.
        per: Duration = secs(1),
        /// Starts at once after a quiet time. Without it: 1.
        burst: Option<u32> = None,
    }

    /// A program that jobs may run, by this name. Nothing else can be run: no job brings a program.
    struct Command {
        /// The file, or a name to be found in `PATH`.
        program: At<String> = At { value: String::new(), span: 0..0 },
        /// Arguments that always come first.
        arguments: Vec<String> = Vec::new(),
        /// Whether jobs may add arguments.
        accepts_arguments: bool = false,
        /// Its environment, besides `PATH` and what tells about the job. Nothing is inherited.
        environment: BTreeMap<String, String> = BTreeMap::new(),
        /// The folder it runs in. Without it: this process's.
        folder: Option<String> = None,
    }

    /// A schedule: what runs (`http` or `command`) and when (`cron`, `every`, `at` or `after`; without any, when somebody
    /// says so).
    struct Schedule {
        /// For people.
        description: Option<String> = None,
        /// Five fields, or six with seconds first.
        cron: Option<At<String>> = None,
        /// With `cron`: the zone its clock hangs in, by the IANA's name.
        timezone: String = "UTC".to_owned(),
        /// With `cron`: times that clocks skip when they are put forward.
        skipped: Skipped = Skipped::Auto,
        /// With `cron`: times that clocks show twice when they are put back.
        repeated: Repeated = Repeated::Auto,
        /// Time between two runs, counted from `start`, or from when the schedule was made.
        every: Option<Duration> = None,
        /// Once, such as `"2026-11-21T02:30:00Z"`.
        at: Option<At<String>> = None,
        /// After runs of these schedules.
        after: Vec<At<String>> = Vec::new(),
        /// With `after`: how they must have ended.
        needs: Needs = Needs::Success,
        /// With `after`: how many of them.
        mode: Mode = Mode::All,
        /// With `after`: so long after that.
        delay: Option<Duration> = None,
        /// With `after` and `mode = "all"`: how long after the first the others are waited for. Without it: for ever.
        wait: Option<Duration> = None,
        /// The call that is made.
        http: Option<HttpCall> = None,
        /// The program that is run.
        command: Option<CommandCall> = None,
        /// The queue.
        queue: String = "default".to_owned(),
        /// From 1, first, to 10, last.
        priority: u16 = 5,
        /// Longest time for one attempt. Without it: the worker's.
        timeout: Option<Duration> = None,
        /// When a failed run is tried again.
        retry: Option<JobRetry> = None,
        /// A tick whose predecessor still runs.
        overlap: Overlap = Overlap::Skip,
        /// How late a tick may be fired; later it is recorded as missed.
        misfire_grace: Duration = secs(3_600),
        /// Ticks that nobody could fire in time.
        catch_up: CatchUp = CatchUp::Latest,
        /// With `catch_up = "all"`: at most so many a minute.
        catch_up_per_minute: u32 = 60,
        /// Every tick is fired up to so much later, always the same for the same tick.
        jitter: Option<Duration> = None,
        /// No tick before this.
        start: Option<At<String>> = None,
        /// No tick after this.
        end: Option<At<String>> = None,
        /// After so many runs it has expired.
        max_executions: Option<u64> = None,
        /// After so many runs in a row that ended as dead letters it is paused. 0: never.
        max_failures: u32 = 3,
    }

    /// A call.
    struct HttpCall {
        /// `http://…` or `https://…`.
        url: At<String> = At { value: String::new(), span: 0..0 },
        /// The method.
        method: String = "POST".to_owned(),
        /// Headers.
        headers: BTreeMap<String, String> = BTreeMap::new(),
        /// A body sent as JSON.
        json: Option<Json> = None,
        /// A body sent as it is.
        body: Option<String> = None,
    }

    /// A program that is run.
    struct CommandCall {
        /// Which `[command.NAME]`.
        name: At<String> = At { value: String::new(), span: 0..0 },
        /// Arguments, where the command accepts them.
        arguments: Vec<String> = Vec::new(),
        /// What it reads from its standard input.
        stdin: Option<String> = None,
    }

    /// When a failed job is tried again.
    struct JobRetry {
        /// Attempts in all.
        attempts: u32 = 4,
        /// How pauses grow.
        backoff: Backoff = Backoff::Exponential,
        /// The first pause.
        base: Duration = secs(5),
        /// With `exponential`: what each pause is multiplied by.
        factor: f64 = 3.0,
        /// The longest pause.
        max: Duration = secs(3_600),
        /// With `list`: the pauses, one by one; the last is repeated.
        delays: Vec<Duration> = Vec::new(),
        /// By what share, 0 to 1, pauses are made longer or shorter at random.
        jitter: f64 = 0.1,
    }
}

choices! {
    /// When SQLite waits for the disk.
    enum Sync {
        /// At every commit.
        Full = "full",
        /// At checkpoints: a power cut may take the last commits.
        Normal = "normal",
    }

    /// Times that clocks skip.
    enum Skipped {
        /// As Vixie cron: `run_at_gap_end`, but `skip` where the hour begins with `*`.
        Auto = "auto",
        /// They do not run.
        Skip = "skip",
        /// One run at the first moment after the gap.
        RunAtGapEnd = "run_at_gap_end",
    }

    /// Times that clocks show twice.
    enum Repeated {
        /// As Vixie cron: `first`, but `both` where the hour begins with `*`.
        Auto = "auto",
        /// They run the first time.
        First = "first",
        /// They run both times.
        Both = "both",
    }

    /// How runs that are waited for must end.
    enum Needs {
        /// Completed.
        Success = "success",
        /// However.
        Completion = "completion",
        /// As a dead letter.
        Failure = "failure",
    }

    /// How many of the runs that are waited for.
    enum Mode {
        /// One of each schedule since it ran last.
        All = "all",
        /// Each, one by one.
        Any = "any",
    }

    /// A tick whose predecessor still runs.
    enum Overlap {
        /// Is skipped.
        Skip = "skip",
        /// Waits for its end, one at a time.
        BufferOne = "buffer_one",
        /// Runs beside it.
        Allow = "allow",
        /// Takes its place.
        CancelRunning = "cancel_running",
    }

    /// Ticks that nobody could fire in time.
    enum CatchUp {
        /// The latest runs.
        Latest = "latest",
        /// Each runs, at a pace.
        All = "all",
        /// None runs.
        None = "none",
    }

    /// How pauses grow.
    enum Backoff {
        /// They do not.
        Fixed = "fixed",
        /// By the first each time.
        Linear = "linear",
        /// By a factor.
        Exponential = "exponential",
        /// 1, 1, 2, 3, 5, 8, … times the first.
        Fibonacci = "fibonacci",
        /// As listed.
        List = "list",
    }
}
