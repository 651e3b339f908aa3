"""
Methods and ids beside a provider of somebody else's, which droidscope's own records do not touch.
"""

import pytest

from droidscope.conventions import attributes as names
from otlp_receiver import serve
from own_processes import run_process, span_rows

SDK_PROVIDER = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
trace.set_tracer_provider(TracerProvider(sampler=ALWAYS_OFF))
"""
WORK = """
import asyncio, threading

class Mine(ds.AnalyticsOrchestrator):
    analytics_method = "run"

    async def run(self, depth):
        if depth:
            await asyncio.gather(*(self.run(depth - 1) for _ in range(2)))
        with ds.task("coder"):
            pass
        return {{"success": False}}

ds.configure(service_name="atlas", endpoint="{url}")
asyncio.run(Mine().run(2))

ds.start_session("s1", "triage")

def work():
    with ds.within("s1"), ds.task("reviewer"):
        assert ds.IdFilter.ids()["session_id"] == "s1"
    ds.complete("s1")

thread = threading.Thread(target=work)
thread.start()
thread.join()
assert ds.IdFilter.ids()["session_id"] == ""
assert ds.flush()
"""


@pytest.mark.parametrize("before", ["", SDK_PROVIDER])
def test_sessions_are_whole_beside_any_provider(before):
    """
    One session for the calls within a call, and the work of another thread within its own.
    """
    with serve() as receiver:
        run_process(before + WORK.format(url=receiver.url))
        spans = [row.attributes for row in span_rows(receiver)]

    of_session = [
        (span[names.PATTERN_ID], span[names.SESSION_OUTCOME])
        for span in spans
        if span[names.KIND] == "session"
    ]
    assert of_session == [("Mine", "failed"), ("triage", "completed")]
    tasks = [(span[names.AGENT_NAME], span[names.PATTERN_ID]) for span in spans if span[names.KIND] == "task"]
    assert tasks == [("coder", "Mine")] * 7 + [("reviewer", "triage")]
