"""
The web pages, over a real server: what scrapers, probes and people get, and in which state.
"""

from __future__ import annotations

import gzip
import json
import socket
import threading
from http.client import HTTPConnection

import pytest
import uvicorn
from structlog.testing import capture_logs

from droidscope.api.schema import Readiness
from droidscope.exposition.text import Format
from droidscope.views.landing_summary import DroidLine, LandingSummary, Ratio, SessionLine
from droidscope.web.asgi import STATIC_TYPES, web_app
from droidscope.web.html import DASH

READY = Readiness(ready=True)
REPLAYING = Readiness(ready=False, message="Replaying the log: 40 % done.")
SUMMARY = LandingSummary(
    time_seconds=1_700_000_100,
    active_sessions=2,
    completed_sessions=1234,
    failed_sessions=0,
    messages=9,
    session_success=Ratio(0.975, 40),
    droids=(
        DroidLine("shop", "coder", 83.83, 12, "degraded", 2, 3),
        DroidLine("shop", "<script>alert(1)</script>", None, 1),
    ),
    sessions=(SessionLine("shop", 'x"><img src=x>', "p & q", "design", "silent", 1_700_000_000, 0.5, 2, 1),),
)


class Served:
    """
    The server under test; *status* and *summary* can be set.
    """

    def __init__(self, port):
        self.port = port
        self.status = READY
        self.summary = lambda: SUMMARY
        self.formats = []

    def page(self, form):
        self.formats.append(form)
        return b"# a page\n" * 100

    def get(self, path, method="GET", **headers):
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            connection.request(method, path, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()


@pytest.fixture(scope="module")
def server():
    """
    One server for all tests of the module.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        served = Served(listener.getsockname()[1])
        app = web_app(
            served.page,
            lambda: served.status,
            lambda: served.summary(),  # noqa: PLW0108 - tests replace it
            version="1.2.3",
            docs_url="https://docs.example/?a=1&b=2",
        )
        running = uvicorn.Server(uvicorn.Config(app, log_config=None, ws="none", lifespan="off"))
        thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]})
        thread.start()
        yield served
        running.should_exit = True
        thread.join(10)
        assert not thread.is_alive()


@pytest.fixture
def site(server):
    """
    The server, ready and with the numbers above.
    """
    server.status, server.summary = READY, lambda: SUMMARY
    server.formats.clear()
    return server


class TestMetrics:
    @pytest.mark.parametrize(
        ("accept", "form"), [("", Format.TEXT), ("application/openmetrics-text", Format.OPENMETRICS)]
    )
    def test_the_page_is_in_the_format_asked_for(self, site, accept, form):
        """
        The Accept header chooses, the content type says which it is.
        """
        status, headers, body = site.get("/metrics", accept=accept)

        assert (status, headers["content-type"], body) == (200, form.value, b"# a page\n" * 100)
        assert site.formats == [form]

    def test_gzip_is_for_scrapers_that_accept_it(self, site):
        """
        A scraper that accepts gzip gets it.
        """
        _, headers, body = site.get("/metrics", accept_encoding="gzip")

        assert headers["content-encoding"] == "gzip"
        assert gzip.decompress(body) == b"# a page\n" * 100

    def test_there_is_no_page_before_the_replay_is_done(self, site):
        """
        Half a replay would be a reset and then a jump: 503, and when to come again.
        """
        site.status = REPLAYING

        status, headers, body = site.get("/metrics")

        assert (status, body) == (503, b"Replaying the log: 40 % done.\n")
        assert headers["retry-after"] == "5"
        assert site.formats == []


class TestHealth:
    def test_healthy_means_the_process_serves(self, site):
        """
        A process that replays its log is alive: killing it would start the replay over.
        """
        site.status = REPLAYING

        assert site.get("/-/healthy")[0] == 200

    def test_ready_is_200(self, site):
        """
        200 once the log is replayed.
        """
        assert site.get("/-/ready")[::2] == (200, b"Ready.\n")

    def test_not_ready_is_503_with_the_reason(self, site):
        """
        503 and the sentence of the status.
        """
        site.status = REPLAYING

        assert site.get("/-/ready")[::2] == (503, b"Replaying the log: 40 % done.\n")


class TestSummary:
    def test_is_the_documented_shape(self, site):
        """
        Name, version, status and all numbers, null where not known.
        """
        status, headers, body = site.get("/api/v1/summary")
        snapshot = json.loads(body)

        assert (status, headers["content-type"]) == (200, "application/json")
        assert snapshot["version"] == "1.2.3"
        assert snapshot["status"] == {"ready": True, "message": ""}
        assert snapshot["summary"]["completed_sessions"] == 1234
        assert snapshot["summary"]["lost_sessions"] is None
        assert snapshot["summary"]["session_success"] == {"value": 0.975, "samples": 40}
        assert snapshot["summary"]["droids"][0]["efficiency"] == 83.83
        assert set(snapshot["summary"]) == set(LandingSummary.__struct_fields__)

    def test_knows_nothing_before_it_is_ready(self, site):
        """
        Numbers are not read while the log is replayed.
        """
        site.status, site.summary = REPLAYING, lambda: 1 / 0

        snapshot = json.loads(site.get("/api/v1/summary")[2])

        assert snapshot["status"] == {"ready": False, "message": "Replaying the log: 40 % done."}
        assert snapshot["summary"]["active_sessions"] is None


class TestLanding:
    def test_shows_the_numbers_without_scripts(self, site):
        """
        The server renders everything; what is not known is a dash, 0 is 0.
        """
        status, headers, body = site.get("/")
        page = body.decode()

        assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert "<dt>Completed</dt><dd>1,234</dd>" in page
        assert "<dt>Failed</dt><dd>0</dd>" in page
        assert f"<dt>Lost</dt><dd>{DASH}</dd>" in page
        assert "<dt>Success rate</dt><dd>97.5%<small>of 40 sessions</small></dd>" in page
        assert '<td class="number">12</td><td class="number">2 of 3</td>' in page
        assert '<td><span class="state" data-state="degraded">degraded</span></td>' in page
        assert '<td class="number">1m 40s</td>' in page
        assert '<span id="version">1.2.3</span>' in page

    def test_what_the_script_keeps_fresh_is_there(self, site):
        """
        The script fetches the page again and looks these parts up by id.
        """
        page = site.get("/")[2].decode()
        script = site.get("/static/live.js")[2].decode()

        for id_ in ("header", "main", "status", "freshness"):
            assert f'id="{id_}"' in page
            assert f'"{id_}"' in script
        assert "innerHTML" not in script

    def test_escapes_names_from_telemetry(self, site):
        """
        A droid or session named like markup is text.
        """
        page = site.get("/")[2].decode()

        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
        assert "x&quot;&gt;&lt;img src=x&gt;" in page
        assert "p &amp; q" in page
        assert "<img src=x" not in page
        assert "<script>" not in page

    def test_says_when_it_is_not_ready(self, site):
        """
        The page is there during the replay, with its reason and dashes.
        """
        site.status = REPLAYING

        status, _, body = site.get("/")

        assert status == 200
        assert b"Replaying the log: 40 % done." in body
        assert b"No running sessions" not in body
        assert f"<dt>Running</dt><dd>{DASH}</dd>" in body.decode()
        assert b"No active alerts" not in body

    def test_empty_tables_say_so(self, site):
        """
        Without sessions and droids there is a sentence instead of a table.
        """
        site.summary = lambda: LandingSummary(sessions=(), droids=())

        page = site.get("/")[2].decode()

        assert '<p class="empty" id="sessions-empty">No running or waiting sessions.</p>' in page
        assert '<p class="empty" id="droids-empty">No droids yet.</p>' in page
        assert "<table>" not in page

    def test_is_self_contained(self, site):
        """
        Nothing is loaded from elsewhere, no script or style is inline, and all it loads is there.
        """
        page = site.get("/")[2].decode()
        loaded = [part.split('"')[0] for part in page.replace('src="', 'href="').split('href="')[1:]]
        loaded = [path for path in loaded if not path.startswith("/api/v1/session?")]  # there is no API here

        static = {path for path in loaded if path.startswith("/static/")}
        others = [path for path in loaded if not path.startswith(("/", "#"))]

        assert static == {f"/static/{file}" for file in STATIC_TYPES}
        assert others == ["https://docs.example/?a=1&amp;b=2"]
        assert " style=" not in page
        assert " onclick=" not in page
        for path in loaded:
            if path.startswith("/"):
                assert site.get(path)[0] == 200


class TestProtection:
    @pytest.mark.parametrize("path", ["/", "/metrics", "/api/v1/summary", "/static/live.js", "/nowhere"])
    def test_every_answer_is_protected(self, site, path):
        """
        Browsers run nothing from elsewhere, guess no types and cache nothing.
        """
        _, headers, _ = site.get(path)

        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"

    @pytest.mark.parametrize("path", ["/", "/metrics", "/-/healthy", "/static/style.css"])
    def test_head_is_get_without_a_body(self, site, path):
        """
        Probes that ask with HEAD see the same headers.
        """
        status, headers, body = site.get(path, method="HEAD")

        assert (status, body) == (200, b"")
        assert headers["content-length"] == site.get(path)[1]["content-length"]

    def test_nothing_here_for_browsers_and_others(self, site):
        """
        404 is a page with a way back for browsers, a line for everything else.
        """
        status, _, page = site.get("/<nowhere>", accept="text/html")

        assert status == 404
        assert b'<a href="/">' in page
        assert b"<nowhere>" not in page
        assert site.get("/nowhere")[::2] == (404, b"Not found.\n")

    def test_only_reading(self, site):
        """
        Any other method is refused, and the answer says what is allowed.
        """
        status, headers, _ = site.get("/metrics", method="POST")

        assert status == 405
        assert set(headers["allow"].split(", ")) == {"GET", "HEAD"}

    def test_a_fault_is_an_answer_too(self, site):
        """
        A summary that breaks gives a protected 500 without its details, and a log entry with them.
        """
        site.summary = lambda: 1 / 0

        with capture_logs() as logs:
            status, headers, body = site.get("/api/v1/summary")

        assert (status, json.loads(body)) == (
            500,
            {"error": "Internal server error, see the exporter's log."},
        )
        assert "content-security-policy" in headers
        assert [(log["event"], log["path"]) for log in logs] == [("request_failed", "/api/v1/summary")]
