//! A service that can be broken.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::breakage::Way;
use crate::error::Error;

const FINE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nahoy";
/// Longer than whatever waits for an answer.
const NEVER: Duration = Duration::from_secs(600);

pub(crate) struct Shop {
    pub(crate) address: SocketAddr,
    /// What is wrong.
    broken: Arc<Mutex<Option<Way>>>,
    listening: Mutex<Option<JoinHandle<()>>>,
}

impl Shop {
    pub(crate) async fn open() -> Result<Self, Error> {
        let listener = listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
        let address = listener.local_addr().map_err(|error| Error::new("listen", error))?;
        let broken = Arc::default();
        let listening = Mutex::new(Some(tokio::spawn(serve(listener, Arc::clone(&broken)))));
        Ok(Self { address, broken, listening })
    }

    pub(crate) fn is_open(&self) -> bool {
        let broken = self.broken.lock().unwrap_or_else(PoisonError::into_inner);
        *broken != Some(Way::NoTraffic)
    }

    /// Breaks it, from now on.
    pub(crate) fn breaks(self: &Arc<Self>, way: Way) {
        *self.broken.lock().unwrap_or_else(PoisonError::into_inner) = Some(way);
        match way {
            Way::Refuse | Way::RefuseFew => self.shut(),
            Way::Flap => {
                let shop = Arc::clone(self);
                tokio::spawn(async move {
                    loop {
                        shop.shut();
                        sleep(Duration::from_secs(10)).await;
                        shop.again().await;
                        sleep(Duration::from_secs(10)).await;
                    }
                });
            }
            _ => {}
        }
    }

    fn shut(&self) {
        if let Some(task) = self.listening.lock().unwrap_or_else(PoisonError::into_inner).take() {
            task.abort();
        }
    }

    async fn again(&self) {
        // its old socket is closed once the task has ended
        for _ in 0..100 {
            if let Ok(listener) = listen(self.address).await {
                let task = tokio::spawn(serve(listener, Arc::clone(&self.broken)));
                *self.listening.lock().unwrap_or_else(PoisonError::into_inner) = Some(task);
                return;
            }
            sleep(Duration::from_millis(10)).await;
        }
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener, Error> {
    TcpListener::bind(address).await.map_err(|error| Error::new("listen", error))
}

async fn serve(listener: TcpListener, broken: Arc<Mutex<Option<Way>>>) {
    // connections end with their listener
    let mut open = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let broken = Arc::clone(&broken);
        open.spawn(async move {
            // whoever went away is none of ours
            let _ = converse(stream, &broken).await;
        });
        while open.try_join_next().is_some() {}
    }
}

/// Answers one request after the other.
async fn converse(mut stream: TcpStream, broken: &Mutex<Option<Way>>) -> std::io::Result<()> {
    let mut head = Vec::new();
    loop {
        head.clear();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            if stream.read(&mut byte).await? == 0 || head.len() > 64 * 1024 {
                return Ok(());
            }
            head.push(byte[0]);
        }
        let way = *broken.lock().unwrap_or_else(PoisonError::into_inner);
        let request = String::from_utf8_lossy(&head).into_owned();
        if !answer(&mut stream, way, &request).await? {
            return Ok(());
        }
    }
}

/// Whether the connection goes on.
async fn answer(stream: &mut TcpStream, way: Option<Way>, request: &str) -> std::io::Result<bool> {
    let hits = |share: f64| fastrand::f64() < share;
    let status = |status: u16| format!("HTTP/1.1 {status} X\r\ncontent-length: 4\r\n\r\noops");
    let text = match way {
        Some(Way::Status(code, share)) if hits(share) => status(code),
        Some(Way::StatusOf(method, code)) if request.starts_with(method) => status(code),
        Some(Way::StatusFew) => status(500),
        Some(Way::JobsFail) if request.contains("/job") => status(500),
        Some(Way::Unhealthy) if request.contains("/health") => status(500),
        Some(Way::Slow(millis, share)) if hits(share) => {
            sleep(Duration::from_millis(millis)).await;
            FINE.to_owned()
        }
        Some(Way::JobsWait) if request.contains("/job") => {
            sleep(NEVER).await;
            return Ok(false);
        }
        Some(Way::Hang(share)) if hits(share) => {
            sleep(NEVER).await;
            return Ok(false);
        }
        Some(Way::Bytes(bytes)) => {
            stream.write_all(bytes.as_bytes()).await?;
            return Ok(false);
        }
        Some(Way::Close) => return Ok(false),
        Some(Way::Dribble) => {
            for byte in FINE.as_bytes() {
                stream.write_all(&[*byte]).await?;
                sleep(Duration::from_millis(200)).await;
            }
            return Ok(true);
        }
        Some(Way::EndlessHead) => {
            stream.write_all(b"HTTP/1.1 200 OK\r\n").await?;
            loop {
                stream.write_all(b"x-more: and more and more and more\r\n").await?;
            }
        }
        _ => FINE.to_owned(),
    };
    stream.write_all(text.as_bytes()).await?;
    Ok(true)
}
