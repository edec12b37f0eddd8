mod doors;
mod hostile;
mod live;
mod markup;
mod measured;

use axum::Router;
use axum::body::Body;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

use crate::tests::{TOKEN, control};
use crate::{Control, router};

/// Pages that need nothing to be there.
const PAGES: [&str; 8] = [
    "/dashboard",
    "/dashboard/services/shop",
    "/dashboard/requests",
    "/dashboard/jobs",
    "/dashboard/dead-letters",
    "/dashboard/alerts",
    "/dashboard/people",
    "/dashboard/audit",
];

/// An answer, read to its end.
struct Seen {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Seen {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// A browser: what it sends, and the cookies it was given.
struct Tab {
    router: Router,
    cookies: Vec<(String, String)>,
}

impl Tab {
    fn new(control: &Control) -> Self {
        Self { router: router(control.clone()), cookies: Vec::new() }
    }

    /// One that the operator has logged in with.
    async fn of_operator(control: &Control) -> Self {
        let mut tab = Self::new(control);
        let seen = tab.post("/dashboard/login", &[("token", TOKEN)]).await;
        assert_eq!((seen.status.as_u16(), seen.header("location")), (303, "/dashboard"), "{}", seen.body);
        tab
    }

    async fn get(&mut self, path: &str) -> Seen {
        self.send(Request::get(path), Body::empty()).await
    }

    async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Seen {
        let pairs: Vec<_> =
            fields.iter().map(|(name, value)| format!("{name}={}", super::text::segment(value))).collect();
        let request = Request::post(path).header("content-type", "application/x-www-form-urlencoded");
        self.send(request.header("origin", "http://localhost:7700"), Body::from(pairs.join("&"))).await
    }

    async fn send(&mut self, request: http::request::Builder, body: Body) -> Seen {
        let response = self.opened(request, body).await;
        let (parts, body) = response.into_parts();
        for line in parts.headers.get_all("set-cookie") {
            let (name, value) = line.to_str().unwrap().split(';').next().unwrap().split_once('=').unwrap();
            self.cookies.retain(|(known, _)| known != name);
            if !value.is_empty() {
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
        let bytes = body.collect().await.unwrap().to_bytes();
        Seen {
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8(bytes.to_vec()).unwrap(),
        }
    }

    /// An answer that is not read yet.
    async fn opened(&self, request: http::request::Builder, body: Body) -> axum::response::Response {
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut request = request.header("host", "localhost:7700").header("accept", "text/html,*/*");
        if !cookies.is_empty() {
            request = request.header("cookie", cookies.join("; "));
        }
        self.router.clone().oneshot(request.body(body).unwrap()).await.unwrap()
    }

    /// A page that is as pages have to be.
    async fn page(&mut self, path: &str) -> String {
        let seen = self.get(path).await;
        assert_eq!(seen.status, 200, "{path}: {}", seen.body);
        assert_eq!(markup::faults(&seen.body, true), [""; 0], "{path}: {}", seen.body);
        let policy = seen.header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'; style-src 'self'; script-src 'self'"),
            "{path}: {policy}"
        );
        seen.body
    }

    /// What orders of this page need.
    async fn csrf(&mut self) -> String {
        let page = self.page("/dashboard").await;
        let (_, rest) = page.split_once("<meta name=\"csrf\" content=\"").unwrap();
        rest.split('"').next().unwrap().to_owned()
    }
}
