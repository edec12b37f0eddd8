//! Load and experiments on running services.
//!
//! It must never report better than what was seen: every request that was planned is counted, and a wait is measured
//! from the moment the request was due, not from when the generator came round to sending it.

pub mod load;
