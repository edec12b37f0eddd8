//! Bytes both ways between two streams, for as long as any of them move.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, copy_bidirectional};
use tokio::time::{Instant, sleep_until};

/// How a tunnel ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// Both sides said all they had to say.
    Closed,
    /// Nothing moved for too long.
    Idle,
}

/// Passes bytes both ways until both sides are done, one of them fails, or nothing has moved in either direction for
/// `idle`. A side that does not take what the other sends is silent, too.
pub(super) async fn pass<A, B>(one: A, other: B, idle: Duration) -> io::Result<End>
where
    A: AsyncRead + AsyncWrite + Unpin,
    B: AsyncRead + AsyncWrite + Unpin,
{
    let moved = Cell::new(Instant::now());
    let (mut one, mut other) =
        (Watched { stream: one, moved: &moved }, Watched { stream: other, moved: &moved });
    tokio::select! {
        done = copy_bidirectional(&mut one, &mut other) => done.map(|_| End::Closed),
        () = silence(&moved, idle) => Ok(End::Idle),
    }
}

/// Resolves once nothing has moved for so long. The timer is set once a period, not with every byte.
async fn silence(moved: &Cell<Instant>, idle: Duration) {
    loop {
        let over = moved.get() + idle;
        sleep_until(over).await;
        if moved.get() + idle <= over {
            return;
        }
    }
}

/// Notes when bytes move.
struct Watched<'a, S> {
    stream: S,
    moved: &'a Cell<Instant>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<'_, S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        let polled = Pin::new(&mut this.stream).poll_read(cx, buf);
        if buf.filled().len() > before {
            this.moved.set(Instant::now());
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<'_, S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.stream).poll_write(cx, bytes);
        if matches!(polled, Poll::Ready(Ok(1..))) {
            this.moved.set(Instant::now());
        }
        polled
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
    use tokio::time::{advance, sleep};

    use super::*;

    const IDLE: Duration = Duration::from_secs(60);

    /// A tunnel between two streams with little room, and how and when it ends.
    fn tunnel() -> (DuplexStream, DuplexStream, impl Future<Output = (End, Duration)>) {
        let ((client, near), (far, upstream)) = (duplex(8), duplex(8));
        let start = Instant::now();
        (client, upstream, async move { (pass(near, far, IDLE).await.unwrap(), start.elapsed()) })
    }

    #[tokio::test(start_paused = true)]
    async fn silence_ends_it() {
        let (_client, _upstream, ended) = tunnel();
        let (end, after) = ended.await;
        assert_eq!((end, after.as_secs()), (End::Idle, 60));
    }

    #[tokio::test(start_paused = true)]
    async fn bytes_in_one_direction_keep_it() {
        let (mut client, mut upstream, ended) = tunnel();
        let talk = async {
            for _ in 0..10 {
                sleep(Duration::from_secs(45)).await;
                upstream.write_all(b"tick").await.unwrap();
                let mut got = [0; 4];
                client.read_exact(&mut got).await.unwrap();
            }
            std::future::pending::<()>().await;
        };
        let (end, after) = tokio::select! { ended = ended => ended, () = talk => unreachable!() };
        assert_eq!((end, after.as_secs()), (End::Idle, 10 * 45 + 60));
    }

    #[tokio::test(start_paused = true)]
    async fn a_side_that_takes_nothing_is_silent() {
        let (mut client, _upstream, ended) = tunnel();
        // more than there is room for on the way
        let flood = async {
            let _ = client.write_all(&[0; 100_000]).await;
            std::future::pending::<()>().await;
        };
        let (end, after) = tokio::select! { ended = ended => ended, () = flood => unreachable!() };
        assert_eq!((end, after.as_secs()), (End::Idle, 60));
    }

    #[tokio::test(start_paused = true)]
    async fn two_sides_that_are_done_end_it_at_once() {
        let (client, upstream, ended) = tunnel();
        advance(Duration::from_secs(1)).await;
        drop((client, upstream));
        let (end, after) = ended.await;
        assert_eq!((end, after.as_secs()), (End::Closed, 1));
    }
}
