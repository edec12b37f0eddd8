//! The data plane: accepts connections, guards their framing, routes requests, applies policies and talks to upstreams.
//!
//! It must never wait for the control plane, read the environment or open a file on the path of a request. It is given
//! bound sockets and finished [`settings`]; it gives back answers, and what it did as metrics and log records.

pub mod access;
mod body;
mod cache;
mod connection;
mod error;
pub mod error_docs;
mod gateway;
mod guard;
mod headers;
mod metrics;
mod plan;
mod quiet;
mod request;
mod router;
pub mod sandbox;
pub mod settings;
pub mod status;
mod tls;
mod upstream;
mod wanted;
mod worker;

pub use error::{Error, Limited, Reason};
pub use gateway::{Gateway, Options, StartError};
pub use guard::Violation;
pub use plan::PlanError;
pub use router::{RouterError, check_templates};
pub use tls::TlsError;
pub use worker::Socket;

/// What the fuzz targets reach; not part of the interface.
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing {
    /// The guard and the HTTP library behind it agree on `bytes`, or this panics.
    pub fn guard(bytes: &[u8]) {
        crate::guard::agreement::check(bytes);
    }

    /// Whatever headers claim, finding the client does not panic.
    pub fn origin(bytes: &[u8]) {
        let mut headers = http::HeaderMap::new();
        for (name, value) in [("forwarded", 0), ("x-forwarded-for", 1), ("connection", 2)] {
            let part = bytes.split(|b| *b == b'\n').nth(value).unwrap_or_default();
            if let Ok(value) = http::HeaderValue::from_bytes(part) {
                headers.insert(http::HeaderName::from_static(name), value);
            }
        }
        let proxies = ["127.0.0.0/8".parse().unwrap_or_default()];
        let _ = crate::headers::origin(&headers, [127, 0, 0, 1].into(), false, &proxies);
        let seen = crate::headers::Census::take(&headers);
        crate::headers::drop_hop_by_hop(&mut headers, seen);
    }
}
