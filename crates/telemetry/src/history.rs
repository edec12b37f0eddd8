//! What the metrics were: every series of a registry, sampled at a fixed resolution, and questions to that.
//!
//! For some hours every sample is kept, compressed to what changed: a counter that stands still costs nothing, one
//! that counts about two bytes a sample, a duration histogram in use ten to twenty. For some weeks *slots* of five
//! minutes are kept: what counters and histograms grew by, and of gauges the least, greatest, mean and last value.
//! They answer where samples no longer reach, and lie in files that are read again after a restart. There, what was
//! grown in a slot counts as spread evenly over it, and a counter's value itself is not known.
//!
//! The history has no thread and reads no clock: its owner calls [`History::sample`] with the time, and now and then
//! [`History::flush`]. The registry's own bound on series holds, and beside it those of [`Settings`].
//!
//! ```
//! use seaworthy_telemetry::history::{Aggregate, Function, History, Query, Selector, Settings};
//! use seaworthy_telemetry::metrics::Registry;
//! use std::time::{Duration, SystemTime};
//!
//! let metrics = Registry::new();
//! let orders = metrics.counter("shop.orders", "orders taken", &[]);
//! let history = History::new(&metrics, Settings::default());
//! let noon = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
//! history.sample(noon);
//! orders.add(12);
//! history.sample(noon + Duration::from_secs(10));
//! let query = Query {
//!     selector: Selector::new("shop_orders_total", Vec::new())?,
//!     function: Function::Increase,
//!     window: Duration::from_secs(60),
//!     by: None,
//!     aggregate: Aggregate::Sum,
//! };
//! assert_eq!(history.query(&query, noon + Duration::from_secs(10))?[0].value, 12.0);
//! # Ok::<(), seaworthy_telemetry::history::Error>(())
//! ```

mod answer;
mod codec;
mod curve;
mod error;
mod labels;
mod meters;
mod promql;
mod query;
mod read;
mod rollup;
mod selector;
mod settings;
mod shape;
mod state;
mod strings;
mod strip;
mod ticks;
mod track;

#[cfg(test)]
mod tests;

pub use error::Error;
pub use labels::Labels;
pub use query::{Aggregate, Function, Query, Sample, Series, Time};
pub use selector::{Match, Matcher, Selector};
pub use settings::{Settings, Slots};

use crate::metrics::Registry;
use meters::Meters;
use rollup::{Folder, Limit, Loader};
use state::{State, millis};
use std::io;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The history of a registry. Cloning is cheap and shares it.
#[derive(Clone)]
pub struct History(Arc<Inner>);

struct Inner {
    registry: Registry,
    settings: Settings,
    state: RwLock<State>,
    /// Where slots are written; held while the disk is at work, so never together with the state for long.
    folder: Option<Mutex<Folder>>,
    meters: Meters,
}

/// What was found on the disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Loaded {
    /// Files that were looked at.
    pub files: usize,
    /// Files that could be read in part or not at all; each is logged.
    pub damaged: usize,
    /// Slots that were read.
    pub slots: usize,
    /// Series they belong to.
    pub series: usize,
}

impl History {
    /// A history that has seen nothing yet.
    pub fn new(registry: &Registry, settings: Settings) -> Self {
        let slots = &settings.slots;
        let folder =
            slots.folder.as_ref().map(|path| Folder::new(path.clone(), slots.bytes, millis(slots.retention)));
        Self(Arc::new(Inner {
            registry: registry.clone(),
            state: RwLock::new(State::new(&settings)),
            folder: folder.map(Mutex::new),
            meters: Meters::new(registry),
            settings,
        }))
    }

    /// Reads the slots of earlier runs. To be called before the first sample; blocks for as long as the disk needs,
    /// for 64 MiB a second or so. Without a folder there is nothing to read.
    ///
    /// # Errors
    /// The folder can't be made or listed; the history works without it. A file that can't be read is skipped.
    pub fn load(&self, now: Time) -> io::Result<Loaded> {
        let Some(folder) = &self.0.folder else { return Ok(Loaded::default()) };
        let mut folder = folder.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = self.0.state.write().unwrap_or_else(PoisonError::into_inner);
        if state.ticks.latest().is_some() || state.slots.latest().is_some() {
            return Err(io::Error::other("what was sampled can't be put before what is read from the disk"));
        }
        let (now, retention, slot) = (since_epoch(now), millis(self.0.settings.slots.retention), state.slot);
        let slots =
            usize::try_from(retention / slot).unwrap_or(usize::MAX).saturating_mul(2).saturating_add(1_024);
        let limit = Limit { series: self.0.settings.series, slots };
        let mut loader = Loader::new(&mut state, limit, now.saturating_sub(retention), now);
        let mut loaded = Loaded::default();
        folder.load(&mut loader, |path, read| {
            loaded.files += 1;
            let damaged = match &read {
                Ok(read) => read.damaged.then(|| "it is cut short or damaged".to_owned()),
                Err(error) => Some(error.to_string()),
            };
            loaded.slots += read.map_or(0, |read| read.slots);
            if let Some(reason) = damaged {
                loaded.damaged += 1;
                self.0.meters.damaged.inc();
                tracing::warn!(file = %path.display(), reason, "a file of the metrics' history was not read to its end");
            }
        })?;
        loaded.series = loader.finish();
        state.measure();
        self.show(&state);
        self.0.meters.disk.set(folder.bytes() as f64);
        Ok(loaded)
    }

    /// Takes a sample of every series. Times rise; one that does not is ignored, counted, and answered with `false`.
    /// Costs some milliseconds for ten thousand series; questions wait meanwhile, recording does not.
    pub fn sample(&self, at: Time) -> bool {
        let sampled = self.0.registry.snapshot();
        let mut state = self.0.state.write().unwrap_or_else(PoisonError::into_inner);
        let Some(taken) = state.sample(since_epoch(at), &sampled) else {
            self.0.meters.ignored.inc();
            return false;
        };
        self.0.meters.forgotten.add(taken.forgotten);
        self.0.meters.series_dropped.set(taken.dropped as f64);
        self.show(&state);
        true
    }

    /// Writes complete slots to the disk, and deletes files beyond the bounds. Blocks; cheap where nothing waits.
    ///
    /// # Errors
    /// Something could not be written or deleted. What was to be written is lost on the disk and counted, and stays in
    /// memory.
    pub fn flush(&self) -> io::Result<()> {
        self.write(false)
    }

    /// As [`flush`](Self::flush), with the slot under way as far as it has come: before the process ends.
    ///
    /// # Errors
    /// As [`flush`](Self::flush).
    pub fn close(&self) -> io::Result<()> {
        self.write(true)
    }

    /// What the query's series are at a moment, sorted by labels; empty where there are none.
    ///
    /// # Errors
    /// The function does not suit the metric, or the query makes no sense: see [`Error`].
    pub fn query(&self, query: &Query, at: Time) -> Result<Vec<Sample>, Error> {
        let state = self.0.state.read().unwrap_or_else(PoisonError::into_inner);
        let results = answer::answer(&state, query, length(query.window)?, &[since_epoch(at)])?;
        let sample = |(labels, values): (Labels, Vec<Option<f64>>)| {
            Some(Sample { labels, value: values.into_iter().next().flatten()? })
        };
        Ok(results.into_iter().filter_map(sample).collect())
    }

    /// What the query's series are at `from` and every `step` after it up to `to`; series without any are left out.
    ///
    /// # Errors
    /// As [`query`](Self::query), and [`Error::TooLarge`] beyond 11,000 times or two million numbers.
    pub fn range(&self, query: &Query, from: Time, to: Time, step: Duration) -> Result<Vec<Series>, Error> {
        let times = answer::times(since_epoch(from), since_epoch(to), length(step)?)?;
        let state = self.0.state.read().unwrap_or_else(PoisonError::into_inner);
        let results = answer::answer(&state, query, length(query.window)?, &times)?;
        let series = |(labels, values): (Labels, Vec<Option<f64>>)| {
            let points: Vec<_> =
                times.iter().zip(values).filter_map(|(time, value)| Some((at(*time), value?))).collect();
            (!points.is_empty()).then_some(Series { labels, points })
        };
        Ok(results.into_iter().filter_map(series).collect())
    }

    /// From when on something is known; `None` before the first sample.
    pub fn since(&self) -> Option<Time> {
        let state = self.0.state.read().unwrap_or_else(PoisonError::into_inner);
        let tick = state.ticks.earliest();
        // sums that reach back further than samples
        let ended = state.slots.earliest().filter(|end| tick.is_none_or(|tick| *end < tick));
        let first = ended.map(|end| end.saturating_sub(state.slot)).or(tick)?;
        Some(UNIX_EPOCH + Duration::from_millis(u64::try_from(first).unwrap_or(0)))
    }

    /// Memory in use, in bytes.
    pub fn bytes(&self) -> usize {
        self.0.state.read().unwrap_or_else(PoisonError::into_inner).bytes.total()
    }

    /// How many series are kept.
    pub fn series(&self) -> usize {
        self.0.state.read().unwrap_or_else(PoisonError::into_inner).series
    }

    fn write(&self, all: bool) -> io::Result<()> {
        let Some(folder) = &self.0.folder else { return Ok(()) };
        let mut folder = folder.lock().unwrap_or_else(PoisonError::into_inner);
        let (pieces, now) = {
            let mut state = self.0.state.write().unwrap_or_else(PoisonError::into_inner);
            if all {
                state.cut_slot();
            }
            let pieces = state.writer.as_mut().map(rollup::Writer::take).unwrap_or_default();
            (pieces, state.ticks.latest())
        };
        let written = folder.write(&pieces);
        let trimmed = now.map_or(Ok(()), |now| folder.trim(now));
        self.0.meters.disk.set(folder.bytes() as f64);
        let mut state = self.0.state.write().unwrap_or_else(PoisonError::into_inner);
        let Some(writer) = state.writer.as_mut() else { return Ok(()) };
        let failed = written.map_err(|unwritten| {
            writer.failed(unwritten.slots);
            unwritten.error
        });
        self.0.meters.lost.add(writer.take_lost());
        failed.and(trimmed)
    }

    fn show(&self, state: &State) {
        let meters = &self.0.meters;
        meters.series.set(state.series as f64);
        meters.samples.set(state.bytes.samples as f64);
        meters.slots.set(state.bytes.slots as f64);
        meters.labels.set(state.bytes.series as f64);
        let reach = state
            .ticks
            .latest()
            .zip(state.ticks.earliest())
            .map_or(0, |(latest, earliest)| latest - earliest);
        meters.window.set(reach as f64 / 1e3);
    }
}

impl std::fmt::Debug for History {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("History")
            .field("series", &self.series())
            .field("bytes", &self.bytes())
            .finish_non_exhaustive()
    }
}

/// Milliseconds since 1970.
fn since_epoch(time: Time) -> i64 {
    let whole =
        |length: Duration| i64::try_from(length.as_millis()).unwrap_or(i64::MAX / 4).min(i64::MAX / 4);
    time.duration_since(UNIX_EPOCH).map_or_else(|before| -whole(before.duration()), whole)
}

fn at(millis: i64) -> Time {
    let length = Duration::from_millis(millis.unsigned_abs());
    let moment = if millis < 0 { UNIX_EPOCH.checked_sub(length) } else { UNIX_EPOCH.checked_add(length) };
    moment.unwrap_or(SystemTime::UNIX_EPOCH)
}

/// A window or step in milliseconds, at least one.
fn length(length: Duration) -> Result<i64, Error> {
    let millis = i64::try_from(length.as_millis()).ok().filter(|millis| (1..i64::MAX / 4).contains(millis));
    millis.ok_or(Error::Window(length))
}
