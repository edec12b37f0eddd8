//! Free ports for replicas.
//!
//! They come from below the range that the kernel takes ports of outgoing connections from (32768 and up unless changed):
//! one of those could be taken by any connection between the moment it is found free and the moment the replica listens.
//! From other Seaworthys of the same network they are kept by a name in it (an abstract socket, unix(7)) that nobody else
//! can have as long as this process lives.

use std::collections::HashSet;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

const RANGE: std::ops::Range<u16> = 20_000..30_000;
/// How many are tried before the kernel is asked for any.
const TRIES: usize = 200;

/// The ports that replicas have.
#[derive(Debug, Default)]
pub(super) struct Ports(Mutex<Taken>);

#[derive(Debug, Default)]
struct Taken {
    leased: HashSet<u16>,
    /// Fixed ports of services, for nobody else.
    reserved: HashSet<u16>,
}

/// A port that one replica has.
#[derive(Debug)]
pub(super) struct Lease {
    ports: Arc<Ports>,
    port: u16,
    /// Held for its name.
    _name: Option<UnixDatagram>,
}

impl Lease {
    pub(super) const fn port(&self) -> u16 {
        self.port
    }

    pub(super) const fn addr(&self) -> std::net::SocketAddr {
        std::net::SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), self.port)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.ports.lock().leased.remove(&self.port);
    }
}

impl Ports {
    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a port for the service whose fixed port it is.
    pub(super) fn reserve(&self, port: u16) {
        self.lock().reserved.insert(port);
    }

    /// A port that nobody listens on and no other replica has.
    pub(super) fn free(self: &Arc<Self>) -> io::Result<Lease> {
        for _ in 0..TRIES {
            // at random: the port of a replica that has just ended is hardly ever another's right after
            let port = fastrand::u16(RANGE);
            if !self.lock().reserved.contains(&port)
                && let Some(name) = name(port)
                && let Some(lease) = self.lease(port, Some(name))
                && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
            {
                return Ok(lease);
            }
        }
        self.listening().map(|(lease, _)| lease)
    }

    /// A socket that listens on any port.
    pub(super) fn listening(self: &Arc<Self>) -> io::Result<(Lease, TcpListener)> {
        loop {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
            if let Some(lease) = self.this(listener.local_addr()?.port()) {
                return Ok((lease, listener));
            }
        }
    }

    /// This port, unless a replica has it.
    pub(super) fn this(self: &Arc<Self>, port: u16) -> Option<Lease> {
        // whoever has it listens already, or says in a moment that he cannot: the name is not needed
        self.lease(port, name(port))
    }

    fn lease(self: &Arc<Self>, port: u16, name: Option<UnixDatagram>) -> Option<Lease> {
        let new = self.lock().leased.insert(port);
        new.then(|| Lease { ports: Arc::clone(self), port, _name: name })
    }
}

/// The name that goes with a port, unless another Seaworthy has it.
fn name(port: u16) -> Option<UnixDatagram> {
    let name = SocketAddr::from_abstract_name(format!("seaworthy-port-{port}")).ok()?;
    UnixDatagram::bind_addr(&name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_port_is_given_twice_and_none_that_somebody_listens_on() {
        let ports = Arc::new(Ports::default());
        let leases: Vec<_> = (0..50).map(|_| ports.free().unwrap()).collect();
        let different: HashSet<_> = leases.iter().map(Lease::port).collect();
        assert_eq!(different.len(), 50);
        assert!(ports.this(leases[0].port()).is_none());
        let (port, addr) = (leases[0].port(), leases[0].addr());
        drop(leases);
        assert!(ports.this(port).is_some());
        let (lease, listener) = ports.listening().unwrap();
        assert_eq!(listener.local_addr().unwrap(), lease.addr());
        assert!(addr.ip().is_loopback());
    }

    #[test]
    fn another_seaworthy_does_not_take_a_port_before_its_replica_listens() {
        let ours = Arc::new(Ports::default()).free().unwrap();
        assert!(name(ours.port()).is_none());
    }
}
