//! Finds the route of a request: host, then path template, then method and headers.
//!
//! Exact hosts go before wildcards, wildcards before "any". Among templates the more exact wins, whatever the order
//! of configuration; among routes of one template the one that asks for more headers, then the first. A route that does
//! not take the method or the headers does not count: the next less exact one is asked.

use std::collections::HashMap;

use http::{HeaderMap, HeaderName, HeaderValue, Method};

use crate::settings::Route;

#[cfg(test)]
mod tests;

/// Why a set of routes cannot work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RouterError {
    /// A template that is not one.
    #[error("\"{path}\" is not a path template: {why}")]
    Template {
        /// The template.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// Two templates that match the same paths under different parameter names.
    #[error("\"{path}\" conflicts with \"{with}\"")]
    Conflict {
        /// The later template.
        path: String,
        /// The earlier one.
        with: String,
    },
}

/// Which of these paths are no templates, or conflict with an earlier one of the same hosts; by their places.
pub fn check_templates(routes: &[Route]) -> Vec<(usize, RouterError)> {
    let mut found = Vec::new();
    for at in 0..routes.len() {
        // one more at a time: what is new then is this route's
        if let Err(errors) = Router::new(&routes[..=at]) {
            let known = |error: &RouterError| found.iter().any(|(_, known)| known == error);
            let new: Vec<_> = errors.into_iter().filter(|error| !known(error)).collect();
            found.extend(new.into_iter().map(|error| (at, error)));
        }
    }
    found
}

/// What the router found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// The index of a route.
    Route(usize),
    /// Routes for this path exist, for these methods only.
    OtherMethods(Vec<Method>),
    /// Nothing.
    Nothing,
}

impl Found {
    /// No route: a request with one of these methods would have had one.
    fn only(methods: Vec<Method>) -> Self {
        if methods.is_empty() { Self::Nothing } else { Self::OtherMethods(methods) }
    }

    fn methods(self) -> Vec<Method> {
        match self {
            Self::OtherMethods(methods) => methods,
            Self::Route(_) | Self::Nothing => Vec::new(),
        }
    }
}

#[derive(Debug)]
struct Candidate {
    route: usize,
    /// Matches here only because a catch-all also matches nothing.
    implied: bool,
    /// Whether it asks who calls.
    guarded: bool,
    methods: Vec<Method>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Candidate {
    fn admits(&self, method: &Method) -> bool {
        self.methods.is_empty()
            || self.methods.contains(method)
            || (method == Method::HEAD && self.methods.contains(&Method::GET))
    }

    fn headers_match(&self, headers: &HeaderMap) -> bool {
        self.headers.iter().all(|(name, value)| headers.get_all(name).iter().any(|v| v == value))
    }
}

/// The templates of one host (or wildcard).
#[derive(Debug, Default)]
struct Table {
    paths: matchit::Router<usize>,
    /// Candidates by template, the pickiest first.
    templates: Vec<(String, Vec<Candidate>)>,
}

/// An immutable routing table.
#[derive(Debug, Default)]
pub(crate) struct Router {
    exact: HashMap<String, Table>,
    /// By suffix with its dot (`.shop.example`), longest first.
    wildcards: Vec<(String, Table)>,
    any: Table,
}

impl Router {
    /// Builds the table; all errors at once.
    pub(crate) fn new(routes: &[Route]) -> Result<Self, Vec<RouterError>> {
        let mut router = Self::default();
        let mut errors = Vec::new();
        for (index, route) in routes.iter().enumerate() {
            if route.hosts.is_empty() {
                router.any.add(index, route, &mut errors);
            }
            for host in &route.hosts {
                router.table(host).add(index, route, &mut errors);
            }
        }
        router.wildcards.sort_by_key(|(suffix, _)| std::cmp::Reverse(suffix.len()));
        for table in router.tables() {
            for (_, candidates) in &mut table.templates {
                candidates.sort_by_key(|c| {
                    (c.implied, std::cmp::Reverse(c.headers.len()), c.methods.is_empty(), c.route)
                });
            }
        }
        errors.dedup();
        if errors.is_empty() { Ok(router) } else { Err(errors) }
    }

    fn table(&mut self, host: &str) -> &mut Table {
        let host = host.to_ascii_lowercase();
        let Some(suffix) = host.strip_prefix('*') else { return self.exact.entry(host).or_default() };
        let at = self.wildcards.iter().position(|(s, _)| s == suffix).unwrap_or_else(|| {
            self.wildcards.push((suffix.to_owned(), Table::default()));
            self.wildcards.len() - 1
        });
        &mut self.wildcards[at].1
    }

    fn tables(&mut self) -> impl Iterator<Item = &mut Table> {
        let any = std::iter::once(&mut self.any);
        self.exact.values_mut().chain(self.wildcards.iter_mut().map(|(_, table)| table)).chain(any)
    }

    /// Finds the route of a request. `host` is without its port.
    pub(crate) fn find(&self, host: &str, path: &str, method: &Method, headers: &HeaderMap) -> Found {
        let (mut others, mut guarded) = (Vec::new(), false);
        for table in self.tables_for(host) {
            match table.find(path, method, headers, &mut guarded) {
                Found::Route(route) => return Found::Route(route),
                Found::OtherMethods(methods) => others.extend(methods),
                Found::Nothing => {}
            }
        }
        Found::only(others)
    }

    fn tables_for<'a>(&'a self, host: &str) -> impl Iterator<Item = &'a Table> {
        let lower;
        let host = if host.bytes().any(|b| b.is_ascii_uppercase()) {
            lower = host.to_ascii_lowercase();
            lower.as_str()
        } else {
            host
        };
        let exact = if self.exact.is_empty() { None } else { self.exact.get(host) };
        let wildcard = self
            .wildcards
            .iter()
            .find(|(suffix, _)| host.len() > suffix.len() && host.ends_with(suffix.as_str()));
        exact.into_iter().chain(wildcard.map(|(_, table)| table)).chain(std::iter::once(&self.any))
    }
}

impl Table {
    fn add(&mut self, index: usize, route: &Route, errors: &mut Vec<RouterError>) {
        for (path, implied) in spellings(&route.path, route.access.is_some()) {
            let (methods, headers) = (route.methods.clone(), route.headers.clone());
            let guarded = route.access.is_some();
            let candidate = Candidate { route: index, implied, guarded, methods, headers };
            if let Some((_, candidates)) = self.templates.iter_mut().find(|(template, _)| *template == path) {
                candidates.push(candidate);
                continue;
            }
            let place = self.templates.len();
            match self.paths.insert(path.clone(), place) {
                Ok(()) => self.templates.push((path, vec![candidate])),
                Err(matchit::InsertError::Conflict { with }) => {
                    errors.push(RouterError::Conflict { path: route.path.clone(), with });
                }
                Err(error) => {
                    errors.push(RouterError::Template { path: route.path.clone(), why: error.to_string() });
                }
            }
        }
    }

    fn find(&self, path: &str, method: &Method, headers: &HeaderMap, guarded: &mut bool) -> Found {
        let Ok(best) = self.paths.at(path) else { return Found::Nothing };
        let (template, candidates) = &self.templates[*best.value];
        match pick(candidates, method, headers, guarded) {
            Found::Route(route) => Found::Route(route),
            missed => self.fall_back(template, path, (method, headers), missed, guarded),
        }
    }

    /// The most exact template matched but its routes ask for another method or other headers: less exact ones may
    /// still do. Where none does, the answer tells every method that one of them takes.
    fn fall_back(
        &self,
        tried: &str,
        path: &str,
        (method, headers): (&Method, &HeaderMap),
        missed: Found,
        guarded: &mut bool,
    ) -> Found {
        let mut less_exact: Vec<_> = self
            .templates
            .iter()
            .filter(|(template, _)| template != tried && params(template, path).is_some())
            .collect();
        less_exact.sort_by_key(|(template, _)| std::cmp::Reverse(exactness(template)));
        let mut others = missed.methods();
        for (_, candidates) in less_exact {
            match pick(candidates, method, headers, guarded) {
                Found::Route(route) => return Found::Route(route),
                missed => others.extend(missed.methods()),
            }
        }
        Found::only(others)
    }
}

/// `guarded`: a more exact template asks who calls, for other methods or headers. What it guards is not given away by a less
/// exact one that asks nobody.
fn pick(candidates: &[Candidate], method: &Method, headers: &HeaderMap, guarded: &mut bool) -> Found {
    let mut others = Vec::new();
    let was = *guarded;
    *guarded |= candidates.iter().any(|candidate| candidate.guarded);
    let candidates = candidates.iter().filter(|candidate| candidate.guarded || !was);
    for candidate in candidates.filter(|c| c.headers_match(headers)) {
        if candidate.admits(method) {
            return Found::Route(candidate.route);
        }
        others.extend(candidate.methods.iter().cloned());
    }
    Found::only(others)
}

/// A catch-all at the end also matches nothing at all: `/static/{*rest}` matches `/static/`. One that asks who calls also
/// guards `/static`, which most services take for the same.
fn spellings(path: &str, guarded: bool) -> impl Iterator<Item = (String, bool)> {
    let root = path.rfind("{*").map(|start| path[..start].to_owned());
    let bare =
        root.as_deref().and_then(|root| root.strip_suffix('/')).filter(|bare| guarded && !bare.is_empty());
    let bare = bare.map(|bare| (bare.to_owned(), true));
    std::iter::once((path.to_owned(), false)).chain(root.map(|root| (root, true))).chain(bare)
}

/// Literal segments count most, then parameters, then a catch-all.
fn exactness(template: &str) -> (usize, usize) {
    let literal = template.split('/').filter(|s| !s.is_empty() && !s.starts_with('{')).count();
    let parameters = template.split('/').filter(|s| s.starts_with('{') && !s.starts_with("{*")).count();
    (literal, parameters)
}

/// The parameters of `path` under `template`, or `None` where it does not match.
pub(crate) fn params<'a>(template: &'a str, path: &'a str) -> Option<Vec<(&'a str, &'a str)>> {
    let mut found = Vec::new();
    let mut rest = path;
    for part in template.split_inclusive('/') {
        let segment = part.strip_suffix('/').unwrap_or(part);
        if let Some(name) = segment.strip_prefix("{*").and_then(|s| s.strip_suffix('}')) {
            found.push((name, rest));
            return Some(found);
        }
        let end = rest.find('/').unwrap_or(rest.len());
        let (value, after) = rest.split_at(end);
        if let Some(name) = segment.strip_prefix('{').and_then(|s| s.strip_suffix('}')) {
            if value.is_empty() {
                return None;
            }
            found.push((name, value));
        } else if value != segment {
            return None;
        }
        rest = match (part.ends_with('/'), after.strip_prefix('/')) {
            (true, Some(next)) => next,
            (false, None) => "",
            // `/static/` under `/static/{*rest}` ends here; anything else does not match
            _ => return None,
        };
    }
    rest.is_empty().then_some(found)
}

/// Writes `rewrite` with the parameters of `path` under `template`.
pub(crate) fn rewrite(template: &str, path: &str, rewrite: &str) -> String {
    let found = params(template, path).unwrap_or_default();
    let mut out = String::with_capacity(rewrite.len() + path.len());
    let mut rest = rewrite;
    while let Some(start) = rest.find('{') {
        out.push_str(&rest[..start]);
        let Some(end) = rest[start..].find('}') else { break };
        let name = rest[start + 1..start + end].trim_start_matches('*');
        out.push_str(found.iter().find(|(n, _)| *n == name).map_or("", |(_, value)| value));
        rest = &rest[start + end + 1..];
    }
    out.push_str(rest);
    out
}
