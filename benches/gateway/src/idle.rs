//! What idle clients cost: connections that made one request each and stay open.

use crate::error::Error;
use crate::http;
use crate::options::Options;
use crate::proc;
use crate::proxy::{Kind, Proxy};
use crate::upstream::Upstream;
use crate::workdir::WorkDir;
use serde::Serialize;
use std::net::TcpStream;

#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Idle {
    pub(crate) connections: usize,
    pub(crate) rss_before_kib: u64,
    pub(crate) rss_kib: u64,
}

pub(crate) fn measure(
    dir: &WorkDir,
    options: &Options,
    upstream: &Upstream,
    kind: Kind,
) -> Result<Idle, Error> {
    let proxy = Proxy::start(kind, dir, options, upstream)?;
    let rss_before_kib = proc::rss_kib(proxy.id())?;
    let mut connections = Vec::with_capacity(options.idle);
    for number in 0..options.idle {
        let failed = |source| Error::Idle { number, source };
        let stream = http::connect(proxy.address).map_err(failed)?;
        http::get_on(&stream).map_err(failed)?;
        connections.push(stream);
    }
    let rss_kib = proc::rss_kib(proxy.id())?;
    let closed = connections.iter().filter(|stream| is_closed(stream)).count();
    if closed > 0 {
        return Err(Error::IdleClosed(closed, options.idle));
    }
    Ok(Idle { connections: options.idle, rss_before_kib, rss_kib })
}

fn is_closed(stream: &TcpStream) -> bool {
    let nothing_to_read = |stream: &TcpStream| {
        stream.set_nonblocking(true)?;
        stream.peek(&mut [0])
    };
    !matches!(nothing_to_read(stream), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
}
