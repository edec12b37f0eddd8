use super::*;
use http::HeaderValue;
use http::header::{CONTENT_TYPE, COOKIE};
use serde_json::json;

fn contract(strictness: Strictness) -> Contract {
    let document = json!({
        "openapi": "3.0.3",
        "servers": [{"url": "https://api.example.com/v1"}],
        "paths": {
            "/users/me": {"get": {"operationId": "me", "responses": {"200": {"description": "x"}}}},
            "/users/{id}": {
                "parameters": [{"name": "id", "in": "path", "required": true, "schema": {"type": "integer", "minimum": 1}}],
                "get": {
                    "parameters": [
                        {"name": "fields", "in": "query", "explode": false, "schema": {"type": "array", "items": {"type": "string", "enum": ["a", "b"]}}},
                        {"name": "tag", "in": "query", "schema": {"type": "array", "maxItems": 2, "items": {"type": "integer"}}},
                        {"name": "deep", "in": "query", "schema": {"type": "boolean"}},
                        {"name": "X-Trace", "in": "header", "required": true, "schema": {"type": "string", "maxLength": 4}},
                        {"name": "theme", "in": "cookie", "schema": {"type": "string", "enum": ["dark"]}},
                    ],
                    "responses": {"200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/User"}}}}, "4XX": {"description": "x"}},
                },
                "put": {
                    "requestBody": {"required": true, "content": {
                        "application/json": {"schema": {"$ref": "#/components/schemas/User"}},
                        "application/x-www-form-urlencoded": {"schema": {"$ref": "#/components/schemas/Base"}},
                    }},
                    "responses": {},
                },
            },
            "/files/{name}.json": {"delete": {"responses": {}}},
        },
        "components": {"schemas": {
            "Base": {"type": "object", "properties": {"name": {"type": "string", "maxLength": 10, "nullable": true}}},
            "User": {"allOf": [
                {"$ref": "#/components/schemas/Base"},
                {"type": "object", "required": ["id", "mail"], "properties": {
                    "id": {"type": "integer", "readOnly": true},
                    "mail": {"type": "string"},
                    "password": {"type": "string", "writeOnly": true},
                    "age": {"type": "integer", "minimum": 0, "exclusiveMinimum": true},
                }},
            ]},
        }},
    });
    Contract::parse(document.to_string().as_bytes(), strictness).unwrap()
}

fn ask(
    method: &str,
    target: &str,
    headers: &[(&'static str, &'static str)],
    body: Option<&str>,
) -> Vec<(String, String)> {
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(*name, HeaderValue::from_static(value));
    }
    let request = Request { method, path, query, headers: &map, body: body.map(str::as_bytes) };
    let found = contract(Strictness::default()).check_request(&request).err().unwrap_or_default();
    found.into_iter().map(|one| (one.place, one.reason)).collect()
}

fn one(place: &str, reason: &str) -> Vec<(String, String)> {
    vec![(place.to_owned(), reason.to_owned())]
}

#[test]
fn operations_are_found() {
    let contract = contract(Strictness::default());
    assert_eq!(contract.len(), 4);
    assert_eq!(contract.operation("get", "/v1/users/me"), Some(("/users/me", Some("me"))));
    assert_eq!(contract.operation("GET", "/v1/users/7"), Some(("/users/{id}", None)));
    assert_eq!(contract.operation("DELETE", "/v1/files/a.json"), Some(("/files/{name}.json", None)));
    for unknown in
        ["/users/7", "/v1/users", "/v1/users/7/", "/v1/users//7", "/v1/USERS/7", "/v1x/users/7", "/v1"]
    {
        assert_eq!(ask("GET", unknown, &[], None), one("path", "unknown"), "{unknown}");
    }
    // ASVS 4.1.4: verb tampering
    assert_eq!(ask("PATCH", "/v1/users/7", &[], None), one("method", "unknown"));
    assert_eq!(ask("PUT", "/v1/users/me", &[], None), one("method", "unknown"));
}

#[test]
fn parameters_have_types() {
    let trace = [("x-trace", "abcd")];
    for good in ["/v1/users/7", "/v1/users/7?fields=a,b&tag=1&tag=2&deep=true"] {
        assert_eq!(ask("GET", good, &trace, None), [], "{good}");
    }
    for (target, place, reason) in [
        ("/v1/users/x", "path.id", "type"),
        ("/v1/users/0", "path.id", "minimum"),
        ("/v1/users/7%27", "path.id", "type"),
        ("/v1/users/7?fields=a,c", "query.fields.1", "enum"),
        ("/v1/users/7?tag=1&tag=2&tag=3", "query.tag", "maxItems"),
        ("/v1/users/7?tag=x", "query.tag.0", "type"),
        ("/v1/users/7?deep=1", "query.deep", "type"),
        ("/v1/users/7?deep=true&deep=false", "query.deep", "twice"),
        ("/v1/users/7?admin=1", "query.admin", "unknown"),
        ("/v1/users/7?deep=%ff", "query", "encoding"),
    ] {
        assert_eq!(ask("GET", target, &trace, None), one(place, reason), "{target}");
    }
    assert_eq!(ask("GET", "/v1/users/7", &[], None), one("header.X-Trace", "required"));
    assert_eq!(ask("GET", "/v1/users/7", &[("x-trace", "abcde")], None), one("header.X-Trace", "maxLength"));
    let cookie = [("x-trace", "a"), (COOKIE.as_str(), "a=b; theme=light")];
    let cookie: Vec<(&'static str, &'static str)> = cookie
        .iter()
        .map(|(name, value)| (if *name == "x-trace" { "x-trace" } else { "cookie" }, *value))
        .collect();
    assert_eq!(ask("GET", "/v1/users/7", &cookie, None), one("cookie.theme", "enum"));
}

// ASVS 15.3.3: mass assignment
#[test]
fn bodies_hold_what_the_contract_names_and_no_more() {
    let put = |content_type: &'static str, body: &str| {
        ask("PUT", "/v1/users/7", &[("content-type", content_type)], Some(body))
    };
    let json = |body: &str| put("application/json; charset=utf-8", body);
    assert_eq!(json(r#"{"mail": "a@b", "name": null, "password": "x", "age": 1}"#), []);
    assert_eq!(json(r#"{"mail": "a@b", "admin": true}"#), one("body", "unevaluatedProperties"));
    assert!(!json(r#"{"mail": "a@b", "id": 5}"#).is_empty(), "members that are read only are not written");
    assert_eq!(json(r#"{"name": "x"}"#), one("body", "required"));
    assert_eq!(json(r#"{"mail": "a@b", "age": 0}"#), one("body.age", "exclusiveMinimum"));
    assert_eq!(json(r#"{"mail": "a@b", "mail": "c@d"}"#), one("body", "json_duplicate"));
    assert_eq!(json("{"), one("body", "json_syntax"));
    assert_eq!(put("text/plain", "x"), one("body", "content_type_not_allowed"));
    assert_eq!(put("application/json; charset=utf-16", "{}"), one("body", "charset_not_allowed"));
    assert_eq!(put("application/x-www-form-urlencoded", "name=abc"), []);
    assert_eq!(ask("PUT", "/v1/users/7", &[], None), one("body", "required"));
    assert_eq!(ask("PUT", "/v1/users/7", &[], Some("{}")), one("body", "content_type_missing"));
    assert_eq!(
        ask("GET", "/v1/users/me", &[("content-type", "text/plain")], Some("x")),
        one("body", "unknown")
    );
    let _ = CONTENT_TYPE;
}

fn answered(status: u16, content_type: Option<&str>, body: Option<&str>) -> Vec<(String, String)> {
    let body = body.map(str::as_bytes);
    let response = Response { method: "GET", path: "/v1/users/7", status, content_type, body };
    let found = contract(Strictness::default()).check_response(&response).err().unwrap_or_default();
    found.into_iter().map(|one| (one.place, one.reason)).collect()
}

#[test]
fn answers_are_reported_on() {
    let check = |status, body| answered(status, Some("application/json"), Some(body));
    assert_eq!(check(200, r#"{"id": 1, "mail": "a@b"}"#), []);
    assert_eq!(check(200, r#"{"mail": "a@b"}"#), one("body", "required"));
    assert!(!check(200, r#"{"id": 1, "mail": "a@b", "password": "hash"}"#).is_empty());
    assert_eq!(check(200, ""), one("body", "required"));
    assert_eq!(check(200, "{"), one("body", "json_syntax"));
    assert_eq!(check(404, "anything"), []);
    assert_eq!(check(500, "anything"), one("status", "unknown"));
}

#[test]
fn of_answers_whose_body_was_not_looked_at_the_head_is_judged() {
    let check = |status, content_type| answered(status, content_type, None);
    assert_eq!(check(200, Some("application/json; charset=utf-8")), []);
    assert_eq!(check(200, None), []);
    assert_eq!(check(200, Some("text/html")), one("body", "content_type_not_allowed"));
    assert_eq!(answered(200, None, Some("x")), one("body", "content_type_not_allowed"));
    assert_eq!(check(503, Some("application/json")), one("status", "unknown"));
}

#[test]
fn reports_on_answers_name_what_the_contract_names_alone() {
    let document = json!({"openapi": "3.1.0", "paths": {"/ages": {"get": {"responses": {"200": {"content": {
    "application/json": {"schema": {"type": "object", "properties": {
        "by_mail": {"type": "object", "additionalProperties": {"type": "object",
            "properties": {"age": {"type": "integer"}}}},
        "7": {"type": "object", "additionalProperties": {"type": "integer"}},
        "list": {"type": "array", "items": {"type": "integer"}},
    }}}}}}}}}});
    let contract = Contract::parse(document.to_string().as_bytes(), Strictness::default()).unwrap();
    let found = |body: &str| {
        let (content_type, body) = (Some("application/json"), Some(body.as_bytes()));
        let response = Response { method: "GET", path: "/ages", status: 200, content_type, body };
        let found = contract.check_response(&response).unwrap_err();
        found.into_iter().map(|one| format!("{}: {}", one.place, one.reason)).collect::<Vec<_>>()
    };
    assert_eq!(
        found(r#"{"by_mail": {"ann@home/x~y.test": {"age": "x"}, "bob": {"age": "y"}}}"#),
        ["body.by_mail.*.*.age: type", "body.by_mail.*.age: type"],
        "and the same once"
    );
    assert_eq!(found(r#"{"7": {"004915112345": "x"}}"#), ["body.*.*: type"]);
    assert_eq!(found(r#"{"list": ["a", "b", 3]}"#), ["body.list.*: type"]);
    assert_eq!(found(r#"{"ann": 1}"#), ["body: additionalProperties"]);
}

#[test]
fn loose_contracts_let_more_through() {
    let loose = contract(Strictness { members: false, query: false, ..Strictness::default() });
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let body = Some(&br#"{"mail": "a@b", "more": 1}"#[..]);
    let request = Request { method: "PUT", path: "/v1/users/7", query: Some("x=1"), headers: &headers, body };
    assert_eq!(loose.check_request(&request), Ok(()));
}

#[test]
fn broken_contracts_are_refused() {
    for text in ["", "{}", r#"{"swagger": "2.0"}"#] {
        assert!(Contract::parse(text.as_bytes(), Strictness::default()).is_err());
    }
    let broken = json!({"openapi": "3.1.0", "paths": {"/x": {"get": {"parameters": [{"name": "a", "in": "query", "schema": {"$ref": "https://evil.test/x"}}]}}}});
    assert!(Contract::parse(broken.to_string().as_bytes(), Strictness::default()).is_err());
}
