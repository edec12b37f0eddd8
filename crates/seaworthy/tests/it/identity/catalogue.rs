//! What must not work, each with the number of the ASVS 5.0 requirement it belongs to, and with what does work beside
//! it: a catalogue whose every case is refused proves nothing about a listener that refuses everybody.

mod accounts;
mod bodies;
mod credentials;
mod cross_site;
mod headers;
mod operator;
mod paths;
mod people;

use serde_json::{Value, json};

use super::JSON;
use crate::harness::client::exchange;
use crate::harness::{Answer, Gateway, Upstream, eventually};

/// What came out otherwise than it should, all of it at once.
#[derive(Default)]
struct Verdicts {
    wrong: Vec<String>,
    cases: usize,
}

impl Verdicts {
    /// A case that must be answered like this; `""` is any reason.
    fn expect(&mut self, name: &str, answer: &Answer, status: u16, reason: &str) {
        self.cases += 1;
        let got = match answer.header("content-type") {
            "application/problem+json" => answer.reason(),
            _ => String::new(),
        };
        if answer.status != status || (!reason.is_empty() && got != reason) {
            let text = answer.text().chars().take(300).collect::<String>();
            self.wrong.push(format!("{name}: {} {got:?}, not {status} {reason:?}: {text}", answer.status));
        }
    }

    /// A case that is judged elsewhere.
    fn check(&mut self, name: &str, is_right: bool, seen: impl std::fmt::Display) {
        self.cases += 1;
        if !is_right {
            self.wrong.push(format!("{name}: {seen}"));
        }
    }

    /// Whether all of at least so many came out as they should.
    fn end(self, least: usize) {
        assert!(self.wrong.is_empty(), "{} of {}:\n{}", self.wrong.len(), self.cases, self.wrong.join("\n"));
        assert!(self.cases >= least, "only {} cases", self.cases);
    }
}

/// Somebody who may call the control listener.
#[derive(Clone)]
struct Person {
    id: String,
    cookie: String,
    csrf: String,
    device: String,
    session: String,
    password: String,
}

/// Keys and tokens will do everywhere.
const ROUTES: &str = "[[route]]\npath = \"/{*rest}\"\nservice = \"shop\"\nauth = [\"jwt\", \"api_key\"]\n";

/// A gateway with a store, and what stands behind it.
struct House {
    gateway: Gateway,
    _upstream: Upstream,
}

impl House {
    async fn open() -> Self {
        let upstream = super::mirror().await;
        let text = format!("{ROUTES}[store]\n");
        let gateway = super::guarded(&upstream, &text).await;
        eventually("identities are open", || async {
            let answer = exchange(gateway.control, "GET", "/api/v1/users", &[], "").await;
            (answer.status == 200).then_some(())
        })
        .await;
        Self { gateway, _upstream: upstream }
    }

    /// As this machine's operator, or as whoever the headers say.
    async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let all: Vec<_> = headers.iter().copied().chain([JSON]).collect();
        exchange(self.gateway.control, method, path, &all, &body).await
    }

    /// Without a credential.
    async fn ask_owned(&self, method: &str, path: &str, body: Value) -> Answer {
        self.ask(method, path, &[("cookie", "none=1")], &body).await
    }

    /// As somebody with a session.
    async fn by(&self, who: &Person, method: &str, path: &str, body: Value) -> Answer {
        let headers = [("cookie", who.cookie.as_str()), ("x-csrf-token", who.csrf.as_str())];
        self.ask(method, path, &headers, &body).await
    }

    /// With a bearer token.
    async fn with(&self, token: &str, method: &str, path: &str, body: Value) -> Answer {
        self.ask(method, path, &[("authorization", &super::bearer(token))], &body).await
    }

    /// Adds somebody who comes in with a password of their own.
    async fn person(&self, name: &str, role: &str, tenant: Option<&str>) -> Person {
        let new = json!({ "name": name, "roles": [role], "tenant": tenant });
        let made = self.ask("POST", "/api/v1/users", &[], &new).await;
        assert_eq!(made.status, 201, "{}", made.text());
        let first = made.json()["password"].as_str().unwrap().to_owned();
        let new = self.log_in(name, &first).await;
        let password = format!("{name} has a long password");
        let change = json!({ "current": first, "new": password });
        let changed = self.by(&new, "PUT", "/api/v1/account/password", change).await;
        assert_eq!(changed.status, 200, "{}", changed.text());
        let id = made.json()["user"]["id"].as_str().unwrap().to_owned();
        Person { id, ..self.log_in(name, &password).await }
    }

    async fn try_log_in(&self, name: &str, password: &str, headers: &[(&str, &str)]) -> Answer {
        let all: Vec<_> = [("cookie", "none=1")].iter().chain(headers).copied().collect();
        self.ask("POST", "/api/v1/login", &all, &json!({ "name": name, "password": password })).await
    }

    async fn log_in(&self, name: &str, password: &str) -> Person {
        let answer = self.try_log_in(name, password, &[]).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let view = answer.json();
        let text = |member: &str| view[member].as_str().unwrap().to_owned();
        Person {
            id: String::new(),
            cookie: format!("seaworthy_session={}", text("token")),
            csrf: text("csrf"),
            device: text("device"),
            session: text("session"),
            password: password.to_owned(),
        }
    }

    /// All of the audit log, as text.
    async fn audit(&self) -> String {
        let answer = self.ask("GET", "/api/v1/audit?limit=1000", &[], &Value::Null).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.text()
    }
}
