//! Three replicas of the fragile service, started again when they crash, as an init system would.

use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{Error, free_address, http, ourselves};

const REPLICAS: usize = 3;
/// systemd's own `RestartSec=`.
const RESTART_AFTER: Duration = Duration::from_millis(100);
const READY_WITHIN: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(20);

/// When crashed replicas were started again, from the start of the first.
type Restarts = Arc<Mutex<Vec<Duration>>>;

pub(super) struct Replicas {
    addresses: Vec<SocketAddr>,
    started: Instant,
    restarts: Restarts,
    /// Each ends only when its replica can't be kept running.
    supervisors: JoinSet<Error>,
}

/// Addresses for all replicas.
pub(super) fn addresses() -> Result<Vec<SocketAddr>, Error> {
    (0..REPLICAS).map(|_| free_address()).collect()
}

impl Replicas {
    pub(super) fn start(seed: u64) -> Result<Self, Error> {
        Self::start_on(seed, addresses()?)
    }

    pub(super) fn start_on(seed: u64, addresses: Vec<SocketAddr>) -> Result<Self, Error> {
        let (started, restarts) = (Instant::now(), Restarts::default());
        let mut supervisors = JoinSet::new();
        for (replica, address) in addresses.iter().enumerate() {
            let replica = Replica { seed, number: replica, address: *address, started };
            supervisors.spawn(replica.supervise(Arc::clone(&restarts)));
        }
        Ok(Self { addresses, started, restarts, supervisors })
    }

    /// Waits until all answer, and in any case until `after` has passed since their start.
    pub(super) async fn ready(&mut self, after: Duration) -> Result<(), Error> {
        let addresses = self.addresses.clone();
        let answering = async {
            for address in addresses {
                // a replica may be in trouble already: any answer shows that it runs
                while http::get(address, "/health").await.is_err() {
                    tokio::time::sleep(POLL).await;
                }
            }
        };
        tokio::select! {
            error = Self::gave_up(&mut self.supervisors) => return Err(error),
            ready = tokio::time::timeout(READY_WITHIN, answering) => ready.map_err(|_| Error::NotReady {
                what: "the fragile service".to_owned(),
                seconds: READY_WITHIN.as_secs(),
            })?,
        }
        tokio::time::sleep_until(self.started + after).await;
        Ok(())
    }

    pub(super) fn bases(&self) -> Vec<String> {
        self.addresses.iter().map(|address| format!("http://{address}")).collect()
    }

    /// How often a crashed replica was started again in so much time from the start.
    pub(super) fn restarts(&self, within: Duration) -> u64 {
        let restarts = self.restarts.lock().unwrap_or_else(PoisonError::into_inner);
        restarts.iter().filter(|at| **at < within).count() as u64
    }

    /// Ends only when a replica can't be kept running.
    pub(super) async fn failed(&mut self) -> Error {
        Self::gave_up(&mut self.supervisors).await
    }

    async fn gave_up(supervisors: &mut JoinSet<Error>) -> Error {
        match supervisors.join_next().await {
            Some(Ok(error)) => error,
            _ => Error::NotReady { what: "the fragile service".to_owned(), seconds: 0 },
        }
    }
}

#[derive(Clone, Copy)]
struct Replica {
    seed: u64,
    number: usize,
    address: SocketAddr,
    started: Instant,
}

impl Replica {
    async fn supervise(self, restarts: Restarts) -> Error {
        loop {
            let status = match self.run().await {
                Ok(status) => status,
                Err(error) => return error,
            };
            if status.code() != Some(i32::from(seaworthy_fragile::CRASHED)) {
                let (what, output) = (format!("replica {}", self.number), String::new());
                return Error::Ended { what, status, output };
            }
            restarts.lock().unwrap_or_else(PoisonError::into_inner).push(self.started.elapsed());
            tokio::time::sleep(RESTART_AFTER).await;
        }
    }

    async fn run(self) -> Result<std::process::ExitStatus, Error> {
        let elapsed = seaworthy_core::duration::format(self.started.elapsed());
        let mut child = ourselves()?
            .args(["fragile", "--listen", &self.address.to_string(), "--elapsed", &elapsed])
            .args(["--seed", &self.seed.to_string(), "--replica", &self.number.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(Error::io("the fragile service could not be started"))?;
        child.wait().await.map_err(Error::io("the fragile service could not be awaited"))
    }
}
