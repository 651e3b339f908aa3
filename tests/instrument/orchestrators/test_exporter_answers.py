"""
What an orchestrator asks the exporter for: dashboard, reports and alerts of its own.
"""

import asyncio
import threading
import time

import pytest

import droidscope as ds
from droidscope.instrument.orchestrators import alert_poller, client
from droidscope.instrument.orchestrators.alert_poller import AlertPoller

ALERT = {"name": "OrchestratorDroidErrorRateHigh"}
OWN_ALERTS = "/api/v1/alerts?orchestrator=atlas"


def test_the_dashboard_and_reports_are_asked_of_the_exporter(exporter):
    """
    Of this orchestrator as JSON, or of all.
    """
    exporter.pages = {
        "/api/v1/dashboard?orchestrator=atlas": {"alert_level": "none"},
        "/api/v1/dashboard": {"alert_level": "high"},
        "/api/v1/reports/weekly": {"period": "2025-W01"},
    }
    mine = ds.AnalyticsOrchestrator()

    assert mine.get_performance_dashboard() == {"alert_level": "none"}
    assert mine.get_performance_dashboard(everything=True) == {"alert_level": "high"}
    assert mine.analytics.get_metrics() == {"alert_level": "none"}
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


def test_the_environment_is_asked_for_where_it_is_known(exporter, monkeypatch):
    """
    By the resource of the process; a name may have any letter.
    """
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "team=a, deployment.environment.name=pre%20prod")
    exporter.pages = {"/api/v1/alerts?orchestrator=atlas&environment=pre+prod": [ALERT]}

    assert ds.AnalyticsOrchestrator().check_alerts() == [ALERT]


def test_without_a_name_there_is_nothing_to_ask_for(exporter, monkeypatch):
    """
    The dashboard of all orchestrators is not that of this one.
    """
    monkeypatch.delenv("OTEL_SERVICE_NAME")
    exporter.pages = {"/api/v1/dashboard": {}, "/api/v1/alerts": []}
    mine = ds.AnalyticsOrchestrator()

    with pytest.raises(ds.ConfigError, match=r"configure\(service_name=...\) or OTEL_SERVICE_NAME"):
        mine.get_performance_dashboard()
    assert mine.get_performance_dashboard(everything=True) == {}
    assert mine.check_alerts(everything=True) == []


class Listener(ds.AnalyticsOrchestrator):
    """
    Is given alerts.
    """

    def __init__(self):
        self.given = []
        self.threads = []
        self.is_given = threading.Event()

    def execute_task(self, request):
        return request

    def handle_alerts(self, alerts):
        self.given.append(alerts)
        self.threads.append(threading.current_thread())
        self.is_given.set()


class AsyncListener(Listener):
    """
    Awaits what it does about them.
    """

    async def execute_task(self, request):
        return request

    async def handle_alerts(self, alerts):
        await asyncio.sleep(0)
        self.loop = asyncio.get_running_loop()
        super().handle_alerts(alerts)


@pytest.fixture
def poller(monkeypatch):
    """
    The poller of all orchestrators, without its delay, and no longer than it has something to do.
    """
    monkeypatch.setattr(AlertPoller, "delay_seconds", 0.0)
    yield alert_poller.ALERT_POLLER
    while alert_poller.ALERT_POLLER.is_busy():
        time.sleep(0.01)


@pytest.mark.parametrize("answer", [[ALERT], {"alerts": [ALERT]}])
@pytest.mark.usefixtures("seen", "poller")
def test_alerts_are_handled_off_the_callers_path(exporter, answer):
    """
    After the session, on another thread.
    """
    exporter.pages = {OWN_ALERTS: answer}
    listener = Listener()

    listener.execute_task("build")

    assert listener.is_given.wait(10)
    assert listener.given == [[ALERT]]
    assert listener.threads[0] is not threading.current_thread()


@pytest.mark.usefixtures("seen", "poller")
async def test_an_asynchronous_handler_is_awaited_on_the_loop_of_the_session(exporter):
    """
    Where the orchestrator's own things live.
    """
    exporter.pages = {OWN_ALERTS: [ALERT]}
    listener = AsyncListener()

    await listener.execute_task("build")

    assert await asyncio.to_thread(listener.is_given.wait, 10)
    assert listener.loop is asyncio.get_running_loop()


@pytest.mark.usefixtures("seen", "poller")
def test_an_asynchronous_handler_outlives_the_loop_of_the_session(exporter):
    """
    It is awaited on a loop of its own.
    """
    exporter.pages = {OWN_ALERTS: [ALERT]}
    listener = AsyncListener()
    asyncio.run(listener.execute_task("build"))

    assert listener.is_given.wait(10)
    assert listener.given == [[ALERT]]


@pytest.mark.usefixtures("seen", "poller")
@pytest.mark.parametrize("has_loop", [False, True])
def test_what_an_asynchronous_handler_raises_is_logged_once(exporter, caplog, has_loop):
    """
    And goes no further, whether or not the session has a loop.
    """

    class Broken(AsyncListener):
        analytics_method = ("execute_task", "run")

        def run(self):
            pass

        async def handle_alerts(self, alerts):
            await super().handle_alerts(alerts)
            raise ValueError("pager is broken")

    async def work():
        await listener.execute_task("build")
        await asyncio.to_thread(await_the_log)

    def await_the_log():
        assert listener.is_given.wait(10)
        while not caplog.records:
            time.sleep(0.01)

    exporter.pages = {OWN_ALERTS: [ALERT]}
    listener = Broken()
    if has_loop:
        asyncio.run(work())
    else:
        listener.run()
        await_the_log()

    assert caplog.text.count("ValueError('pager is broken')") == 1
    assert "handle_alerts failed: ValueError('pager is broken')" in caplog.text


@pytest.mark.usefixtures("seen", "poller")
def test_a_class_method_has_alerts_handled_by_the_class(exporter):
    """
    There is no object to handle them.
    """
    given, is_given = [], threading.Event()

    class Mine(ds.AnalyticsOrchestrator):
        @classmethod
        def execute_task(cls, request):
            return request

        @classmethod
        def handle_alerts(cls, alerts):
            given.append((cls, alerts))
            is_given.set()

    exporter.pages = {OWN_ALERTS: [ALERT]}
    Mine.execute_task("build")

    assert is_given.wait(10)
    assert given == [(Mine, [ALERT])]


@pytest.mark.usefixtures("seen")
def test_without_alerts_there_is_nothing_to_handle(exporter):
    """
    An empty list is good news.
    """
    exporter.pages = {OWN_ALERTS: []}
    listener, poller = Listener(), AlertPoller(idle_seconds=0.0, delay_seconds=0.0)

    poller.request(listener)
    poller.thread.join(10)

    assert exporter.asked == [OWN_ALERTS]
    assert not listener.given


@pytest.mark.usefixtures("seen")
def test_alerts_that_cannot_be_asked_for_are_one_warning(monkeypatch, caplog):
    """
    However many sessions end.
    """
    monkeypatch.setenv("DROIDSCOPE_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "atlas")
    listener, poller = Listener(), AlertPoller(idle_seconds=0.0, delay_seconds=0.0)

    for _ in range(2):
        poller.request(listener)
        poller.thread.join(10)

    assert not listener.given
    assert caplog.text.count("no alerts to handle") == 1


def test_the_default_is_to_log_alerts(caplog):
    """
    At warning.
    """
    ds.AnalyticsOrchestrator().handle_alerts([{"alert": "X"}])

    assert "1 alerts are active" in caplog.text


@pytest.mark.usefixtures("seen")
def test_sessions_that_end_meanwhile_share_a_question(exporter):
    """
    Of one orchestrator and of several; one that ends after it is asked about later.
    """
    exporter.pages = {OWN_ALERTS: [ALERT]}
    one, other = Listener(), Listener()
    poller = AlertPoller(idle_seconds=0.0, delay_seconds=0.2)

    poller.request(one)
    poller.request(other)
    time.sleep(0.1)
    poller.request(one)
    poller.thread.join(10)

    assert exporter.asked == [OWN_ALERTS] * 2
    assert (len(one.given), len(other.given)) == (2, 1)
    assert poller.thread is None


def test_the_number_of_those_who_wait_is_bounded(exporter):
    """
    What comes beyond it is left out.
    """
    exporter.pages = {OWN_ALERTS: [ALERT]}
    listeners = [Listener() for _ in range(alert_poller.HANDLER_LIMIT + 5)]
    poller = AlertPoller(idle_seconds=0.0, delay_seconds=0.3)

    for listener in listeners:
        poller.request(listener)
    poller.thread.join(10)

    assert sum(bool(listener.given) for listener in listeners) == alert_poller.HANDLER_LIMIT
