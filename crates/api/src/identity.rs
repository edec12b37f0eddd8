//! People, keys, tokens, grants and the audit log, over the control API.

pub(crate) mod account;
pub(crate) mod audit;
mod door;
pub(crate) mod grants;
pub(crate) mod keys;
pub(crate) mod log_in;
pub(crate) mod revocations;
pub(crate) mod users;
mod view;

pub(crate) use door::problem;
pub use door::{IdentityDoor, IdentityState};
