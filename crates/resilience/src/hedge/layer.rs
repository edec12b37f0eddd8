use super::{Hedge, HedgeService};
use std::sync::Arc;
use tower::Layer;

/// Puts a [`Hedge`] around a service; `P` says what may be sent twice and which results are good.
#[derive(Debug, Clone)]
pub struct HedgeLayer<P> {
    shared: Option<Arc<Hedge>>,
    policy: P,
}

impl<P> HedgeLayer<P> {
    /// The rule for every call.
    pub const fn new(shared: Arc<Hedge>, policy: P) -> Self {
        Self::optional(Some(shared), policy)
    }

    /// The rule, where there is one.
    pub const fn optional(shared: Option<Arc<Hedge>>, policy: P) -> Self {
        Self { shared, policy }
    }
}

impl<S, P: Clone> Layer<S> for HedgeLayer<P> {
    type Service = HedgeService<S, P>;
    fn layer(&self, inner: S) -> Self::Service {
        HedgeService::new(inner, self.shared.clone(), self.policy.clone())
    }
}
