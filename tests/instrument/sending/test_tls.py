"""
Certificates by the standard variables, over HTTP and gRPC.
"""

import shutil
import ssl
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc
import pytest

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class _Export(grpc.GenericRpcHandler):
    def service(self, _details):
        return grpc.unary_unary_rpc_method_handler(lambda _body, _context: b"")


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """
    A certificate of localhost that nobody has signed, and its key.
    """
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    subject = ("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1")
    files = ("-keyout", key, "-out", certificate)
    command = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *files, *subject)
    subprocess.run(command, check=True, capture_output=True)
    return certificate, key


@pytest.fixture(params=["http/protobuf", "grpc"])
def server(request, pair):
    """
    The protocol and the URL of a receiver with that certificate.
    """
    certificate, key = pair
    with ExitStack() as stack:
        if request.param == "grpc":
            pool = stack.enter_context(ThreadPoolExecutor(2))
            grpc_server = grpc.server(pool, (_Export(),))
            credentials = grpc.ssl_server_credentials([(key.read_bytes(), certificate.read_bytes())])
            port = grpc_server.add_secure_port("127.0.0.1:0", credentials)
            grpc_server.start()
            stack.callback(lambda: grpc_server.stop(0).wait())
        else:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, key)
            http_server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
            http_server.socket = context.wrap_socket(http_server.socket, server_side=True)
            http_server.handle_error = lambda *_: None
            port = http_server.server_port
            threading.Thread(target=http_server.serve_forever, args=(0.05,), daemon=True).start()
            stack.callback(http_server.server_close)
            stack.callback(http_server.shutdown)
        yield request.param, f"https://localhost:{port}"


def test_an_unknown_certificate_is_not_trusted(server, sender_to, span):
    """
    What waits is kept, and told.
    """
    protocol, url = server
    sender = sender_to(url, protocol)
    sender.span(span())

    assert sender.flush(1) is False
    assert sender.status().signals["traces"].text
    assert sender.status().waiting == 1


def test_a_certificate_that_is_named_is_trusted(server, pair, sender_to, span, monkeypatch):
    """
    By the standard variable.
    """
    protocol, url = server
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", str(pair[0]))
    sender = sender_to(url, protocol)
    sender.span(span())

    assert sender.flush(10) is True
