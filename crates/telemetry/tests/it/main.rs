//! The public interface against real receivers.

// helpers of tests are outside of `#[test]` functions, and a failed one is a failed test
#![allow(clippy::unwrap_used)]

mod agent;
mod logs;
mod metrics;
mod receiver;
mod traces;
