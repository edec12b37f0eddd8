//! What a service says that its requests look like (OpenAPI 3.0 and 3.1, as JSON).

mod operation;
mod parameter;
mod transform;

use crate::limits;
use crate::schema::{SchemaError, Violation};
use http::HeaderMap;
use operation::Operation;
use serde_json::Value;
use std::collections::HashSet;

/// How strictly requests are held to the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Strictness {
    /// Members that no schema names are refused where it does not allow them expressly (mass assignment). Default true.
    pub members: bool,
    /// Query parameters that are not in the contract are refused. Default true.
    pub query: bool,
    /// Bounds of JSON bodies.
    pub json: limits::Json,
}

impl Default for Strictness {
    fn default() -> Self {
        Self { members: true, query: true, json: limits::Json::default() }
    }
}

/// A request as it was sent.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// `GET`.
    pub method: &'a str,
    /// Not decoded.
    pub path: &'a str,
    /// Not decoded, without the question mark.
    pub query: Option<&'a str>,
    /// All headers.
    pub headers: &'a HeaderMap,
    /// The whole body; nothing if there is none.
    pub body: Option<&'a [u8]>,
}

/// An answer as it was given.
#[derive(Debug, Clone, Copy)]
pub struct Response<'a> {
    /// The request's method.
    pub method: &'a str,
    /// The request's path, not decoded.
    pub path: &'a str,
    /// `200`.
    pub status: u16,
    /// The value of `Content-Type`.
    pub content_type: Option<&'a str>,
    /// The whole body, empty if it was; nothing if it was not looked at: then status and content type are judged alone.
    pub body: Option<&'a [u8]>,
}

/// A compiled contract.
#[derive(Debug)]
pub struct Contract {
    operations: Vec<Operation>,
    /// Names of members that its schemas know.
    names: HashSet<String>,
    base: String,
    strictness: Strictness,
}

impl Contract {
    /// Reads a contract. Every schema in it is compiled now.
    ///
    /// # Errors
    /// No OpenAPI 3 document, or a schema in it that cannot be used.
    pub fn parse(json: &[u8], strictness: Strictness) -> Result<Self, SchemaError> {
        let document: Value = serde_json::from_slice(json).map_err(|error| SchemaError(error.to_string()))?;
        let version = document.get("openapi").and_then(Value::as_str).unwrap_or_default();
        if !version.starts_with("3.") {
            return Err(SchemaError("this is no OpenAPI 3 document".to_owned()));
        }
        let components =
            transform::Components::new(&document, strictness.members, version.starts_with("3.0"))?;
        let mut operations = Vec::new();
        let paths = document.get("paths").and_then(Value::as_object);
        for (template, item) in paths.into_iter().flatten() {
            for method in ["get", "put", "post", "delete", "options", "head", "patch", "trace"] {
                if let Some(one) = item.get(method) {
                    operations.push(Operation::read(&components, (method, template), item, one)?);
                }
            }
        }
        // the more exact template first: `/users/me` before `/users/{id}`
        operations.sort_by_key(Operation::rank);
        let server = document.pointer("/servers/0/url").and_then(Value::as_str).unwrap_or_default();
        let path =
            server.split_once("://").map_or(server, |(_, rest)| rest.find('/').map_or("", |at| &rest[at..]));
        let mut names = HashSet::new();
        transform::collect_names(&document, &mut names, 0);
        Ok(Self { operations, names, base: path.trim_end_matches('/').to_owned(), strictness })
    }

    /// The path template and the name of the operation that a request asks for, if the contract knows it.
    pub fn operation(&self, method: &str, path: &str) -> Option<(&str, Option<&str>)> {
        let (operation, _) = self.find(method, path).ok()?;
        Some((&operation.template, operation.id.as_deref()))
    }

    /// Whether a request keeps to the contract.
    ///
    /// # Errors
    /// What it breaks; with `path` or `method` as the only place if the contract does not know the operation.
    pub fn check_request(&self, request: &Request<'_>) -> Result<(), Vec<Violation>> {
        let (operation, values) =
            self.find(request.method, request.path).map_err(|violation| vec![violation])?;
        operation.check_request(request, &values, &self.strictness)
    }

    /// Whether an answer keeps to the contract. For reports: an answer is never held back.
    ///
    /// # Errors
    /// What it breaks. Places hold no names but the contract's own: any other member's, and any number, is `*`, since the
    /// keys of a map are often somebody's data.
    pub fn check_response(&self, response: &Response<'_>) -> Result<(), Vec<Violation>> {
        let (operation, _) =
            self.find(response.method, response.path).map_err(|violation| vec![violation])?;
        operation.check_response(response).map_err(|found| self.masked(found))
    }

    /// Violations of an answer, the same only once.
    fn masked(&self, mut found: Vec<Violation>) -> Vec<Violation> {
        for violation in &mut found {
            let known = |name: &str| self.names.contains(name) && name.parse::<u64>().is_err();
            let mut names = violation.place.split('.');
            let first = names.next().unwrap_or_default().to_owned();
            violation.place =
                names.fold(first, |place, name| place + "." + if known(name) { name } else { "*" });
        }
        let mut seen = HashSet::new();
        found.retain(|violation| seen.insert((violation.place.clone(), violation.reason.clone())));
        found
    }

    /// How many operations there are.
    pub fn len(&self) -> usize {
        self.operations.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }

    fn find(&self, method: &str, path: &str) -> Result<Match<'_>, Violation> {
        let unknown = || Violation::new("path", "unknown");
        let inner = match path.strip_prefix(self.base.as_str()) {
            Some(inner) if inner.is_empty() || inner.starts_with('/') => inner,
            _ => return Err(unknown()),
        };
        let mut fit = self.operations.iter().filter_map(|one| Some((one, one.fits(inner)?))).peekable();
        let template = fit.peek().map(|(one, _)| one.template.clone()).ok_or_else(unknown)?;
        fit.find(|(one, _)| one.template == template && one.method.eq_ignore_ascii_case(method))
            .ok_or_else(|| Violation::new("method", "unknown"))
    }
}

/// An operation and the variables of its path.
type Match<'a> = (&'a Operation, Vec<(String, String)>);

#[cfg(test)]
mod tests;
