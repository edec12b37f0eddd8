//! Paths that a service could read as others than the gateway did.
//!
//! Routes are found by a path as it was sent. Most services read escapes before they look, many join doubled slashes,
//! some take backslashes for slashes or leave out what follows a semicolon. A path that one of these would take for
//! something that is protected, where the gateway does not, is refused: access must not depend on who is right. Letters'
//! case is left alone, since paths differ by it.

use http::StatusCode;
use seaworthy_gateway::access::{Inspector, Objection, Presented};
use seaworthy_gateway::settings::Route;

/// How often escapes are read: by a proxy in front of a service, and by the service.
const READINGS: usize = 2;

/// Keeps misread paths from what is protected.
#[derive(Debug)]
pub(super) struct Spelling {
    /// Templates of protected routes, in segments.
    guarded: Vec<Vec<String>>,
}

impl Spelling {
    /// Of the routes that ask for something before they are used.
    pub(super) fn new(routes: &[Route]) -> Self {
        let segments = |route: &Route| route.path.split('/').skip(1).map(str::to_owned).collect();
        Self { guarded: routes.iter().filter(|route| is_guarded(route)).map(segments).collect() }
    }

    /// Whether nothing is protected.
    pub(super) fn is_idle(&self) -> bool {
        self.guarded.is_empty()
    }

    /// Whether a service could serve something protected that the gateway took for something else.
    fn misleads(&self, path: &str) -> bool {
        if !path.contains("//") && is_plain(path) {
            return false;
        }
        let sent: Vec<&str> = path.split('/').skip(1).collect();
        let mut text = path.to_owned();
        for _ in 0..READINGS {
            text = unescaped(&text);
            let names = names(&text);
            let hidden = |template: &&Vec<String>| fits(template, &names) && !fits(template, &sent);
            if self.guarded.iter().any(|template| hidden(&template)) {
                return true;
            }
        }
        false
    }
}

impl Inspector for Spelling {
    fn admit(&self, presented: &Presented<'_>) -> Option<Objection> {
        self.misleads(presented.uri.path()).then(|| Objection {
            reason: "ambiguous_path",
            detail: "the path could be read as another one; write it without escapes, doubled slashes and parameters"
                .to_owned(),
            status: StatusCode::BAD_REQUEST,
            retry_after: None,
        })
    }
}

fn is_guarded(route: &Route) -> bool {
    route.access.is_some()
        || !route.allow.is_empty()
        || !route.deny.is_empty()
        || !route.inspectors.is_empty()
}

/// Whether nothing in it can be read in two ways: as nearly all paths.
fn is_plain(path: &str) -> bool {
    !path.bytes().any(|byte| matches!(byte, b'%' | b';' | b'\\'))
}

/// With its escapes read once. What is no text afterwards does not matter: templates are.
fn unescaped(path: &str) -> String {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let [first, after @ ..] = rest {
        let digit = |at: usize| after.get(at).and_then(|byte| char::from(*byte).to_digit(16));
        match (first, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push(u8::try_from(high * 16 + low).unwrap_or_default());
                rest = after.get(2..).unwrap_or_default();
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The segments that the most generous reader sees.
fn names(path: &str) -> Vec<&str> {
    let mut names = Vec::new();
    // a query or a fragment that was escaped, and what C takes for the end
    let path = path.split(['?', '#', '\0']).next().unwrap_or_default();
    for segment in path.split(['/', '\\']) {
        match segment.split(';').next().unwrap_or_default() {
            "" | "." => {}
            ".." => drop(names.pop()),
            name => names.push(name),
        }
    }
    names
}

/// Whether a path is one of a template's.
fn fits(template: &[String], path: &[&str]) -> bool {
    let mut path = path.iter();
    for (at, part) in template.iter().enumerate() {
        let is_last = at + 1 == template.len();
        if part.starts_with("{*") || (part.is_empty() && is_last) {
            return true;
        }
        match path.next() {
            Some(name) if part.starts_with('{') && !name.is_empty() => {}
            Some(name) if part == name => {}
            _ => return false,
        }
    }
    path.all(|rest| rest.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spelling(templates: &[&str]) -> Spelling {
        let segments = |path: &&str| path.split('/').skip(1).map(str::to_owned).collect();
        Spelling { guarded: templates.iter().map(segments).collect() }
    }

    /// ASVS 8.3.1
    #[test]
    fn paths_that_could_be_read_as_protected_ones_are_seen() {
        let spelling = spelling(&["/admin", "/admin/{*rest}", "/users/{id}/keys"]);
        for bad in [
            "//admin/x",
            "/%61dmin",
            "/%2561dmin/x",
            "/admin%2fx",
            "/admin;a=1/x",
            "/;/admin",
            "/admin%00/x",
            "/admin%3fx",
            "/admin%23",
            "/\\admin",
            "/%5Cadmin/x",
            "/users//5/keys",
            "/users/5/%6beys",
            "/users%2F5/keys",
            "/open/..%2fadmin",
        ] {
            assert!(spelling.misleads(bad), "{bad}");
        }
        for good in [
            "/",
            "/admin/x",
            "/admin//x",
            "/admin/a%2Fb;c",
            "/open/admin",
            "/open%2Fadmin",
            "/Admin%20",
            "/users/a%2Fb/keys",
            "/users/5/keys;x/more",
            "/%",
            "/%zz/%e2%82",
            "/a;b/c//d",
        ] {
            assert!(!spelling.misleads(good), "{good}");
        }
    }
}
