//! What the policies need to know of HTTP: which answers are failures, what may be sent twice, how a body is kept for
//! a second attempt or slowed down, and which status stands for a [`Rejection`](crate::Rejection).

mod attempt;
mod classify;
mod paced;
mod replay;
mod retry;
mod retry_after;
mod scene;
mod status;
#[cfg(test)]
mod tests;

pub use attempt::LiftLast;
pub use classify::HttpClassify;
pub use paced::PacedBody;
pub use replay::{ReplayBody, Tape};
pub use retry::{HttpRetry, KeptRequest};
pub use retry_after::retry_after;
pub use scene::HttpScene;
pub use status::{retry_after_seconds, status};
