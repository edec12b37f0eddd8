//! Routes that ask who calls.

use serde_json::json;

use super::{JSON, bearer, guarded, mirror, seen, signed, token};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::harness::Upstream;
use crate::harness::client::{exchange, raw};
use crate::harness::{eventually, get};

const ROUTES: &str = "[[route]]\npath = \"/open/{*rest}\"\nservice = \"shop\"\nauth = \"none\"\n\
    [[route]]\npath = \"/editors\"\nservice = \"shop\"\nauth = { any_of = [\"jwt\"], scopes = [\"write\"], roles = [\"editor\"], \
    claims = { sub = \"X-User\" } }\n\
    [[route]]\npath = \"/{*rest}\"\nservice = \"shop\"\nauth = [\"jwt\", \"api_key\"]\n[store]\n";

#[tokio::test]
async fn a_good_token_is_let_in_and_the_service_is_told_who_calls() {
    let upstream = mirror().await;
    let gateway = guarded(&upstream, ROUTES).await;
    let good = bearer(&token(&json!({})));
    let answer = exchange(gateway.address, "GET", "/editors?x=1", &[("authorization", &good)], "").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let told = answer.json();
    assert_eq!(seen(&told, "x-auth-subject"), "ann");
    assert_eq!(seen(&told, "x-auth-issuer"), "https://id.test");
    assert_eq!(seen(&told, "x-auth-scopes"), "read write");
    assert_eq!(seen(&told, "x-auth-roles"), "editor");
    assert_eq!(seen(&told, "x-auth-tenant"), "acme");
    assert_eq!(seen(&told, "x-user"), "ann");
    assert_eq!(seen(&told, "authorization"), "", "the credential is nobody else's business");
    let access = gateway.policy_of("shop", "access", "/editors").await;
    assert_eq!(access["effects"]["granted"], 1, "{access}");
}

/// ASVS 4.1.3: what the gateway says of a caller, no client can say, however it is spelled.
#[tokio::test]
async fn nobody_can_say_themselves_who_they_are() {
    let upstream = mirror().await;
    let gateway = guarded(&upstream, ROUTES).await;
    let good = bearer(&token(&json!({})));
    let forged = [
        ("X-Auth-Subject", "root"),
        ("x_auth_subject", "root"),
        ("X-Auth_Roles", "admin"),
        ("x-auth-roles", "admin"),
        ("X-User", "root"),
        ("x_user", "root"),
        ("X-Auth-Tenant", "other"),
    ];
    for (path, credential) in [("/open/x", None), ("/editors", Some(&good)), ("/any", Some(&good))] {
        let mut headers = forged.to_vec();
        // nor can a client have them taken away
        headers.push(("connection", "x-auth-subject, x-auth-roles, x-auth-tenant"));
        headers.extend(credential.map(|credential| ("authorization", credential.as_str())));
        let told = exchange(gateway.address, "GET", path, &headers, "").await.json();
        let all = told["headers"].to_string();
        assert!(!all.contains("root") && !all.contains("admin") && !all.contains("other"), "{path}: {all}");
        assert_eq!(seen(&told, "x-auth-subject"), if credential.is_some() { "ann" } else { "" }, "{path}");
    }
}

#[tokio::test]
async fn what_is_not_good_is_refused_with_its_reason() {
    let upstream = mirror().await;
    let gateway = guarded(&upstream, ROUTES).await;
    let now = super::now();
    for (name, credential, status, reason) in [
        ("nothing", String::new(), 401, "no_credential"),
        ("another scheme", "Basic YTpi".to_owned(), 401, "no_credential"),
        ("no token", "Bearer x".to_owned(), 401, "token_malformed"),
        (
            "9.1.1 another secret",
            bearer(&signed(&json!({"alg":"HS256"}), &super::claims(&json!({})), "x")),
            401,
            "token_signature",
        ),
        (
            "9.1.2 none",
            bearer(&format!(
                "{}.",
                signed(&json!({"alg":"none"}), &super::claims(&json!({})), "x").rsplit_once('.').unwrap().0
            )),
            401,
            "token_algorithm",
        ),
        ("9.2.1 over", bearer(&token(&json!({"exp": now - 3_600}))), 401, "token_expired"),
        ("9.2.1 not yet", bearer(&token(&json!({"nbf": now + 3_600}))), 401, "token_not_yet_valid"),
        ("9.2.2 refresh token", bearer(&token(&json!({"typ": "Refresh"}))), 401, "token_type"),
        ("9.2.3 for others", bearer(&token(&json!({"aud": "till"}))), 401, "token_audience"),
        ("unknown issuer", bearer(&token(&json!({"iss": "https://id.test/"}))), 401, "issuer_unknown"),
        ("8.2.1 no such scope", bearer(&token(&json!({"scope": "read"}))), 403, "insufficient_scope"),
        ("8.2.1 no such role", bearer(&token(&json!({"roles": ["reader"]}))), 403, "insufficient_role"),
        ("key nobody made", "Bearer sw_0000000000000_x".to_owned(), 401, "no_credential"),
    ] {
        let headers: &[(&str, &str)] =
            if credential.is_empty() { &[] } else { &[("authorization", &credential)] };
        let answer = exchange(gateway.address, "GET", "/editors", headers, "").await;
        assert_eq!((answer.status.as_u16(), answer.reason().as_str()), (status, reason), "{name}");
        assert!(answer.header("www-authenticate").starts_with("Bearer"), "{name}");
    }
    let good = bearer(&token(&json!({})));
    let twice = [("authorization", good.as_str()), ("authorization", good.as_str())];
    let answer = exchange(gateway.address, "GET", "/editors", &twice, "").await;
    assert_eq!((answer.status.as_u16(), answer.reason().as_str()), (401, "credential_malformed"));
}

#[tokio::test]
async fn an_api_key_lives_from_its_making_to_its_end() {
    let upstream = mirror().await;
    let gateway = guarded(&upstream, ROUTES).await;
    let order = |method: &'static str, path: String, body: String| {
        let control = gateway.control;
        async move { exchange(control, method, &path, &[JSON], &body).await }
    };
    let made = eventually("the store is open", || async {
        let answer =
            order("POST", "/api/v1/users".into(), json!({ "name": "ann", "roles": ["user"] }).to_string())
                .await;
        (answer.status == 201).then(|| answer.json())
    })
    .await;
    let new = json!({ "name": "ci", "owner": "ann", "roles": ["user"] });
    let key = order("POST", "/api/v1/keys".into(), new.to_string()).await;
    assert_eq!(key.status, 201, "{}", key.text());
    let (id, secret) = (key.json()["key"]["id"].clone(), key.json()["secret"].as_str().unwrap().to_owned());
    let ask = |secret: &str| {
        let (address, secret) = (gateway.address, secret.to_owned());
        async move { exchange(address, "GET", "/any", &[("x-api-key", &secret)], "").await }
    };
    let answer = ask(&secret).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(seen(&answer.json(), "x-auth-subject"), made["user"]["id"].as_str().unwrap());
    assert_eq!(
        (seen(&answer.json(), "x-auth-method"), seen(&answer.json(), "x-api-key")),
        ("api_key".into(), String::new())
    );
    // one letter off, and cut
    let last = if secret.ends_with('0') { '1' } else { '0' };
    for wrong in [format!("{}{last}", &secret[..secret.len() - 1]), secret[..secret.len() - 1].to_owned()] {
        assert_eq!(ask(&wrong).await.status, 401, "{wrong}");
    }
    // two of them are none
    let two = [("x-api-key", secret.as_str()), ("x-api-key", secret.as_str())];
    assert_eq!(exchange(gateway.address, "GET", "/any", &two, "").await.reason(), "credential_malformed");
    let id = id.as_str().unwrap();
    let rotated = order("POST", format!("/api/v1/keys/{id}/rotate"), "{}".into()).await.json();
    let successor = rotated["secret"].as_str().unwrap().to_owned();
    assert_eq!(ask(&secret).await.status, 200, "the old one works on");
    assert_eq!(ask(&successor).await.status, 200, "and so does the new one");
    assert_eq!(order("DELETE", format!("/api/v1/keys/{id}?reason=leaked"), String::new()).await.status, 200);
    assert_eq!(ask(&secret).await.status, 401, "revoked is revoked at once");
    assert_eq!(ask(&successor).await.status, 200);
    // switching its owner off ends it
    let off = order("PATCH", "/api/v1/users/ann".into(), json!({ "enabled": false }).to_string()).await;
    assert_eq!(off.status, 200, "{}", off.text());
    assert_eq!(ask(&successor).await.status, 401);
}

#[tokio::test]
async fn answers_for_one_caller_are_nobody_elses() {
    let upstream = crate::harness::Upstream::start(|seen| async move {
        let who =
            seen.headers.get("x-auth-subject").and_then(|value| value.to_str().ok()).unwrap_or("nobody");
        crate::harness::answer(200, &[("cache-control", "public, max-age=60")], format!("for {who}"))
    })
    .await;
    let routes = "[[route]]\npath = \"/{*rest}\"\nservice = \"shop\"\nauth = \"jwt\"\ncache = {}\n";
    let gateway = guarded(&upstream, routes).await;
    let ask = |who: &str| {
        let (address, credential) = (gateway.address, bearer(&token(&json!({ "sub": who }))));
        async move { exchange(address, "GET", "/page", &[("authorization", &credential)], "").await.text() }
    };
    for _ in 0..2 {
        assert_eq!(ask("ann").await, "for ann");
        assert_eq!(ask("bob").await, "for bob");
    }
    assert_eq!(get(gateway.address, "/page").await.unwrap().status, 401, "what is cached is not open");
}

#[tokio::test]
async fn networks_are_kept_out() {
    let upstream = mirror().await;
    let rest = format!(
        "{}\n[[route]]\npath = \"/in\"\nservice = \"shop\"\nallow = [\"127.0.0.0/8\"]\n\
         [[route]]\npath = \"/out\"\nservice = \"shop\"\ndeny = [\"127.0.0.1\"]\n\
         [[route]]\npath = \"/far\"\nservice = \"shop\"\nallow = [\"10.0.0.0/8\", \"2001:db8::/32\"]\n",
        upstream.service("")
    );
    let gateway = crate::harness::Gateway::start(&rest).await;
    assert_eq!(gateway.get("/in").await.status, 200);
    for path in ["/out", "/far"] {
        let answer = gateway.get(path).await;
        assert_eq!((answer.status.as_u16(), answer.reason().as_str()), (403, "address_denied"), "{path}");
    }
}

/// The gateway's own token goes to the service, never the client's; without one nothing goes.
#[tokio::test]
async fn a_service_is_shown_the_gateways_own_token() {
    let provider = crate::harness::Upstream::start(|seen| async move {
        // client:secret, as RFC 6749 §2.3.1 has it
        let known = seen.header("authorization") == "Basic Z3c6c2VjcmV0";
        let body =
            if known { r#"{"access_token":"own","token_type":"Bearer","expires_in":600}"# } else { "{}" };
        let status = if known { 200 } else { 401 };
        crate::harness::answer(status, &[("content-type", "application/json")], body)
    })
    .await;
    let upstream = mirror().await;
    let settings = |endpoint: &str| {
        format!(
            "credentials = {{ token_endpoint = \"{endpoint}\", client_id = \"gw\", client_secret = \"client.secret\" }}"
        )
    };
    let folder = crate::harness::Folder::new();
    folder.write("client.secret", "secret\n");
    let rest = upstream.service(&settings(&format!("{}/token", provider.url())));
    let gateway = crate::harness::Gateway::with(folder, "", "", &rest).await;
    let told = eventually("there is a token", || async {
        let answer = exchange(gateway.address, "GET", "/", &[("authorization", "Bearer mine")], "").await;
        (answer.status == 200).then(|| answer.json())
    })
    .await;
    assert_eq!(seen(&told, "authorization"), "Bearer own");
    let folder = crate::harness::Folder::new();
    folder.write("client.secret", "wrong");
    let rest = upstream.service(&settings(&format!("{}/token", provider.url())));
    let before = upstream.seen().len();
    let refused = crate::harness::Gateway::with(folder, "", "", &rest).await;
    let answer = refused.get("/").await;
    assert_eq!((answer.status.as_u16(), answer.reason().as_str()), (503, "upstream_credential"));
    assert_eq!(upstream.seen().len(), before, "nothing goes without a token");
}

/// A service that others can reach too believes the token, which it can verify by the gateway's keys.
#[tokio::test]
async fn a_service_is_told_by_a_signed_token() {
    let upstream = mirror().await;
    let routes =
        "[[route]]\npath = \"/{*rest}\"\nservice = \"shop\"\nauth = { any_of = [\"jwt\"], signed = true }\n";
    let gateway = guarded(&upstream, routes).await;
    let good = bearer(&token(&json!({})));
    let headers = [("authorization", good.as_str()), ("x-auth-token", "mine")];
    let told = exchange(gateway.address, "GET", "/", &headers, "").await.json();
    let shown = seen(&told, "x-auth-token");
    let (text, signature) = shown.rsplit_once('.').unwrap();
    let claims: serde_json::Value =
        serde_json::from_slice(&unbase64(text.split_once('.').unwrap().1)).unwrap();
    assert_eq!(
        (&claims["sub"], &claims["aud"], &claims["roles"]),
        (&json!("ann"), &json!(["shop"]), &json!(["editor"]))
    );
    let keys = get(gateway.address, "/.well-known/seaworthy/jwks.json").await.unwrap().json();
    let x = unbase64(keys["keys"][0]["x"].as_str().unwrap());
    let key = aws_lc_rs::signature::UnparsedPublicKey::new(&aws_lc_rs::signature::ED25519, x);
    key.verify(text.as_bytes(), &unbase64(signature)).unwrap();
    assert!(key.verify(b"other", &unbase64(signature)).is_err());
}

fn unbase64(text: &str) -> Vec<u8> {
    let digit = |byte: u8| match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'-' => 62,
        _ => 63,
    };
    let mut out = Vec::new();
    for chunk in text.as_bytes().chunks(4) {
        let word = chunk.iter().fold(0_u32, |word, byte| word << 6 | u32::from(digit(*byte)))
            << (6 * (4 - chunk.len()));
        out.extend(&word.to_be_bytes()[1..chunk.len()]);
    }
    out
}

/// What was verified stays known over a reload, and rules that change are in force after it.
#[tokio::test]
async fn rules_follow_a_reload() {
    let upstream = mirror().await;
    let gateway = guarded(&upstream, ROUTES).await;
    let good = bearer(&token(&json!({ "roles": ["reader"] })));
    let ask = || {
        let (address, good) = (gateway.address, good.clone());
        async move { exchange(address, "GET", "/editors", &[("authorization", &good)], "").await.status.as_u16() }
    };
    assert_eq!(ask().await, 403);
    let text = gateway.folder_text("seaworthy.toml").replace("roles = [\"editor\"]", "roles = [\"reader\"]");
    gateway.folder.write("seaworthy.toml", text);
    eventually("the new rule is in force", || async { (ask().await == 200).then_some(()) }).await;
    gateway.signal(rustix::process::Signal::HUP);
    let broken = gateway.folder_text("seaworthy.toml").replace("HS256", "none");
    gateway.folder.write("seaworthy.toml", broken);
    gateway.logs("the old one stays").await;
    assert_eq!(ask().await, 200);
}

/// ASVS 8.3.1: a route that asks for one method does not leave the others to a route that asks nothing.
#[tokio::test]
async fn another_method_is_no_way_around() {
    let upstream = mirror().await;
    let routes = "[[route]]\npath = \"/admin/{*rest}\"\nservice = \"shop\"\nmethods = [\"GET\", \"POST\"]\nauth = \"jwt\"\n\
        [[route]]\npath = \"/{*rest}\"\nservice = \"shop\"\nauth = \"none\"\n";
    let gateway = guarded(&upstream, routes).await;
    for method in ["GET", "POST", "HEAD"] {
        assert_eq!(exchange(gateway.address, method, "/admin/x", &[], "").await.status, 401, "{method}");
    }
    for method in ["DELETE", "PUT", "PATCH", "OPTIONS", "PURGE", "get"] {
        let status = exchange(gateway.address, method, "/admin/x", &[], "").await.status.as_u16();
        assert!(status == 405 || status == 401, "{method}: {status}");
    }
    // nor does the folder's own name, which services take for the folder
    for path in ["/admin", "/admin/"] {
        assert_eq!(exchange(gateway.address, "GET", path, &[], "").await.status, 401, "{path}");
    }
    assert_eq!(exchange(gateway.address, "DELETE", "/open", &[], "").await.status, 200);
    assert!(upstream.seen().iter().all(|seen| !seen.target.starts_with("/admin")));
}

/// ASVS 8.2.1: a scope that a key's owner could not give is none.
#[tokio::test]
async fn a_key_has_no_scope_that_its_owner_has_not() {
    let upstream = mirror().await;
    let routes = "[[route]]\npath = \"/{*rest}\"\nservice = \"shop\"\nauth = { any_of = [\"jwt\", \"api_key\"], scopes = [\"shop:write\"] }\n[store]\n";
    let gateway = guarded(&upstream, routes).await;
    let mut statuses = Vec::new();
    for (name, role) in [("ann", "viewer"), ("bob", "operator")] {
        let body = json!({ "name": name, "roles": [role] }).to_string();
        eventually("the store is open", || async {
            let answer = exchange(gateway.control, "POST", "/api/v1/users", &[JSON], &body).await;
            (answer.status == 201).then_some(())
        })
        .await;
        let new =
            json!({ "name": "k", "owner": name, "roles": [role], "scopes": ["shop:write"] }).to_string();
        let key = exchange(gateway.control, "POST", "/api/v1/keys", &[JSON], &new).await;
        assert_eq!(key.status, 201, "{}", key.text());
        let secret = key.json()["secret"].as_str().unwrap().to_owned();
        statuses.push(
            exchange(gateway.address, "GET", "/x", &[("x-api-key", &secret)], "").await.status.as_u16(),
        );
        let more = json!({ "name": "k", "owner": name, "roles": ["admin"] }).to_string();
        assert_eq!(
            exchange(gateway.control, "POST", "/api/v1/keys", &[JSON], &more).await.status,
            403,
            "{name}"
        );
    }
    assert_eq!(statuses, [403, 200]);
}

/// ASVS 4.1.3: nor after the body, where some services look too.
#[tokio::test]
async fn trailers_say_nothing_of_the_caller() {
    let upstream = Upstream::raw(|mut stream, _| async move {
        let mut got = Vec::new();
        let mut piece = [0; 4_096];
        while !(contains(&got, b"\r\n0\r\n") && got.ends_with(b"\r\n\r\n")) {
            match stream.read(&mut piece).await {
                Ok(0) | Err(_) => return,
                Ok(count) => got.extend(&piece[..count]),
            }
        }
        let text = String::from_utf8_lossy(&got).replace("\r\n", "|");
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", text.len());
        let _ = stream.write_all(format!("{head}{text}").as_bytes()).await;
    })
    .await;
    let gateway = guarded(&upstream, ROUTES).await;
    let forged = "x-auth-subject: root\r\nX_AUTH_ROLES: root\r\nauthorization: root\r\nx-kept: 1";
    let text = format!(
        "POST /open/x HTTP/1.1\r\nhost: a.test\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\
         trailer: x-auth-subject\r\n\r\n1\r\na\r\n0\r\n{forged}\r\n\r\n"
    );
    let answer = String::from_utf8_lossy(&raw(gateway.address, text.as_bytes()).await).into_owned();
    assert!(!answer.contains("root"), "{answer}");
    assert!(answer.starts_with("HTTP/1.1 200") || answer.starts_with("HTTP/1.1 400"), "{answer}");
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}
