//! Calls to the control listener.

use std::time::Duration;

use reqwest::Method;
use reqwest::blocking::{Client, RequestBuilder, Response};
use serde_json::Value;

use super::{Credential, Error};
use seaworthy_core::Secret;

/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// A way to a control listener.
#[derive(Debug)]
pub(crate) struct Reach {
    client: Client,
    control: String,
    token: Option<Secret<String>>,
}

/// Parameters of a query; absent ones are left out.
#[derive(Debug, Default)]
pub(crate) struct Query(Vec<(&'static str, String)>);

impl Query {
    pub(crate) fn and(mut self, name: &'static str, value: Option<impl ToString>) -> Self {
        self.0.extend(value.map(|value| (name, value.to_string())));
        self
    }
}

impl Query {
    /// As a request takes them.
    pub(crate) fn pairs(&self) -> &[(&'static str, String)] {
        &self.0
    }
}

impl Reach {
    pub(crate) fn new(control: &str, credential: &Credential) -> Result<Self, Error> {
        let control = control.trim_end_matches('/');
        let full = if control.contains("://") { control.to_owned() } else { format!("http://{control}") };
        // never by a proxy of the environment: this is a neighbour
        let client = Client::builder().timeout(PATIENCE).no_proxy().build();
        let client = client.map_err(|error| Error::Other(error.to_string()))?;
        let token = credential.token(&full)?;
        Ok(Self { client, control: full, token })
    }

    pub(crate) fn get(&self, path: &str, query: &Query) -> Result<Value, Error> {
        self.json(self.request(Method::GET, path).query(query.pairs()))
    }

    pub(crate) fn post(&self, path: &str, body: Option<&Value>) -> Result<Value, Error> {
        self.order(Method::POST, path, body)
    }

    pub(crate) fn order(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, Error> {
        let request = self.request(method, path);
        self.json(match body {
            Some(body) => request.json(body),
            None => request,
        })
    }

    /// A request with something of its own.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.control));
        match &self.token {
            Some(token) => request.bearer_auth(token.expose()),
            None => request,
        }
    }

    /// The answer's body, where it is one of success.
    pub(crate) fn json(&self, request: RequestBuilder) -> Result<Value, Error> {
        let text = self.send(request)?.text().map_err(|error| self.unreachable(&error))?;
        if text.is_empty() {
            return Ok(Value::Null);
        }
        let other =
            |error| Error::Other(format!("{} does not answer as Seaworthy does: {error}", self.control));
        serde_json::from_str(&text).map_err(other)
    }

    /// The answer, where it is one of success.
    pub(crate) fn send(&self, request: RequestBuilder) -> Result<Response, Error> {
        let response = request.send().map_err(|error| self.unreachable(&error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let problem: Value = response.json().unwrap_or_default();
        let text = |name: &str| problem.get(name).and_then(Value::as_str).map(str::to_owned);
        Err(Error::Refused {
            detail: text("detail").unwrap_or_else(|| format!("answered {status}")),
            reason: text("reason").unwrap_or_else(|| status.as_u16().to_string()),
            request_id: text("request_id").unwrap_or_else(|| "-".to_owned()),
        })
    }

    fn unreachable(&self, error: &reqwest::Error) -> Error {
        let mut why: &dyn std::error::Error = error;
        // the innermost says it best
        while let Some(source) = why.source() {
            why = source;
        }
        Error::Unreachable { control: self.control.clone(), why: why.to_string() }
    }
}

/// A name as it stands in a path.
pub(crate) fn segment(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~');
    name.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}
