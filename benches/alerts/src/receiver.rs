//! Where messages arrive.

use std::net::{Ipv4Addr, SocketAddr};

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::error::Error;

/// An alert that somebody was told of.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) name: String,
    /// The service, or the queue, it is about.
    pub(crate) about: String,
    pub(crate) at: Instant,
}

/// Listens; what fires comes out of the channel.
pub(crate) async fn listen() -> Result<(SocketAddr, mpsc::UnboundedReceiver<Told>), Error> {
    let listener =
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(|error| Error::new("listen", error))?;
    let address = listener.local_addr().map_err(|error| Error::new("listen", error))?;
    let (sender, told) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(take(stream, sender.clone()));
        }
    });
    Ok((address, told))
}

async fn take(mut stream: TcpStream, to: mpsc::UnboundedSender<Told>) -> std::io::Result<()> {
    let mut seen = Vec::new();
    loop {
        let mut some = [0; 16 * 1024];
        let length = stream.read(&mut some).await?;
        if length == 0 {
            return Ok(());
        }
        seen.extend_from_slice(&some[..length]);
        while let Some((body, end)) = whole(&seen) {
            tell(&seen[body..end], &to);
            seen.drain(..end);
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await?;
        }
    }
}

/// Where a request's body begins and ends, once all of it is there.
fn whole(seen: &[u8]) -> Option<(usize, usize)> {
    let body = seen.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(&seen[..body]).to_ascii_lowercase();
    let length =
        head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
    let end = body + length.unwrap_or(0);
    (seen.len() >= end).then_some((body, end))
}

fn tell(body: &[u8], to: &mpsc::UnboundedSender<Told>) {
    let message: Value = serde_json::from_slice(body).unwrap_or_default();
    for alert in message["alerts"].as_array().into_iter().flatten() {
        if alert["status"] != "firing" {
            continue;
        }
        let label = |name: &str| alert["labels"][name].as_str().unwrap_or_default().to_owned();
        let about = [label("seaworthy_service"), label("service"), label("jobs_queue")].concat();
        let told = Told { name: label("alertname"), about, at: Instant::now() };
        // nobody listens any more: it is over
        let _ = to.send(told);
    }
}
