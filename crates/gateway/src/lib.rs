//! The data plane: accepts connections, guards their framing, routes requests, applies policies and talks to upstreams.
//!
//! It must never wait for the control plane, read the environment or open a file on the path of a request. It is given
//! bound sockets and finished [`settings`]; it gives back answers, and what it did as metrics and log records.

mod body;
mod cache;
mod connection;
mod error;
mod error_docs;
mod gateway;
mod guard;
mod headers;
mod metrics;
mod plan;
mod request;
mod router;
pub mod settings;
pub mod status;
mod tls;
mod upstream;
mod worker;

pub use error::{Error, Limited, Reason};
pub use gateway::{Gateway, Options, StartError};
pub use guard::Violation;
pub use plan::PlanError;
pub use router::RouterError;
pub use tls::TlsError;
pub use worker::Socket;
