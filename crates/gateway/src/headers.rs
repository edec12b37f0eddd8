//! What may cross a proxy and what may not: hop-by-hop headers, forwarding headers, who the client is.

use std::cell::OnceCell;
use std::net::IpAddr;

use http::header::{
    CONNECTION, CONTENT_LENGTH, COOKIE, EXPECT, FORWARDED, HOST, HeaderName, PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION, TE,
};
use http::header::{TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderValue};
use ipnet::IpNet;

/// The id that answers, logs and traces share.
pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// W3C trace context.
pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
pub(crate) const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
/// What the names of forwarding headers start with.
const X_FORWARDED: &str = "x-forwarded-";
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
/// Whether the client showed a certificate that was verified.
const X_CLIENT_VERIFY: HeaderName = HeaderName::from_static("x-client-verify");
const X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");

/// Headers whose removal through `Connection: name` would change who the request is from or how it is framed.
/// RFC 9110 §7.6.1 lets a sender nominate any header; a proxy that obeys blindly can be made to strip its own.
fn may_be_nominated(name: &HeaderName) -> bool {
    ![
        HOST,
        FORWARDED,
        X_FORWARDED_FOR,
        X_FORWARDED_PROTO,
        X_FORWARDED_HOST,
        X_REAL_IP,
        X_REQUEST_ID,
        TRACEPARENT,
    ]
    .contains(name)
        && !matches!(name.as_str(), "authorization" | "cookie" | "content-length" | "content-type")
}

/// Which headers of interest a message holds, from one pass over their names: looking each of them up, most messages
/// would be asked two dozen times for what they do not have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Census {
    /// `Connection`.
    connection: bool,
    /// Another header of one connection only: `Keep-Alive`, `Upgrade`, `Proxy-…`.
    hop_by_hop: bool,
    /// `TE`.
    te: bool,
    /// `Transfer-Encoding`.
    transfer_encoding: bool,
    /// `Expect`.
    expect: bool,
    /// `Cookie`.
    pub(crate) cookie: bool,
    /// Anything that claims who the client is.
    claims: bool,
    /// A name with an underscore.
    pub(crate) underscore: bool,
}

impl Census {
    /// Looks at every name once.
    pub(crate) fn take(headers: &HeaderMap) -> Self {
        let mut seen = Self::default();
        for name in headers.keys() {
            match name.as_str() {
                "connection" => seen.connection = true,
                "keep-alive"
                | "proxy-connection"
                | "proxy-authenticate"
                | "proxy-authorization"
                | "upgrade" => {
                    seen.hop_by_hop = true;
                }
                "te" => seen.te = true,
                "transfer-encoding" => seen.transfer_encoding = true,
                "expect" => seen.expect = true,
                "cookie" => seen.cookie = true,
                "forwarded" | "x-real-ip" | "x-client-verify" => seen.claims = true,
                other if other.starts_with(X_FORWARDED) => seen.claims = true,
                other if other.contains('_') => seen.underscore = true,
                _ => {}
            }
        }
        seen
    }
}

/// Drops what belongs to one connection only (RFC 9110 §7.6.1). `te: trailers` survives: gRPC needs it end to end.
pub(crate) fn drop_hop_by_hop(headers: &mut HeaderMap, seen: Census) {
    if seen.connection {
        drop_nominated(headers);
    }
    if seen.hop_by_hop {
        for name in [KEEP_ALIVE, PROXY_CONNECTION, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, UPGRADE] {
            headers.remove(name);
        }
    }
    if seen.te {
        let tokens = headers.get(TE).map(HeaderValue::as_bytes).unwrap_or_default();
        let trailers = tokens.split(|b| *b == b',').any(|t| t.trim_ascii().eq_ignore_ascii_case(b"trailers"));
        if trailers {
            headers.insert(TE, HeaderValue::from_static("trailers"));
        } else {
            headers.remove(TE);
        }
    }
    if seen.transfer_encoding {
        headers.remove(TRANSFER_ENCODING);
        headers.remove(CONTENT_LENGTH);
    }
    if seen.expect {
        // reading the body is what sends the client its 100: the upstream need not be asked again
        headers.remove(EXPECT);
    }
}

/// Drops `Connection` and what it names.
fn drop_nominated(headers: &mut HeaderMap) {
    let mut lines = headers.get_all(CONNECTION).iter();
    if let (Some(only), None) = (lines.next(), lines.next())
        && (only.as_bytes().eq_ignore_ascii_case(b"keep-alive") || only == "close")
    {
        // by far the most frequent: nothing else is named, and `Keep-Alive` itself was seen by the census
        headers.remove(CONNECTION);
        return;
    }
    let nominated: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .filter(may_be_nominated)
        .collect();
    for name in nominated {
        if name != TE {
            headers.remove(name);
        }
    }
    headers.remove(CONNECTION);
}

/// Drops names that differ from ours by an underscore only. CGI, and all that has its conventions from there (WSGI,
/// Rack, PHP), cannot tell `X_Forwarded_For` from `X-Forwarded-For`: a client could say who it is after all.
pub(crate) fn drop_lookalikes(headers: &mut HeaderMap) {
    const OURS: [&str; 9] = [
        "content-length",
        "transfer-encoding",
        "x-client-verify",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-port",
        "x-forwarded-proto",
        "x-real-ip",
        "x-request-id",
    ];
    let dashed = |name: &HeaderName| name.as_str().replace('_', "-");
    let forged = headers.keys().filter(|name| name.as_str().contains('_') && OURS.contains(&&*dashed(name)));
    for name in forged.cloned().collect::<Vec<_>>() {
        headers.remove(name);
    }
}

/// Puts a cookie that came in crumbs together again: HTTP/2 clients may split it, and services that are not spoken to
/// in HTTP/2 would see the first crumb only (RFC 9113 §8.2.3).
pub(crate) fn join_cookies(headers: &mut HeaderMap) {
    let mut crumbs = headers.get_all(COOKIE).iter();
    let (Some(first), Some(second)) = (crumbs.next(), crumbs.next()) else { return };
    let rest = crumbs.map(HeaderValue::as_bytes);
    let all: Vec<&[u8]> = [first.as_bytes(), second.as_bytes()].into_iter().chain(rest).collect();
    if let Ok(joined) = HeaderValue::from_bytes(&all.join(&b"; "[..])) {
        headers.insert(COOKIE, joined);
    }
}

/// How the client reached us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Origin {
    /// The client, behind every trusted proxy.
    pub(crate) client: IpAddr,
    /// Whether the peer that connected is a trusted proxy.
    pub(crate) trusted: bool,
    /// Whether the first hop used TLS, as far as can be trusted.
    pub(crate) secure: bool,
}

/// Finds the client: the rightmost address in the chain that is not a trusted proxy. What stands left of it was
/// written by the client and may be forged.
pub(crate) fn origin(headers: &HeaderMap, peer: IpAddr, tls: bool, proxies: &[IpNet]) -> Origin {
    let trusts = |ip: IpAddr| proxies.iter().any(|net| net.contains(&ip));
    if !trusts(peer) {
        return Origin { client: peer, trusted: false, secure: tls };
    }
    // proxies that write `X-Forwarded-For` often pass a client's own `Forwarded` on: theirs goes first
    let mut chain: Vec<_> = headers.get_all(X_FORWARDED_FOR).iter().flat_map(split_addresses).collect();
    if chain.is_empty() {
        chain = forwarded_for(headers);
    }
    let mut client = peer;
    for hop in chain.into_iter().rev() {
        let Some(ip) = hop else { break };
        client = ip;
        if !trusts(ip) {
            break;
        }
    }
    let proto = headers.get(X_FORWARDED_PROTO).map(HeaderValue::as_bytes);
    let secure = proto.map_or(tls, |proto| proto.eq_ignore_ascii_case(b"https"));
    Origin { client, trusted: true, secure }
}

fn split_addresses(value: &HeaderValue) -> Vec<Option<IpAddr>> {
    value.to_str().unwrap_or("?").split(',').map(|hop| parse_address(hop.trim())).collect()
}

/// The `for=` parameters of RFC 7239, first hop first. An unreadable hop ends what can be trusted.
fn forwarded_for(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    let mut hops = Vec::new();
    for value in headers.get_all(FORWARDED) {
        for element in value.to_str().unwrap_or("for=unknown").split(',') {
            let node = element.split(';').find_map(|pair| {
                let (name, value) = pair.trim().split_once('=')?;
                name.eq_ignore_ascii_case("for").then(|| value.trim_matches('"'))
            });
            hops.push(node.and_then(parse_address));
        }
    }
    hops
}

/// `1.2.3.4`, `1.2.3.4:80`, `2001:db8::1`, `[2001:db8::1]:80`.
fn parse_address(text: &str) -> Option<IpAddr> {
    if let Ok(ip) = text.parse() {
        return Some(ip);
    }
    if let Some(rest) = text.strip_prefix('[') {
        return rest.split(']').next()?.parse().ok();
    }
    text.rsplit_once(':')?.0.parse().ok()
}

/// Which forwarding headers are written for the upstream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Forwarding {
    /// `X-Forwarded-For`, `-Proto` and `-Host`.
    #[default]
    XForwarded,
    /// RFC 7239 `Forwarded`.
    Rfc7239,
    /// Both.
    Both,
    /// Neither.
    Off,
}

/// Tells the upstream whether the client proved who it is by a certificate; a client's own claim is dropped.
pub(crate) fn write_client_verify(headers: &mut HeaderMap, asked: bool, verified: bool, seen: Census) {
    if asked {
        headers.insert(X_CLIENT_VERIFY, HeaderValue::from_static(if verified { "SUCCESS" } else { "NONE" }));
    } else if seen.claims {
        headers.remove(X_CLIENT_VERIFY);
    }
}

/// Drops everything that claims to come from a proxy, also in spellings that only some services read
/// (`X-Forwarded-Prefix`, `-Ssl`, `-Scheme`).
pub(crate) fn drop_claims(headers: &mut HeaderMap) {
    let claims =
        |name: &&HeaderName| name.as_str().starts_with(X_FORWARDED) || [X_REAL_IP, FORWARDED].contains(*name);
    let names: Vec<HeaderName> = headers.keys().filter(claims).cloned().collect();
    for name in names {
        headers.remove(name);
    }
}

/// Drops from trailers what says who somebody is: a service that takes them for headers would believe it.
pub(crate) fn drop_identity(trailers: &mut HeaderMap) {
    const STARTS: [&str; 3] = ["x-auth-", X_FORWARDED, "x-seaworthy-"];
    const NAMES: [&str; 6] =
        ["authorization", "cookie", "forwarded", "x-real-ip", "x-client-verify", "x-api-key"];
    let says = |name: &&HeaderName| {
        let dashed = name.as_str().replace('_', "-");
        STARTS.iter().any(|start| dashed.starts_with(start)) || NAMES.contains(&&*dashed)
    };
    for name in trailers.keys().filter(says).cloned().collect::<Vec<_>>() {
        trailers.remove(name);
    }
}

/// Makes one line of headers that came in several, as RFC 9110 §5.2 allows: whoever looks at the first line only
/// then sees all of it.
pub(crate) fn fold(headers: &mut HeaderMap) {
    if headers.len() == headers.keys_len() {
        return;
    }
    let repeated: Vec<HeaderName> =
        headers.keys().filter(|name| headers.get_all(*name).iter().nth(1).is_some()).cloned().collect();
    for name in repeated {
        let lines: Vec<&[u8]> = headers.get_all(&name).iter().map(HeaderValue::as_bytes).collect();
        let between: &[u8] = if name == COOKIE { b"; " } else { b", " };
        if let Ok(joined) = HeaderValue::from_bytes(&lines.join(between)) {
            headers.insert(name, joined);
        }
    }
}

/// Who connected.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer<'a> {
    pub(crate) ip: IpAddr,
    /// Its address as a header value, kept for the requests that follow on the connection.
    pub(crate) text: &'a OnceCell<HeaderValue>,
}

impl Peer<'_> {
    fn value(&self) -> HeaderValue {
        let write = || {
            let text = bytes::Bytes::from(self.ip.to_string());
            HeaderValue::from_maybe_shared(text).unwrap_or_else(|_| HeaderValue::from_static("unknown"))
        };
        self.text.get_or_init(write).clone()
    }
}

/// Writes who asked and how. What a peer that is not trusted claims is dropped first.
pub(crate) fn write_forwarding(
    headers: &mut HeaderMap,
    style: Forwarding,
    peer: Peer<'_>,
    origin: Origin,
    host: Option<&HeaderValue>,
    seen: Census,
) {
    if !origin.trusted && seen.claims {
        drop_claims(headers);
    }
    let proto = if origin.secure { "https" } else { "http" };
    if matches!(style, Forwarding::XForwarded | Forwarding::Both) {
        append_address(headers, peer, seen);
        headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static(proto));
        if let Some(host) = host
            && !(seen.claims && headers.contains_key(X_FORWARDED_HOST))
        {
            headers.insert(X_FORWARDED_HOST, host.clone());
        }
    }
    if matches!(style, Forwarding::Rfc7239 | Forwarding::Both) {
        let ip = peer.ip;
        let node = if ip.is_ipv6() { format!("\"[{ip}]\"") } else { ip.to_string() };
        let host = host.and_then(|host| host.to_str().ok()).filter(|host| !host.contains(['"', '\\']));
        let host = host.map(|host| format!(";host=\"{host}\"")).unwrap_or_default();
        if let Ok(value) = HeaderValue::from_str(&format!("for={node};proto={proto}{host}")) {
            headers.append(FORWARDED, value);
        }
    }
}

fn append_address(headers: &mut HeaderMap, peer: Peer<'_>, seen: Census) {
    let mut chain = String::new();
    if seen.claims {
        for value in headers.get_all(X_FORWARDED_FOR) {
            if let Ok(text) = value.to_str() {
                chain.push_str(text);
                chain.push_str(", ");
            }
        }
    }
    if chain.is_empty() {
        headers.insert(X_FORWARDED_FOR, peer.value());
        return;
    }
    chain.push_str(&peer.ip.to_string());
    if let Ok(value) = HeaderValue::from_maybe_shared(bytes::Bytes::from(chain)) {
        headers.insert(X_FORWARDED_FOR, value);
    }
}

#[cfg(test)]
mod tests;
