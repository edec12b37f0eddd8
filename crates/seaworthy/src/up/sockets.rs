//! Listening sockets: one per address and core, so that the kernel spreads connections and cores share nothing.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};

use seaworthy_gateway::Socket as CoreSocket;
use socket2::{Domain, Protocol, Socket, Type};

use super::Error;
use crate::takeover::Heir;

/// Connections the kernel completes before we accept them.
const BACKLOG: i32 = 4_096;

/// The sockets this process listens on, kept so that a successor can have them.
#[derive(Debug)]
pub(crate) struct Sockets {
    cores: usize,
    by_address: BTreeMap<SocketAddr, Vec<TcpListener>>,
    control: Option<(SocketAddr, TcpListener)>,
}

impl Sockets {
    pub(super) fn new(cores: usize) -> Self {
        Self { cores: cores.max(1), by_address: BTreeMap::new(), control: None }
    }

    /// Opens (or inherits) sockets for addresses that have none yet.
    pub(super) fn open(
        &mut self,
        addresses: &[SocketAddr],
        heir: &mut Heir,
    ) -> Result<Vec<CoreSocket>, Error> {
        let mut opened = Vec::new();
        for address in addresses {
            if self.by_address.contains_key(address) {
                continue;
            }
            let mut listeners = heir.take(*address);
            if listeners.is_empty() {
                // SO_REUSEPORT lets two processes of one user share an address without a word: refuse that here
                probe(*address).map_err(|error| Error::Listen { address: *address, error })?;
            }
            // an inherited socket that no core accepted on would keep its connections waiting for ever
            while listeners.len() < self.cores {
                listeners.push(listen(*address, true)?);
            }
            for listener in &listeners {
                let listener =
                    listener.try_clone().map_err(|error| Error::Listen { address: *address, error })?;
                opened.push(CoreSocket { address: *address, listener });
            }
            self.by_address.insert(*address, listeners);
        }
        Ok(opened)
    }

    /// Opens (or inherits) the control listener.
    pub(super) fn open_control(
        &mut self,
        address: SocketAddr,
        heir: &mut Heir,
    ) -> Result<TcpListener, Error> {
        let listener = match heir.take(address).into_iter().next() {
            Some(listener) => listener,
            None => listen(address, false)?,
        };
        let copy = listener.try_clone().map_err(|error| Error::Listen { address, error })?;
        self.control = Some((address, copy));
        Ok(listener)
    }

    /// Forgets sockets of addresses that are no longer configured; their cores stop accepting by themselves.
    pub(super) fn keep(&mut self, addresses: &[SocketAddr]) {
        self.by_address.retain(|address, _| addresses.contains(address));
    }

    /// All of them, for a successor.
    pub(crate) fn all(&self) -> impl Iterator<Item = (SocketAddr, &TcpListener)> {
        let data =
            self.by_address.iter().flat_map(|(address, all)| all.iter().map(|socket| (*address, socket)));
        data.chain(self.control.iter().map(|(address, socket)| (*address, socket)))
    }
}

fn listen(address: SocketAddr, shared: bool) -> Result<TcpListener, Error> {
    bind(address, shared).map_err(|error| Error::Listen { address, error })
}

fn bind(address: SocketAddr, shared: bool) -> std::io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shared)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Fails where somebody else listens already.
fn probe(address: SocketAddr) -> std::io::Result<()> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())
}
