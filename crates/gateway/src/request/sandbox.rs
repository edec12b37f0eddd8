//! A request with a pass goes to a sandbox.

use std::time::SystemTime;

use hyper::body::Incoming;

use super::Exchange;
use crate::error::Error;
use crate::sandbox::HEADER;

/// Looks for a pass. One that does not lead to a sandbox of this route is refused: what was meant for a sandbox must not
/// reach live endpoints.
pub(super) fn enter(exchange: &mut Exchange, request: &mut http::Request<Incoming>) -> Result<(), Error> {
    let Some(pass) = request.headers_mut().remove(HEADER) else { return Ok(()) };
    let plan = &exchange.plan.shared;
    let service = exchange.core.passes.check(&pass, SystemTime::now()).ok_or(Error::SandboxPass)?;
    let of_service = |(target, _): &&(usize, u32)| {
        plan.services.get(*target).is_some_and(|known| &*known.settings.name == service)
    };
    let target = exchange.route().and_then(|route| route.targets.iter().find(of_service));
    let sandbox = target.and_then(|(target, _)| plan.sandboxes.get(target));
    exchange.sandbox = Some(*sandbox.ok_or(Error::SandboxPass)?);
    Ok(())
}
