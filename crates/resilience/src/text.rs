//! How settings are written down: durations as people read them.

use seaworthy_core::duration;
use serde::Serializer;
use std::time::Duration;

/// For `#[serde(serialize_with)]` on a duration.
pub(crate) fn duration<S: Serializer>(value: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&duration::format(*value))
}

/// For `#[serde(serialize_with)]` on a duration that may be absent.
pub(crate) fn optional_duration<S: Serializer>(
    value: &Option<Duration>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => duration(value, serializer),
        None => serializer.serialize_none(),
    }
}
