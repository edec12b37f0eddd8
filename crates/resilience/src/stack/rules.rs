use crate::fault::Anything;
use crate::http::{HttpClassify, HttpRetry, HttpScene, LiftLast};
use crate::retry::Attempts;
use crate::timeout::{HoldUp, Lift, Never};
use std::sync::Arc;

/// What the policies must know of the protocol.
#[derive(Debug, Clone, Copy, Default)]
pub struct Rules<C, R, L, K> {
    /// Which results are failures.
    pub classify: C,
    /// What may be sent again, and how.
    pub retry: R,
    /// Which attempts have no time limit of their own.
    pub lift: L,
    /// What faults can be limited to, and how a response is slowed down.
    pub scene: K,
}

/// HTTP.
pub type HttpRules = Rules<HttpClassify, HttpRetry, LiftLast, HttpScene>;

/// Calls of any kind whose requests can be cloned and may be made twice.
pub type PlainRules<C> = Rules<C, Attempts, Never, Anything>;

impl HttpRules {
    /// HTTP, with bodies up to 64 KiB kept for another attempt.
    pub fn http() -> Self {
        Self::default()
    }
}

impl<C> PlainRules<C> {
    /// Calls of any kind whose requests can be cloned and may be made twice; `classify` judges results.
    pub const fn plain(classify: C) -> Self {
        Self { classify, retry: Attempts, lift: Never, scene: Anything }
    }
}

/// Lifts what `L` lifts, but only where something else still bounds the call.
#[derive(Debug, Clone, Copy)]
pub struct LiftIf<L> {
    bounded: bool,
    lift: L,
}

impl<L> LiftIf<L> {
    pub(super) const fn new(bounded: bool, lift: L) -> Self {
        Self { bounded, lift }
    }
}

impl<Req, L: Lift<Req>> Lift<Req> for LiftIf<L> {
    fn lifted(&self, request: &Req) -> bool {
        self.bounded && self.lift.lifted(request)
    }

    fn hold_up(&self, request: &Req) -> Option<Arc<dyn HoldUp>> {
        self.lift.hold_up(request)
    }
}
