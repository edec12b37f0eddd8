//! Requests on a fixed schedule from threads that wait for each answer: a latency counts from the moment a request was
//! due, so a gateway that stalls shows in all that were due meanwhile.

use crate::error::Error;
use crate::http;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Who sends what, how often and how long.
#[derive(Clone)]
pub(crate) struct Plan {
    pub(crate) name: &'static str,
    pub(crate) address: SocketAddr,
    /// Requests per second, all threads together.
    pub(crate) rate: u32,
    pub(crate) threads: u32,
    pub(crate) duration: Duration,
    /// What every answer must be.
    pub(crate) status: u16,
    /// The request of a thread and a number.
    pub(crate) request: Arc<dyn Fn(u32, u64) -> Vec<u8> + Send + Sync>,
}

/// Latencies in ms, and how many answers were wrong.
type Sent = io::Result<(Vec<f64>, u64)>;

/// Load under way.
pub(crate) struct Running {
    name: &'static str,
    threads: Vec<JoinHandle<Sent>>,
}

impl Plan {
    pub(crate) fn start(&self) -> Running {
        let begun = Instant::now() + Duration::from_millis(100);
        let thread = |number: u32| {
            let plan = self.clone();
            thread::spawn(move || plan.thread(number, begun))
        };
        Running { name: self.name, threads: (0..self.threads).map(thread).collect() }
    }

    fn thread(&self, number: u32, begun: Instant) -> Sent {
        let every = Duration::from_secs(1) * self.threads / self.rate;
        // threads take turns
        let begun = begun + every * number / self.threads;
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        let (mut latencies, mut failed) = (Vec::new(), 0);
        for turn in 0.. {
            let due = begun + every.mul_f64(turn as f64);
            if due.duration_since(begun) >= self.duration {
                break;
            }
            let request = (self.request)(number, turn);
            thread::sleep(due.saturating_duration_since(Instant::now()));
            if self.exchange(&mut stream, &request)? != self.status {
                failed += 1;
            }
            latencies.push(due.elapsed().as_secs_f64() * 1e3);
        }
        Ok((latencies, failed))
    }

    fn exchange(&self, stream: &mut TcpStream, request: &[u8]) -> io::Result<u16> {
        stream.write_all(request)?;
        let mut seen = Vec::new();
        let mut buffer = [0; 8 * 1024];
        loop {
            match stream.read(&mut buffer)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                read => seen.extend_from_slice(&buffer[..read]),
            }
            if let Some((status, _)) = http::complete(&seen) {
                return Ok(status);
            }
        }
    }
}

impl Running {
    /// Waits for its end. Latencies in ms, sorted; every answer must be the right one.
    pub(crate) fn finish(self) -> Result<Vec<f64>, Error> {
        let (mut all, mut failed) = (Vec::new(), 0);
        for thread in self.threads {
            let (latencies, bad) = thread.join().map_err(|_| Error::Thread)?.map_err(Error::Connection)?;
            all.extend(latencies);
            failed += bad;
        }
        if failed > 0 {
            return Err(Error::Failed { case: self.name.to_owned(), failed, requests: all.len() as u64 });
        }
        all.sort_by(f64::total_cmp);
        Ok(all)
    }
}

/// The value that this share of sorted values does not exceed.
pub(crate) fn quantile(sorted: &[f64], share: f64) -> f64 {
    let at = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(at.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values() {
        let hundred: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!(
            (quantile(&hundred, 0.5), quantile(&hundred, 0.99), quantile(&hundred, 1.0)),
            (50.0, 99.0, 100.0)
        );
        assert!(quantile(&[], 0.5).is_nan());
    }
}
