//! What a client says of itself that only the gateway may say; and methods that are other than they seem.

use serde_json::{Value, json};

use super::super::{bearer, guarded, mirror, token};
use super::Verdicts;
use crate::harness::client::{exchange, raw};
use crate::harness::program::curl;
use crate::harness::{Gateway, Upstream};

const ROUTES: &str = "[[route]]\npath = \"/open/{*rest}\"\nservice = \"shop\"\nauth = \"none\"\ndefence = { rules = \"score\" }\n\
    [[route]]\npath = \"/reads\"\nmethods = [\"GET\"]\nservice = \"shop\"\nauth = \"none\"\n\
    [[route]]\npath = \"/{*rest}\"\nservice = \"shop\"\nauth = { any_of = [\"jwt\"], claims = { sub = \"X-User\" } }\n";

const FORGED: [&str; 16] = [
    "X-Auth-Subject: root",
    "x-auth-subject: root",
    "X-AUTH-SUBJECT: root",
    "x_auth_subject: root",
    "X_Auth_Subject: root",
    "x-auth_subject: root",
    "X-Auth-Issuer: root",
    "X-Auth-Method: root",
    "X-Auth-Scopes: root",
    "X-Auth-Roles: root",
    "x_auth-roles: root",
    "X-Auth-Tenant: root",
    "X_AUTH_TENANT: root",
    "X-User: root",
    "X-Seaworthy-Score: root",
    "X_Seaworthy_Score: root",
];

async fn sent(gateway: &Gateway, upstream: &Upstream, head: &str, body: &str) -> (String, Vec<String>) {
    let before = upstream.count();
    let text = format!("{head}\r\nhost: a.test\r\nconnection: close\r\n\r\n{body}");
    let answer = raw(gateway.address, text.as_bytes()).await;
    let seen = upstream.seen().into_iter().skip(before).map(|seen| format!("{seen:?}")).collect();
    (String::from_utf8_lossy(&answer).into_owned(), seen)
}

/// ASVS 4.1.3: by no spelling, on no route, with or without a credential.
#[tokio::test]
async fn nobody_says_themselves_who_they_are() {
    let upstream = mirror().await;
    let gateway = guarded(&upstream, ROUTES).await;
    let good = bearer(&token(&json!({})));
    let mut verdicts = Verdicts::default();
    for line in FORGED {
        for (route, credential) in [("/open/x", None), ("/any", Some(&good))] {
            let authorization = credential.map(|one| format!("authorization: {one}\r\n")).unwrap_or_default();
            for (how, lines) in [
                ("once", line.to_owned()),
                ("twice", format!("{line}\r\n{line}")),
                ("nominated", format!("{line}\r\nconnection: {}", line.split(':').next().unwrap())),
            ] {
                let head = format!("GET {route} HTTP/1.1\r\n{authorization}{lines}");
                let (answer, seen) = sent(&gateway, &upstream, &head, "").await;
                let is_right = answer.starts_with("HTTP/1.1 200") && !seen.join("").contains("root");
                verdicts.check(
                    &format!("4.1.3 {how} {line} {route}"),
                    is_right,
                    format!("{answer} {seen:?}"),
                );
            }
        }
    }
    let url = format!("http://{}/open/x", gateway.address);
    for line in FORGED {
        let told = curl(&["--http2-prior-knowledge", "-H", line, &url]).await;
        verdicts.check(&format!("4.1.3 HTTP/2 {line}"), !told.contains("root"), told);
    }
    let told = exchange(gateway.address, "GET", "/any", &[("authorization", &good)], "").await.json();
    verdicts.check("control: the gateway says it", super::super::seen(&told, "x-user") == "ann", &told);
    verdicts.end(16 * 7 + 1);
}

/// ASVS 4.1.4, 8.3.1: no method, and no header that claims another one, leads past a credential.
#[tokio::test]
async fn methods_are_what_they_are() {
    let upstream = mirror().await;
    let gateway = guarded(&upstream, ROUTES).await;
    let mut verdicts = Verdicts::default();
    for method in
        ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "get", "Get", "FOO", "PROPFIND"]
    {
        let (answer, seen) = sent(&gateway, &upstream, &format!("{method} /secret HTTP/1.1"), "").await;
        let refused = ["401", "405", "400", "501"].contains(&answer.get(9..12).unwrap_or_default());
        verdicts.check(&format!("8.3.1 {method}"), refused && seen.is_empty(), format!("{answer} {seen:?}"));
    }
    for method in ["POST", "DELETE", "get", "TRACE", "FOO"] {
        let (answer, seen) = sent(&gateway, &upstream, &format!("{method} /reads HTTP/1.1"), "").await;
        // what is not open here falls to the route that asks for a credential
        let refused = ["401", "405", "400", "501"].contains(&answer.get(9..12).unwrap_or_default());
        verdicts.check(&format!("4.1.4 {method} where GET is open"), refused && seen.is_empty(), answer);
    }
    for name in ["x-http-method-override", "x-http-method", "x-method-override", "x-original-method"] {
        let head = format!("GET /secret HTTP/1.1\r\n{name}: OPTIONS");
        let (answer, seen) = sent(&gateway, &upstream, &head, "").await;
        verdicts.check(
            &format!("4.1.4 {name}"),
            answer.starts_with("HTTP/1.1 401") && seen.is_empty(),
            answer,
        );
    }
    for line in [
        "x-original-url: /open/x",
        "x-rewrite-url: /open/x",
        "x-forwarded-prefix: /open",
        "x-forwarded-uri: /open/x",
    ] {
        let (answer, seen) = sent(&gateway, &upstream, &format!("GET /secret HTTP/1.1\r\n{line}"), "").await;
        verdicts.check(
            &format!("8.3.1 {line}"),
            answer.starts_with("HTTP/1.1 401") && seen.is_empty(),
            answer,
        );
    }
    let preflight =
        "OPTIONS /secret HTTP/1.1\r\norigin: https://evil.test\r\naccess-control-request-method: GET";
    let (answer, seen) = sent(&gateway, &upstream, preflight, "").await;
    let is_right = seen.is_empty() && !answer.to_lowercase().contains("access-control-allow-origin");
    verdicts.check("3.4.2 a preflight gets no further", is_right, answer);
    let answer = exchange(gateway.address, "GET", "/reads", &[], "").await;
    verdicts.expect("control: GET is open", &answer, 200, "");
    verdicts.end(26);
}

/// ASVS 4.1.3: a host that is spelled otherwise is the same host.
#[tokio::test]
async fn hosts_are_one_whatever_their_spelling() {
    let upstream = mirror().await;
    let routes = "[[route]]\nhosts = [\"admin.test\"]\npath = \"/{*rest}\"\nservice = \"shop\"\nauth = \"jwt\"\n\
        [[route]]\npath = \"/{*rest}\"\nservice = \"shop\"\nauth = \"none\"\n";
    let gateway = guarded(&upstream, routes).await;
    let mut verdicts = Verdicts::default();
    for (target, host) in [
        ("/x", "admin.test"),
        ("/x", "ADMIN.TEST"),
        ("/x", "admin.test."),
        ("/x", "admin.test:80"),
        ("/x", "admin.test:"),
        ("/x", "admin.test.:8080"),
        ("/x", "admin.test.."),
        ("http://admin.test/x", "open.test"),
        ("http://ADMIN.test:80/x", "open.test"),
        ("http://open.test/x", "admin.test"),
        ("/x", "open.test, admin.test"),
        ("/x", " admin.test"),
        ("/x", "user@admin.test"),
    ] {
        let before = upstream.count();
        let text = format!("GET {target} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        let answer = String::from_utf8_lossy(&raw(gateway.address, text.as_bytes()).await).into_owned();
        let seen = upstream.seen();
        let told =
            |name: &str| seen.get(before).map(|seen| seen.header(name).to_lowercase()).unwrap_or_default();
        let hosts = format!("{} {}", told("host"), told("x-forwarded-host"));
        let named = hosts.replace("%2e", ".").contains("admin.test");
        verdicts.check(&format!("4.1.3 {target} {host}"), !named, format!("{hosts} {answer}"));
    }
    let answer = exchange(gateway.address, "GET", "/x", &[("host", "open.test")], "").await;
    verdicts.expect("control: another host", &answer, 200, "");
    let good = bearer(&token(&Value::Object(serde_json::Map::new())));
    let headers = [("host", "admin.test"), ("authorization", good.as_str())];
    let answer = exchange(gateway.address, "GET", "/x", &headers, "").await;
    verdicts.expect("control: with a token", &answer, 200, "");
    verdicts.end(15);
}
