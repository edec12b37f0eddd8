//! Asks a replica how it is. Each kind follows what the kubelet does, so that a probe that works there works here.

mod command;
mod grpc;
mod http;

#[cfg(test)]
mod tests;

use crate::settings::{Probe, ProbeKind, Service};
use seaworthy_process::Folder;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpStream;

/// Who is asked.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) addr: SocketAddr,
    /// Where programs that are run beside it live.
    pub(crate) folder: Folder,
    /// What it runs.
    pub(crate) service: Arc<Service>,
}

/// Asks, within the probe's time limit. What is wrong comes back in words, bounded.
pub(crate) async fn ask(probe: &Probe, target: &Target) -> Result<(), String> {
    match &probe.kind {
        ProbeKind::Command(argv) => within(probe, command::run(argv, target)).await,
        kind => within(probe, connected(probe, kind, target.addr)).await,
    }
}

/// What is asked over a connection.
async fn connected(probe: &Probe, kind: &ProbeKind, addr: SocketAddr) -> Result<(), String> {
    match kind {
        ProbeKind::Http { path, headers } => http::ask(addr, path, headers).await,
        ProbeKind::Grpc { service } => grpc::ask(addr, service, probe.timeout).await,
        ProbeKind::Tcp | ProbeKind::Command(_) => connect(addr).await.map(drop),
    }
}

async fn within(probe: &Probe, answer: impl Future<Output = Result<(), String>>) -> Result<(), String> {
    let late = |_| Err(format!("no answer within {}", seaworthy_core::duration::format(probe.timeout)));
    tokio::time::timeout(probe.timeout, answer).await.unwrap_or_else(late)
}

async fn connect(addr: SocketAddr) -> Result<TcpStream, String> {
    TcpStream::connect(addr).await.map_err(|error| format!("cannot connect to {addr}: {error}"))
}
