//! One replica over all its runs: what state it is in, what is done next. It is told the time and what happened, and says
//! what to do; it does nothing itself.
//!
//! ```text
//! Pending ── Start ──▶ Starting ── start-up ──▶ Started ── readiness ──▶ Ready ◀──▶ NotReady
//!    ▲                    ▲  │ ends by itself, from any state while it runs
//!    │                    │  ▼
//!    │                 Backoff ──▶ (Ended, where the policy says so)
//!    │
//!    └ Stop, in any state: ▶ Draining ▶ Stopping ▶ Ended; liveness failed: ▶ Stopping ▶ Backoff
//! ```

mod machine;
mod schedule;
mod state;

#[cfg(test)]
mod tests;

pub use machine::{Action, Ending, Input, Replica};
pub use schedule::Which;
pub use state::{Outcome, Phase, State, Then};
