//! From the order to a replica that is ready, against the same program started by hand until it answers.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::up::{Up, shop};
use crate::{http, say};

pub(crate) fn run(program: &Path, rounds: u32) -> Result<bool, Error> {
    let mut up = Up::new(program, &shop(1)?)?;
    up.start()?;
    up.ready()?;
    up.settles("shop", 1)?;
    let (mut ours, mut alone) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        alone.push(by_hand()?);
        let begun = Instant::now();
        up.order("PUT", "/api/v1/services/shop/replicas", "{\"replicas\":2}")?;
        up.until("two are ready", |up| up.status("shop").is_ok_and(|status| status["ready"] == 2))?;
        ours.push(begun.elapsed());
        up.order("PUT", "/api/v1/services/shop/replicas", "{\"replicas\":1}")?;
        up.settles("shop", 1)?;
    }
    let median = |times: &mut Vec<Duration>| {
        times.sort_unstable();
        times[times.len() / 2].as_secs_f64() * 1_000.0
    };
    let (ours, alone) = (median(&mut ours), median(&mut alone));
    say(&format!("to ready: {ours:.1} ms, the program alone {alone:.1} ms: {:.1} ms more", ours - alone));
    up.stop()?;
    Ok(ours - alone <= 50.0)
}

fn by_hand() -> Result<Duration, Error> {
    let fail = |error| Error::new("start by hand", error);
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|l| l.local_addr()).map_err(fail)?.port();
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let own = std::env::current_exe().map_err(fail)?;
    let begun = Instant::now();
    let mut child = Command::new(own).args(["replica", &port.to_string()]).spawn().map_err(fail)?;
    while http::ask(address, "GET", "/", "").is_err() {
        std::thread::sleep(Duration::from_millis(1));
    }
    let took = begun.elapsed();
    let _ = child.kill();
    let _ = child.wait();
    Ok(took)
}
