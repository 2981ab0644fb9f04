#!/usr/bin/python3
"""mail_server.py FOLDER PORT: a mail server for the tests, made of aiosmtpd.

STARTTLS with mail.pem and mail.key of FOLDER before anything else, then a login as the user and password in FOLDER/mail.login,
one a line.  Every mail it takes is a file FOLDER/mails/N.eml, complete as soon as it has its name, with the envelope in
front as X-Envelope-To.  Prints `ready` once it listens and goes on until it is killed.
"""
import itertools
import os
import ssl
import sys
import time

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult

folder, port = sys.argv[1], int(sys.argv[2])
user, password = open(os.path.join(folder, "mail.login")).read().split()
tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
tls.load_cert_chain(os.path.join(folder, "mail.pem"), os.path.join(folder, "mail.key"))
mails = os.path.join(folder, "mails")
os.makedirs(mails, exist_ok=True)
numbers = itertools.count(len(os.listdir(mails)) + 1)


def may(server, session, envelope, mechanism, given):
    right = mechanism in ("LOGIN", "PLAIN") and (given.login, given.password) == (user.encode(), password.encode())
    return AuthResult(success=right)


class Keep:
    async def handle_DATA(self, server, session, envelope):
        if session.ssl is None or not session.authenticated:
            return "530 not without TLS and a login"
        name = os.path.join(mails, f"{next(numbers)}.eml")
        with open(name + ".part", "wb") as file:
            file.write(b"X-Envelope-To: " + ", ".join(envelope.rcpt_tos).encode() + b"\r\n" + envelope.content)
        os.rename(name + ".part", name)
        return "250 taken"


class Server(Controller):
    def factory(self):
        return SMTP(self.handler, hostname="cl.lab.test", tls_context=tls, require_starttls=True, auth_required=True,
                    authenticator=may)


Server(Keep(), hostname="0.0.0.0", port=port).start()
print("ready", flush=True)
while True:
    time.sleep(3600)
