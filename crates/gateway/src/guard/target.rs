//! What a request is for: its target (RFC 9112 §3.2) and its host (RFC 9110 §7.2). Both end up in routing, in cache keys
//! and in what upstreams are told, so neither may be readable in two ways.

use http::uri::PathAndQuery;

/// Letters, digits and `marks`, by byte.
pub(super) const fn alphanumeric_and(marks: &[u8]) -> [bool; 256] {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let mut at = 0;
    while at < marks.len() {
        table[marks[at] as usize] = true;
        at += 1;
    }
    table
}

/// What a path and a query are nearly always made of.
static PLAIN: [bool; 256] = alphanumeric_and(b"/-._~!$&'()*+,;=:@%?[]");
/// What the name of a host is made of.
static NAMED: [bool; 256] = alphanumeric_and(b"-._~%!$&'()*+;=");

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
    // what is not plain is looked at by the parser that would have to read it later
    path.len() < 1 << 15 && path.iter().all(|b| PLAIN[usize::from(*b)])
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
    name.iter().all(|b| NAMED[usize::from(*b)]) && is_port(port)
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
