//! The guard never panics, and the HTTP library behind it never reads more messages or other bodies than the guard.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| seaworthy_gateway::fuzzing::guard(bytes));
