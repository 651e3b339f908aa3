"""
What `configure` is told about sending arrives there, in real processes.
"""

import re
from collections import Counter

import pytest

import otlp_receiver
from droidscope.errors import ConfigError
from droidscope.instrument.configure import configure
from own_processes import run_process

WORK = """
with ds.session("p"), ds.task("d"):
    pass
"""


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"spool": "/dev/null/spool"}, "spool is '/dev/null/spool', which cannot be written"),
        ({"spool": ""}, "spool is ''; expected the path of a folder"),
        ({"spool": 3}, "spool is 3; expected the path of a folder"),
        ({"queue_bytes": 10}, "queue_bytes is 10; expected bytes, at least 1048576"),
        ({"spool_bytes": "1 GiB"}, "spool_bytes is '1 GiB'; expected bytes"),
        ({"endpoint": "http://"}, "endpoint is 'http://'; expected a URL"),
    ],
)
def test_what_cannot_be_honoured_raises(arguments, text):
    """
    At `configure`, not when the first record is lost.
    """
    with pytest.raises(ConfigError, match=re.escape(text)):
        configure(**arguments)


def test_the_interval_of_metrics_is_a_number(monkeypatch):
    """
    As that of the standard variable.
    """
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "15s")

    with pytest.raises(ConfigError, match="OTEL_METRIC_EXPORT_INTERVAL is '15s'; expected milliseconds"):
        configure()


def test_a_spool_survives_the_process(dead_port, tmp_path):
    """
    What one process could not send is sent by the next, its counts included.
    """
    begin = f"""
ds.configure(service_name="fleet", endpoint="http://127.0.0.1:{dead_port}", spool="{tmp_path}/spool")
"""
    first = run_process(f"{begin}{WORK}")
    assert "telemetry is lost" not in first.stderr

    with otlp_receiver.serve(dead_port) as receiver:
        second = run_process(f"{begin}{WORK}print(ds.flush(), ds.shutdown())")

    assert second.stdout == "True True\n"
    assert sorted(receiver.spans()) == ["invoke_agent d"] * 2 + ["invoke_workflow p"] * 2
    instances = {
        attribute.value.string_value
        for path, request, _ in receiver.received
        if path == "/v1/metrics"
        for attribute in request.resource_metrics[0].resource.attributes
        if attribute.key == "service.instance.id"
    }
    assert len(instances) == 2
    assert list((tmp_path / "spool").iterdir()) == []


def test_what_is_lost_is_counted_by_reason(receiver):
    """
    In the counts that are sent, and in what the sender says of itself.
    """
    refused = iter([otlp_receiver.Reply(400)] * 2)
    receiver.reply_to = lambda _path, _length: next(refused, otlp_receiver.Reply())

    done = run_process(f"""
from droidscope.instrument.configure import sender_status
ds.configure(service_name="fleet", endpoint="{receiver.url}")
assert sender_status() is None
{WORK}
print(ds.flush())
print(sender_status().lost, sender_status().signals["traces"].text)
{WORK}
print(ds.flush())
""")

    assert done.stdout == "False\n{'refused': 4} HTTP 400: Bad Request\nTrue\n"
    dropped = [
        (point.attributes[0].value.string_value, point.as_int)
        for path, request, _ in receiver.received
        if path == "/v1/metrics"
        for metric in request.resource_metrics[0].scope_metrics[0].metrics
        if metric.name == "orchestrator.client.dropped"
        for point in metric.sum.data_points
    ]
    assert dropped[-1] == ("refused", 4)


def test_a_process_that_only_waits_sends_what_others_have_left(dead_port, tmp_path):
    """
    Within seconds; the global tracer provider is still to be set.
    """
    begin = f"""
ds.configure(service_name="fleet", endpoint="http://127.0.0.1:{dead_port}", spool="{tmp_path}/spool")
"""
    waiting = f"""
import os, time
from opentelemetry import trace
{begin}
time.sleep(3)
assert isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)
"""
    run_process(f"{begin}{WORK}")
    assert list((tmp_path / "spool").rglob("*.batch"))

    with otlp_receiver.serve(dead_port) as receiver:
        run_process(f"{waiting}\nos._exit(0)")

        assert receiver.spans() == ["invoke_agent d", "invoke_workflow p"]
        assert list((tmp_path / "spool").rglob("*.batch")) == []


def test_a_server_that_forks_its_workers_afterwards(dead_port, tmp_path):
    """
    They record with a sender of their own; what others have left is sent once.
    """
    begin = f"""
import os, time
ds.configure(service_name="fleet", endpoint="http://127.0.0.1:{dead_port}", spool="{tmp_path}/spool")
"""
    run_process(f"{begin}{WORK}")

    with otlp_receiver.serve(dead_port) as receiver:
        run_process(
            f"""
{begin}
for number in range(5):
    if os.fork() == 0:
        with ds.session("p"), ds.task("worker"):
            pass
        os._exit(0 if ds.flush() else 1)
assert not any(os.wait()[1] for _ in range(5))
with ds.session("p"), ds.task("master"):
    pass
assert ds.shutdown()
"""
        )

        names = Counter(receiver.spans())
        assert names == {
            "invoke_agent d": 1,
            "invoke_agent worker": 5,
            "invoke_agent master": 1,
            "invoke_workflow p": 7,
        }
    assert list((tmp_path / "spool").rglob("*.batch")) == []
