//! Real databases for tests: each starts on a free port in a folder of its own, and goes away with its value.
//!
//! Functions panic where a part is missing: a test that cannot run must not pass.

mod bouncer;
mod folder;
mod server;
mod wire;

pub use bouncer::PgBouncer;
pub use folder::Folder;
pub use server::Postgres;
pub use wire::Wire;

use crate::{Options, Store};
use seaworthy_core::Secret;

/// A database of either kind, and what keeps it alive.
pub struct Database {
    url: String,
    server: Option<Postgres>,
    // dropped last
    _folder: Option<Folder>,
}

impl Database {
    /// A fresh SQLite file.
    pub fn sqlite() -> Self {
        let folder = Folder::new("sqlite");
        let url = format!("sqlite://{}/store.db", folder.path().display());
        Self { url, server: None, _folder: Some(folder) }
    }

    /// A fresh PostgreSQL.
    pub fn postgres() -> Self {
        let server = Postgres::start();
        Self { url: server.url("postgres"), server: Some(server), _folder: None }
    }

    /// Its address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The server, where there is one.
    pub fn server(&mut self) -> Option<&mut Postgres> {
        self.server.as_mut()
    }

    /// Opens it.
    pub async fn open(&self) -> Store {
        self.open_with(Options::default()).await
    }

    /// Opens it with options.
    pub async fn open_with(&self, options: Options) -> Store {
        Store::open(&Secret::new(self.url.clone()), options).await.expect("a fresh database opens")
    }
}

/// A port nobody listens on.
pub(crate) fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
    listener.local_addr().expect("it has an address").port()
}

/// Waits until something accepts connections.
pub(crate) fn wait_for(port: u16, mut ready: impl FnMut() -> bool, what: &str) {
    let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while !ready() {
        assert!(std::time::Instant::now() < until, "{what} did not start on port {port} within a minute");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}
