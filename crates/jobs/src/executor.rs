//! Workers that need no code: an HTTP call, a command.

pub mod command;
pub mod http;
