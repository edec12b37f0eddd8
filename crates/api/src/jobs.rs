//! Jobs: enqueueing, watching, calling off.

mod door;
mod handlers;
mod once;
mod order;
mod view;

pub(crate) use door::problem;
pub use door::{JobsDoor, JobsState, OpenJobs};
pub(crate) use handlers::*;
pub(crate) use order::JobOrder;
pub(crate) use view::{JobView, LogView, moment, when};
