//! A small OTLP receiver: HTTP by hand, protobuf by OpenTelemetry's own messages.

use prost::Message;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver};

pub(crate) struct Received<M> {
    pub(crate) request_line: String,
    pub(crate) content_type: String,
    pub(crate) body: M,
}

/// Listens on a free port and answers every export to `path` with `status`.
pub(crate) fn start<M: Message + Default + 'static>(
    path: &str,
    status: &'static str,
) -> (String, Receiver<Received<M>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}{path}", listener.local_addr().unwrap());
    let (received, exports) = mpsc::channel();
    std::thread::spawn(move || {
        for connection in listener.incoming().map_while(Result::ok) {
            let export = receive(connection, status);
            if received.send(export).is_err() {
                break;
            }
        }
    });
    (endpoint, exports)
}

fn receive<M: Message + Default>(connection: TcpStream, status: &str) -> Received<M> {
    let mut reader = BufReader::new(connection);
    let mut line = || {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    };
    let request_line = line();
    let headers: Vec<(String, String)> = std::iter::from_fn(|| {
        let (name, value) =
            line().split_once(':').map(|(n, v)| (n.to_ascii_lowercase(), v.trim().to_owned()))?;
        Some((name, value))
    })
    .collect();
    let header = |name| headers.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value.as_str());
    let mut body = vec![0; header("content-length").parse().unwrap()];
    reader.read_exact(&mut body).unwrap();
    let body = M::decode(&body[..]).unwrap();
    let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    reader.get_mut().write_all(answer.as_bytes()).unwrap();
    Received { request_line, content_type: header("content-type").to_owned(), body }
}
