//! All policies in the one right order, decided here and nowhere else.
//!
//! From the outside in, with why each stands where it does:
//!
//! 1. *fallback* (a layer of its own, put around the stack): answers whatever goes wrong anywhere below.
//! 2. *shed*: load that cannot be served is refused before it costs anything.
//! 3. *total timeout*: over all attempts and all waiting, or a caller could wait for their sum.
//! 4. *hedge*: a late call, retries included, gets a second chance in parallel.
//! 5. *retry*: outside the breaker, so that every attempt asks it and none is made against an open one.
//! 6. *breaker*: sees every single attempt, and refusals of the three below are no verdict on the service.
//! 7. *rate limit*: the service's quota counts attempts.
//! 8. *bulkhead*: places count attempts that are really under way; waiting between retries holds none.
//! 9. *attempt timeout*: starts once a place is had; queueing is not the service's slowness.
//! 10. *fault*: in place of the service, so that every policy above is tried for real.
//!
//! A balancer goes between 5 and 6: [`Stack::outer`] above it, [`Stack::fresh_inner`] around each endpoint.

mod inner;
mod outer;
mod rules;
mod settings;
#[cfg(test)]
mod tests;

pub use inner::{Inner, InnerLayer};
pub use outer::{Outer, OuterLayer};
pub use rules::{HttpRules, LiftIf, PlainRules, Rules};
pub use settings::Settings;

use crate::breaker::Breaker;
use crate::budget::Budget;
use crate::bulkhead::Bulkhead;
use crate::effects::PolicyStatus;
use crate::fault::Faults;
use crate::hedge::Hedge;
use crate::rate_limit::RateLimit;
use crate::rejection::Scope;
use crate::retry::Retry;
use crate::shed::Shed;
use crate::timeout::Timeout;
use std::sync::Arc;
use tower::Layer;

/// The policies of one upstream, with their shared state. Clones share it.
#[derive(Debug, Clone)]
pub struct Stack<C, R, L, K> {
    settings: Settings,
    rules: Rules<C, R, L, K>,
    parts: Parts,
    endpoint: EndpointParts,
}

/// The policies that are one per upstream.
#[derive(Debug, Clone, Default)]
struct Parts {
    shed: Option<Arc<Shed>>,
    total: Option<Arc<Timeout>>,
    hedge: Option<Arc<Hedge>>,
    retry: Option<Arc<Retry>>,
    budget: Option<Arc<Budget>>,
    attempt: Option<Arc<Timeout>>,
    faults: Option<Arc<Faults>>,
}

/// The policies whose state may be one per endpoint.
#[derive(Debug, Clone, Default)]
struct EndpointParts {
    breaker: Option<Arc<Breaker>>,
    rate_limit: Option<Arc<RateLimit>>,
    bulkhead: Option<Arc<Bulkhead>>,
}

impl<C: Clone, R: Clone, L: Clone, K: Clone> Stack<C, R, L, K> {
    /// The policies for these settings. Validate them first: contradictory ones do not panic here, but may have no
    /// effect.
    pub fn new(settings: Settings, rules: Rules<C, R, L, K>) -> Self {
        let parts = Parts::new(&settings);
        let endpoint = EndpointParts::new(&settings);
        Self { settings, rules, parts, endpoint }
    }

    /// What it was made from.
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Everything, around one service.
    pub fn layer(&self) -> StackLayer<C, R, L, K> {
        StackLayer { outer: self.outer(), inner: self.inner() }
    }

    /// Shed to retry: what goes above a balancer.
    pub fn outer(&self) -> OuterLayer<C, R> {
        OuterLayer::new(self.parts.clone(), self.rules.classify.clone(), self.rules.retry.clone())
    }

    /// Breaker to fault, sharing this stack's state.
    pub fn inner(&self) -> InnerLayer<C, L, K> {
        self.inner_of(self.endpoint.clone())
    }

    /// Breaker to fault with a breaker, rate limit and bulkhead of its own: for one endpoint below a balancer. The
    /// attempt timeout and the faults are shared.
    pub fn fresh_inner(&self) -> InnerLayer<C, L, K> {
        self.inner_of(EndpointParts::new(&self.settings))
    }

    fn inner_of(&self, endpoint: EndpointParts) -> InnerLayer<C, L, K> {
        // without a total limit the last attempt keeps its own: something must bound it
        let lift = LiftIf::new(self.parts.total.is_some(), self.rules.lift.clone());
        InnerLayer::new(
            endpoint,
            self.parts.attempt.clone(),
            self.parts.faults.clone(),
            self.rules.classify.clone(),
            lift,
            self.rules.scene.clone(),
        )
    }

    /// The breaker of [`inner`](Self::inner), where there is one.
    pub const fn breaker(&self) -> Option<&Arc<Breaker>> {
        self.endpoint.breaker.as_ref()
    }

    /// The faults, where they may be injected.
    pub const fn faults(&self) -> Option<&Arc<Faults>> {
        self.parts.faults.as_ref()
    }

    /// The budget that retries and hedges draw on.
    pub const fn budget(&self) -> Option<&Arc<Budget>> {
        self.parts.budget.as_ref()
    }

    /// Every policy that is switched on, from the outside in; those of [`inner`](Self::inner) among them, those of
    /// [`fresh_inner`](Self::fresh_inner) not.
    pub fn policies(&self) -> Vec<Arc<dyn PolicyStatus>> {
        let mut all = self.shared_policies();
        all.extend(self.endpoint.policies());
        all
    }

    /// Every policy above a balancer and those that all endpoints share: with [`InnerLayer::policies`] of each
    /// endpoint, the whole picture.
    pub fn shared_policies(&self) -> Vec<Arc<dyn PolicyStatus>> {
        let Parts { shed, total, hedge, retry, budget, attempt, faults } = &self.parts;
        [
            status(shed),
            status(total),
            status(hedge),
            status(retry),
            status(budget),
            status(attempt),
            status(faults),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

impl Parts {
    fn new(settings: &Settings) -> Self {
        let uses_budget = settings.retry.is_some() || settings.hedge.is_some();
        let budget = settings.budget.filter(|_| uses_budget).map(|budget| Arc::new(Budget::new(budget)));
        let retry = settings.retry.clone().map(|retry| {
            let retry = Retry::new(retry, budget.clone()).within(settings.total_timeout);
            Arc::new(if settings.hedge.is_some() { retry.counted_above() } else { retry })
        });
        let timeout = |scope| move |after| Arc::new(Timeout::new(scope, after));
        Self {
            shed: settings.shed.clone().map(|shed| Arc::new(Shed::new(shed))),
            total: settings.total_timeout.map(timeout(Scope::Total)),
            hedge: settings.hedge.map(|hedge| Arc::new(Hedge::new(hedge, budget.clone()))),
            retry,
            budget,
            attempt: settings.attempt_timeout.map(timeout(Scope::Attempt)),
            faults: settings.fault.map(|fault| Arc::new(Faults::new(fault))),
        }
    }
}

impl EndpointParts {
    fn new(settings: &Settings) -> Self {
        Self {
            breaker: settings.breaker.clone().map(|breaker| Arc::new(Breaker::new(breaker))),
            rate_limit: settings.rate_limit.map(|limit| Arc::new(RateLimit::new(limit))),
            bulkhead: settings.bulkhead.map(|bulkhead| Arc::new(Bulkhead::new(bulkhead))),
        }
    }

    fn policies(&self) -> impl Iterator<Item = Arc<dyn PolicyStatus>> + use<> {
        [status(&self.breaker), status(&self.rate_limit), status(&self.bulkhead)].into_iter().flatten()
    }
}

fn status<P: PolicyStatus + 'static>(policy: &Option<Arc<P>>) -> Option<Arc<dyn PolicyStatus>> {
    policy.clone().map(|policy| policy as Arc<dyn PolicyStatus>)
}

/// Everything around one service.
#[derive(Debug, Clone)]
pub struct StackLayer<C, R, L, K> {
    outer: OuterLayer<C, R>,
    inner: InnerLayer<C, L, K>,
}

impl<S, C: Clone, R: Clone, L: Clone, K: Clone> Layer<S> for StackLayer<C, R, L, K> {
    type Service = Outer<Inner<S, C, L, K>, C, R>;
    fn layer(&self, service: S) -> Self::Service {
        self.outer.layer(self.inner.layer(service))
    }
}
