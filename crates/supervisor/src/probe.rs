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
    let answer = async {
        match &probe.kind {
            ProbeKind::Http { path, headers } => http::ask(target.addr, path, headers).await,
            ProbeKind::Tcp => tcp(target.addr).await,
            ProbeKind::Grpc { service } => grpc::ask(target.addr, service, probe.timeout).await,
            ProbeKind::Command(argv) => command::run(argv, target).await,
        }
    };
    match tokio::time::timeout(probe.timeout, answer).await {
        Ok(answer) => answer,
        Err(_) => Err(format!("no answer within {}", seaworthy_core::duration::format(probe.timeout))),
    }
}

async fn tcp(addr: SocketAddr) -> Result<(), String> {
    connect(addr).await.map(drop)
}

async fn connect(addr: SocketAddr) -> Result<TcpStream, String> {
    TcpStream::connect(addr).await.map_err(|error| format!("cannot connect to {addr}: {error}"))
}
