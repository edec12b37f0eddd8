//! Upstreams that fail in every way there is, and what their clients get to see of it.

mod broken;
mod recovery;
mod retries;
