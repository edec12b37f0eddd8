//! What we parse of header values ourselves never panics.
#![no_main]

use seaworthy_core::{RequestId, trace::TraceContext};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    seaworthy_gateway::fuzzing::origin(bytes);
    let _ = RequestId::accept(bytes);
    let _ = TraceContext::parse(bytes);
});
