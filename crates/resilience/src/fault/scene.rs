use super::Condition;

/// Which calls a condition is met by.
pub trait Select<Req> {
    /// Whether the request has the property.
    fn meets(&self, request: &Req, condition: &Condition) -> bool;
}

/// What narrow bandwidth does to a response.
pub trait Shape<Res> {
    /// The response, shaped or not.
    type Response;
    /// Slows the response down to a rate, where there is one.
    fn shape(&self, response: Res, bytes_per_second: Option<u64>) -> Self::Response;
}

/// For calls of any kind: no condition is met, and responses have no body to slow down.
#[derive(Debug, Clone, Copy, Default)]
pub struct Anything;

impl<Req> Select<Req> for Anything {
    fn meets(&self, _: &Req, _: &Condition) -> bool {
        false
    }
}

impl<Res> Shape<Res> for Anything {
    type Response = Res;
    fn shape(&self, response: Res, _: Option<u64>) -> Res {
        response
    }
}
