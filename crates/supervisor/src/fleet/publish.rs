//! Tells the gateway where replicas are: the latest only, in a task of its own, so that nobody waits for the gateway but
//! those who must.

use crate::traffic::{Endpoint, Traffic};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How long a service that ended waits until the gateway knows.
const LAST_WORD: Duration = Duration::from_secs(5);

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Wanted {
    version: u64,
    endpoints: Vec<Endpoint>,
    sandbox: Option<Endpoint>,
}

/// One service's endpoints.
pub(super) struct Publisher {
    service: Arc<str>,
    traffic: Arc<dyn Traffic>,
    wanted: watch::Sender<Wanted>,
    /// The latest version that the gateway knows.
    known: watch::Receiver<u64>,
}

impl Publisher {
    pub(super) fn start(service: Arc<str>, traffic: Arc<dyn Traffic>, tasks: &mut JoinSet<()>) -> Self {
        let (wanted, heard) = watch::channel(Wanted::default());
        let (tell, known) = watch::channel(0);
        tasks.spawn(publish(Arc::clone(&service), Arc::clone(&traffic), heard, tell));
        Self { service, traffic, wanted, known }
    }

    /// The latest version that the gateway knows.
    pub(super) fn known(&self) -> watch::Receiver<u64> {
        self.known.clone()
    }

    /// Whether the gateway knows what was published last.
    pub(super) fn is_known(&self) -> bool {
        *self.known.borrow() >= self.wanted.borrow().version
    }

    /// Makes these the endpoints.
    pub(super) fn publish(&self, endpoints: Vec<Endpoint>, sandbox: Option<Endpoint>) {
        self.wanted.send_if_modified(|wanted| {
            let news = wanted.endpoints != endpoints || wanted.sandbox != sandbox;
            if news {
                *wanted = Wanted { version: wanted.version + 1, endpoints, sandbox };
            }
            news
        });
    }

    /// Resolves once the gateway knows what was published last, and no request is in flight at `addr`.
    pub(super) fn drained(&self, addr: SocketAddr) -> impl Future<Output = ()> + Send + 'static {
        let version = self.wanted.borrow().version;
        let (service, traffic) = (Arc::clone(&self.service), Arc::clone(&self.traffic));
        let mut known = self.known.clone();
        async move {
            if known.wait_for(|known| *known >= version).await.is_ok() {
                traffic.drained(&service, addr).await;
            }
        }
    }

    /// Waits, not for ever, until the gateway knows what was published last.
    pub(super) async fn last_word(&self) {
        let version = self.wanted.borrow().version;
        let mut known = self.known.clone();
        let _ = tokio::time::timeout(LAST_WORD, known.wait_for(|known| *known >= version)).await;
    }
}

async fn publish(
    service: Arc<str>,
    traffic: Arc<dyn Traffic>,
    mut heard: watch::Receiver<Wanted>,
    tell: watch::Sender<u64>,
) {
    let mut shown = Wanted::default();
    while heard.changed().await.is_ok() {
        let wanted = heard.borrow_and_update().clone();
        if wanted.endpoints != shown.endpoints {
            traffic.set_endpoints(&service, wanted.endpoints.clone()).await;
        }
        if wanted.sandbox != shown.sandbox {
            traffic.set_sandbox(&service, wanted.sandbox.clone()).await;
        }
        tell.send_replace(wanted.version);
        shown = wanted;
    }
}
