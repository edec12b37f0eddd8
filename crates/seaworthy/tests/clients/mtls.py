"""A service that speaks mutual TLS with the files it is given, and reads them anew when they change."""

import http.server
import os
import ssl
import sys


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        names = [value for kind, value in self.connection.getpeercert().get("subjectAltName", ())]
        body = ",".join(names).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    """Every connection is accepted with the files as they are then."""

    def get_request(self):
        connection, address = self.socket.accept()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(os.environ["SEAWORTHY_TLS_CERTIFICATE"], os.environ["SEAWORTHY_TLS_KEY"])
        context.load_verify_locations(os.environ["SEAWORTHY_TLS_ROOTS"])
        context.verify_mode = ssl.CERT_REQUIRED
        return context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), address

    def handle_error(self, *_):
        pass


Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
