//! Who did what: entries in a chain of hashes, with signed checkpoints, in a table that takes no change.
//!
//! Whoever edits, removes, adds or moves an entry breaks the chain there, and [`Verifier`] names the place; whoever
//! writes the chain anew lacks the key of the checkpoints, which comes of the key file. What cannot be seen is a tail that was cut off together with
//! its checkpoints: give the verifier a checkpoint that was kept elsewhere.

mod append;
mod chain;
mod entry;
mod export;
mod line;
mod log;
mod prune;
mod read;
mod redact;
mod ship;
mod sign;
pub mod syslog;
mod verify;
mod writer;

#[cfg(test)]
mod tests;

pub(crate) use append::append;
pub use chain::{Hash, ZERO};
pub use entry::{Entry, Outcome, Recorded};
pub use log::{AuditSettings, Log};
pub use read::Filter;
pub use redact::redact;
pub use ship::Exporter;
pub use sign::{Checkpoint, Kind, PublicKeys, Signer};
pub use verify::{Fault, FaultKind, Report, Verifier, verify};
