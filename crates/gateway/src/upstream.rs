//! The services behind the gateway: endpoints, connections to them, and the choice between them.

pub(crate) mod balancer;
pub(crate) mod connect;
pub(crate) mod endpoint;
pub(crate) mod health;
pub(crate) mod pool;
pub(crate) mod rules;
pub(crate) mod service;
pub(crate) mod work;

use seaworthy_resilience::http::ReplayBody;

use crate::body::{RequestBody, ResponseBody};

/// A request on its way to an endpoint.
pub(crate) type Request = http::Request<Body>;
/// Its body: what a retry or a hedge needs of it is kept on the way, each for itself.
pub(crate) type Body = ReplayBody<ReplayBody<RequestBody>>;
/// An answer on its way back.
pub(crate) type Response = http::Response<ResponseBody>;
