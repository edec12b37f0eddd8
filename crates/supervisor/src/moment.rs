//! Civil time as it is shown: milliseconds since 1970, as a number that every client can read.

use serde::Serializer;
use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970; what lies before is shown as 0.
pub(crate) fn millis(time: SystemTime) -> u64 {
    u64::try_from(time.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}

/// For `#[serde(serialize_with)]` on a moment.
pub(crate) fn serialize<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(millis(*time))
}

/// For `#[serde(serialize_with)]` on a moment that may be absent.
pub(crate) fn optional<S: Serializer>(time: &Option<SystemTime>, serializer: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => serialize(time, serializer),
        None => serializer.serialize_none(),
    }
}
