//! An embedded certificate authority for what runs here: who calls is known by a certificate, not by an address.
//!
//! - [`Authority`]: issues short-lived leaves, revokes them, and rotates its own root with an overlap in which both
//!   the old and the new one are trusted.
//! - [`Live`]: the certificate, the trusted roots and the revocations of a running program; they are swapped in place,
//!   no listener and no connection is touched.
//!
//! It must never open a socket, read a clock or keep a key where others can read it.

mod authority;
mod error;
mod file;
mod leaf;
mod live;

pub use authority::{Authority, Trust};
pub use error::PkiError;
pub use leaf::{Leaf, Request};
pub use live::Live;
