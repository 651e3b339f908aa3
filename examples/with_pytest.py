"""
pytest: what your instrumentation emits, without an exporter and without a network.

    pytest examples/with_pytest.py
"""

import pytest

import droidscope as ds

pytest_plugins = [
    "droidscope.testing"
]  # in the top conftest.py of your tests: the fixture droidscope_capture


@ds.session(pattern="greeting")
def greet(name):
    with ds.task(droid="greeter"), ds.tool("lookup"):
        if not name:
            raise LookupError
    return f"hello, {name}"


def test_a_greeting_is_a_session_with_a_task(droidscope_capture):
    assert greet("world") == "hello, world"

    assert droidscope_capture.one("session").attributes["orchestrator.pattern.id"] == "greeting"
    assert droidscope_capture.one("task").attributes["gen_ai.agent.name"] == "greeter"


def test_a_failure_is_seen_where_it_happened(droidscope_capture):
    with pytest.raises(LookupError):
        greet("")

    assert droidscope_capture.one("tool").attributes["error.type"] == "LookupError"


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__, "-q", "-p", "no:cacheprovider"]))
