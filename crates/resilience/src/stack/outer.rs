use super::Parts;
use crate::hedge::{HedgeLayer, HedgeService};
use crate::retry::{RetryLayer, RetryService};
use crate::shed::{ShedLayer, ShedService};
use crate::timeout::{TimeoutLayer, TimeoutService};
use tower::Layer;

/// A service below shed, total timeout, hedge and retry.
pub type Outer<S, C, R> = ShedService<TimeoutService<HedgeService<RetryService<S, R>, R>>, C>;

/// Shed, total timeout, hedge and retry, in this order.
#[derive(Debug, Clone)]
pub struct OuterLayer<C, R> {
    parts: Parts,
    classify: C,
    retry: R,
}

impl<C, R> OuterLayer<C, R> {
    pub(super) const fn new(parts: Parts, classify: C, retry: R) -> Self {
        Self { parts, classify, retry }
    }
}

impl<S, C: Clone, R: Clone> Layer<S> for OuterLayer<C, R> {
    type Service = Outer<S, C, R>;
    fn layer(&self, service: S) -> Self::Service {
        let Parts { shed, total, hedge, retry, .. } = self.parts.clone();
        let service = RetryLayer::optional(retry, self.retry.clone()).layer(service);
        let service = HedgeLayer::optional(hedge, self.retry.clone()).layer(service);
        let service = TimeoutLayer::optional(total).layer(service);
        ShedLayer::optional(shed, self.classify.clone()).layer(service)
    }
}
