//! The response cache: what is kept, for whom, how long, and how it is emptied.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::harness::{Answer, Gateway, Upstream, answer, eventually, exchange};

/// A gateway with a cache before an upstream.
async fn cached(upstream: &Upstream, settings: &str) -> Gateway {
    let route = format!("[[route]]\nservice = \"shop\"\ncache = {{ {settings} }}");
    Gateway::start(&format!("{}{route}", upstream.service("retry = false\nbreaker = false"))).await
}

/// An upstream that numbers its answers, with these headers on each.
async fn numbered(headers: &'static [(&'static str, &'static str)]) -> Upstream {
    let count = Arc::new(AtomicUsize::new(0));
    Upstream::start(move |_| {
        let n = count.fetch_add(1, Ordering::Relaxed) + 1;
        async move { answer(200, headers, n.to_string()) }
    })
    .await
}

async fn get(gateway: &Gateway, path: &str, headers: &[(&str, &str)]) -> Answer {
    exchange(gateway.address, "GET", path, headers, "").await
}

async fn purge(gateway: &Gateway, order: &str) -> Answer {
    exchange(gateway.control, "POST", "/api/v1/cache/purge", &[("content-type", "application/json")], order)
        .await
}

#[tokio::test]
async fn passing_answers_are_not_kept_unasked() {
    let upstream = Upstream::start(|seen| async move {
        let status = seen.target.trim_start_matches('/').parse().unwrap();
        answer(status, &[("location", "/200")], "")
    })
    .await;
    let gateway = cached(&upstream, "default_ttl = \"1m\"").await;
    for (status, asked) in [(200, 1), (301, 1), (302, 2), (303, 2), (307, 2), (308, 1), (404, 1), (400, 2)] {
        let before = upstream.count();
        for _ in 0..2 {
            assert_eq!(get(&gateway, &format!("/{status}"), &[]).await.status.as_u16(), status);
        }
        assert_eq!(upstream.count() - before, asked, "{status}");
    }
}

#[tokio::test]
async fn a_second_request_is_a_hit() {
    let upstream = numbered(&[("cache-control", "max-age=60"), ("content-type", "text/plain")]).await;
    let gateway = cached(&upstream, "").await;
    let miss = get(&gateway, "/a", &[]).await;
    assert_eq!(
        (miss.text().as_str(), miss.header("cache-status"), miss.header("age")),
        ("1", "seaworthy; fwd=uri-miss", "")
    );
    let hit = get(&gateway, "/a", &[]).await;
    assert_eq!(
        (hit.text().as_str(), hit.header("content-type"), hit.header("content-length")),
        ("1", "text/plain", "1")
    );
    assert!(hit.header("cache-status").starts_with("seaworthy; hit; ttl="), "{hit:?}");
    assert!(hit.header("age").parse::<u32>().unwrap() <= 2);
    assert_ne!(hit.header("x-request-id"), miss.header("x-request-id"), "an id of somebody else's request");
    let head = exchange(gateway.address, "HEAD", "/a", &[], "").await;
    assert!(head.header("cache-status").starts_with("seaworthy; hit") && head.body.is_empty(), "{head:?}");
    assert_eq!(head.header("content-length"), "1");
    // the query and the host belong to the name
    assert_eq!(get(&gateway, "/a?b", &[]).await.text(), "2");
    assert_eq!(get(&gateway, "/a", &[("host", "other.example")]).await.text(), "3");
    assert_eq!(upstream.count(), 3);
    assert_eq!(gateway.policy("shop", "cache").await["effects"]["hit"], 2, "the GET and the HEAD");
}

#[tokio::test]
async fn what_is_private_is_not_kept() {
    let kept_never: [&'static [(&str, &str)]; 7] = [
        &[("cache-control", "private, max-age=60")],
        &[("cache-control", "no-store")],
        &[("cache-control", "max-age=60"), ("set-cookie", "session=1")],
        &[("cache-control", "max-age=0")],
        &[("vary", "*"), ("cache-control", "max-age=60")],
        &[("cache-control", "no-cache")],
        &[],
    ];
    for headers in kept_never {
        let upstream = numbered(headers).await;
        let gateway = cached(&upstream, "stale_if_error = \"0s\"").await;
        let texts = [get(&gateway, "/", &[]).await.text(), get(&gateway, "/", &[]).await.text()];
        assert_eq!(texts, ["1", "2"], "{headers:?}");
    }
}

#[tokio::test]
async fn answers_to_somebody_in_person_are_not_shared() {
    let upstream = numbered(&[("cache-control", "max-age=60")]).await;
    let gateway = cached(&upstream, "default_ttl = \"1m\"").await;
    let token = [("authorization", "Bearer a")];
    assert_eq!(get(&gateway, "/", &token).await.text(), "1");
    assert_eq!(get(&gateway, "/", &[("authorization", "Bearer b")]).await.text(), "2");
    let public = numbered(&[("cache-control", "public, max-age=60")]).await;
    let gateway = cached(&public, "").await;
    assert_eq!(get(&gateway, "/", &token).await.text(), "1");
    assert_eq!(get(&gateway, "/", &[]).await.text(), "1");
}

#[tokio::test]
async fn variants_are_kept_apart() {
    let upstream = Upstream::start(|seen| async move {
        answer(
            200,
            &[("cache-control", "max-age=60"), ("vary", "accept-language")],
            seen.header("accept-language").to_owned(),
        )
    })
    .await;
    let gateway = cached(&upstream, "").await;
    for _ in 0..3 {
        for language in ["en", "de", "fr"] {
            assert_eq!(get(&gateway, "/", &[("accept-language", language)]).await.text(), language);
        }
    }
    assert_eq!(upstream.count(), 3);
}

#[tokio::test]
async fn a_stale_copy_is_revalidated() {
    let upstream = Upstream::start(|seen| async move {
        let headers = [("cache-control", "max-age=1"), ("etag", "\"v1\"")];
        if seen.header("if-none-match") == "\"v1\"" {
            answer(304, &headers, "")
        } else {
            answer(200, &headers, "whole")
        }
    })
    .await;
    let gateway = cached(&upstream, "").await;
    assert_eq!(get(&gateway, "/", &[]).await.text(), "whole");
    let fresh_again = eventually("the copy was revalidated", || async {
        let got = get(&gateway, "/", &[]).await;
        got.header("cache-status").contains("fwd-status=304").then_some(got)
    })
    .await;
    assert_eq!((fresh_again.status.as_u16(), fresh_again.text().as_str()), (200, "whole"));
    assert_eq!(upstream.count(), 2);
    assert_eq!(upstream.last().header("if-none-match"), "\"v1\"");
    // a client that has it gets no body, whether from the cache or not
    let unchanged = get(&gateway, "/", &[("if-none-match", "\"v1\"")]).await;
    assert_eq!((unchanged.status.as_u16(), unchanged.body.len()), (304, 0));
    let other = get(&gateway, "/", &[("if-none-match", "\"v0\"")]).await;
    assert_eq!((other.status.as_u16(), other.text().as_str()), (200, "whole"));
}

#[tokio::test]
async fn a_stale_copy_is_shown_while_it_is_fetched_anew() {
    let upstream = numbered(&[("cache-control", "max-age=1, stale-while-revalidate=60")]).await;
    let gateway = cached(&upstream, "").await;
    assert_eq!(get(&gateway, "/", &[]).await.text(), "1");
    let stale = eventually("the copy is stale", || async {
        let got = get(&gateway, "/", &[]).await;
        got.header("cache-status").contains("detail=revalidating").then_some(got)
    })
    .await;
    assert_eq!(stale.text(), "1", "the client was made to wait");
    eventually("the new one is there", || async {
        (get(&gateway, "/", &[]).await.text() == "2").then_some(())
    })
    .await;
    assert_eq!(upstream.count(), 2);
}

#[tokio::test]
async fn a_hundred_misses_are_one_request() {
    let upstream = Upstream::start(|_| async move {
        // long enough for all of them to have asked
        tokio::time::sleep(Duration::from_millis(500)).await;
        answer(200, &[("cache-control", "max-age=60")], "ahoy")
    })
    .await;
    let gateway = cached(&upstream, "").await;
    let mut all = JoinSet::new();
    for _ in 0..100 {
        let address = gateway.address;
        all.spawn(async move { exchange(address, "GET", "/", &[], "").await.text() });
    }
    assert!(all.join_all().await.iter().all(|text| text == "ahoy"));
    assert_eq!(upstream.count(), 1);
}

#[tokio::test]
async fn what_cannot_be_kept_is_not_queued_for() {
    let upstream = Upstream::start(|_| async move {
        tokio::time::sleep(Duration::from_millis(200)).await;
        answer(200, &[("cache-control", "no-store")], "ahoy")
    })
    .await;
    let gateway = cached(&upstream, "").await;
    let mut all = JoinSet::new();
    let start = tokio::time::Instant::now();
    for _ in 0..50 {
        let address = gateway.address;
        all.spawn(async move { exchange(address, "GET", "/", &[], "").await.text() });
    }
    assert!(all.join_all().await.iter().all(|text| text == "ahoy"));
    assert!(start.elapsed() < Duration::from_secs(5), "one after the other: {:?}", start.elapsed());
    assert_eq!(upstream.count(), 50);
}

#[tokio::test]
async fn purging_by_path_and_by_tag() {
    let upstream = Upstream::start(|seen| async move {
        let tag = if seen.target.starts_with("/items") { "items, all" } else { "all" };
        answer(200, &[("cache-control", "max-age=60"), ("cache-tag", tag)], "ahoy")
    })
    .await;
    let gateway = cached(&upstream, "").await;
    let paths = ["/items/1", "/items/2", "/other"];
    let fill = || async {
        for path in paths {
            get(&gateway, path, &[]).await;
        }
        upstream.count()
    };
    assert_eq!((fill().await, fill().await), (3, 3));
    assert_eq!(purge(&gateway, r#"{"path":"/items/1"}"#).await.text(), r#"{"purged":1}"#);
    assert_eq!(fill().await, 4);
    assert_eq!(purge(&gateway, r#"{"tag":"items"}"#).await.text(), r#"{"purged":2}"#);
    assert_eq!(fill().await, 6);
    assert_eq!(purge(&gateway, r#"{"path":"/"}"#).await.text(), r#"{"purged":3}"#);
    assert_eq!(fill().await, 9);
    assert_eq!(purge(&gateway, r#"{"tag":"nothing"}"#).await.text(), r#"{"purged":0}"#);
    assert_eq!(purge(&gateway, r#"{"tags":"items"}"#).await.status, 400);
    assert_eq!(fill().await, 9);
}

#[tokio::test]
async fn a_change_makes_the_copy_invalid() {
    let count = Arc::new(AtomicUsize::new(0));
    let upstream = Upstream::start(move |seen| {
        let n = count.fetch_add(1, Ordering::Relaxed) + 1;
        async move {
            match (seen.method.as_str(), seen.header("x-fail")) {
                ("GET", _) => answer(200, &[("cache-control", "max-age=60")], n.to_string()),
                (_, "") => answer(204, &[], ""),
                _ => answer(409, &[], ""),
            }
        }
    })
    .await;
    let gateway = cached(&upstream, "").await;
    assert_eq!(get(&gateway, "/a", &[]).await.text(), "1");
    assert_eq!(get(&gateway, "/b", &[]).await.text(), "2");
    for (n, method) in ["POST", "PUT", "DELETE", "PATCH"].into_iter().enumerate() {
        exchange(gateway.address, method, "/a", &[("x-fail", "yes")], "x").await;
        let kept = get(&gateway, "/a", &[]).await.text();
        exchange(gateway.address, method, "/a", &[], "x").await;
        let fresh = get(&gateway, "/a", &[]).await.text();
        assert!(fresh != kept, "{method} did not make the copy invalid ({n})");
        assert_eq!(get(&gateway, "/a", &[]).await.text(), fresh, "a {method} that failed did");
    }
    assert_eq!(get(&gateway, "/b", &[]).await.text(), "2");
}

#[tokio::test]
async fn parts_pass_by_the_cache() {
    let upstream = Upstream::start(|seen| async move {
        let headers = [("cache-control", "max-age=60"), ("content-range", "bytes 0-1/4")];
        if seen.header("range").is_empty() {
            answer(200, &headers[..1], "ahoy")
        } else {
            answer(206, &headers, "ah")
        }
    })
    .await;
    let gateway = cached(&upstream, "").await;
    assert_eq!(get(&gateway, "/", &[("range", "bytes=0-1")]).await.text(), "ah");
    assert_eq!(get(&gateway, "/", &[]).await.text(), "ahoy");
    let part = get(&gateway, "/", &[("range", "bytes=0-1")]).await;
    assert_eq!(
        (part.status.as_u16(), part.text().as_str(), part.header("cache-status")),
        (206, "ah", "seaworthy; fwd=bypass")
    );
    assert_eq!(get(&gateway, "/", &[]).await.text(), "ahoy");
}

#[tokio::test]
async fn bytes_are_bounded() {
    let large = Bytes::from(vec![b'x'; 100 << 10]);
    let upstream = Upstream::start(move |_| {
        let large = large.clone();
        async move { answer(200, &[("cache-control", "max-age=60")], large) }
    })
    .await;
    let route = "[[route]]\nservice = \"shop\"\ncache = { object_size = \"200KiB\" }\n\
                 [[route]]\npath = \"/small/{*rest}\"\nservice = \"shop\"\ncache = { object_size = \"50KiB\" }";
    let config = format!("{}{route}", upstream.service(""));
    let gateway = Gateway::with(crate::harness::Folder::new(), "cache_size = \"1MiB\"", "", &config).await;
    for n in 0..50 {
        assert_eq!(get(&gateway, &format!("/{n}"), &[]).await.body.len(), 100 << 10);
    }
    eventually("the cache is within its bound", || async {
        let bytes = gateway.metric("seaworthy_cache_size_bytes", "").await;
        (bytes > 0.0 && bytes <= f64::from(1 << 20)).then_some(())
    })
    .await;
    assert!(gateway.metric("seaworthy_cache_resources", "").await <= 10.0);
    let before = upstream.count();
    get(&gateway, "/small/1", &[]).await;
    get(&gateway, "/small/1", &[]).await;
    assert_eq!(upstream.count(), before + 2, "an object larger than allowed was kept");
}

#[tokio::test]
async fn half_an_answer_is_never_kept() {
    let upstream = Upstream::raw(|mut stream, n| async move {
        crate::harness::upstream::read_head(&mut stream).await;
        let body = if n == 0 { "ah" } else { "ahoy" };
        let text = format!("HTTP/1.1 200 OK\r\ncache-control: max-age=60\r\ncontent-length: 4\r\n\r\n{body}");
        crate::harness::upstream::write(&mut stream, text).await;
    })
    .await;
    let gateway = cached(&upstream, "").await;
    assert!(crate::harness::get(gateway.address, "/").await.is_err());
    assert_eq!(get(&gateway, "/", &[]).await.text(), "ahoy");
    assert_eq!(get(&gateway, "/", &[]).await.text(), "ahoy");
    assert_eq!(upstream.connections(), 2);
}

#[tokio::test]
async fn who_waits_too_long_for_another_fetch_fetches_alone() {
    let (release, first) = (Arc::new(Notify::new()), Arc::new(AtomicUsize::new(0)));
    let held = Arc::clone(&release);
    let upstream = Upstream::start(move |_| {
        let (n, held) = (first.fetch_add(1, Ordering::Relaxed), Arc::clone(&held));
        async move {
            if n == 0 {
                held.notified().await;
            }
            answer(200, &[("cache-control", "max-age=60")], if n == 0 { "slow" } else { "quick" })
        }
    })
    .await;
    let gateway = cached(&upstream, "lock_timeout = \"200ms\"").await;
    let address = gateway.address;
    let leader = tokio::spawn(async move { exchange(address, "GET", "/", &[], "").await.text() });
    eventually("the first fetch is under way", || async { (upstream.count() == 1).then_some(()) }).await;
    assert_eq!(get(&gateway, "/", &[]).await.text(), "quick");
    let cache = gateway.policy("shop", "cache").await;
    assert_eq!((&cache["effects"]["waited_too_long"], &cache["effects"]["joined"]), (&1.into(), &0.into()));
    assert_eq!(cache["settings"]["lock_timeout"], "200ms");
    release.notify_one();
    assert_eq!(leader.await.unwrap(), "slow");
}
