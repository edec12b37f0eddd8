"""A service with a switch for everything: what it answers is decided by which files are in its folder.

    server.py FOLDER PORT|fd

GET /live, /ready, /healthz: 500 while FOLDER/{no-live,no-ready,no-healthz} (or the same with -PID) is there, else 200.
GET /pid: its number. SIGTERM: writes its name to FOLDER/ended and ends.
"""

import http.server
import os
import signal
import socket
import sys

folder, where = sys.argv[1], sys.argv[2]


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        switch = os.path.join(folder, "no-" + self.path.strip("/").replace("/", "-"))
        off = os.path.exists(switch) or os.path.exists(f"{switch}-{os.getpid()}")
        body = str(os.getpid()).encode()
        self.send_response(500 if off else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True


def end(*_):
    with open(os.path.join(folder, "ended"), "a") as ended:
        ended.write(os.environ.get("NAME", "server") + "\n")
    os._exit(0)


signal.signal(signal.SIGTERM, end)
if where == "fd":
    assert os.environ["LISTEN_FDS"] == "1" and os.environ["LISTEN_PID"] == str(os.getpid())
    server = Server(("127.0.0.1", 0), Handler, bind_and_activate=False)
    server.socket = socket.socket(fileno=3)
else:
    server = Server(("127.0.0.1", int(where)), Handler)
print("listening", os.environ["PORT"], flush=True)
server.serve_forever()
