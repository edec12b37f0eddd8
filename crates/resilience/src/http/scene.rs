use super::PacedBody;
use crate::fault::{Condition, Select, Shape};
use http::{Request, Response};

/// For faults: conditions are headers, and bandwidth slows the response's body down.
#[derive(Debug, Clone, Copy, Default)]
pub struct HttpScene;

impl<B> Select<Request<B>> for HttpScene {
    fn meets(&self, request: &Request<B>, condition: &Condition) -> bool {
        let mut values = request.headers().get_all(condition.name.as_str()).iter();
        match &condition.value {
            None => values.next().is_some(),
            Some(wanted) => values.any(|value| value.as_bytes() == wanted.as_bytes()),
        }
    }
}

impl<B> Shape<Response<B>> for HttpScene {
    type Response = Response<PacedBody<B>>;
    fn shape(&self, response: Response<B>, bytes_per_second: Option<u64>) -> Self::Response {
        response.map(|body| PacedBody::new(body, bytes_per_second))
    }
}
