"""A small HTTP server as people write them, with the faults that people have.

usage: replica.py PORT [FAULT …]

faults: late=SECONDS   listens only then
        stubborn       ignores SIGTERM
        dies           ends with status 3 at once, after a last word
        forks          leaves a child behind that would live for ever
        floods         writes without end
        leaks          takes ever more memory
        silent         closes its standard output
PORT may be "fd": the socket is passed as descriptor 3 (LISTEN_FDS).
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlparse

STARTED = time.time()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # an answer leaves in one piece: half of one could not be tried again
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_GET(self):
        path = urlparse(self.path).path
        if path == "/slow":
            time.sleep(1)
        if path == "/die":
            os._exit(9)
        if path == "/segv":
            os.kill(os.getpid(), signal.SIGSEGV)
        status = 503 if path == "/healthz" and os.path.exists("sick") else 200
        headers = {name.lower(): value for name, value in self.headers.items()}
        environment = {name: value for name, value in os.environ.items() if name != "SEAWORTHY_TEST"}
        told = {"pid": os.getpid(), "args": sys.argv[1:], "headers": headers, "environment": environment}
        body = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, format, *args):
        if self.path == "/say":
            print("asked to say something", flush=True)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


def main():
    port, faults = sys.argv[1], dict(fault.partition("=")[::2] for fault in sys.argv[2:])
    if "dies" in faults:
        print("cannot go on: the answer is 41", file=sys.stderr, flush=True)
        sys.exit(3)
    if "late" in faults:
        time.sleep(float(faults["late"]))
    if "forks" in faults:
        subprocess.Popen(["sleep", "100000"], start_new_session=True)
    if "leaks" in faults:
        hoard = []
        threading.Thread(target=lambda: [hoard.append(bytearray(1 << 20)) for _ in iter(int, 1)]).start()
    if "floods" in faults:
        threading.Thread(target=lambda: [print("x" * 100) for _ in iter(int, 1)], daemon=True).start()
    if port == "fd":
        assert os.environ["LISTEN_FDS"] == "1" and os.environ["LISTEN_PID"] == str(os.getpid())
        server = Server(("127.0.0.1", 0), Handler, bind_and_activate=False)
        server.socket = socket.socket(fileno=3)
    else:
        server = Server(("127.0.0.1", int(port)), Handler)

    def stop(*_):
        threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, signal.SIG_IGN if "stubborn" in faults else stop)
    print("listening", flush=True)
    if "silent" in faults:
        os.close(1)
    server.serve_forever(poll_interval=0.02)


main()
