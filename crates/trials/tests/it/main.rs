//! The load generator against real servers.

// helpers of tests are outside of `#[test]` functions, and a failed one is a failed test
#![allow(clippy::unwrap_used)]

mod load;
mod server;
