//! Clients that ask at their own pace, whatever comes back.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::shop::Shop;

/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Asks `service` through `gateway` until the process ends: three reads, then a write.
pub(crate) fn begin(gateway: SocketAddr, service: String, shop: Arc<Shop>, pace: Duration) {
    tokio::spawn(async move {
        let mut tick = interval(pace);
        tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
        for count in 0_u64.. {
            tick.tick().await;
            if !shop.is_open() {
                continue;
            }
            let method = if count % 4 == 3 { "POST" } else { "GET" };
            let request = format!(
                "{method} /{service}/items HTTP/1.1\r\nhost: shop\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            );
            tokio::spawn(async move {
                // what comes of it is for the gateway to know
                let _ = timeout(PATIENCE, ask(gateway, &request)).await;
            });
        }
    });
}

async fn ask(gateway: SocketAddr, request: &str) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(gateway).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(1 << 20).read_to_end(&mut answer).await?;
    Ok(())
}
