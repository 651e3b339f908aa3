"""
The exporter's log: JSON for machines, lines for people, and libraries in the same form.
"""

from __future__ import annotations

import json
import subprocess
import sys

SCRIPT = """
import logging, sys
import structlog
from droidscope.logs import configure_logs

configure_logs("info", sys.argv[1])
structlog.get_logger().info("listening", port=9788)
structlog.get_logger().debug("too much")
logging.getLogger("library").warning("beware of %s", "dogs")
"""


def logged(form):
    command = [sys.executable, "-c", SCRIPT, form]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert not done.stdout
    return done.stderr.splitlines()


def test_where_no_terminal_is_each_line_is_an_object():
    """
    Those of libraries, too; what is below the level is not there.
    """
    own, theirs = map(json.loads, logged("auto"))

    assert (own["event"], own["level"], own["port"]) == ("listening", "info", 9788)
    assert (theirs["event"], theirs["level"]) == ("beware of dogs", "warning")


def test_people_may_have_lines_instead():
    """
    Without colours where no terminal shows them.
    """
    own, theirs = logged("console")

    assert "listening" in own
    assert own.endswith("port=9788")
    assert "beware of dogs" in theirs
    assert "\x1b" not in own + theirs
