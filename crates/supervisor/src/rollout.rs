//! Which replicas are started and which are ended: scaling, and replacing what runs something else than is wanted.
//!
//! A pure decision over what there is ([`plan`]), with the bounds of a Kubernetes Deployment: a rollout never makes more
//! than `replicas + max_surge`, those that are ending included, and never ends one that is ready where fewer than
//! `replicas − max_unavailable` would be left.

mod plan;
mod progress;

#[cfg(test)]
mod tests;

pub use plan::{Bounds, Member, Standing, Step, View, plan};
pub(crate) use progress::{Counts, Progress};
pub use progress::{Status, Verdict};
