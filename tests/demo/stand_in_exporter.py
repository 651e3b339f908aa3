"""
A stand-in for the exporter: ready at once, accepts all OTLP, shows fixed numbers.

Prints the path of each request it accepts, and `stopped` at its end.
"""

import os
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from droidscope.conventions.metrics import MESSAGES, SESSIONS, SESSIONS_ACTIVE, TASKS

PAGE = f"""\
{SESSIONS_ACTIVE.name}{{orchestrator="atlas"}} 2
{SESSIONS.name}{{orchestrator="atlas",outcome="completed"}} 5
{SESSIONS.name}{{orchestrator="atlas",outcome="failed"}} 1
{TASKS.name}{{orchestrator="atlas",outcome="completed"}} 9
{MESSAGES.name}{{orchestrator="atlas",outcome="accepted"}} 30
"""


def say(line):
    """
    Write a line at once.
    """
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


class Answers(BaseHTTPRequestHandler):
    """
    Whatever is asked or sent is fine.
    """

    def do_GET(self):
        self.answer(PAGE.encode() if self.path == "/metrics" else b"ok")

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        say(self.path)
        self.answer(b"")

    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """
        The requests printed are enough.
        """


def serve(setting):
    """
    Listen where the setting says, on a thread.
    """
    host, _, port = os.environ[f"DROIDSCOPE_{setting}"].rpartition(":")
    server = ThreadingHTTPServer((host, int(port)), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()


stopping = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stopping.set())
serve("OTLP_HTTP")
serve("LISTEN")
say("ready")
stopping.wait()
say("stopped")
sys.exit(0)
