"""A real SMTP server that prints what it was given: one JSON object a line."""
import json
import ssl
import sys
import threading

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("nobody@"):
            return "550 no such person"
        if address.startswith("later@"):
            return "451 try again later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        text = envelope.content.decode("utf-8", "replace")
        tls = server.transport.get_extra_info("ssl_object") is not None
        said = {"from": envelope.mail_from, "to": envelope.rcpt_tos, "text": text, "tls": tls}
        print(json.dumps(said), flush=True)
        return "250 OK"


def authenticate(server, session, envelope, mechanism, data):
    good = data.login == b"user" and data.password == b"secret"
    return AuthResult(success=good, handled=False)


class Server(Controller):
    def factory(self):
        return SMTP(self.handler, **self.SMTP_kwargs)


def main():
    mode, certificate, key = sys.argv[1:4]
    context = None
    if mode != "none":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
    options = {"hostname": "127.0.0.1", "port": 0}
    if mode == "starttls":
        options |= {"tls_context": context, "require_starttls": True, "authenticator": authenticate, "auth_required": True}
    if mode == "implicit":
        options["ssl_context"] = context
    # the controller tries the port it was given, which is any: it has to be known before
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        options["port"] = probe.getsockname()[1]
    server = Server(Handler(), **options)
    server.start()
    print(json.dumps({"port": options["port"]}), flush=True)
    threading.Event().wait()


main()
