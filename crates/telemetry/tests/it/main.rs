//! The public interface against real receivers.

mod otlp;
mod receiver;
