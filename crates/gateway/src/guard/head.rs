//! The rules a message head must keep (RFC 9112 §2–6), checked on its raw bytes.

use memchr::memchr;

use super::target;

/// Why a request was refused before anything else looked at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// A line ended in LF without CR.
    #[error("a line ends in a bare line feed")]
    BareLineFeed,
    /// A CR that is not part of a line end.
    #[error("a line contains a bare carriage return")]
    BareCarriageReturn,
    /// A header continued on the next line.
    #[error("a header is folded over two lines")]
    FoldedHeader,
    /// A header line with no name, or with white space before its colon.
    #[error("a header line has no valid name")]
    HeaderName,
    /// A NUL or another control character in a head.
    #[error("a header holds a control character")]
    ControlCharacter,
    /// More than one `Content-Length`, or one that is not a plain number.
    #[error("content-length is repeated or not a number")]
    ContentLength,
    /// `Transfer-Encoding` other than exactly `chunked`, repeated, or in HTTP/1.0.
    #[error("transfer-encoding is not exactly \"chunked\"")]
    TransferEncoding,
    /// Both `Content-Length` and `Transfer-Encoding`.
    #[error("both content-length and transfer-encoding are present")]
    AmbiguousLength,
    /// Not exactly one `Host` (HTTP/1.1), more than one, or one that is no host.
    #[error("there must be exactly one host header, with a host")]
    Host,
    /// The request line is not `METHOD target HTTP/1.x`.
    #[error("the request line is malformed")]
    RequestLine,
    /// The head is longer than the limit.
    #[error("the request head is too large")]
    HeadTooLarge,
    /// There are more header lines than the limit.
    #[error("there are too many headers")]
    TooManyHeaders,
    /// A chunk's framing is malformed.
    #[error("a chunk is malformed")]
    Chunk,
    /// The head did not arrive in time.
    #[error("the request head did not arrive in time")]
    HeadTimeout,
    /// The body stopped arriving.
    #[error("the request body stopped arriving")]
    BodyTimeout,
}

impl Violation {
    /// Whether it was found inside a body, when the head had been handed on already.
    pub(crate) const fn is_mid_body(self) -> bool {
        matches!(self, Self::Chunk | Self::BodyTimeout)
    }

    /// The HTTP status it is answered with.
    pub const fn status(self) -> u16 {
        match self {
            Self::HeadTooLarge | Self::TooManyHeaders => 431,
            Self::HeadTimeout | Self::BodyTimeout => 408,
            _ => 400,
        }
    }
}

/// How the body of a message is delimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Body {
    Length(u64),
    Chunked,
    /// No body, and the client asks to leave HTTP.
    Switch,
}

/// What a look at the bytes so far says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Head {
    Partial,
    Complete { length: usize, body: Body },
}

#[derive(Default)]
struct Seen {
    content_length: Option<u64>,
    chunked: bool,
    hosts: u8,
    upgrade: bool,
}

/// Checks the head that starts at `bytes[0]`, as far as it has arrived.
pub(super) fn inspect(bytes: &[u8], max_bytes: usize, max_headers: usize) -> Result<Head, Violation> {
    let mut at = 0;
    // RFC 9112 §2.2: at least one empty line before the request line is to be ignored
    while bytes[at..].starts_with(b"\r\n") {
        at += 2;
        if at > 8 {
            return Err(Violation::RequestLine);
        }
    }
    let mut lines = 0;
    let mut minor = 1;
    let mut seen = Seen::default();
    loop {
        let Some((line, next)) = line(bytes, at)? else {
            return if bytes.len() > max_bytes { Err(Violation::HeadTooLarge) } else { Ok(Head::Partial) };
        };
        if next > max_bytes {
            return Err(Violation::HeadTooLarge);
        }
        if lines == 0 {
            minor = request_line(line)?;
        } else if line.is_empty() {
            return Ok(Head::Complete { length: next, body: body(&seen, minor)? });
        } else if lines > max_headers {
            return Err(Violation::TooManyHeaders);
        } else {
            header(line, &mut seen)?;
        }
        lines += 1;
        at = next;
    }
}

/// The line that starts at `at`, without its CRLF, and where the next one starts.
fn line(bytes: &[u8], at: usize) -> Result<Option<(&[u8], usize)>, Violation> {
    let rest = &bytes[at..];
    let Some(lf) = memchr(b'\n', rest) else {
        return match memchr(b'\r', rest) {
            Some(cr) if cr + 1 < rest.len() => Err(Violation::BareCarriageReturn),
            _ => Ok(None),
        };
    };
    if lf == 0 || rest[lf - 1] != b'\r' {
        return Err(Violation::BareLineFeed);
    }
    let line = &rest[..lf - 1];
    let control = |b: u8| (b < 0x20) & (b != b'\t') | (b == 0x7f);
    // without an early exit the compiler looks at many bytes at a time, and nearly all lines are clean
    if line.iter().fold(false, |found, b| found | control(*b)) {
        let first = line.iter().find(|b| control(**b));
        let bare = first == Some(&b'\r');
        return Err(if bare { Violation::BareCarriageReturn } else { Violation::ControlCharacter });
    }
    Ok(Some((line, at + lf + 1)))
}

/// `METHOD SP target SP HTTP/1.x` with single spaces. Returns the minor version.
fn request_line(line: &[u8]) -> Result<u8, Violation> {
    let mut parts = line.split(|b| *b == b' ');
    let (Some(method), Some(target), Some(version), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(Violation::RequestLine);
    };
    if method.is_empty()
        || target.is_empty()
        || !method.iter().all(|b| is_token(*b))
        || !target::is_target(method, target)
    {
        return Err(Violation::RequestLine);
    }
    match version {
        b"HTTP/1.1" => Ok(1),
        b"HTTP/1.0" => Ok(0),
        _ => Err(Violation::RequestLine),
    }
}

fn header(line: &[u8], seen: &mut Seen) -> Result<(), Violation> {
    if matches!(line[0], b' ' | b'\t') {
        return Err(Violation::FoldedHeader);
    }
    let colon = memchr(b':', line).ok_or(Violation::HeaderName)?;
    let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
    if name.is_empty() || !name.iter().all(|b| is_token(*b)) {
        return Err(Violation::HeaderName);
    }
    // the length tells most headers apart without a comparison
    match name.len() {
        4 if name.eq_ignore_ascii_case(b"host") => {
            if !target::is_host(value) {
                return Err(Violation::Host);
            }
            seen.hosts = seen.hosts.saturating_add(1);
        }
        7 if name.eq_ignore_ascii_case(b"upgrade") => seen.upgrade = true,
        14 if name.eq_ignore_ascii_case(b"content-length") => {
            if seen.content_length.is_some() {
                return Err(Violation::ContentLength);
            }
            seen.content_length = Some(decimal(value).ok_or(Violation::ContentLength)?);
        }
        17 if name.eq_ignore_ascii_case(b"transfer-encoding") => {
            if seen.chunked || !value.eq_ignore_ascii_case(b"chunked") {
                return Err(Violation::TransferEncoding);
            }
            seen.chunked = true;
        }
        _ => {}
    }
    Ok(())
}

fn body(seen: &Seen, minor: u8) -> Result<Body, Violation> {
    if seen.hosts > 1 || (seen.hosts == 0 && minor == 1) {
        return Err(Violation::Host);
    }
    match (seen.content_length, seen.chunked) {
        (Some(_), true) => Err(Violation::AmbiguousLength),
        (None, true) if minor == 0 => Err(Violation::TransferEncoding),
        (None, true) => Ok(Body::Chunked),
        (None | Some(0), false) if seen.upgrade => Ok(Body::Switch),
        (length, false) => Ok(Body::Length(length.unwrap_or(0))),
    }
}

fn decimal(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > 18 || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(text.iter().fold(0, |n, digit| n * 10 + u64::from(digit - b'0')))
}

/// RFC 9110 §5.6.2 `tchar`, by byte.
static TOKEN: [bool; 256] = target::alphanumeric_and(b"!#$%&'*+-.^_`|~");

fn is_token(byte: u8) -> bool {
    TOKEN[usize::from(byte)]
}
