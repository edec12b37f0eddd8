//! How many replicas the load asks for: the algorithm of Kubernetes' HorizontalPodAutoscaler.
//!
//! 1. Each target makes a proposal (`metric`): `ceil(replicas × value ÷ target)`, nothing within a tenth of the target.
//!    Replicas that are not ready yet count as idle when it would go up; such as say nothing count as idle when it would
//!    go up, and as exactly at the target when it would go down.
//! 2. The highest proposal counts. Where a target could not be judged, it goes up or nowhere.
//! 3. Going down, the highest recommendation of the last 5 minutes counts (`behavior`).
//! 4. At most twice as many after 15 s; at most half of them taken away within a minute.
//! 5. Between `min` and `max`.
//!
//! Nothing here reads a clock or a metric: it is told both.

mod behavior;
mod metric;
mod scaler;

#[cfg(test)]
mod tests;

pub use metric::{Judgement, Proposal, Reading};
pub use scaler::{Decision, Limit, Load, Sample, Scaler};
