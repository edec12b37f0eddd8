//! Which request goes where, what is refused on the way, and how an error reads.

use std::collections::HashMap;

use crate::harness::client::raw;
use crate::harness::{Gateway, Upstream, answer, exchange};

/// Two services that say who they are and what they were asked for.
async fn two() -> (Upstream, Upstream, String) {
    let one =
        Upstream::start(
            |seen| async move { answer(200, &[], format!("one {} {}", seen.method, seen.target)) },
        )
        .await;
    let two =
        Upstream::start(
            |seen| async move { answer(200, &[], format!("two {} {}", seen.method, seen.target)) },
        )
        .await;
    let config = format!(
        "[service.one]\nupstreams = [\"{}\"]\n[service.two]\nupstreams = [\"{}\"]\n",
        one.url(),
        two.url()
    );
    (one, two, config)
}

#[tokio::test]
async fn by_host_path_method_and_header() {
    let (_one, _two, services) = two().await;
    let routes = "[[route]]\nservice = \"one\"\n\
        [[route]]\nhosts = [\"shop.example\", \"*.shop.example\"]\nservice = \"two\"\n\
        [[route]]\npath = \"/items/{id}\"\nmethods = [\"GET\", \"PUT\"]\nservice = \"two\"\n\
        [[route]]\npath = \"/beta\"\nheaders = { x-beta = \"yes\" }\nservice = \"two\"\n";
    let gateway = Gateway::start(&format!("{services}{routes}")).await;
    let cases = [
        ("GET", "/", &[][..], "one GET /"),
        ("GET", "/", &[("host", "shop.example")], "two GET /"),
        ("GET", "/", &[("host", "SHOP.example:8080")], "two GET /"),
        ("GET", "/", &[("host", "a.shop.example")], "two GET /"),
        ("GET", "/", &[("host", "ashop.example")], "one GET /"),
        ("GET", "/items/7", &[], "two GET /items/7"),
        ("PUT", "/items/7", &[], "two PUT /items/7"),
        ("HEAD", "/items/7", &[], ""),
        // a route that does not take the method leaves the request to a less exact one
        ("DELETE", "/items/7", &[], "one DELETE /items/7"),
        ("GET", "/items/7/parts", &[], "one GET /items/7/parts"),
        ("GET", "/beta", &[], "one GET /beta"),
        ("GET", "/beta", &[("x-beta", "yes")], "two GET /beta"),
        ("GET", "/beta", &[("x-beta", "no")], "one GET /beta"),
    ];
    for (method, path, headers, expected) in cases {
        let got = exchange(gateway.address, method, path, headers, "").await;
        assert_eq!(got.text(), expected, "{method} {path} {headers:?}");
    }
}

#[tokio::test]
async fn a_method_that_no_route_takes() {
    let (_one, _two, services) = two().await;
    let routes = "[[route]]\nmethods = [\"PATCH\"]\nservice = \"one\"\n\
        [[route]]\npath = \"/items/{id}\"\nmethods = [\"GET\", \"PUT\"]\nservice = \"two\"\n";
    let gateway = Gateway::start(&format!("{services}{routes}")).await;
    let got = exchange(gateway.address, "DELETE", "/items/7", &[], "").await;
    assert_eq!((got.status.as_u16(), got.header("allow")), (405, "GET, HEAD, PATCH, PUT"));
    assert_eq!(got.reason(), "method_not_allowed");
    assert_eq!(exchange(gateway.address, "PATCH", "/items/7", &[], "").await.text(), "one PATCH /items/7");
}

#[tokio::test]
async fn nothing_matches() {
    let (_one, _two, services) = two().await;
    let gateway = Gateway::start(&format!(
        "{services}[[route]]\npath = \"/only\"\nservice = \"one\"\n[[route]]\npath = \"/second\"\nservice = \"two\""
    )).await;
    let got = gateway.get("/other").await;
    assert_eq!(
        (got.status.as_u16(), got.reason().as_str(), &got.json()["code"]),
        (404, "no_route", &"not_found".into())
    );
    assert_eq!(gateway.get("/only").await.status, 200);
}

#[tokio::test]
async fn paths_are_rewritten() {
    let (_one, _two, services) = two().await;
    let routes = "[[route]]\npath = \"/api/{version}/{*rest}\"\nservice = \"one\"\nrewrite = \"/{rest}/v/{version}\"\n\
                  [[route]]\npath = \"/old\"\nservice = \"two\"\nrewrite = \"/new\"";
    let gateway = Gateway::start(&format!("{services}{routes}")).await;
    assert_eq!(gateway.get("/api/2/a/b%20c?q=1&r=%2F").await.text(), "one GET /a/b%20c/v/2?q=1&r=%2F");
    assert_eq!(gateway.get("/old?x").await.text(), "two GET /new?x");
}

#[tokio::test]
async fn traffic_is_split_by_weight() {
    let (one, two, services) = two().await;
    let split = "[[route]]\nsplit = [{ service = \"one\", weight = 80 }, { service = \"two\", weight = 20 }]";
    let gateway = Gateway::start(&format!("{services}{split}")).await;
    for _ in 0..500 {
        gateway.get("/").await;
    }
    let (one, two) = (one.count(), two.count());
    // 500 draws at 20 %: 100 with a deviation of 9; this allows five of them
    assert!(one + two == 500 && (55..=145).contains(&two), "{one} and {two}");
}

#[tokio::test]
async fn callers_are_limited_one_by_one() {
    let upstream = Upstream::fixed("ahoy").await;
    let route = "[[route]]\nservice = \"shop\"\nrate_limit = [{ key = \"header:x-key\", requests = 3, per = \"1m\" }]";
    let gateway = Gateway::start(&format!("{}{route}", upstream.service(""))).await;
    let address = gateway.address;
    let ask = |key| async move { exchange(address, "GET", "/", &[("x-key", key)], "").await };
    for left in [2, 1, 0] {
        let got = ask("a").await;
        assert_eq!(got.status, 200);
        assert_eq!(got.header("ratelimit-policy"), "\"default\";q=3;w=60");
        assert!(got.header("ratelimit").starts_with(&format!("\"default\";r={left};t=")), "{got:?}");
    }
    let refused = ask("a").await;
    assert_eq!((refused.status.as_u16(), refused.reason().as_str()), (429, "rate_limited"));
    assert_eq!(refused.json()["code"], "limited");
    let wait: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=20).contains(&wait), "one request every twenty seconds: {wait}");
    assert!(refused.header("ratelimit").starts_with("\"default\";r=0;t="), "{refused:?}");
    assert_eq!(upstream.count(), 3);
    assert_eq!(ask("b").await.status, 200);
    // leaving the key out is no way around it
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(gateway.get("/").await.status.as_u16());
    }
    assert_eq!(statuses, [200, 200, 200, 429]);
}

#[tokio::test]
async fn forged_addresses_are_no_way_around_a_limit() {
    let upstream = Upstream::fixed("ahoy").await;
    let route =
        "[[route]]\nservice = \"shop\"\nrate_limit = [{ key = \"client\", requests = 2, per = \"1m\" }]";
    let gateway = Gateway::start(&format!("{}{route}", upstream.service(""))).await;
    let mut statuses = Vec::new();
    for n in 0..4 {
        let forged = format!("10.0.0.{n}");
        let got = exchange(gateway.address, "GET", "/", &[("x-forwarded-for", &forged)], "").await;
        statuses.push(got.status.as_u16());
    }
    assert_eq!(statuses, [200, 200, 429, 429]);
}

#[tokio::test]
async fn bodies_are_bounded() {
    let upstream = Upstream::fixed("ahoy").await;
    let route = "[[route]]\nservice = \"shop\"\nbody_bytes = \"1KiB\"";
    let gateway = Gateway::start(&format!("{}{route}", upstream.service(""))).await;
    let fits = exchange(gateway.address, "POST", "/", &[], &"x".repeat(1_024)).await;
    assert_eq!((fits.status.as_u16(), upstream.count()), (200, 1));
    let declared = exchange(gateway.address, "POST", "/", &[], &"x".repeat(1_025)).await;
    assert_eq!((declared.status.as_u16(), declared.reason().as_str()), (413, "body_too_large"));
    assert_eq!(upstream.count(), 1);
    // one that does not say how long it is
    let chunk = format!("{:x}\r\n{}\r\n", 600, "x".repeat(600));
    let bytes = format!(
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n{}0\r\n\r\n",
        chunk.repeat(2)
    );
    let got = raw(gateway.address, bytes.as_bytes()).await;
    assert!(got.starts_with(b"HTTP/1.1 413 "), "{}", String::from_utf8_lossy(&got));
    assert!(upstream.seen().iter().skip(1).all(|seen| !seen.whole), "the upstream got a whole body");
    let breaker = gateway.policy("shop", "breaker").await;
    assert_eq!(breaker["state"]["phase"], "closed", "{breaker}");
}

#[tokio::test]
async fn every_error_links_to_its_page() {
    let upstream = Upstream::fixed("ahoy").await;
    let down = crate::harness::free_address();
    let routes = format!(
        "[service.down]\nupstreams = [\"http://{down}\"]\nretry = false\n\
         [[route]]\npath = \"/down\"\nservice = \"down\"\n\
         [[route]]\npath = \"/get\"\nmethods = [\"GET\"]\nservice = \"shop\"\n\
         [[route]]\npath = \"/limited\"\nservice = \"shop\"\nrate_limit = [{{ requests = 1, per = \"1h\" }}]"
    );
    let gateway = Gateway::start(&format!("{}{routes}", upstream.service(""))).await;
    gateway.get("/limited").await;
    let mut pages = HashMap::new();
    for (method, path) in
        [("GET", "/down"), ("POST", "/get"), ("GET", "/limited"), ("GET", "/nowhere"), ("GET", "/a/../b")]
    {
        let got = exchange(gateway.address, method, path, &[], "").await;
        let problem = got.json();
        assert_eq!(got.header("content-type"), "application/problem+json");
        assert_eq!(got.header("cache-control"), "no-store");
        for member in ["type", "title", "detail", "code", "reason", "request_id"] {
            assert!(problem[member].as_str().is_some_and(|text| !text.is_empty()), "{member}: {problem}");
        }
        assert_eq!(problem["status"], got.status.as_u16());
        assert_eq!(problem["request_id"], got.header("x-request-id"));
        let (page, heading) = problem["type"].as_str().unwrap().split_once('#').unwrap();
        let shown = gateway.get(page).await;
        assert_eq!(
            (shown.status.as_u16(), shown.header("content-type")),
            (200, "text/markdown; charset=utf-8")
        );
        assert!(shown.text().contains(&format!("\n## {heading}\n")), "{page} does not explain {heading}");
        pages.insert(heading.to_owned(), page.to_owned());
    }
    assert_eq!(pages.len(), 5);
    assert_eq!(gateway.get("/.well-known/seaworthy/errors/nothing").await.status, 404);
}
