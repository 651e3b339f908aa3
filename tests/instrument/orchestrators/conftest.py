"""
Fixtures of orchestrators: an exporter that answers, and the handlers of alerts.
"""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from droidscope.instrument.orchestrators.alert_poller import ALERT_POLLER


@pytest.fixture(autouse=True)
def _named(monkeypatch):
    """
    The orchestrator is atlas.
    """
    monkeypatch.setenv("OTEL_SERVICE_NAME", "atlas")


@pytest.fixture
def alerted(monkeypatch):
    """
    The handlers that get alerts, instead of the thread that would.
    """
    handlers = []
    monkeypatch.setattr(ALERT_POLLER, "request", handlers.append)
    return handlers


@pytest.fixture
def exporter(monkeypatch):
    """
    An exporter that answers by *pages* what is *asked* for, at DROIDSCOPE_URL.
    """

    class Pages(BaseHTTPRequestHandler):
        def do_GET(self):
            server.asked.append(self.path)
            page = server.pages.get(self.path)
            self.send_response(404 if page is None else 200)
            self.end_headers()
            self.wfile.write(page if isinstance(page, bytes) else json.dumps(page).encode())

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    server.pages = {}
    server.asked = []
    server.url = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("DROIDSCOPE_URL", f"{server.url}/")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")  # nothing goes by it
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
