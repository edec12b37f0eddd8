//! What every topic needs.

pub(crate) mod client;
pub(crate) mod folder;
pub(crate) mod gateway;
pub(crate) mod load;
pub(crate) mod program;
pub(crate) mod upstream;

pub(crate) use client::{Answer, exchange, get};
pub(crate) use folder::Folder;
pub(crate) use gateway::Gateway;
pub(crate) use upstream::{Seen, Upstream, answer};

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::Duration;

use tokio::time::Instant;

/// Longest wait for anything that should come about. Reaching it is a failure, so it may be generous.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Looks again and again until `look` sees something.
pub(crate) async fn eventually<T, F: Future<Output = Option<T>>>(
    what: &str,
    mut look: impl FnMut() -> F,
) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(seen) = look().await {
            return seen;
        }
        assert!(Instant::now() < deadline, "never came about: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// An address nobody listens on. Its port lies below those that the kernel gives to outgoing connections, so that no
/// connection of a test running beside this one takes it meanwhile.
pub(crate) fn free_address() -> SocketAddr {
    loop {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, fastrand::u16(10_000..32_000)));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}

/// Waits at most as long as patience lasts.
pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("took too long: {what}"))
}
