//! What each route needs, as the routes themselves say it (`x-permission`).

use std::collections::BTreeMap;

use http::Method;
use seaworthy_identity::rbac::Permission;
use serde_json::Value;

/// What a route needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Needs {
    /// Nothing.
    Nothing,
    /// This permission.
    Permission(Permission),
}

impl Needs {
    /// Whether a call is an order, which is written to the audit log. Reading is none, and neither is handing in data.
    pub(crate) fn is_order(&self) -> bool {
        matches!(self, Self::Permission(permission) if !matches!(permission.action(), "read" | "create"))
    }
}

/// What all routes need, by method and path template.
#[derive(Debug, Default)]
pub(crate) struct Table(BTreeMap<(String, String), Needs>);

/// What answers without being asked for a permission: the document itself, and the pages that explain errors.
const OPEN: [&str; 2] = ["/api/v1/openapi.json", "/.well-known/seaworthy/errors/{code}"];

impl Table {
    /// Of the API's document.
    ///
    /// # Errors
    /// Every route that does not say what it needs, or says it wrong.
    pub(crate) fn of(document: &Value) -> Result<Self, Vec<String>> {
        let (mut rows, mut wrong) = (BTreeMap::new(), Vec::new());
        for (path, item) in document["paths"].as_object().into_iter().flatten() {
            for (method, operation) in item.as_object().into_iter().flatten() {
                let Ok(name) = Method::from_bytes(method.to_ascii_uppercase().as_bytes()) else { continue };
                match needs(operation) {
                    Some(needs) => drop(rows.insert((name.to_string(), path.clone()), needs)),
                    None => wrong.push(format!("{method} {path}")),
                }
            }
        }
        for path in OPEN {
            rows.insert((Method::GET.to_string(), path.to_owned()), Needs::Nothing);
        }
        if wrong.is_empty() { Ok(Self(rows)) } else { Err(wrong) }
    }

    /// With the rows of another document.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// What a call needs; `None`: there is no such route.
    pub(crate) fn find(&self, method: &Method, path: &str) -> Option<&Needs> {
        let method = if method == Method::HEAD { &Method::GET } else { method };
        self.0.get(&(method.to_string(), path.to_owned()))
    }

    /// Whether anything is known of a path template.
    pub(crate) fn knows(&self, path: &str) -> bool {
        self.0.keys().any(|(_, known)| known == path)
    }

    /// Every row: method, path, what it needs.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (&str, &str, &Needs)> {
        self.0.iter().map(|((method, path), needs)| (method.as_str(), path.as_str(), needs))
    }
}

fn needs(operation: &Value) -> Option<Needs> {
    match operation["x-permission"].as_str()? {
        "public" => Some(Needs::Nothing),
        permission => permission.parse().ok().map(Needs::Permission),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// ASVS 8.2.1: a route that does not say who may use it is an error, not an open door.
    #[test]
    fn a_route_without_a_permission_is_found() {
        let document = json!({ "paths": {
            "/a": { "get": { "x-permission": "jobs:read" }, "post": {} },
            "/b": { "put": { "x-permission": "jobs" }, "delete": { "x-permission": "public" } },
        }});
        assert_eq!(Table::of(&document).unwrap_err(), ["post /a", "put /b"]);
    }

    #[test]
    fn every_page_says_what_it_needs() {
        let document = crate::dashboard::documented().split_for_parts().1;
        let table = Table::of(&serde_json::to_value(document).unwrap()).unwrap();
        let open: Vec<_> = table.rows().filter(|(_, _, needs)| **needs == Needs::Nothing).collect();
        let open: Vec<_> = open.into_iter().map(|(method, path, _)| format!("{method} {path}")).collect();
        let expected = expect_test::expect![[r#"
            [
                "GET /",
                "GET /.well-known/seaworthy/errors/{code}",
                "GET /api/v1/openapi.json",
                "GET /dashboard/assets/{name}",
                "GET /dashboard/live",
                "GET /dashboard/login",
                "POST /dashboard/login",
                "POST /dashboard/login/second-factor",
                "POST /dashboard/logout",
            ]
        "#]];
        expected.assert_debug_eq(&open);
    }

    #[test]
    fn every_route_of_the_api_says_what_it_needs() {
        let document = serde_json::from_str(&crate::openapi()).unwrap();
        let table = Table::of(&document).unwrap();
        assert!(table.rows().count() > 60);
        let open: Vec<_> =
            table.rows().filter(|(_, _, needs)| **needs == Needs::Nothing).map(|(_, path, _)| path).collect();
        let expected = expect_test::expect![[r#"
            [
                "/.well-known/jwks.json",
                "/.well-known/oauth-authorization-server",
                "/.well-known/seaworthy/errors/{code}",
                "/api/v1/openapi.json",
                "/healthz/live",
                "/healthz/ready",
                "/healthz/startup",
                "/api/v1/login",
                "/api/v1/login/second-factor",
                "/api/v1/tokens/refresh",
            ]
        "#]];
        expected.assert_debug_eq(&open);
        assert!(table.find(&Method::HEAD, "/metrics").is_some());
        assert!(table.find(&Method::TRACE, "/metrics").is_none());
        assert!(table.knows("/metrics") && !table.knows("/metricz") && !Table::default().knows("/metrics"));
    }
}
