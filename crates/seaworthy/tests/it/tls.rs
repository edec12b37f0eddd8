//! TLS on both sides, with certificates made by openssl and clients that use it.

mod certificates;
mod client_side;
mod upstream_side;
