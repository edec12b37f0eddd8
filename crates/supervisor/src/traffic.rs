//! What is asked of whoever sends requests to the replicas.

use futures_util::future::BoxFuture;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Where a replica answers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// Its address, of this machine.
    pub addr: SocketAddr,
    /// Its name, such as `shop-1`.
    pub replica: Arc<str>,
}

/// How much a service is asked.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Load {
    /// Requests in flight now, by the address of the replica. One that is missing is not known.
    pub in_flight: HashMap<SocketAddr, f64>,
    /// The time within which 95 of 100 requests of late were answered. None where there were too few.
    pub p95: Option<Duration>,
}

/// Whoever sends requests to the replicas: the gateway.
pub trait Traffic: Send + Sync + 'static {
    /// From now on requests to `service` go to these endpoints and to no other; requests under way are left alone.
    /// Resolves once no request is sent to others any more.
    fn set_endpoints(&self, service: &str, endpoints: Vec<Endpoint>) -> BoxFuture<'static, ()>;

    /// The replica for requests that ask for the sandbox; none of the others ever go there.
    fn set_sandbox(&self, service: &str, sandbox: Option<Endpoint>) -> BoxFuture<'static, ()>;

    /// Resolves once no request is in flight at an address that was taken out of the endpoints.
    fn drained(&self, service: &str, addr: SocketAddr) -> BoxFuture<'static, ()>;

    /// How much a service is asked now.
    fn load(&self, service: &str) -> Load;
}

/// Nobody sends requests: for services that only work by themselves, and for tests.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoTraffic;

impl Traffic for NoTraffic {
    fn set_endpoints(&self, _: &str, _: Vec<Endpoint>) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }

    fn set_sandbox(&self, _: &str, _: Option<Endpoint>) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }

    fn drained(&self, _: &str, _: SocketAddr) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }

    fn load(&self, _: &str) -> Load {
        Load::default()
    }
}
