"""
The demo as a user runs it: it ends by itself or by Ctrl-C, and leaves nothing running.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys

import pytest

from droidscope_demo.past import SESSIONS_A_DAY
from e2e.processes import Program, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

DEMO = (sys.executable, "-m", "droidscope", "demo")


class Demo(Program):
    """
    `droidscope demo` in *directory*; it remembers the children it has seen.
    """

    def __init__(self, directory, *options):
        self.seen = set()
        super().__init__((*DEMO, *options), directory / "demo.log", cwd=directory)

    def look(self):
        """
        How many different children there have been.
        """
        listing = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], check=True, capture_output=True, text=True)
        pairs = (map(int, line.split()) for line in listing.stdout.splitlines())
        self.seen |= {pid for pid, parent in pairs if parent == self.process.pid}
        return len(self.seen)

    @property
    def output(self):
        return self.log.read_text()


def is_running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_bounded_demo_ends_with_all_its_children(tmp_path):
    """
    Two orchestrators have run, after a day of past; the numbers are shown, the exit code is 0.
    """
    options = ("--once", "--sessions", "2", "--speed", "1000", "--past", "1", "--no-prometheus")
    with Demo(tmp_path, *options) as demo:
        until(lambda: demo.look() and demo.process.poll() is not None, "the end of the demo")

    assert demo.process.returncode == 0, demo.output
    assert len(demo.seen) >= 3
    assert not any(map(is_running, demo.seen))
    *_, numbers = re.finditer(
        r"sessions 0 active \| (\d+) done \| (\d+) failed \| (\d+) cancelled", demo.output
    )
    assert sum(map(int, numbers.groups())) == 2 * (SESSIONS_A_DAY + 2)
    assert demo.output.endswith("done\n")


@pytest.mark.server("prometheus", "alertmanager")
def test_ctrl_c_stops_the_demo_and_all_its_children(tmp_path):
    """
    With Prometheus and Alertmanager, in the middle of its work, within seconds, and that is no failure.
    """
    with Demo(tmp_path) as demo:
        until(lambda: demo.look() >= 5 and "tasks" in demo.output, "the demo at work")

        assert demo.stop(signal.SIGINT, seconds=20) == 0, demo.output

    assert "Prometheus" in demo.output
    assert not any(map(is_running, demo.seen))
    assert demo.output.endswith("stopped\n")
