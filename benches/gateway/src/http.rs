//! The least HTTP that a measurement needs: one GET on a connection, which stays open.

use std::io::{BufRead, BufReader, Error, Read, Result, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

pub(crate) fn connect(address: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}

pub(crate) fn get(address: SocketAddr) -> Result<Answer> {
    get_on(&connect(address)?)
}

/// Sends one request on a connection that stays open, and reads the whole answer.
pub(crate) fn get_on(mut stream: &TcpStream) -> Result<Answer> {
    stream.write_all(b"GET /1k HTTP/1.1\r\nHost: bench.local\r\n\r\n")?;
    let mut reader = BufReader::new(stream);
    let bad = |what: &str| Error::other(format!("answer without {what}"));
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let status =
        line.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(|| bad("status"))?;
    let mut length = None;
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        match line.trim_end().split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.trim().parse().ok();
            }
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; length.ok_or_else(|| bad("content-length"))?];
    reader.read_exact(&mut body)?;
    Ok(Answer { status, body })
}
