"""A real SMTP server that prints its port, then what it was given: one JSON object a line."""
import json
import socket
import threading

from aiosmtpd.controller import Controller


class Handler:
    async def handle_DATA(self, server, session, envelope):
        text = envelope.content.decode("utf-8", "replace")
        print(json.dumps({"from": envelope.mail_from, "to": envelope.rcpt_tos, "text": text}), flush=True)
        return "250 OK"


# the controller tries the port it was given, which is any: it has to be known before
with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    port = probe.getsockname()[1]
Controller(Handler(), hostname="127.0.0.1", port=port).start()
print(json.dumps({"port": port}), flush=True)
threading.Event().wait()
