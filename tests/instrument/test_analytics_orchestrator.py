"""
The mixin wraps an existing orchestrator and asks the exporter for it.
"""

import asyncio
import inspect
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

import droidscope as ds
from droidscope.conventions import attributes as names
from droidscope.instrument import analytics_orchestrator, client


class Base:
    """
    Somebody's orchestrator.
    """

    def execute_task(self, request, *, fail=False):
        if fail:
            raise ValueError(request)
        return f"done: {request}"


class AsyncBase:
    """
    Somebody's asynchronous orchestrator.
    """

    async def execute_task(self, request):
        await asyncio.sleep(0)
        return f"done: {request}"


@pytest.fixture
def alerted(monkeypatch):
    """
    The handlers that get alerts, instead of the thread that would.
    """
    handlers = []
    monkeypatch.setattr(analytics_orchestrator.ALERT_POLLER, "request", handlers.append)
    return handlers


@pytest.fixture
def exporter(monkeypatch):
    """
    An exporter that answers by *pages*, at DROIDSCOPE_URL.
    """

    class Pages(BaseHTTPRequestHandler):
        def do_GET(self):
            page = server.pages.get(self.path)
            self.send_response(404 if page is None else 200)
            self.end_headers()
            self.wfile.write(page if isinstance(page, bytes) else json.dumps(page).encode())

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    server.pages = {}
    server.url = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("DROIDSCOPE_URL", f"{server.url}/")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def test_execute_task_is_a_session(seen, alerted):
    """
    Arguments and result pass; the pattern is the class by default.
    """

    class Mine(ds.AnalyticsOrchestrator, Base):
        pass

    mine = Mine()

    assert mine.execute_task("build") == "done: build"
    assert seen.one("session").attributes[names.PATTERN_ID] == "Mine"
    assert alerted == [mine]


async def test_an_asynchronous_execute_task_stays_one(seen, alerted):
    """
    The session lasts until the coroutine has ended; the pattern may be a word.
    """

    class Mine(ds.AnalyticsOrchestrator, AsyncBase):
        analytics_pattern = "bug-fix"

    coroutine = Mine().execute_task("build")
    assert not seen.spans

    assert await coroutine == "done: build"
    assert seen.one("session").attributes[names.PATTERN_ID] == "bug-fix"
    assert len(alerted) == 1


@pytest.mark.usefixtures("alerted")
def test_the_pattern_may_depend_on_the_task(seen):
    """
    A method gets what `execute_task` gets; one that fails costs the pattern, not the task.
    """

    class Mine(ds.AnalyticsOrchestrator, Base):
        def analytics_pattern(self, request, **_):
            return {"login": "authentication-system"}[request]

    assert Mine().execute_task("login") == "done: login"
    assert Mine().execute_task("other") == "done: other"

    assert [span.attributes[names.PATTERN_ID] for span in seen.spans] == ["authentication-system", "Mine"]


@pytest.mark.usefixtures("alerted")
def test_a_failing_task_is_a_failed_session(seen):
    """
    The exception passes.
    """

    class Mine(ds.AnalyticsOrchestrator, Base):
        pass

    with pytest.raises(ValueError, match="build"):
        Mine().execute_task("build", fail=True)

    assert seen.one("session").attributes[names.SESSION_OUTCOME] == "failed"


@pytest.mark.usefixtures("alerted")
def test_a_subclass_may_do_more_around_it(seen):
    """
    An override that calls `super()` has one session, not two.
    """

    class Mine(ds.AnalyticsOrchestrator, Base):
        def execute_task(self, request):
            return super().execute_task(request).upper()

    assert Mine().execute_task("build") == "DONE: BUILD"
    assert seen.one("session")


class Whole(ds.AnalyticsOrchestrator):
    """
    An orchestrator of one piece.
    """

    def execute_task(self, request):
        return f"done: {request}"


class After(Base, ds.AnalyticsOrchestrator):
    """
    The mixin behind the base.
    """


class Plain(After):
    """
    A subclass that changes nothing.
    """


class Special(After):
    """
    A subclass that asks its base.
    """

    def execute_task(self, request):
        return super().execute_task(request)


class Alone(After):
    """
    A subclass that does not.
    """

    def execute_task(self, request):
        return f"done: {request}"


@pytest.mark.usefixtures("alerted")
@pytest.mark.parametrize("mine", [Whole, After, Plain, Special, Alone])
def test_execute_task_is_one_session_wherever_it_is_defined(seen, mine):
    """
    By the class itself, by a base before the mixin, by a subclass with and without `super()`.
    """
    assert mine().execute_task("build") == "done: build"

    assert seen.one("session").attributes[names.PATTERN_ID] == mine.__name__


class AsyncAfter(AsyncBase, ds.AnalyticsOrchestrator):
    """
    The mixin behind an asynchronous base.
    """


class AsyncSpecial(AsyncAfter):
    """
    A subclass of it that asks its base.
    """

    async def execute_task(self, request):
        return await super().execute_task(request)


@pytest.mark.usefixtures("alerted")
@pytest.mark.parametrize("mine", [AsyncAfter, AsyncSpecial])
async def test_an_asynchronous_execute_task_is_one_session_too(seen, mine):
    """
    And can still be told from a synchronous one.
    """
    assert inspect.iscoroutinefunction(mine().execute_task)

    assert await mine().execute_task("build") == "done: build"
    assert seen.one("session").attributes[names.PATTERN_ID] == mine.__name__


@pytest.mark.usefixtures("alerted")
def test_execute_task_may_call_itself(seen):
    """
    A session for each, one inside of the other.
    """

    class Mine(ds.AnalyticsOrchestrator):
        def execute_task(self, depth):
            return depth and 1 + self.execute_task(depth - 1)

    assert Mine().execute_task(2) == 2
    assert len(seen.records("session")) == 3


def test_execute_task_keeps_its_signature():
    """
    As any decorated function does.
    """
    assert inspect.signature(After().execute_task) == inspect.signature(Base().execute_task)


def test_without_a_provider_execute_task_is_as_ever(monkeypatch, alerted):
    """
    And nobody is asked for alerts.
    """
    monkeypatch.setenv("DROIDSCOPE_URL", "http://127.0.0.1:1")

    assert After().execute_task("build") == "done: build"
    assert asyncio.run(AsyncAfter().execute_task("build")) == "done: build"
    assert not alerted


def test_the_dashboard_and_reports_are_asked_of_the_exporter(exporter):
    """
    As JSON, by their pages.
    """
    exporter.pages = {
        "/api/v1/dashboard": {"alert_level": "none"},
        "/api/v1/reports/weekly": {"period": "2025-W01"},
    }
    mine = ds.AnalyticsOrchestrator()

    assert mine.get_performance_dashboard() == {"alert_level": "none"}
    assert mine.generate_performance_report("weekly") == {"period": "2025-W01"}


def test_an_exporter_without_the_page_is_named(exporter):
    """
    The error names the page and the status.
    """
    with pytest.raises(ds.DroidscopeError, match=f"{exporter.url}/api/v1/dashboard answers with status 404"):
        ds.AnalyticsOrchestrator().get_performance_dashboard()


def test_an_exporter_that_speaks_something_else_is_named(exporter):
    """
    Such as a web page in the place of JSON, or no list of alerts.
    """
    exporter.pages = {"/api/v1/dashboard": b"<html>", "/api/v1/alerts": {"alerts": 3}}

    with pytest.raises(
        ds.DroidscopeError, match=f"{exporter.url}/api/v1/dashboard does not answer with JSON"
    ):
        client.dashboard()
    with pytest.raises(ds.DroidscopeError, match="expected a list of alerts"):
        client.alerts()


def test_an_exporter_that_is_down_is_named(monkeypatch):
    """
    With the variable of its URL.
    """
    monkeypatch.setenv("DROIDSCOPE_URL", "http://127.0.0.1:1")

    with pytest.raises(
        ds.DroidscopeError, match=r"http://127\.0\.0\.1:1/api/v1/alerts does not answer.*DROIDSCOPE_URL"
    ):
        client.alerts()


def test_misuse_is_a_configuration_error(monkeypatch):
    """
    A period nobody knows, an address that is none.
    """
    with pytest.raises(ds.ConfigError, match="period is 'hourly'; expected one of daily, weekly, monthly"):
        ds.AnalyticsOrchestrator().generate_performance_report("hourly")
    monkeypatch.setenv("DROIDSCOPE_URL", "file:///etc")
    with pytest.raises(ds.ConfigError, match="DROIDSCOPE_URL is 'file:///etc'"):
        client.dashboard()


class Listener(ds.AnalyticsOrchestrator, Base):
    """
    Hears of alerts.
    """

    def __init__(self):
        self.heard = []
        self.threads = []
        self.has_heard = threading.Event()

    def handle_alerts(self, alerts):
        self.heard.append(alerts)
        self.threads.append(threading.current_thread())
        self.has_heard.set()


@pytest.mark.parametrize(
    "answer",
    [
        [{"alert": "OrchestratorDroidErrorRateHigh"}],
        {"alerts": [{"alert": "OrchestratorDroidErrorRateHigh"}]},
    ],
)
@pytest.mark.usefixtures("seen")
def test_alerts_are_handled_off_the_callers_path(exporter, answer):
    """
    After the session, on another thread.
    """
    exporter.pages = {"/api/v1/alerts": answer}
    listener = Listener()

    listener.execute_task("build")

    assert listener.has_heard.wait(10)
    assert listener.heard == [[{"alert": "OrchestratorDroidErrorRateHigh"}]]
    assert listener.threads[0] is not threading.current_thread()


@pytest.mark.usefixtures("seen")
def test_without_alerts_there_is_nothing_to_handle(exporter):
    """
    An empty list is good news.
    """
    exporter.pages = {"/api/v1/alerts": []}
    listener = Listener()

    analytics_orchestrator.deliver_alerts(listener)

    assert not listener.heard


@pytest.mark.usefixtures("seen")
def test_alerts_that_cannot_be_asked_for_are_one_warning(monkeypatch, caplog):
    """
    However many sessions end.
    """
    monkeypatch.setenv("DROIDSCOPE_URL", "http://127.0.0.1:1")
    listener = Listener()

    for _ in range(2):
        analytics_orchestrator.deliver_alerts(listener)

    assert not listener.heard
    assert caplog.text.count("no alerts to handle") == 1


def test_the_default_is_to_log_alerts(caplog):
    """
    At warning.
    """
    ds.AnalyticsOrchestrator().handle_alerts([{"alert": "X"}])

    assert "1 alerts are active" in caplog.text


def test_the_alert_poller_is_bounded_and_ends(monkeypatch):
    """
    While one handler takes its time others wait, up to a limit; then the thread ends.
    """
    entered, may_go_on, handled = threading.Event(), threading.Event(), []

    def tell(handler):
        entered.set()
        may_go_on.wait(10)
        handled.append(handler)

    monkeypatch.setattr(analytics_orchestrator, "deliver_alerts", tell)
    poller = analytics_orchestrator.AlertPoller(idle_seconds=0.01)
    poller.request(-1)
    assert entered.wait(10)
    for number in range(analytics_orchestrator.QUEUE_LIMIT + 5):
        poller.request(number)
    thread = poller.thread
    may_go_on.set()
    thread.join(10)

    assert handled == list(range(-1, analytics_orchestrator.QUEUE_LIMIT))
    assert poller.thread is None
