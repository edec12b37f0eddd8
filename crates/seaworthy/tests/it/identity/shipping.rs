//! The audit log on its way to a syslog receiver (ASVS 16.4.3): every entry, in order, over restarts on either side.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use rustix::process::Signal;
use serde_json::json;
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream, UdpSocket};

use super::{JSON, mirror};
use crate::harness::client::exchange;
use crate::harness::program::Agent;
use crate::harness::{Folder, Gateway, eventually, within};

async fn ship_to(receiver: &str) -> (crate::harness::Upstream, Gateway) {
    let upstream = mirror().await;
    let text = format!("{}\n[store]\n[identity]\naudit_syslog = \"{receiver}\"\n", upstream.service(""));
    let gateway = Gateway::start(&text).await;
    (upstream, gateway)
}

/// Adds somebody, which is an entry.
async fn add(gateway: &Gateway, name: &str) {
    let new = json!({ "name": name }).to_string();
    eventually("somebody is added", || async {
        let answer = exchange(gateway.control, "POST", "/api/v1/users", &[JSON], &new).await;
        (answer.status == 201).then_some(())
    })
    .await;
}

/// What RFC 5424 asks of a line; the entry's place in the log.
fn judged(line: &str) -> u64 {
    let priority = line.starts_with("<108>1 ") || line.starts_with("<109>1 ");
    assert!(priority && !line.contains(['\n', '\r', '\0']), "{line:?}");
    let parts: Vec<_> = line.splitn(8, ' ').collect();
    let [_, at, host, app, _process, id, element, rest] = parts[..] else { panic!("{line:?}") };
    assert!(at.len() == 27 && at.ends_with('Z') && at.contains('T'), "{at}");
    assert_eq!((host.is_empty(), app, id, element), (false, "seaworthy", "audit", "[audit@32473"));
    let seq = rest.strip_prefix("seq=\"").and_then(|rest| rest.split('"').next());
    seq.and_then(|seq| seq.parse().ok()).unwrap_or_else(|| panic!("{line:?}"))
}

#[tokio::test]
async fn entries_go_out_in_datagrams() {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let (_upstream, gateway) = ship_to(&format!("udp://{}", socket.local_addr().unwrap())).await;
    add(&gateway, "ann").await;
    let (mut next, mut piece) = (1, vec![0; 16 << 10]);
    loop {
        let count = within("a datagram", socket.recv(&mut piece)).await.unwrap();
        let line = std::str::from_utf8(&piece[..count]).unwrap();
        assert_eq!(judged(line), next, "in order, each once: {line}");
        next += 1;
        if line.contains("action=\"user.create\"") && line.contains("actor=\"system\"") {
            break;
        }
    }
}

/// A receiver that knows nothing but the octets it is told to count (RFC 6587).
struct Collector {
    listener: TcpListener,
    stream: Option<TcpStream>,
    bytes: Vec<u8>,
}

impl Collector {
    async fn listen(address: SocketAddr) -> Self {
        // connections of the one before it may linger: that is no hindrance on this system
        let listener = eventually("the address is free", || async { TcpListener::bind(address).await.ok() });
        Self { listener: listener.await, stream: None, bytes: Vec::new() }
    }

    async fn line(&mut self) -> String {
        loop {
            if let Some(at) = self.bytes.iter().position(|byte| *byte == b' ') {
                let length: usize = std::str::from_utf8(&self.bytes[..at]).unwrap().parse().unwrap();
                if self.bytes.len() > at + length {
                    let rest = self.bytes.split_off(at + 1 + length);
                    let line = std::mem::replace(&mut self.bytes, rest).split_off(at + 1);
                    return String::from_utf8(line).unwrap();
                }
            }
            let Some(stream) = &mut self.stream else {
                self.stream = Some(within("a connection", self.listener.accept()).await.unwrap().0);
                continue;
            };
            if within("bytes", stream.read_buf(&mut self.bytes)).await.unwrap_or(0) == 0 {
                (self.stream, self.bytes) = (None, Vec::new());
            }
        }
    }

    /// Reads until somebody of this name was added; which entries came.
    async fn until(&mut self, seen: &mut BTreeSet<u64>, what: &str) {
        loop {
            let line = self.line().await;
            let seq = judged(&line);
            // none before all before it: some may come twice
            assert!(seen.last().is_none_or(|last| seq <= last + 1), "{seq} after {seen:?}");
            if seen.insert(seq) && line.contains(what) {
                return;
            }
        }
    }
}

#[tokio::test]
async fn entries_outlive_restarts_on_either_side() {
    let mut collector = Collector::listen(crate::harness::free_address()).await;
    let address = collector.listener.local_addr().unwrap();
    let (_upstream, mut gateway) = ship_to(&format!("tcp://{address}")).await;
    let mut seen = BTreeSet::new();
    let made = "action=\"user.create\"";
    add(&gateway, "ann").await;
    collector.until(&mut seen, "actor=\"system\" action=\"user.create\"").await;
    while !exists(&gateway, "ann", &seen).await {
        collector.until(&mut seen, made).await;
    }
    // the receiver goes and comes again
    drop(collector);
    add(&gateway, "bob").await;
    let mut collector = Collector::listen(address).await;
    collector.until(&mut seen, made).await;
    // Seaworthy goes and comes again
    gateway.signal(Signal::TERM);
    assert!(gateway.ended().await.success());
    gateway.restart("log.2").await;
    add(&gateway, "eve").await;
    collector.until(&mut seen, made).await;
    let last = *seen.last().unwrap();
    assert_eq!(seen, (1..=last).collect(), "every one of them");
}

/// Whether the entry that somebody's adding left was seen.
async fn exists(gateway: &Gateway, name: &str, seen: &BTreeSet<u64>) -> bool {
    let path = "/api/v1/audit?action=user.create&limit=1000";
    let entries = exchange(gateway.control, "GET", path, &[], "").await.json();
    let entries = entries["entries"].as_array().unwrap().clone();
    let entry = entries.iter().find(|entry| entry["after"]["name"] == name).unwrap();
    seen.contains(&entry["seq"].as_u64().unwrap())
}

#[tokio::test]
async fn what_is_no_receiver_is_refused() {
    let folder = crate::harness::Folder::new();
    let file = folder.path("seaworthy.toml").display().to_string();
    for bad in
        ["http://a.test", "udp://", "tcp://a.test:0", "tcp://u@a.test:1", "udp://a.test/x", "a.test:514"]
    {
        let text = format!(
            "[identity]\naudit_syslog = \"{bad}\"\n[store]\n[service.shop]\nupstreams = [\"http://127.0.0.1:1\"]\n"
        );
        folder.write("seaworthy.toml", text);
        let args = ["check", file.as_str()];
        let output = crate::harness::program::run(env!("CARGO_BIN_EXE_seaworthy"), &args).await;
        let told =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(!output.status.success() && told.contains("is no syslog receiver"), "{bad}: {told}");
    }
}

/// Into an OpenTelemetry agent that was not written here (ASVS 16.4.3).
#[tokio::test]
async fn entries_go_out_as_log_records() {
    let folder = Folder::new();
    let agent = Agent::start(&folder).await;
    let upstream = mirror().await;
    let receiver = format!("http://{}/v1/logs", agent.address);
    let text = format!("{}\n[store]\n[identity]\naudit_otlp = \"{receiver}\"\n", upstream.service(""));
    let gateway = Gateway::with(folder, "", "", &text).await;
    add(&gateway, "zoe").await;
    let got = eventually("the entry arrives", || async {
        let text = agent.text();
        text.contains("zoe").then_some(text)
    });
    let got = got.await;
    for part in ["seaworthy.audit.action", "user.create", "seaworthy.audit.hash", "seaworthy.audit"] {
        assert!(got.contains(part), "{part} in {got}");
    }
    assert!(!got.contains("$argon2"), "no password's hash: {got}");
}
