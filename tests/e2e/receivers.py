"""
What stands for Slack, PagerDuty, a mail server and a webhook, on loopback; and a page to be scraped.
"""

from __future__ import annotations

import base64
import email
import email.policy
import json
import socketserver
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

from droidscope.rules.receivers import DEFAULT_HOURS, NAMES, WATCHDOG, WORKING_HOURS, Receivers


def one_webhook(url: str, hours: dict | None = None) -> Receivers:
    """
    A single webhook for everything but the watchdog.
    """
    receivers = [
        {"name": name} | ({} if name == WATCHDOG else {"webhook_configs": [{"url": url}]}) for name in NAMES
    ]
    intervals = [{"name": WORKING_HOURS, "time_intervals": [hours]}] if hours else [DEFAULT_HOURS]
    return Receivers(receivers, intervals, {})


class Post(NamedTuple):
    """
    One request somebody posted.
    """

    path: str
    headers: dict[str, str]
    body: dict


class Server:
    """
    A server of *handlers* on a free port, in a thread, until the end of the `with` block.
    """

    def __init__(self, kind, handler):
        self._server = kind(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class Api(Server):
    """
    Takes what is posted and answers with *status* and *answer*, as the service it stands for does.
    """

    def __init__(self, status=200, answer=b"ok"):
        self.received = received = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                received.append(Post(self.path, dict(self.headers), body))
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                pass

        super().__init__(ThreadingHTTPServer, Handler)
        self.url = f"http://127.0.0.1:{self.port}"


class Page(Server):
    """
    A metrics page that shows *samples*, which a test may change: value by the text of the series.
    """

    def __init__(self, samples):
        self.samples = shown = dict(samples)

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                text = "".join(f"{series} {value}\n" for series, value in list(shown.items()))
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_):
                pass

        super().__init__(ThreadingHTTPServer, Handler)
        self.web = self.port


class Mailbox(Server):
    """
    An SMTP server as small as a mail client can stand; it wants to know who sends.
    """

    def __init__(self):
        self.received = received = []
        self.logins = logins = []

        class Handler(socketserver.StreamRequestHandler):
            def say(self, line):
                self.wfile.write(f"{line}\r\n".encode())

            def handle(self):
                self.say("220 localhost")
                for raw in self.rfile:
                    verb, _, rest = raw.decode().strip().partition(" ")
                    match verb.upper():
                        case "EHLO":
                            self.say("250-localhost")
                            self.say("250 AUTH PLAIN")
                        case "AUTH":
                            logins.append(base64.b64decode(rest.split()[1]).decode().split("\0")[1:])
                            self.say("235 welcome")
                        case "DATA":
                            self.say("354 go on")
                            received.append(self.message())
                            self.say("250 taken")
                        case "QUIT":
                            self.say("221 bye")
                            return
                        case _:
                            self.say("250 ok")

            def message(self):
                lines = []
                while (line := self.rfile.readline()) not in (b".\r\n", b""):
                    lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
                return email.message_from_bytes(b"".join(lines), policy=email.policy.default)

        super().__init__(socketserver.ThreadingTCPServer, Handler)
