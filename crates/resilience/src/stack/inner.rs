use super::{EndpointParts, LiftIf};
use crate::breaker::{Breaker, BreakerLayer, BreakerService};
use crate::bulkhead::{BulkheadLayer, BulkheadService};
use crate::effects::PolicyStatus;
use crate::fault::{FaultLayer, FaultService, Faults};
use crate::rate_limit::{RateLimitLayer, RateLimitService};
use crate::timeout::{Timeout, TimeoutLayer, TimeoutService};
use std::sync::Arc;
use tower::Layer;

/// A service below breaker, rate limit, bulkhead, attempt timeout and faults.
pub type Inner<S, C, L, K> =
    BreakerService<RateLimitService<BulkheadService<TimeoutService<FaultService<S, K>, LiftIf<L>>>>, C>;

/// Breaker, rate limit, bulkhead, attempt timeout and faults, in this order.
#[derive(Debug, Clone)]
pub struct InnerLayer<C, L, K> {
    endpoint: EndpointParts,
    attempt: Option<Arc<Timeout>>,
    faults: Option<Arc<Faults>>,
    classify: C,
    lift: LiftIf<L>,
    scene: K,
}

impl<C, L, K> InnerLayer<C, L, K> {
    pub(super) const fn new(
        endpoint: EndpointParts,
        attempt: Option<Arc<Timeout>>,
        faults: Option<Arc<Faults>>,
        classify: C,
        lift: LiftIf<L>,
        scene: K,
    ) -> Self {
        Self { endpoint, attempt, faults, classify, lift, scene }
    }

    /// The breaker, where there is one: for a balancer that asks whether this endpoint is available.
    pub const fn breaker(&self) -> Option<&Arc<Breaker>> {
        self.endpoint.breaker.as_ref()
    }

    /// The policies whose state is this layer's own.
    pub fn policies(&self) -> Vec<Arc<dyn PolicyStatus>> {
        self.endpoint.policies().collect()
    }
}

impl<S, C: Clone, L: Clone, K: Clone> Layer<S> for InnerLayer<C, L, K> {
    type Service = Inner<S, C, L, K>;
    fn layer(&self, service: S) -> Self::Service {
        let EndpointParts { breaker, rate_limit, bulkhead } = self.endpoint.clone();
        let service = FaultLayer::with_scene(self.faults.clone(), self.scene.clone()).layer(service);
        let service = TimeoutLayer::with_lift(self.attempt.clone(), self.lift.clone()).layer(service);
        let service = BulkheadLayer::optional(bulkhead).layer(service);
        let service = RateLimitLayer::optional(rate_limit).layer(service);
        BreakerLayer::optional(breaker, self.classify.clone()).layer(service)
    }
}
