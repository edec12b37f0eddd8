use super::{Anything, FaultService, Faults};
use std::sync::Arc;
use tower::Layer;

/// Puts [`Faults`] in front of a service; `K` knows its protocol.
#[derive(Debug, Clone)]
pub struct FaultLayer<K = Anything> {
    faults: Option<Arc<Faults>>,
    scene: K,
}

impl FaultLayer {
    /// Faults for calls of any kind.
    pub const fn new(faults: Arc<Faults>) -> Self {
        Self::with_scene(Some(faults), Anything)
    }
}

impl<K> FaultLayer<K> {
    /// Faults, where they may be injected, for the calls of a protocol.
    pub const fn with_scene(faults: Option<Arc<Faults>>, scene: K) -> Self {
        Self { faults, scene }
    }
}

impl<S, K: Clone> Layer<S> for FaultLayer<K> {
    type Service = FaultService<S, K>;
    fn layer(&self, inner: S) -> Self::Service {
        FaultService::new(inner, self.faults.clone(), self.scene.clone())
    }
}
