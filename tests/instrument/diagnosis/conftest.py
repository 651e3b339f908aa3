"""
Servers that are not what telemetry should be sent to, and the environment without anybody's variables.
"""

import os
import ssl
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from e2e.processes import Exporter


@pytest.fixture(autouse=True)
def _own_variables(monkeypatch):
    """
    Only those that a test sets.
    """
    for name in list(os.environ):
        if name.startswith(("OTEL_", "DROIDSCOPE_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("OTEL_SERVICE_NAME", "atlas")


@pytest.fixture
def server():
    """
    Starts a server that answers every POST with a status, headers and a body; gives its URL.
    """
    started = []

    def start(status=200, body=b"", context=None, **headers):
        class Answers(BaseHTTPRequestHandler):
            def do_POST(self):
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self.send_response_only(status)
                for name, value in headers.items():
                    self.send_header(name.replace("_", "-"), value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        class Quiet(ThreadingHTTPServer):
            def handle_error(self, *_):
                pass  # those who ask in another language are what is tried

        http = Quiet(("127.0.0.1", 0), Answers)
        if context is not None:
            http.socket = context.wrap_socket(http.socket, server_side=True)
        threading.Thread(target=http.serve_forever, daemon=True).start()
        started.append(http)
        return f"http{'' if context is None else 's'}://127.0.0.1:{http.server_port}"

    yield start
    for http in started:
        http.shutdown()
        http.server_close()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """
    Paths of a key and of a certificate for 127.0.0.1 that is signed by itself.
    """
    folder = tmp_path_factory.mktemp("tls")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-keyout",
            key,
            "-out",
            certificate,
            *subject,
        ],
        check=True,
        capture_output=True,
    )
    return key, certificate


@pytest.fixture
def tls(certificate):
    """
    The context of a server with that certificate.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate[1], certificate[0])
    return context


@pytest.fixture(scope="session")
def exporter(tmp_path_factory):
    """
    A real one, which holds the first values of a series back as by default.
    """
    with Exporter(tmp_path_factory.mktemp("diagnosed")) as exporter:
        yield exporter
