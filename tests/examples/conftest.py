"""
The exporter that the examples report to, and Debian's redis-server for those with a queue.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from e2e.processes import Exporter, Program, free_port, until

REDIS = "redis-server"
HURRY = {"birth_hold": "1ms", "session_settle_after": "1s"}


@pytest.fixture(scope="session")
def exporter(tmp_path_factory):
    """
    A real one that does not wait: neither for a Prometheus to see first values, nor for late spans.
    """
    with Exporter(tmp_path_factory.mktemp("examples") / "exporter", **HURRY) as running:
        yield running


@pytest.fixture
def redis_url(tmp_path):
    """
    The address of a server of its own, which keeps nothing.
    """
    port = free_port()
    command = [shutil.which(REDIS), "--port", str(port), "--save", "", "--dir", str(tmp_path)]
    with Program(command, tmp_path / "redis.log"):
        until(lambda: "Ready to accept" in (Path(tmp_path) / "redis.log").read_text(), REDIS, seconds=10)
        yield f"redis://127.0.0.1:{port}/0"
