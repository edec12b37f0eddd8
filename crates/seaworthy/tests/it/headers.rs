//! What is added to messages, what is taken away, and what nobody may forge.

use crate::harness::client::{Connection, raw, request};
use crate::harness::{Answer, Gateway, Seen, Upstream, answer, exchange};

/// An upstream that says nothing of interest, behind a gateway with these settings of its listener.
async fn behind(listener: &str, service: &str) -> (Upstream, Gateway) {
    let upstream = Upstream::fixed("ahoy").await;
    let gateway = Gateway::listening(listener, &upstream.service(service)).await;
    (upstream, gateway)
}

/// One GET with these headers: what the upstream saw, and what came back.
async fn seen(upstream: &Upstream, gateway: &Gateway, headers: &[(&str, &str)]) -> (Seen, Answer) {
    let answer = exchange(gateway.address, "GET", "/", headers, "").await;
    (upstream.last(), answer)
}

#[tokio::test]
async fn request_ids_are_accepted_or_made() {
    let (upstream, gateway) = behind("", "").await;
    let (arrived, answer) = seen(&upstream, &gateway, &[("x-request-id", "order-7_a.b:c")]).await;
    assert_eq!(
        (arrived.header("x-request-id"), answer.header("x-request-id")),
        ("order-7_a.b:c", "order-7_a.b:c")
    );
    gateway.logs("request_id=order-7_a.b:c").await;
    let long = "x".repeat(65);
    for bad in ["", "two words", "<script>", long.as_str(), "a\"b"] {
        let (arrived, answer) = seen(&upstream, &gateway, &[("x-request-id", bad)]).await;
        let made = answer.header("x-request-id");
        assert!(
            made.len() == 26 && made != bad && arrived.header("x-request-id") == made,
            "{bad:?}: {made:?}"
        );
        assert_eq!(arrived.headers.get_all("x-request-id").iter().count(), 1);
    }
    let ids: std::collections::HashSet<_> =
        upstream.seen().iter().map(|s| s.header("x-request-id").to_owned()).collect();
    assert_eq!(ids.len(), 6, "an id was made twice");
}

#[tokio::test]
async fn traces_are_continued() {
    // nobody receives them: that must not matter to the requests
    let traces =
        format!("[telemetry.traces]\nendpoint = \"http://{}/v1/traces\"", crate::harness::free_address());
    let (upstream, gateway) = behind("trusted_proxies = [\"127.0.0.1\"]", &traces).await;
    let incoming = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let state = ("tracestate", "vendor=1");
    let (arrived, _) = seen(&upstream, &gateway, &[("traceparent", incoming), state]).await;
    let parts: Vec<_> = arrived.header("traceparent").split('-').collect();
    assert_eq!((parts[0], parts[1]), ("00", "0af7651916cd43dd8448eb211c80319c"));
    assert!(
        parts[2] != "b7ad6b7169203331" && parts[2].len() == 16,
        "the gateway has no span of its own: {parts:?}"
    );
    assert_eq!(arrived.header("tracestate"), "vendor=1");
    let none = "00-00000000000000000000000000000000-b7ad6b7169203331-01";
    for bad in ["garbage", none, "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"] {
        let (arrived, _) = seen(&upstream, &gateway, &[("traceparent", bad)]).await;
        let made = arrived.header("traceparent");
        assert!(made.len() == 55 && !made.contains("0af7651916cd43dd") && made != bad, "{bad}: {made}");
    }
}

#[tokio::test]
async fn without_traces_trace_headers_pass() {
    let (upstream, gateway) = behind("", "").await;
    let incoming = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let (arrived, _) = seen(&upstream, &gateway, &[("traceparent", incoming)]).await;
    assert_eq!(arrived.header("traceparent"), incoming);
}

const CLAIMS: [(&str, &str); 7] = [
    ("x-forwarded-for", "6.6.6.6"),
    ("x-forwarded-proto", "https"),
    ("x-forwarded-host", "evil.example"),
    ("x-forwarded-port", "1"),
    ("x-real-ip", "6.6.6.6"),
    ("forwarded", "for=6.6.6.6;proto=https"),
    ("x-client-verify", "SUCCESS"),
];

#[tokio::test]
async fn strangers_are_not_believed() {
    let (upstream, gateway) = behind("", "").await;
    let mut headers = CLAIMS.to_vec();
    headers.push(("host", "shop.example"));
    let (arrived, answer) = seen(&upstream, &gateway, &headers).await;
    assert_eq!(arrived.header("x-forwarded-for"), "127.0.0.1");
    assert_eq!(arrived.header("x-forwarded-proto"), "http");
    assert_eq!(arrived.header("x-forwarded-host"), "shop.example");
    for name in ["x-forwarded-port", "x-real-ip", "forwarded", "x-client-verify"] {
        assert_eq!(arrived.header(name), "", "{name}");
    }
    assert_eq!(answer.header("strict-transport-security"), "");
    gateway.logs("client=127.0.0.1").await;
    assert!(!gateway.log().contains("6.6.6.6"));
}

#[tokio::test]
async fn names_that_only_look_different_are_dropped() {
    // behind CGI and WSGI a dash and an underscore are the same
    let (upstream, gateway) = behind("", "").await;
    let lookalikes = [
        ("x_forwarded_for", "6.6.6.6"),
        ("X_Client_Verify", "SUCCESS"),
        ("x_request-id", "7"),
        ("x_real_ip", "6.6.6.6"),
    ];
    let (arrived, _) = seen(&upstream, &gateway, &lookalikes).await;
    for (name, _) in lookalikes {
        assert_eq!(arrived.header(name), "", "{name}");
    }
    let (arrived, _) = seen(&upstream, &gateway, &[("my_own", "1")]).await;
    assert_eq!(arrived.header("my_own"), "1");
}

#[tokio::test]
async fn trusted_proxies_are_believed() {
    let (upstream, gateway) = behind("trusted_proxies = [\"127.0.0.0/8\"]", "").await;
    let claims = [
        ("x-forwarded-for", "6.6.6.6, 203.0.113.9"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "shop.example"),
    ];
    let (arrived, answer) = seen(&upstream, &gateway, &claims).await;
    assert_eq!(arrived.header("x-forwarded-for"), "6.6.6.6, 203.0.113.9, 127.0.0.1");
    assert_eq!(
        (arrived.header("x-forwarded-proto"), arrived.header("x-forwarded-host")),
        ("https", "shop.example")
    );
    assert_eq!(answer.header("strict-transport-security"), "max-age=31536000");
    // the last hop that is not one of ours is the client; what stands before it is hearsay
    gateway.logs("client=203.0.113.9").await;
}

#[tokio::test]
async fn forwarding_has_a_standard_too() {
    let (upstream, gateway) = behind("", "forwarding = \"rfc7239\"").await;
    let (arrived, _) =
        seen(&upstream, &gateway, &[("host", "shop.example"), ("forwarded", "for=6.6.6.6")]).await;
    assert_eq!(arrived.header("forwarded"), "for=127.0.0.1;proto=http;host=\"shop.example\"");
    assert_eq!(arrived.header("x-forwarded-for"), "");
    let (upstream, gateway) = behind("", "forwarding = \"off\"\npreserve_host = false").await;
    let (arrived, _) = seen(&upstream, &gateway, &[("host", "shop.example")]).await;
    assert_eq!((arrived.header("forwarded"), arrived.header("x-forwarded-for")), ("", ""));
    assert_eq!(arrived.header("host"), upstream.address.to_string());
}

#[tokio::test]
async fn headers_of_one_hop_stay_there() {
    let upstream = Upstream::start(|_| async move {
        let hop = [
            ("connection", "x-mine"),
            ("x-mine", "1"),
            ("keep-alive", "timeout=9"),
            ("proxy-authenticate", "Basic"),
            ("x-kept", "1"),
        ];
        answer(200, &hop, "ahoy")
    })
    .await;
    let gateway = Gateway::start(&upstream.service("")).await;
    let hop = [
        ("connection", "keep-alive, x-theirs, authorization"),
        ("x-theirs", "1"),
        ("authorization", "Bearer t"),
        ("keep-alive", "timeout=9"),
        ("proxy-authorization", "Basic dTpw"),
        ("proxy-connection", "keep-alive"),
        ("te", "trailers, gzip"),
        ("x-kept", "1"),
    ];
    let (arrived, answer) = seen(&upstream, &gateway, &hop).await;
    for name in ["connection", "x-theirs", "keep-alive", "proxy-authorization", "proxy-connection"] {
        assert_eq!(arrived.header(name), "", "{name} reached the upstream");
    }
    assert_eq!((arrived.header("te"), arrived.header("x-kept")), ("trailers", "1"));
    assert_eq!(
        arrived.header("authorization"),
        "Bearer t",
        "a client must not be able to strip it by naming it"
    );
    for name in ["connection", "x-mine", "keep-alive", "proxy-authenticate"] {
        assert_eq!(answer.header(name), "", "{name} reached the client");
    }
    assert_eq!(answer.header("x-kept"), "1");
}

#[tokio::test]
async fn trailers_survive() {
    let upstream = Upstream::raw(|mut stream, _| async move {
        while crate::harness::upstream::read_head(&mut stream).await.is_some() {
            let answer = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n4\r\nahoy\r\n0\r\nx-sum: 42\r\n\r\n";
            crate::harness::upstream::write(&mut stream, answer).await;
        }
    })
    .await;
    let gateway = Gateway::start(&upstream.service("")).await;
    let got =
        raw(gateway.address, b"GET / HTTP/1.1\r\nhost: a\r\nte: trailers\r\nconnection: close, te\r\n\r\n")
            .await;
    let text = String::from_utf8_lossy(&got);
    assert!(text.ends_with("4\r\nahoy\r\n0\r\nx-sum: 42\r\n\r\n"), "{text}");
}

#[tokio::test]
async fn security_headers_are_on_and_give_way() {
    let own = Upstream::start(|seen| async move {
        let headers = [("x-frame-options", "DENY"), ("referrer-policy", "no-referrer")];
        answer(200, if seen.target == "/own" { &headers } else { &[] }, "")
    })
    .await;
    let routes = "[[route]]\nservice = \"shop\"\n[[route]]\npath = \"/off\"\nservice = \"shop\"\nsecurity_headers = false\n\
        [[route]]\npath = \"/more\"\nservice = \"shop\"\n\
        security_headers = { content_security_policy = \"default-src 'self'\", frame_options = \"\" }";
    let gateway = Gateway::start(&format!("{}{routes}", own.service(""))).await;
    let shown = |answer: &Answer| {
        let names =
            ["x-content-type-options", "x-frame-options", "referrer-policy", "content-security-policy"];
        names.map(|name| answer.header(name).to_owned())
    };
    let strict = "strict-origin-when-cross-origin";
    assert_eq!(shown(&gateway.get("/").await), ["nosniff", "SAMEORIGIN", strict, ""]);
    assert_eq!(shown(&gateway.get("/own").await), ["nosniff", "DENY", "no-referrer", ""]);
    assert_eq!(shown(&gateway.get("/off").await), ["", "", "", ""]);
    assert_eq!(shown(&gateway.get("/more").await), ["nosniff", "", strict, "default-src 'self'"]);
}

#[tokio::test]
async fn pages_of_other_origins() {
    let upstream =
        Upstream::start(|_| async move { answer(200, &[("access-control-allow-origin", "*")], "ahoy") })
            .await;
    let route = "[[route]]\nservice = \"shop\"\n[route.cors]\norigins = [\"https://app.example\"]\n\
        methods = [\"GET\", \"PUT\"]\nheaders = [\"x-token\"]\nexpose = [\"x-total\"]\ncredentials = true\nmax_age = \"5m\"";
    let gateway = Gateway::start(&format!("{}{route}", upstream.service(""))).await;
    let ours = ("origin", "https://app.example");
    let ask = |origin, method| {
        let headers = [
            origin,
            ("access-control-request-method", method),
            ("access-control-request-headers", "x-token"),
        ];
        async move { exchange(gateway.address, "OPTIONS", "/", &headers, "").await }
    };
    let allowed = ask(ours, "PUT").await;
    assert_eq!((allowed.status.as_u16(), upstream.count()), (204, 0));
    assert_eq!(allowed.header("access-control-allow-origin"), "https://app.example");
    assert_eq!(allowed.header("access-control-allow-methods"), "GET, PUT");
    assert_eq!(allowed.header("access-control-allow-headers"), "x-token");
    assert_eq!(allowed.header("access-control-allow-credentials"), "true");
    assert_eq!(allowed.header("access-control-max-age"), "300");
    let refused = ask(("origin", "https://evil.example"), "PUT").await;
    assert_eq!(
        (refused.header("access-control-allow-origin"), refused.header("access-control-allow-methods")),
        ("", "")
    );

    let simple = exchange(gateway.address, "GET", "/", &[ours], "").await;
    assert_eq!(
        (simple.text().as_str(), simple.header("access-control-allow-origin")),
        ("ahoy", "https://app.example")
    );
    assert_eq!(
        (simple.header("access-control-expose-headers"), simple.header("vary")),
        ("x-total", "origin")
    );
    // the service's own, wider word does not hold
    let other = exchange(gateway.address, "GET", "/", &[("origin", "https://evil.example")], "").await;
    assert_eq!((other.header("access-control-allow-origin"), other.header("vary")), ("", "origin"));
}

#[tokio::test]
async fn head_keeps_length_and_type() {
    let upstream =
        Upstream::start(|_| async move { answer(200, &[("content-type", "text/plain")], "ahoy") }).await;
    let gateway = Gateway::start(&upstream.service("")).await;
    let mut connection = Connection::open(gateway.address).await.unwrap();
    let head = connection.send(request("HEAD", "/", &[], "")).await.unwrap();
    assert_eq!(
        (head.header("content-length"), head.header("content-type"), head.body.len()),
        ("4", "text/plain", 0)
    );
    assert_eq!(connection.get("/").await.unwrap().text(), "ahoy");
}

#[tokio::test]
async fn chosen_headers_are_logged_and_secrets_among_them_are_not_shown() {
    let log = "[telemetry.access]\nsample = 1.0\nheaders = [\"Authorization\", \"x-kind\", \"x-session\"]\n\
               redact_headers = [\"X-Session\"]";
    let (upstream, gateway) = behind("", log).await;
    let headers = [
        ("authorization", "Bearer SECRET1"),
        ("x-session", "SECRET2"),
        ("x-kind", "a"),
        ("x-kind", "b c"),
        ("x-other", "SECRET3"),
    ];
    seen(&upstream, &gateway, &headers).await;
    gateway.logs("header.x-kind=").await;
    let log = gateway.log();
    for shown in
        ["header.authorization=[redacted]", "header.x-session=[redacted]", "header.x-kind=\"a, b c\""]
    {
        assert!(log.contains(shown), "no {shown} in {log}");
    }
    assert!(!log.contains("SECRET"), "{log}");
}
