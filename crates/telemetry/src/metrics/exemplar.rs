//! One request for each bucket of a histogram, by its trace.

use std::fmt::Write as _;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// An observation whose trace can be looked at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Exemplar {
    /// The trace it was made in.
    pub trace_id: [u8; 16],
    /// What was observed, in seconds.
    pub seconds: f64,
    /// When.
    pub time: SystemTime,
}

/// The last of each bucket. Takes no memory before the first one.
#[derive(Debug, Default)]
pub(super) struct Exemplars(OnceLock<Box<[Mutex<Option<Exemplar>>]>>);

impl Exemplars {
    /// Keeps it, unless somebody else is at this bucket: any will do.
    pub(super) fn keep(&self, bucket: usize, buckets: usize, exemplar: Exemplar) {
        let places = self.0.get_or_init(|| (0..buckets).map(|_| Mutex::default()).collect());
        if let Some(Ok(mut place)) = places.get(bucket).map(Mutex::try_lock) {
            *place = Some(exemplar);
        }
    }

    /// One for each bucket; nothing where there was never any.
    pub(super) fn all(&self) -> Vec<Option<Exemplar>> {
        let places = self.0.get().map_or(&[][..], |places| places);
        places.iter().map(|place| *place.lock().unwrap_or_else(PoisonError::into_inner)).collect()
    }
}

/// Adds exemplars, in the order of the buckets that are shown, to a page of OpenMetrics. The encoder takes only those
/// that it has counted itself.
pub(super) fn add(page: &str, mut exemplars: impl Iterator<Item = Option<Exemplar>>) -> String {
    let mut out = String::with_capacity(page.len() + 4_096);
    let mut bucket: Option<String> = None;
    for line in page.lines() {
        if let Some(kind) = line.strip_prefix("# TYPE ") {
            bucket = kind.strip_suffix(" histogram").map(|name| format!("{name}_bucket{{"));
        }
        out.push_str(line);
        if bucket.as_ref().is_some_and(|bucket| line.starts_with(bucket))
            && let Some(exemplar) = exemplars.next().flatten()
        {
            write(&mut out, &exemplar);
        }
        out.push('\n');
    }
    out
}

fn write(out: &mut String, exemplar: &Exemplar) {
    out.push_str(" # {trace_id=\"");
    for byte in exemplar.trace_id {
        let _infallible = write!(out, "{byte:02x}");
    }
    let since = exemplar.time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let _infallible =
        write!(out, "\"}} {:?} {}.{:03}", exemplar.seconds, since.as_secs(), since.subsec_millis());
}
