//! The upstream: nginx with an answer of 1 KiB from memory.

use crate::error::Error;
use crate::options::Options;
use crate::process::{self, Process};
use crate::workdir::WorkDir;
use std::net::SocketAddr;

pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    _process: Process,
}

/// What it answers.
pub(crate) fn body() -> Vec<u8> {
    vec![b'x'; 1_024]
}

pub(crate) fn start(dir: &WorkDir, options: &Options) -> Result<Upstream, Error> {
    let address = process::free_address()?;
    let work = dir.path().display();
    let body = String::from_utf8_lossy(&body()).into_owned();
    let config = format!(
        "daemon off; worker_processes 1; pid {work}/upstream.pid; error_log stderr;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_timeout 600s; keepalive_requests 100000000;
  client_body_temp_path {work}/u1; proxy_temp_path {work}/u2; fastcgi_temp_path {work}/u3;
  uwsgi_temp_path {work}/u4; scgi_temp_path {work}/u5;
  server {{ listen {address}; location / {{ default_type text/plain; return 200 \"{body}\"; }} }}
}}
"
    );
    let config = dir.file("upstream.conf", config)?;
    let args = ["-c".as_ref(), config.as_os_str()];
    let mut process = Process::start(dir, "upstream", options.load_core, &options.nginx, args)?;
    process.await_ready(address)?;
    Ok(Upstream { address, _process: process })
}
