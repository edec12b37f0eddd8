//! Closed-loop load: connections that send one request after the other, and count every one that failed.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::task::JoinSet;

use super::client::{Connection, Error};

/// What a connection does when it is told to close.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum After {
    /// Connect again: somebody must be there.
    Reconnect,
    /// Stop: the server is going away.
    Stop,
}

/// Load under way.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    good: Arc<AtomicUsize>,
    clients: JoinSet<Vec<String>>,
}

impl Load {
    /// Starts `clients` connections that ask for `path`.
    pub(crate) fn start(address: SocketAddr, path: &'static str, clients: usize, after: After) -> Self {
        let (stop, good) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let mut set = JoinSet::new();
        for _ in 0..clients {
            set.spawn(client(address, path, after, Arc::clone(&stop), Arc::clone(&good)));
        }
        Self { stop, good, clients: set }
    }

    /// Waits until this many more requests were answered well.
    pub(crate) async fn more(&self, requests: usize) {
        let goal = self.good.load(Ordering::Relaxed) + requests;
        super::eventually("the load goes on", || async {
            (self.good.load(Ordering::Relaxed) >= goal || self.clients.is_empty()).then_some(())
        })
        .await;
        assert!(self.good.load(Ordering::Relaxed) >= goal, "the load ended early");
    }

    /// Ends it. Returns how many requests were answered well, and what went wrong with the others.
    pub(crate) async fn finish(mut self) -> (usize, Vec<String>) {
        self.stop.store(true, Ordering::Relaxed);
        self.ended().await
    }

    /// Waits until every connection was told to go.
    pub(crate) async fn ended(&mut self) -> (usize, Vec<String>) {
        let mut failures = Vec::new();
        while let Some(client) = super::within("the load ends", self.clients.join_next()).await {
            failures.extend(client.unwrap());
        }
        (self.good.load(Ordering::Relaxed), failures)
    }
}

async fn client(
    address: SocketAddr,
    path: &'static str,
    after: After,
    stop: Arc<AtomicBool>,
    good: Arc<AtomicUsize>,
) -> Vec<String> {
    let mut failures = Vec::new();
    let mut open: Option<Connection> = None;
    while !stop.load(Ordering::Relaxed) && failures.len() < 20 {
        let mut connection = match open.take() {
            Some(connection) => connection,
            None => match Connection::open(address).await {
                Ok(connection) => connection,
                Err(error) => {
                    failures.push(format!("connect: {error:?}"));
                    continue;
                }
            },
        };
        match connection.get(path).await {
            Ok(answer) if answer.status == 200 => {
                good.fetch_add(1, Ordering::Relaxed);
                let close = answer.header("connection") == "close";
                if close && after == After::Stop {
                    break;
                }
                open = (!close).then_some(connection);
            }
            Ok(answer) => failures.push(format!("{}: {}", answer.status, answer.text())),
            // an idle connection may be closed by its server; this one was never idle
            Err(Error::Http(error)) => failures.push(format!("http: {error:?}")),
            Err(Error::Connect(error)) => failures.push(format!("io: {error:?}")),
        }
    }
    failures
}
