//! The public interface, with real keys and a real provider behind a socket.

#![allow(clippy::unwrap_used)]

mod catalogue;
mod client;
mod hostile;
mod introspection;
mod keys;
mod keysets;
mod login;
mod provider;

use std::time::{Duration, SystemTime};

/// A quiet moment in 2027: nothing here reads a clock.
pub(crate) const NOW: u64 = 1_800_000_000;

pub(crate) fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}
