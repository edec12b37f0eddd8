use super::*;

fn map(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    pairs.iter().map(|(n, v)| (HeaderName::from_static(n), HeaderValue::from_static(v))).collect()
}

#[test]
fn hop_by_hop_headers_and_nominated_ones_go() {
    let mut headers = map(&[
        ("connection", "keep-alive, x-mine, authorization, x-forwarded-for"),
        ("keep-alive", "timeout=5"),
        ("x-mine", "1"),
        ("authorization", "Bearer t"),
        ("x-forwarded-for", "10.0.0.1"),
        ("te", "gzip, trailers"),
        ("upgrade", "h2c"),
    ]);
    let seen = Census::take(&headers);
    drop_hop_by_hop(&mut headers, seen);
    let expected = map(&[("authorization", "Bearer t"), ("x-forwarded-for", "10.0.0.1"), ("te", "trailers")]);
    assert_eq!(headers, expected);
}

#[test]
fn only_trusted_proxies_are_believed() {
    let proxies: Vec<IpNet> = vec!["10.0.0.0/8".parse().unwrap()];
    let claimed =
        map(&[("x-forwarded-for", "1.1.1.1, 203.0.113.9, 10.0.0.2"), ("x-forwarded-proto", "https")]);
    let stranger = origin(&claimed, "198.51.100.7".parse().unwrap(), false, &proxies);
    assert_eq!((stranger.client.to_string().as_str(), stranger.secure), ("198.51.100.7", false));
    let proxy = origin(&claimed, "10.0.0.1".parse().unwrap(), false, &proxies);
    assert_eq!((proxy.client.to_string().as_str(), proxy.secure), ("203.0.113.9", true));
}

#[test]
fn the_standard_header_is_read_and_an_unreadable_hop_ends_trust() {
    let proxies: Vec<IpNet> = vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
    let peer = "10.0.0.1".parse().unwrap();
    let rfc = map(&[("forwarded", "for=\"[2001:db8::1]:4711\";proto=http, for=10.0.0.9")]);
    assert_eq!(origin(&rfc, peer, false, &proxies).client.to_string(), "2001:db8::1");
    let hidden = map(&[("forwarded", "for=1.2.3.4, for=_hidden, for=10.0.0.9")]);
    assert_eq!(origin(&hidden, peer, false, &proxies).client.to_string(), "10.0.0.9");
}

#[test]
fn a_strangers_claims_do_not_reach_the_upstream() {
    let mut headers = map(&[
        ("x-forwarded-for", "127.0.0.1"),
        ("x-real-ip", "127.0.0.1"),
        ("forwarded", "for=127.0.0.1"),
        ("x-forwarded-host", "evil.example"),
    ]);
    let peer = "198.51.100.7".parse().unwrap();
    let origin = Origin { client: peer, trusted: false, secure: false };
    let host = HeaderValue::from_static("shop.example");
    let seen = Census::take(&headers);
    write_forwarding(
        &mut headers,
        Forwarding::Both,
        Peer { ip: peer, text: &OnceCell::new() },
        origin,
        Some(&host),
        seen,
    );
    let expected = map(&[
        ("x-forwarded-for", "198.51.100.7"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-host", "shop.example"),
        ("forwarded", "for=198.51.100.7;proto=http;host=\"shop.example\""),
    ]);
    assert_eq!(headers, expected);
}

#[test]
fn a_cookie_in_crumbs_is_put_together() {
    let mut headers = HeaderMap::new();
    join_cookies(&mut headers);
    assert!(headers.is_empty());
    for crumb in ["a=1", "b=2", "c=3"] {
        headers.append("cookie", HeaderValue::from_static(crumb));
    }
    join_cookies(&mut headers);
    let all: Vec<_> = headers.get_all("cookie").iter().collect();
    assert_eq!(all, ["a=1; b=2; c=3"]);
}

#[test]
fn names_that_differ_from_ours_by_an_underscore_go() {
    let mut headers =
        map(&[("x_forwarded_for", "1"), ("x-real_ip", "1"), ("my_own", "1"), ("x-forwarded-for", "2")]);
    assert!(Census::take(&headers).underscore);
    drop_lookalikes(&mut headers);
    assert_eq!(headers, map(&[("my_own", "1"), ("x-forwarded-for", "2")]));
    assert!(!Census::take(&map(&[("x-forwarded-for", "2")])).underscore);
}
