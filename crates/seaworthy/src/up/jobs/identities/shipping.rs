//! Audit entries to a syslog receiver: RFC 5424, each in a datagram, or framed by octet counting on one connection.

use std::io;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use seaworthy_identity::audit::{Exporter, Recorded, syslog};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::Mutex;

use crate::config::identity::Syslog;

/// A receiver that takes nothing for so long is called anew.
const PATIENCE: Duration = Duration::from_secs(10);
/// Where this machine's name is.
const HOST_NAME: &str = "/proc/sys/kernel/hostname";

/// Sends entries to a receiver.
#[derive(Debug)]
pub(super) struct Receiver {
    to: Syslog,
    /// What this machine is called.
    host: String,
    connection: Mutex<Option<TcpStream>>,
}

impl Receiver {
    pub(super) fn new(to: Syslog) -> Self {
        let host = std::fs::read_to_string(HOST_NAME).unwrap_or_default().trim().to_owned();
        Self { to, host, connection: Mutex::new(None) }
    }

    async fn send(&self, entries: &[Recorded]) -> io::Result<()> {
        match self.to.framed {
            true => self.framed(entries).await,
            false => self.datagrams(entries).await,
        }
    }

    async fn datagrams(&self, entries: &[Recorded]) -> io::Result<()> {
        let mut found = tokio::net::lookup_host((self.to.host.as_str(), self.to.port)).await?;
        let to = found.next().ok_or_else(|| io::Error::other("the receiver has no address"))?;
        let own = if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let socket = UdpSocket::bind(own).await?;
        socket.connect(to).await?;
        for entry in entries {
            socket.send(syslog::line(entry, &self.host).as_bytes()).await?;
        }
        Ok(())
    }

    async fn framed(&self, entries: &[Recorded]) -> io::Result<()> {
        let mut kept = self.connection.lock().await;
        let mut stream = match kept.take().filter(is_open) {
            Some(stream) => stream,
            None => TcpStream::connect((self.to.host.as_str(), self.to.port)).await?,
        };
        let frame = |entry| syslog::framed(&syslog::line(entry, &self.host));
        let text: String = entries.iter().map(frame).collect();
        stream.write_all(text.as_bytes()).await?;
        stream.flush().await?;
        // put back only where all was taken: half a frame must not go before another
        *kept = Some(stream);
        Ok(())
    }
}

/// Receivers say nothing: one that can be read from has hung up.
fn is_open(stream: &TcpStream) -> bool {
    let nothing = stream.try_read(&mut [0]);
    nothing.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
}

impl Exporter for Receiver {
    fn export<'a>(&'a self, entries: &'a [Recorded]) -> BoxFuture<'a, Result<(), String>> {
        async move {
            match tokio::time::timeout(PATIENCE, self.send(entries)).await {
                Ok(sent) => sent.map_err(|error| error.to_string()),
                Err(_) => Err("the receiver takes nothing".to_owned()),
            }
        }
        .boxed()
    }
}
