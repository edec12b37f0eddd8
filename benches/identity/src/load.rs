//! Connections that are kept busy, each with a request of its own.

use crate::error::Error;
use crate::http;
use crate::process::Gateway;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// What a measurement found.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Busy {
    /// Processor time of the gateway per request, µs.
    pub(crate) cpu_us: f64,
    pub(crate) per_second: f64,
}

/// Every answer must be 200.
pub(crate) async fn run(
    case: &str,
    gateway: &Gateway,
    requests: &[Vec<u8>],
    duration: Duration,
) -> Result<Busy, Error> {
    // connected and known before it counts
    drive(case, gateway.address, requests, duration / 6).await?;
    let (cpu, begun) = (gateway.cpu_seconds()?, Instant::now());
    let done = drive(case, gateway.address, requests, duration).await? as f64;
    let (cpu, seconds) = (gateway.cpu_seconds()? - cpu, begun.elapsed().as_secs_f64());
    Ok(Busy { cpu_us: cpu * 1e6 / done, per_second: done / seconds })
}

async fn drive(
    case: &str,
    address: SocketAddr,
    requests: &[Vec<u8>],
    duration: Duration,
) -> Result<u64, Error> {
    let until = Instant::now() + duration;
    let mut all = JoinSet::new();
    for request in requests {
        let request = request.clone();
        all.spawn(async move { one(address, &request, until).await });
    }
    let (mut done, mut failed) = (0, 0);
    while let Some(one) = all.join_next().await {
        let (good, bad) = one.map_err(|_| Error::Thread)?.map_err(Error::Connection)?;
        done += good;
        failed += bad;
    }
    if failed > 0 {
        return Err(Error::Failed { case: case.to_owned(), failed, requests: done + failed });
    }
    Ok(done)
}

async fn one(address: SocketAddr, request: &[u8], until: Instant) -> std::io::Result<(u64, u64)> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (mut good, mut bad) = (0, 0);
    let mut seen = Vec::new();
    let mut buffer = [0; 8 * 1024];
    while Instant::now() < until {
        stream.write_all(request).await?;
        let (status, whole) = loop {
            if let Some(answer) = http::complete(&seen) {
                break answer;
            }
            let read = stream.read(&mut buffer).await?;
            if read == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            seen.extend_from_slice(&buffer[..read]);
        };
        seen.drain(..whole);
        if status == 200 { good += 1 } else { bad += 1 }
    }
    Ok((good, bad))
}
