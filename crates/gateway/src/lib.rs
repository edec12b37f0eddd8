//! The data plane: listeners, routing, upstreams.
