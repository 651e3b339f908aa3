"""
Runs an example as its reader does, and compares what it says with what the exporter counts.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

from droidscope.conventions import metrics as m
from e2e.processes import settled, until

EXAMPLES = Path(__file__).parents[2] / "examples"
COUNTED = {
    "sessions": m.SESSIONS,
    "phases": m.PHASES,
    "tasks": m.TASKS,
    "attempts": m.ATTEMPTS,
    "retries": m.RETRIES,
    "tools": m.TOOL_CALLS,
    "models": m.MODEL_REQUESTS,
    "tokens": m.TOKENS,
    "messages": m.MESSAGES,
    "gates": m.GATE_RESULTS,
    "files": m.FILES_CREATED,
}
"""
What an example must name if there is any of it: the counters of what droids do.
"""
TOLD = re.compile(r"^(\w+): (\d.*)$", re.MULTILINE)
SECONDS = 60
SETTLED_SECONDS = 3
"""
Longer than the exporter of these tests waits for more spans of a foreign session.
"""


def environment(exporter, **variables):
    """
    The variables of a process that reports to *exporter*, with nothing else configured.
    """
    return {
        **{key: value for key, value in os.environ.items() if not key.startswith("OTEL_")},
        "OTEL_EXPORTER_OTLP_ENDPOINT": exporter.otlp,
        "DROIDSCOPE_URL": exporter.url,
        "PYTHONUNBUFFERED": "1",
        **variables,
    }


def run_example(exporter, name, *, quiet=False, **variables):
    """
    Run examples/*name*.py to its end, with *exporter* as the only thing that is configured; what it prints.

    A *quiet* one must have no complaints.
    """
    command = [sys.executable, str(EXAMPLES / f"{name}.py")]
    env = environment(exporter, **variables)
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not (quiet and done.stderr), done.stderr
    return done.stdout


def expected(output):
    """
    What an example says that the exporter will show: number by what is counted and its outcome.
    """
    said = output.partition("expect\n")[2]
    return {
        f"{what} {' '.join(words)}".strip(): int(number)
        for what, numbers in TOLD.findall(said)
        for number, *words in (one.split() for one in numbers.split(", "))
    }


def counted(exporter, orchestrator):
    """
    Likewise what the exporter shows of *orchestrator*, without what is 0.
    """
    names = {family.name: what for what, family in COUNTED.items()}
    found = defaultdict(int)
    for (name, labels), value in exporter.samples().items():
        label = dict(labels)
        if name in names and value and label.get("orchestrator") == orchestrator:
            outcome = label.get("outcome") or label.get("direction") or ""
            found[f"{names[name]} {outcome}".strip()] += int(value)
    return dict(found)


def shown(exporter, orchestrator, told):
    """
    What the exporter shows as soon as it is what was *told*, else in the end.
    """
    return settled(lambda: counted(exporter, orchestrator), told, seconds=15)


def shown_at_last(exporter, orchestrator, told):
    """
    Likewise, once whatever else might be made of the spans of a framework has been made.
    """
    shown(exporter, orchestrator, told)
    end = time.monotonic() + SETTLED_SECONDS
    until(lambda: time.monotonic() > end, "foreign sessions")
    return counted(exporter, orchestrator)
