//! Fifty ways to break a service.

use std::time::Duration;

/// What goes wrong with it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Way {
    /// This status, for this share of requests.
    Status(u16, f64),
    /// This status, for one method only.
    StatusOf(&'static str, u16),
    /// An answer after this many milliseconds, for this share of requests.
    Slow(u64, f64),
    /// No answer, for this share of requests.
    Hang(f64),
    /// These bytes and the end, in place of an answer.
    Bytes(&'static str),
    /// An answer that comes a byte at a time.
    Dribble,
    /// A header that does not end.
    EndlessHead,
    /// The connection is closed at once.
    Close,
    /// Nobody listens.
    Refuse,
    /// Nobody listens, every other ten seconds.
    Flap,
    /// Nobody listens, and hardly anybody asks.
    RefuseFew,
    /// Every answer is 500, and hardly anybody asks.
    StatusFew,
    /// Nobody asks any more.
    NoTraffic,
    /// Health checks fail.
    Unhealthy,
    /// Jobs that call it fail for good.
    JobsFail,
    /// Jobs that call it do not end, and others wait for them.
    JobsWait,
}

pub(crate) const ALL: [Way; 50] = [
    Way::Status(500, 1.0),
    Way::Status(501, 1.0),
    Way::Status(502, 1.0),
    Way::Status(503, 1.0),
    Way::Status(504, 1.0),
    Way::Status(507, 1.0),
    Way::Status(500, 0.5),
    Way::Status(500, 0.3),
    Way::Status(500, 0.2),
    Way::Status(500, 0.1),
    Way::Status(502, 0.5),
    Way::Status(503, 0.5),
    Way::Status(503, 0.2),
    Way::Status(504, 0.1),
    Way::Status(401, 1.0),
    Way::Status(403, 1.0),
    Way::Status(404, 1.0),
    Way::Status(429, 1.0),
    Way::Status(400, 0.8),
    Way::StatusOf("POST", 500),
    Way::StatusOf("GET", 500),
    Way::Slow(600, 1.0),
    Way::Slow(1_000, 1.0),
    Way::Slow(3_000, 1.0),
    Way::Slow(8_000, 1.0),
    Way::Slow(2_000, 0.5),
    Way::Slow(2_000, 0.2),
    Way::Slow(5_000, 0.1),
    Way::Hang(1.0),
    Way::Hang(0.5),
    Way::Hang(0.1),
    Way::Bytes(""),
    Way::Bytes("HTTP/1.1 200 OK\r\ncontent-le"),
    Way::Bytes("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nhalf"),
    Way::Bytes("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"),
    Way::Bytes("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhal"),
    Way::Bytes("HTTP/1.1 999999 What\r\n\r\n"),
    Way::Bytes("\u{15}\u{3}\u{3}\u{0}\u{2}\u{2}\u{28}"),
    Way::Bytes("SSH-2.0-OpenSSH_9.2\r\n"),
    Way::Dribble,
    Way::EndlessHead,
    Way::Close,
    Way::Refuse,
    Way::Flap,
    Way::RefuseFew,
    Way::StatusFew,
    Way::NoTraffic,
    Way::Unhealthy,
    Way::JobsFail,
    Way::JobsWait,
];

impl Way {
    /// How long clients wait between requests.
    pub(crate) const fn pace(self) -> Duration {
        match self {
            Self::RefuseFew | Self::StatusFew => Duration::from_secs(10),
            _ => Duration::from_millis(250),
        }
    }
}
