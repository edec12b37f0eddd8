//! A receiver that was not written here. `pip install rotel`, then `--run-ignored all` with `ROTEL_AGENT` naming its
//! binary.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Agent {
    child: Child,
    output: Option<BufReader<ChildStdout>>,
    http: SocketAddr,
    signal: &'static str,
}

impl Agent {
    /// One that shows what it is told of a signal.
    pub(crate) fn start(signal: &'static str) -> Self {
        let agent = std::env::var("ROTEL_AGENT").expect("ROTEL_AGENT names the rotel agent's binary");
        let free = || TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let (http, grpc) = (free(), free());
        let mut child = Command::new(agent)
            .args(["start", "--exporter", "blackhole"])
            .args(["--debug-log", signal, "--debug-log-verbosity", "detailed"])
            .args(["--otlp-http-endpoint", &http.to_string(), "--otlp-grpc-endpoint", &grpc.to_string()])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let output = child.stdout.take().map(BufReader::new);
        let agent = Self { child, output, http, signal };
        let started = Instant::now();
        while TcpStream::connect(http).is_err() {
            assert!(started.elapsed() < PATIENCE, "the agent does not listen");
            std::thread::yield_now();
        }
        agent
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}/v1/{}", self.http, self.signal)
    }

    /// Waits until it has shown every one of these texts.
    pub(crate) fn shows(mut self, wanted: &[&str]) {
        let mut wanted = wanted.to_vec();
        let output = self.output.take().expect("it is piped");
        for line in output.lines().map_while(Result::ok) {
            wanted.retain(|text| !line.contains(text));
            if wanted.is_empty() {
                return;
            }
        }
        panic!("the agent ended without showing {wanted:?}");
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _dead_already = self.child.kill();
        let _status = self.child.wait();
    }
}
