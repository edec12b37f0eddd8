//! Requests that two parsers could read in two ways, or that no parser should read at all.

/// What is sent, and the status it must get.
pub(super) type Case = (&'static str, &'static [u8], u16);

/// Where one message ends and the next begins.
pub(super) const FRAMING: [Case; 25] = [
    ("length, then chunked", b"POST /bad HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    ("chunked, then length", b"POST /bad HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n", 400),
    ("length of zero and chunked", b"POST /bad HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    ("the same length twice", b"POST /bad HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ncontent-length: 5\r\n\r\nhello", 400),
    ("two lengths", b"POST /bad HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\ncontent-length: 5\r\n\r\nhello", 400),
    ("a list of lengths", b"POST /bad HTTP/1.1\r\nhost: a\r\ncontent-length: 5, 5\r\n\r\nhello", 400),
    ("length with a plus", b"POST /bad HTTP/1.1\r\nhost: a\r\ncontent-length: +5\r\n\r\nhello", 400),
    ("negative length", b"POST /bad HTTP/1.1\r\nhost: a\r\ncontent-length: -5\r\n\r\nhello", 400),
    ("hexadecimal length", b"POST /bad HTTP/1.1\r\nhost: a\r\ncontent-length: 0x5\r\n\r\nhello", 400),
    ("length with a space inside", b"POST /bad HTTP/1.1\r\nhost: a\r\ncontent-length: 1 0\r\n\r\nhello", 400),
    ("empty length", b"POST /bad HTTP/1.1\r\nhost: a\r\ncontent-length:\r\n\r\n", 400),
    ("length beyond 64 bits", b"POST /bad HTTP/1.1\r\nhost: a\r\ncontent-length: 18446744073709551621\r\n\r\nhello", 400),
    ("length with a fraction", b"POST /bad HTTP/1.1\r\nhost: a\r\ncontent-length: 5.0\r\n\r\nhello", 400),
    ("space before the colon of a length", b"POST /bad HTTP/1.1\r\nhost: a\r\ncontent-length : 5\r\n\r\nhello", 400),
    ("chunked twice in one header", b"POST /bad HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 400),
    ("chunked twice in two headers", b"POST /bad HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    ("chunked, then identity", b"POST /bad HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\ntransfer-encoding: identity\r\n\r\n0\r\n\r\n", 400),
    ("identity", b"POST /bad HTTP/1.1\r\nhost: a\r\ntransfer-encoding: identity\r\n\r\n", 400),
    ("gzip and chunked", b"POST /bad HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400),
    ("almost chunked", b"POST /bad HTTP/1.1\r\nhost: a\r\ntransfer-encoding: xchunked\r\n\r\n0\r\n\r\n", 400),
    ("chunked with a parameter", b"POST /bad HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked;q=1\r\n\r\n0\r\n\r\n", 400),
    ("chunked behind a vertical tab", b"POST /bad HTTP/1.1\r\nhost: a\r\ntransfer-encoding: \x0bchunked\r\n\r\n0\r\n\r\n", 400),
    ("space before the colon of an encoding", b"POST /bad HTTP/1.1\r\nhost: a\r\ntransfer-encoding : chunked\r\n\r\n0\r\n\r\n", 400),
    ("encoding on a folded line", b"POST /bad HTTP/1.1\r\nhost: a\r\ntransfer-encoding:\r\n chunked\r\n\r\n0\r\n\r\n", 400),
    ("chunked in HTTP/1.0", b"POST /bad HTTP/1.0\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", 400),
];

/// Lines that are none.
pub(super) const LINES: [Case; 20] = [
    ("line feed after the request line", b"GET /bad HTTP/1.1\nhost: a\r\n\r\n", 400),
    ("line feed after a header", b"GET /bad HTTP/1.1\r\nhost: a\nx: y\r\n\r\n", 400),
    ("line feed at the end", b"GET /bad HTTP/1.1\r\nhost: a\r\n\n", 400),
    ("line feeds only", b"GET /bad HTTP/1.1\nhost: a\n\n", 400),
    ("carriage return in a value", b"GET /bad HTTP/1.1\r\nhost: a\r\nx: y\rz: 1\r\n\r\n", 400),
    ("two carriage returns", b"GET /bad HTTP/1.1\r\r\nhost: a\r\n\r\n", 400),
    ("carriage returns only", b"GET /bad HTTP/1.1\rhost: a\r\r", 400),
    ("folded by a space", b"GET /bad HTTP/1.1\r\nhost: a\r\nx: y\r\n z\r\n\r\n", 400),
    ("folded by a tab", b"GET /bad HTTP/1.1\r\nhost: a\r\nx: y\r\n\tz\r\n\r\n", 400),
    ("space before the first header", b"GET /bad HTTP/1.1\r\n host: a\r\n\r\n", 400),
    ("nul in a value", b"GET /bad HTTP/1.1\r\nhost: a\r\nx: y\0z\r\n\r\n", 400),
    ("nul in a name", b"GET /bad HTTP/1.1\r\nhost: a\r\nx\0y: z\r\n\r\n", 400),
    ("nul in the target", b"GET /b\0ad HTTP/1.1\r\nhost: a\r\n\r\n", 400),
    ("control character in a value", b"GET /bad HTTP/1.1\r\nhost: a\r\nx: \x01\r\n\r\n", 400),
    ("delete in a value", b"GET /bad HTTP/1.1\r\nhost: a\r\nx: \x7f\r\n\r\n", 400),
    ("header without a colon", b"GET /bad HTTP/1.1\r\nhost: a\r\nnothing\r\n\r\n", 400),
    ("header without a name", b"GET /bad HTTP/1.1\r\nhost: a\r\n: y\r\n\r\n", 400),
    ("space in a name", b"GET /bad HTTP/1.1\r\nhost: a\r\nx y: z\r\n\r\n", 400),
    ("high byte in a name", b"GET /bad HTTP/1.1\r\nhost: a\r\nx\xe9: z\r\n\r\n", 400),
    ("empty lines without end", b"\r\n\r\n\r\n\r\n\r\n\r\nGET /bad HTTP/1.1\r\nhost: a\r\n\r\n", 400),
];

/// Request lines and hosts.
pub(super) const TARGETS: [Case; 28] = [
    ("two spaces", b"GET  /bad HTTP/1.1\r\nhost: a\r\n\r\n", 400),
    ("tabs for spaces", b"GET\t/bad\tHTTP/1.1\r\nhost: a\r\n\r\n", 400),
    ("space in the target", b"GET /bad one HTTP/1.1\r\nhost: a\r\n\r\n", 400),
    ("space behind the version", b"GET /bad HTTP/1.1 \r\nhost: a\r\n\r\n", 400),
    ("no version", b"GET /bad\r\nhost: a\r\n\r\n", 400),
    ("version 0.9", b"GET /bad HTTP/0.9\r\nhost: a\r\n\r\n", 400),
    ("version 1.2", b"GET /bad HTTP/1.2\r\nhost: a\r\n\r\n", 400),
    ("version 2.0", b"GET /bad HTTP/2.0\r\nhost: a\r\n\r\n", 400),
    ("version in lower case", b"GET /bad http/1.1\r\nhost: a\r\n\r\n", 400),
    ("no target", b"GET HTTP/1.1\r\nhost: a\r\n\r\n", 400),
    ("no method", b" /bad HTTP/1.1\r\nhost: a\r\n\r\n", 400),
    ("method that is no token", b"G(T /bad HTTP/1.1\r\nhost: a\r\n\r\n", 400),
    ("fragment in the target", b"GET /bad#part HTTP/1.1\r\nhost: a\r\n\r\n", 400),
    ("bytes that are no text in the target", b"GET /bad\xff\xfe HTTP/1.1\r\nhost: a\r\n\r\n", 400),
    ("angle brackets in the target", b"GET /bad<x> HTTP/1.1\r\nhost: a\r\n\r\n", 400),
    ("user name in the target", b"GET http://me@a/bad HTTP/1.1\r\nhost: a\r\n\r\n", 400),
    ("scheme without a host", b"GET http:///bad HTTP/1.1\r\nhost: a\r\n\r\n", 400),
    ("two hosts", b"GET /bad HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", 400),
    ("the same host twice", b"GET /bad HTTP/1.1\r\nhost: a\r\nhost: a\r\n\r\n", 400),
    ("no host", b"GET /bad HTTP/1.1\r\n\r\n", 400),
    ("two hosts in one header", b"GET /bad HTTP/1.1\r\nhost: a, b\r\n\r\n", 400),
    ("user name in the host", b"GET /bad HTTP/1.1\r\nhost: me@a\r\n\r\n", 400),
    ("path in the host", b"GET /bad HTTP/1.1\r\nhost: a/b\r\n\r\n", 400),
    ("port that is none", b"GET /bad HTTP/1.1\r\nhost: a:b\r\n\r\n", 400),
    ("high byte in the host", b"GET /bad HTTP/1.1\r\nhost: \xe9\r\n\r\n", 400),
    ("dot segments", b"GET /a/../bad HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n", 400),
    ("a TLS greeting", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
    ("HTTP/2 after HTTP/1", b"GET /bad HTTP/2\r\n\r\nSM\r\n\r\n", 400),
];

/// What follows the head of a chunked request. Such a request is under way when its fault is found: the upstream may
/// see that it began, never that it ended.
pub(super) const CHUNKS: [Case; 15] = [
    ("size line ends in a line feed", b"5\nhello\r\n0\r\n\r\n", 400),
    ("no size", b"\r\nhello\r\n0\r\n\r\n", 400),
    ("size that is no number", b"g\r\nhello\r\n0\r\n\r\n", 400),
    ("negative size", b"-5\r\nhello\r\n0\r\n\r\n", 400),
    ("size with a plus", b"+5\r\nhello\r\n0\r\n\r\n", 400),
    ("size with 0x", b"0x5\r\nhello\r\n0\r\n\r\n", 400),
    ("size with an underscore", b"0_5\r\nhello\r\n0\r\n\r\n", 400),
    ("space behind the size", b"5 \r\nhello\r\n0\r\n\r\n", 400),
    ("size beyond 64 bits", b"10000000000000005\r\nhello\r\n0\r\n\r\n", 400),
    ("line feed in an extension", b"5;x\nhello\r\n0\r\n\r\n", 400),
    ("carriage return in an extension", b"5;x\ry\r\nhello\r\n0\r\n\r\n", 400),
    ("data longer than its size", b"5\r\nhello, world\r\n0\r\n\r\n", 400),
    ("data without its line end", b"5\r\nhello0\r\n\r\n", 400),
    ("folded trailer", b"5\r\nhello\r\n0\r\n x: y\r\n\r\n", 400),
    ("line feed in a trailer", b"5\r\nhello\r\n0\r\nx: y\nz: 1\r\n\r\n", 400),
];
