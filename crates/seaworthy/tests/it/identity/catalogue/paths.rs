//! Paths, hosts and methods that two programs could read differently: a protected part of a service beside an open one.

use serde_json::json;

use super::super::{bearer, guarded, mirror, token};
use super::Verdicts;
use crate::harness::client::{exchange, raw};

const ROUTES: &str = "[[route]]\npath = \"/admin\"\nservice = \"shop\"\nauth = \"jwt\"\n\
    [[route]]\npath = \"/admin/{*rest}\"\nservice = \"shop\"\nauth = \"jwt\"\n\
    [[route]]\npath = \"/{*rest}\"\nservice = \"shop\"\nauth = \"none\"\n";

/// What the services of this world would serve: escapes are read once, backslashes are slashes, what follows a semicolon
/// is no name, empty segments and dots are gone.
fn served(target: &str) -> String {
    let target = target.split_once("://").map_or(target, |(_, rest)| &rest[rest.find('/').unwrap_or(0)..]);
    let path = target.split(['?', '#']).next().unwrap_or_default();
    let (mut text, mut rest) = (String::new(), path);
    while let Some((before, after)) = rest.split_once('%') {
        text.push_str(before);
        match after.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => (text.push(char::from(byte)), rest = &after[2..]).1,
            None => (text.push('%'), rest = after).1,
        }
    }
    text.push_str(rest);
    let mut segments: Vec<String> = Vec::new();
    for segment in text.split('\0').next().unwrap_or_default().replace('\\', "/").split('/') {
        match segment.split(';').next().unwrap_or_default() {
            "" | "." => {}
            ".." => drop(segments.pop()),
            name => segments.push(name.to_owned()),
        }
    }
    format!("/{}", segments.join("/"))
}

const TARGETS: [&str; 44] = [
    "/admin/secret",
    "/admin",
    "/admin/",
    "//admin/secret",
    "///admin//secret",
    "/admin//secret",
    "/./admin/secret",
    "/open/../admin/secret",
    "/open/..;/admin/secret",
    "/admin/..;/admin/secret",
    "/open/..;x=1/admin/secret",
    "/%61dmin/secret",
    "/%61%64%6d%69%6e/secret",
    "/%2e/admin/secret",
    "/open/%2e%2e/admin/secret",
    "/open/%2E%2E%2Fadmin/secret",
    "/open/..%2fadmin/secret",
    "/open/..%5cadmin/secret",
    "/%2fadmin/secret",
    "/%2f%2fadmin/secret",
    "/admin%2fsecret",
    "/admin%2Fsecret",
    "/admin%5csecret",
    "/%5cadmin/secret",
    "/admin;x=1/secret",
    "/admin;/secret",
    "/;x/admin/secret",
    "/admin/secret;x=1",
    "/admin%3bx/secret",
    "/admin%00/secret",
    "/admin/secret%00.png",
    "/admin?/secret",
    "/admin/secret?x=/open",
    "/admin%3fx",
    "/admin%23/secret",
    "/.//admin/secret",
    "/open/.%2e/admin/secret",
    "/open//../admin/secret",
    "/open/%2e%2e;/admin/secret",
    "/open\\..\\admin\\secret",
    "/\\admin/secret",
    "\\admin\\secret",
    "http://127.0.0.1/admin/secret",
    "http://other.test//admin/secret",
];

/// ASVS 1.1.1, 8.3.1: however it is spelled, what a service would serve under /admin needs a credential.
#[tokio::test]
async fn no_spelling_of_a_path_leads_past_its_protection() {
    let upstream = mirror().await;
    let gateway = guarded(&upstream, ROUTES).await;
    let mut verdicts = Verdicts::default();
    for target in TARGETS {
        let before = upstream.count();
        let text = format!("GET {target} HTTP/1.1\r\nhost: a.test\r\nconnection: close\r\n\r\n");
        let answer = String::from_utf8_lossy(&raw(gateway.address, text.as_bytes()).await).into_owned();
        let came: Vec<_> = upstream.seen().into_iter().skip(before).map(|seen| seen.target).collect();
        let inside = came.iter().find(|target| served(target).starts_with("/admin"));
        verdicts.check(&format!("8.3.1 {target}"), inside.is_none(), format!("{inside:?}"));
        let status = answer.get(9..12).unwrap_or_default();
        verdicts.check(&format!("16.5.1 {target}"), ["200", "400", "401"].contains(&status), status);
    }
    let good = bearer(&token(&json!({})));
    let answer = exchange(gateway.address, "GET", "/admin/secret", &[("authorization", &good)], "").await;
    verdicts.expect("control: with a token", &answer, 200, "");
    for open in ["/open/x", "/", "/administration", "/open/admin", "/%C3%BC/x%20y"] {
        let answer = exchange(gateway.address, "GET", open, &[], "").await;
        verdicts.expect(&format!("control: {open}"), &answer, 200, "");
    }
    verdicts.end(90);
}
