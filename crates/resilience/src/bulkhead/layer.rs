use super::{Bulkhead, BulkheadService};
use std::sync::Arc;
use tower::Layer;

/// Puts a [`Bulkhead`] around a service.
#[derive(Debug, Clone)]
pub struct BulkheadLayer {
    policy: Option<Arc<Bulkhead>>,
}

impl BulkheadLayer {
    /// The bulkhead for every call.
    pub const fn new(policy: Arc<Bulkhead>) -> Self {
        Self::optional(Some(policy))
    }

    /// The bulkhead, where there is one.
    pub const fn optional(policy: Option<Arc<Bulkhead>>) -> Self {
        Self { policy }
    }
}

impl<S> Layer<S> for BulkheadLayer {
    type Service = BulkheadService<S>;
    fn layer(&self, inner: S) -> Self::Service {
        BulkheadService::new(inner, self.policy.clone())
    }
}
