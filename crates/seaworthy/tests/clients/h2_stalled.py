"""Asks for a large answer over HTTP/2 and never makes room for more of it than the window given, while it answers every
ping. Prints what became of it."""

import socket
import sys

import h2.connection
import h2.events
import h2.settings

host, port = sys.argv[1].split(":")
stream = socket.create_connection((host, int(port)), timeout=15)
connection = h2.connection.H2Connection()
connection.initiate_connection()
connection.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: int(sys.argv[2])})
headers = [(":method", "GET"), (":scheme", "http"), (":authority", "a"), (":path", "/large")]
connection.send_headers(1, headers, end_stream=True)
stream.sendall(connection.data_to_send())
received = 0
while True:
    try:
        data = stream.recv(65536)
    except TimeoutError:
        raise SystemExit(f"nothing was done about it in 15 s, after {received} bytes")
    except ConnectionError:
        data = b""
    done = not data
    for event in connection.receive_data(data):
        if isinstance(event, h2.events.DataReceived):
            received += len(event.data)
        done |= isinstance(event, (h2.events.StreamReset, h2.events.ConnectionTerminated))
    if done:
        print("let go")
        break
    stream.sendall(connection.data_to_send())
