//! The product from the outside: the built binary between real clients and real upstreams, over real sockets.
//!
//! One file per topic. What the tests share (a gateway process, upstreams that behave or do not, clients, a scratch
//! folder) is in `harness`. Nothing here waits for a fixed time: [`harness::eventually`] looks until it sees.

// helpers of tests are outside of `#[test]` functions: a failed one is a failed test, and says what the log said
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod harness;

mod alerts;
mod cache;
mod cli;
mod clients;
mod dashboard;
mod effects;
mod failures;
mod headers;
mod hostile;
mod identity;
mod jobs;
mod lifecycle;
mod routing;
mod services;
mod slow;
mod tls;
mod traces;
