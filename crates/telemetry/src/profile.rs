//! Where this process spends its processor time, while it runs.
//!
//! A timer interrupts whatever runs so many times per second of processor time and notes its stack. What comes of it
//! is read by `go tool pprof` and its relatives, or by people as a flame graph. One profile at a time; nothing is
//! installed before the first one.
//!
//! Stacks are walked inside of a signal handler. Code of the C library and its kin is never walked from, because it may
//! hold the locks that walking takes; the time spent there is not seen. Afterwards the process ignores `SIGPROF`.

mod flame;
mod proto;

#[cfg(test)]
mod tests;

use pprof::{ProfilerGuardBuilder, Report};
use seaworthy_core::ErrorCode;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

/// How long a profile may be taken, in seconds.
pub const SECONDS: RangeInclusive<u64> = 1..=60;
/// How many times per second of processor time.
pub const HERTZ: RangeInclusive<u32> = 1..=1_000;

/// Code that may hold a lock which walking a stack takes.
const NEVER_FROM: [&str; 5] = ["libc", "libgcc", "pthread", "vdso", "ld-linux"];

static RUNNING: AtomicBool = AtomicBool::new(false);

/// Why there is no profile.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Somebody else takes one.
    #[error("another profile is being taken")]
    Running,
    /// It would be too short or too long.
    #[error("a profile takes {shortest} to {longest} seconds, not {0:?}", shortest = SECONDS.start(), longest = SECONDS.end())]
    Duration(Duration),
    /// It would see nothing, or be in the way.
    #[error("a profile looks {least} to {most} times per second, not {0}", least = HERTZ.start(), most = HERTZ.end())]
    Hertz(u32),
    /// The timer or its signal can't be had.
    #[error("the profile could not be taken: {0}")]
    Failed(#[from] pprof::Error),
}

impl Error {
    /// Its code.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Running => ErrorCode::Conflict,
            Self::Duration(_) | Self::Hertz(_) => ErrorCode::Invalid,
            Self::Failed(_) => ErrorCode::Internal,
        }
    }
}

/// How often each stack was seen.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// When it began.
    pub started: SystemTime,
    /// How long it took.
    pub duration: Duration,
    /// How many times per second of processor time it looked.
    pub hertz: u32,
    /// Stacks from the outermost function to the innermost, after the name of their thread.
    pub stacks: BTreeMap<Vec<String>, u64>,
}

/// Takes a profile of all threads. Blocks for `duration`: never call it on a thread that serves.
///
/// # Errors
/// [`Error::Running`], [`Error::Duration`], [`Error::Hertz`] without taking any; [`Error::Failed`].
pub fn cpu(duration: Duration, hertz: u32) -> Result<Profile, Error> {
    let (shortest, longest) = (Duration::from_secs(*SECONDS.start()), Duration::from_secs(*SECONDS.end()));
    if !(shortest..=longest).contains(&duration) {
        return Err(Error::Duration(duration));
    }
    during(hertz, || std::thread::sleep(duration))
}

/// Takes a profile while `wait` runs.
fn during(hertz: u32, wait: impl FnOnce()) -> Result<Profile, Error> {
    if !HERTZ.contains(&hertz) {
        return Err(Error::Hertz(hertz));
    }
    if RUNNING.swap(true, Ordering::AcqRel) {
        return Err(Error::Running);
    }
    let _running = Running;
    let started = SystemTime::now();
    let guard =
        ProfilerGuardBuilder::default().frequency(hertz.cast_signed()).blocklist(&NEVER_FROM).build()?;
    wait();
    let report = guard.report().build()?;
    drop(guard);
    Ok(Profile { started, duration: report.timing.duration, hertz, stacks: stacks(&report) })
}

struct Running;

impl Drop for Running {
    fn drop(&mut self) {
        RUNNING.store(false, Ordering::Release);
    }
}

fn stacks(report: &Report) -> BTreeMap<Vec<String>, u64> {
    let mut stacks = BTreeMap::new();
    for (frames, count) in &report.data {
        let functions =
            frames.frames.iter().rev().flat_map(|frame| frame.iter().rev().map(pprof::Symbol::name));
        let stack = std::iter::once(frames.thread_name_or_id()).chain(functions).collect();
        *stacks.entry(stack).or_default() += u64::try_from(*count).unwrap_or_default();
    }
    stacks
}

impl Profile {
    /// How many stacks were seen in all.
    pub fn samples(&self) -> u64 {
        self.stacks.values().sum()
    }

    /// As `profile.proto`, compressed with gzip: what pprof reads.
    ///
    /// # Errors
    /// None that could be met: compressing into memory.
    pub fn pprof(&self) -> io::Result<Vec<u8>> {
        let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        out.write_all(&proto::encode(self))?;
        out.finish()
    }

    /// As a flame graph: a picture without a script, with names as tooltips.
    pub fn flamegraph(&self) -> String {
        flame::draw(self)
    }

    /// As lines of functions joined with `;`, each with its count: what flame graph tools read.
    pub fn folded(&self) -> String {
        let line = |(stack, count): (&Vec<String>, &u64)| {
            let functions: Vec<_> = stack.iter().map(|function| function.replace([';', '\n'], ":")).collect();
            format!("{} {count}\n", functions.join(";"))
        };
        self.stacks.iter().map(line).collect()
    }
}
