"""Requests that HTTP/2 lets one write but not mean. Prints a line per case: what was done about it."""

import socket
import sys

import h2.config
import h2.connection
import h2.events

host, port = sys.argv[1].split(":")
PLAIN = [(":method", "GET"), (":scheme", "http"), (":authority", "a"), (":path", "/bad")]
POST = [(":method", "POST"), *PLAIN[1:]]

CASES = {
    "transfer-encoding": ([*POST, ("transfer-encoding", "chunked")], b"0\r\n\r\nGET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n"),
    "connection": ([*PLAIN, ("connection", "keep-alive")], None),
    "length too short": ([*POST, ("content-length", "1")], b"hello"),
    "length too long": ([*POST, ("content-length", "100")], b"hello"),
    "two lengths": ([*POST, ("content-length", "5"), ("content-length", "6")], b"hello"),
    "line end in a value": ([*PLAIN, ("x", "y\r\nz: 1")], None),
    "line end in a name": ([*PLAIN, ("x: y\r\nz", "1")], None),
    "nul in a value": ([*PLAIN, ("x", "y\0z")], None),
    "colon in a name": ([*PLAIN, ("x:y", "z")], None),
    "upper case name": ([*PLAIN, ("X-Upper", "z")], None),
    "line end in the method": ([(":method", "GET / HTTP/1.1\r\nhost: a\r\n\r\nGET"), *PLAIN[1:]], None),
    "space in the path": ([*PLAIN[:3], (":path", "/bad HTTP/1.1\r\nx: y")], None),
    "path without a slash": ([*PLAIN[:3], (":path", "bad")], None),
    "no path": (PLAIN[:3], None),
    "two paths": ([*PLAIN, (":path", "/smuggled")], None),
    "no method": (PLAIN[1:], None),
    "unknown pseudo header": ([*PLAIN, (":smuggled", "1")], None),
    "pseudo header at the end": ([*PLAIN[:3], ("x", "y"), (":path", "/bad")], None),
    "user name in the authority": ([*PLAIN[:2], (":authority", "me@a"), (":path", "/bad")], None),
    "path in the authority": ([*PLAIN[:2], (":authority", "a/b"), (":path", "/bad")], None),
    "two hosts that differ": ([*PLAIN, ("host", "b")], None),
    "dot segments": ([*PLAIN[:3], (":path", "/a/../bad")], None),
}


def outcome(headers, body):
    stream = socket.create_connection((host, int(port)), timeout=10)
    plain = h2.config.H2Configuration(
        validate_outbound_headers=False, normalize_outbound_headers=False, header_encoding="utf-8"
    )
    connection = h2.connection.H2Connection(config=plain)
    connection.initiate_connection()
    connection.send_headers(1, headers, end_stream=body is None)
    if body is not None:
        connection.send_data(1, body, end_stream=True)
    stream.sendall(connection.data_to_send())
    while True:
        try:
            data = stream.recv(65536)
        except ConnectionError:
            return "cut"
        if not data:
            return "closed"
        for event in connection.receive_data(data):
            if isinstance(event, h2.events.ResponseReceived):
                return dict(event.headers)[":status"]
            if isinstance(event, h2.events.StreamReset):
                return "reset"
            if isinstance(event, h2.events.ConnectionTerminated) and event.error_code:
                return "terminated"
        stream.sendall(connection.data_to_send())


for name, (headers, body) in CASES.items():
    print(f"{name}: {outcome(headers, body)}")
