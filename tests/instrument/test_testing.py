"""
`capture` serves users' own tests.
"""

from contextlib import suppress

import pytest
from opentelemetry import trace

import droidscope as ds
from droidscope.conventions import attributes as names
from droidscope.instrument import providers
from droidscope.testing import capture, droidscope_capture  # noqa: F401 - a fixture


@ds.tool("x")
def work():
    pass


def test_the_fixture_captures_one_test(droidscope_capture):  # noqa: F811 - the fixture
    """
    Spans, events and counts, by kind and name.
    """
    with ds.session("p"):
        work()
        ds.progress(0.5)

    assert [span.name for span in droidscope_capture.spans] == ["execute_tool x", "invoke_workflow p"]
    assert droidscope_capture.one("tool") is droidscope_capture.records("tool")[0]
    assert [event.event_name for event in droidscope_capture.events] == [
        names.STARTED_EVENT,
        names.PROGRESS_EVENT,
    ]
    assert droidscope_capture.count(names.CLIENT_RECORDS, {names.RECORD_KIND: "tool"}) == 1
    assert droidscope_capture.count("nothing") == 0


def test_one_fails_unless_there_is_one():
    """
    The message lists what there is.
    """
    with capture() as seen:
        work()
        work()

    with pytest.raises(AssertionError, match=r"2 spans of kind tool; .*'execute_tool x', 'execute_tool x'"):
        seen.one("tool")
    with pytest.raises(AssertionError, match="0 spans of kind session"):
        seen.one("session")


def test_what_was_before_is_restored():
    """
    Captures nest, end with an exception as well, and leave the global providers alone.
    """
    before = (providers.current(), trace.get_tracer_provider())

    with capture() as outer:
        with suppress(KeyError), capture() as inner:
            work()
            raise KeyError
        work()
    work()

    assert len(inner.spans) == len(outer.spans) == 1
    assert (providers.current(), trace.get_tracer_provider()) == before
