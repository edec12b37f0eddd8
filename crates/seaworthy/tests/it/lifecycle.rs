//! From start to end: starting, stopping under load, being killed, handing over, and changing the configuration.

mod reload;
mod start;
mod stop;
mod takeover;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::harness::{Upstream, answer};

/// An upstream that answers at once, but for `/slow`, which it answers when it is told to.
pub(super) struct Slow {
    pub(super) upstream: Upstream,
    gate: Arc<Semaphore>,
}

impl Slow {
    pub(super) async fn start(name: &'static str) -> Self {
        let gate = Arc::new(Semaphore::new(0));
        let held = Arc::clone(&gate);
        let upstream = Upstream::start(move |seen| {
            let held = Arc::clone(&held);
            async move {
                if seen.target == "/slow" {
                    held.acquire().await.unwrap().forget();
                }
                answer(200, &[], name)
            }
        })
        .await;
        Self { upstream, gate }
    }

    /// Waits until this many slow requests have arrived.
    pub(super) async fn arrived(&self, requests: usize) {
        crate::harness::eventually("the slow requests are under way", || async {
            let slow = self.upstream.seen().iter().filter(|seen| seen.target == "/slow").count();
            (slow >= requests).then_some(())
        })
        .await;
    }

    /// Lets slow requests be answered.
    pub(super) fn release(&self, requests: usize) {
        self.gate.add_permits(requests);
    }
}

/// Longer than an idle connection keeps its buffers: it is reduced to its socket by then.
pub(super) const PARKED: Duration = Duration::from_millis(1_200);
