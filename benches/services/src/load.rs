//! Clients that ask one request after the other, and count what was not answered well.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::http::Connection;

/// Between two requests of a client.
const PAUSE: Duration = Duration::from_millis(5);

/// Load under way.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    good: Arc<AtomicU64>,
    clients: Vec<JoinHandle<BTreeMap<String, u64>>>,
}

/// What came of it.
pub(crate) struct Told {
    pub(crate) good: u64,
    /// How often what went wrong.
    pub(crate) bad: BTreeMap<String, u64>,
}

impl Load {
    /// So many clients, all with this method.
    pub(crate) fn start(address: SocketAddr, clients: usize, method: &'static str) -> Self {
        let (stop, good) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let client = |_| {
            let (stop, good) = (Arc::clone(&stop), Arc::clone(&good));
            std::thread::spawn(move || client(address, method, &stop, &good))
        };
        Self { clients: (0..clients).map(client).collect(), stop, good }
    }

    pub(crate) fn finish(self) -> Told {
        self.stop.store(true, Ordering::Relaxed);
        let mut bad = BTreeMap::new();
        for client in self.clients {
            for (what, count) in client.join().unwrap_or_default() {
                *bad.entry(what).or_insert(0) += count;
            }
        }
        Told { good: self.good.load(Ordering::Relaxed), bad }
    }
}

impl Told {
    pub(crate) fn lost(&self) -> u64 {
        self.bad.values().sum()
    }
}

fn client(address: SocketAddr, method: &str, stop: &AtomicBool, good: &AtomicU64) -> BTreeMap<String, u64> {
    let mut bad = BTreeMap::new();
    let mut open = None;
    while !stop.load(Ordering::Relaxed) {
        let asked = match open.take() {
            Some(connection) => Ok(connection),
            None => Connection::open(address),
        };
        let asked = asked.and_then(|mut connection| Ok((connection.ask(method, "/", "")?, connection)));
        match asked {
            Ok((answer, connection)) => {
                if answer.status == 200 {
                    good.fetch_add(1, Ordering::Relaxed);
                } else {
                    *bad.entry(format!("{} {}", answer.status, reason(&answer.body))).or_insert(0) += 1;
                }
                open = (!answer.close).then_some(connection);
            }
            Err(error) => *bad.entry(error.to_string()).or_insert(0) += 1,
        }
        std::thread::sleep(PAUSE);
    }
    bad
}

fn reason(body: &str) -> String {
    let body: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
    body["reason"].as_str().unwrap_or_default().to_owned()
}
