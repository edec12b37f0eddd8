"""Holds one TLS connection open. For every line read it prints the answer on that connection, and the serial number of
the certificate that a new connection is shown. Arguments: port, authority, name."""

import http.client
import ssl
import sys

port, authority, name = int(sys.argv[1]), sys.argv[2], sys.argv[3]
context = ssl.create_default_context(cafile=authority)


class Connection(http.client.HTTPSConnection):
    def connect(self):
        http.client.HTTPConnection.connect(self)
        self.sock = context.wrap_socket(self.sock, server_hostname=name)


kept = Connection("127.0.0.1", port)
kept.connect()
first = kept.sock
for _ in sys.stdin:
    kept.request("GET", "/")
    answer = kept.getresponse()
    text = answer.read().decode()
    same = "same" if kept.sock is first else "another"
    fresh = Connection("127.0.0.1", port)
    fresh.connect()
    print(answer.status, text, same, fresh.sock.getpeercert()["serialNumber"], flush=True)
    fresh.close()
