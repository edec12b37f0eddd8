use super::Postgres;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// The network between a program and its PostgreSQL, to be disturbed. Needs a tokio runtime.
#[derive(Debug)]
pub struct Wire {
    port: u16,
    state: Arc<watch::Sender<State>>,
    accepting: tokio::task::JoinHandle<()>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct State {
    /// Nothing passes, and nobody is told.
    stalled: bool,
    /// What the server says is lost.
    deaf: bool,
    /// Connections of an earlier one are broken.
    generation: u64,
}

impl Wire {
    /// A way to the server on which everything passes.
    pub async fn to(server: &Postgres) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port is free");
        let port = listener.local_addr().expect("it has an address").port();
        let state = Arc::new(watch::Sender::new(State::default()));
        let (theirs, shared) = (server.port(), Arc::clone(&state));
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(connect(client, theirs, shared.subscribe()));
            }
        });
        Self { port, state, accepting }
    }

    /// The address of a database at its other end.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// Whether nothing passes any more: connections stay, and nothing is said on them.
    pub fn stall(&self, stalled: bool) {
        self.state.send_modify(|state| state.stalled = stalled);
    }

    /// Whether what the server says is lost on its way.
    pub fn deafen(&self, deaf: bool) {
        self.state.send_modify(|state| state.deaf = deaf);
    }

    /// Breaks all connections; new ones can be made.
    pub fn cut(&self) {
        self.state.send_modify(|state| state.generation += 1);
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.accepting.abort();
        self.cut();
    }
}

async fn connect(client: TcpStream, port: u16, mut state: watch::Receiver<State>) {
    let mine = state.borrow().generation;
    let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else { return };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let up = pass(from_client, to_server, state.clone(), false);
    let down = pass(from_server, to_client, state.clone(), true);
    tokio::select! {
        () = up => {}
        () = down => {}
        _ = state.wait_for(|state| state.generation != mine) => {}
    }
}

async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut state: watch::Receiver<State>,
    answers: bool,
) {
    let mut piece = vec![0; 64 << 10];
    while let Ok(read @ 1..) = from.read(&mut piece).await {
        let Ok(now) = state.wait_for(|state| !state.stalled).await.map(|state| *state) else { return };
        if !(answers && now.deaf) && to.write_all(&piece[..read]).await.is_err() {
            return;
        }
    }
}
