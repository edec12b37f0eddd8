//! One GET on a connection of its own, for readiness and for the control listener.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use seaworthy_core::Secret;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const PATIENCE: Duration = Duration::from_secs(2);

/// Status and body.
pub(super) async fn get(address: SocketAddr, path: &str) -> io::Result<(u16, String)> {
    get_as(address, path, None).await
}

/// Status and body of what not everybody may read.
pub(super) async fn get_as(
    address: SocketAddr,
    path: &str,
    token: Option<&Secret<String>>,
) -> io::Result<(u16, String)> {
    tokio::time::timeout(PATIENCE, exchange(address, path, token)).await?
}

async fn exchange(
    address: SocketAddr,
    path: &str,
    token: Option<&Secret<String>>,
) -> io::Result<(u16, String)> {
    let mut stream = TcpStream::connect(address).await?;
    let authorization =
        token.map(|token| format!("authorization: Bearer {}\r\n", token.expose())).unwrap_or_default();
    let request =
        format!("GET {path} HTTP/1.1\r\nhost: {address}\r\n{authorization}connection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let parsed = answer.split_once("\r\n\r\n").and_then(|(head, body)| {
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some((status, body.to_owned()))
    });
    parsed.ok_or_else(|| io::Error::other("an answer that is not HTTP"))
}
