//! Who may call what of the control API. What a route needs is written at the route itself; the table that is looked up
//! here is made of the same document that describes the API, so that there is no route without an entry.

mod door;
mod matrix;
mod operator_session;
mod order;
mod pass;
mod refusals;

pub(crate) use door::COOKIE;
pub use door::{AccessDoor, AccessParts, OperatorToken};
pub(crate) use matrix::{Needs, Table};
pub(crate) use operator_session::{
    OPERATOR_COOKIE, csrf as operator_csrf, csrf_matches as operator_csrf_matches,
};
pub(crate) use pass::{pass, presented};
pub(crate) use refusals::with_refusals;
