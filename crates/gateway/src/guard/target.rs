//! What a request is for: its target (RFC 9112 §3.2) and its host (RFC 9110 §7.2). Both end up in routing, in cache keys
//! and in what upstreams are told, so neither may be readable in two ways.

use http::uri::PathAndQuery;

/// Whether a target is one that this method may have.
pub(super) fn is_target(method: &[u8], target: &[u8]) -> bool {
    match target {
        [b'/', ..] => is_path(target),
        b"*" => true,
        _ if method == b"CONNECT" => is_host(target),
        _ => is_absolute(target),
    }
}

/// `http://host/path`, without a user: programs disagree on whose name that is.
fn is_absolute(target: &[u8]) -> bool {
    let Some(colon) = memchr::memmem::find(target, b"://") else { return false };
    let (scheme, rest) = (&target[..colon], &target[colon + 3..]);
    let end = rest.iter().position(|b| matches!(b, b'/' | b'?' | b'#')).unwrap_or(rest.len());
    let (host, path) = rest.split_at(end);
    let known = scheme.eq_ignore_ascii_case(b"http") || scheme.eq_ignore_ascii_case(b"https");
    known && !host.is_empty() && is_host(host) && (path.is_empty() || is_path(path))
}

/// A path with its query, and no fragment: clients keep those to themselves.
fn is_path(path: &[u8]) -> bool {
    let plain = |b: &u8| b.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@%?[]".contains(b);
    // what is not plain is looked at by the parser that would have to read it later
    path.len() < 1 << 15 && path.iter().all(plain)
        || (!path.contains(&b'#') && PathAndQuery::try_from(path).is_ok())
}

/// A name or an address, perhaps with a port. Empty is a host too: it says that there is none.
pub(crate) fn is_host(host: &[u8]) -> bool {
    let (name, port) = match host {
        [b'[', rest @ ..] => match rest.iter().position(|b| *b == b']') {
            Some(end) => return is_address(&rest[..end]) && is_port(&rest[end + 1..]),
            None => return false,
        },
        _ => host.split_at(host.iter().position(|b| *b == b':').unwrap_or(host.len())),
    };
    let named = |b: &u8| b.is_ascii_alphanumeric() || b"-._~%!$&'()*+;=".contains(b);
    name.iter().all(named) && is_port(port)
}

fn is_address(address: &[u8]) -> bool {
    !address.is_empty() && address.iter().all(|b| b.is_ascii_hexdigit() || matches!(b, b':' | b'.'))
}

/// Nothing, or a colon and digits.
fn is_port(port: &[u8]) -> bool {
    match port {
        [] => true,
        [b':', digits @ ..] => digits.len() <= 5 && digits.iter().all(u8::is_ascii_digit),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets() {
        let good = [
            "/",
            "/a?b=c",
            "/a|b",
            "/a{b}",
            "/\u{e9}",
            "*",
            "http://a/b",
            "HTTPS://a:1/",
            "http://[::1]:1?x",
            "http://a",
        ];
        for target in good {
            assert!(is_target(b"GET", target.as_bytes()), "{target}");
        }
        let bad = [
            "a",
            "a:1",
            "/a#b",
            "/a<b",
            "http://",
            "http:///b",
            "http://u@a/",
            "http://a/b#c",
            "ftp://a/",
            "//#",
            "",
        ];
        for target in bad {
            assert!(!is_target(b"GET", target.as_bytes()), "{target}");
        }
        assert!(!is_target(b"GET", b"/\xff"));
        assert!(is_target(b"CONNECT", b"a:443") && !is_target(b"CONNECT", b"u@a:443"));
    }

    #[test]
    fn hosts() {
        for host in ["a", "a.b-c_d:80", "1.2.3.4", "[::1]", "[::1]:80", "a:", ""] {
            assert!(is_host(host.as_bytes()), "{host}");
        }
        for host in
            ["a b", "a,b", "u@a", "a/b", "a:b", "a:1:2", "[::1", "[]", "[::1]x", "a?", "a:123456", "\u{e9}"]
        {
            assert!(!is_host(host.as_bytes()), "{host}");
        }
    }
}
