"""
What the demo shows.
"""

import io
import json

from droidscope.conventions.metrics import MESSAGES, SESSIONS, SESSIONS_ACTIVE, TASKS
from droidscope_demo.summary import Numbers, Screen, Service, read_numbers, table

PAGE = f"""
# TYPE {SESSIONS_ACTIVE.name} gauge
{SESSIONS_ACTIVE.name}{{orchestrator="atlas",pattern="bug-fix"}} 2.0
{SESSIONS_ACTIVE.name}{{orchestrator="borealis",pattern="bug-fix"}} 1.0
# TYPE {SESSIONS.name} counter
{SESSIONS.name}{{orchestrator="atlas",pattern="bug-fix",outcome="completed"}} 5.0
{SESSIONS.name}{{orchestrator="atlas",pattern="bug-fix",outcome="failed"}} 2.0
{SESSIONS.name}{{orchestrator="borealis",pattern="bug-fix",outcome="lost"}} 1.0
{SESSIONS.name}{{orchestrator="borealis",pattern="bug-fix",outcome="cancelled"}} 2.0
# TYPE {TASKS.name} counter
{TASKS.name}{{orchestrator="atlas",droid="debugger",task_type="diagnosis",outcome="completed"}} 40.0
{TASKS.name}{{orchestrator="atlas",droid="debugger",task_type="diagnosis",outcome="failed"}} 2.0
# TYPE {MESSAGES.name} counter
{MESSAGES.name}{{orchestrator="atlas",sender="debugger",message_type="query",outcome="late"}} 7.0
"""


def alert(name, state, severity="medium"):
    return {"labels": {"alertname": name, "severity": severity}, "state": state}


ALERTS = json.dumps(
    {
        "data": {
            "alerts": [
                alert("OrchestratorDroidErrorRateHigh", "firing"),
                alert("OrchestratorDroidErrorRateHigh", "firing"),
                alert("OrchestratorCommunicationConflicts", "firing"),
                alert("OrchestratorSecurityFindingsOpen", "pending"),
                alert("DroidscopeWatchdog", "firing", severity="none"),
            ]
        }
    }
)
NUMBERS = Numbers(
    active=3,
    completed=5,
    failed=3,
    cancelled=2,
    tasks=42,
    messages=7,
    alerts=("OrchestratorDroidErrorRateHigh",),
)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_numbers_are_sums_over_all_orchestrators():
    """
    Lost sessions are failed ones; tasks and messages count whatever became of them.
    """
    numbers = read_numbers(PAGE, None)

    assert numbers == Numbers(active=3, completed=5, failed=3, cancelled=2, tasks=42, messages=7, alerts=None)


def test_firing_alerts_are_named_once():
    """
    Pending ones are none yet, and a watchdog that always fires is none at all.
    """
    numbers = read_numbers(PAGE, ALERTS)

    assert numbers.alerts == ("OrchestratorCommunicationConflicts", "OrchestratorDroidErrorRateHigh")


def test_the_table_is_aligned():
    """
    Columns are as wide as their widest cell.
    """
    lines = table([Service("droidscope", "http://127.0.0.1:9788", "metrics"), Service("fleet", "x", "load")])

    assert lines == [
        "NAME        URL                    PURPOSE",
        "droidscope  http://127.0.0.1:9788  metrics",
        "fleet       x                      load",
    ]


def test_elsewhere_than_on_a_terminal_lines_are_plain():
    """
    No escape sequence reaches a pipe or a log.
    """
    out = io.StringIO()
    screen = Screen(out, env={})

    screen.numbers(NUMBERS)
    screen.numbers(NUMBERS)

    numbers = "sessions 3 active | 5 done | 3 failed | 2 cancelled | 42 tasks | 7 messages"
    assert out.getvalue() == f"{numbers} | alerts firing: OrchestratorDroidErrorRateHigh\n" * 2


def test_on_a_terminal_the_line_overwrites_itself(monkeypatch):
    """
    One row is used until a line that stays is written.
    """
    monkeypatch.setenv("COLUMNS", "200")
    out = Terminal()
    screen = Screen(out, env={})

    screen.numbers(NUMBERS)
    screen.numbers(NUMBERS)
    screen.line("done")

    first, second = out.getvalue().split("\n", 1)
    assert first.count("\r\x1b[2K") == 2
    assert second == "done\n"


def test_the_live_line_never_wraps(monkeypatch):
    """
    On a narrow terminal it is cut, since a wrapped line cannot be overwritten.
    """
    monkeypatch.setenv("COLUMNS", "30")
    out = Terminal()

    Screen(out, env={"NO_COLOR": "1"}).numbers(NUMBERS)

    assert out.getvalue().removeprefix("\r\x1b[2K") == "sessions 3 active | 5 done | "[:29].rstrip(" |")


def test_colours_need_a_terminal_that_wants_them(monkeypatch):
    """
    NO_COLOR switches them off.
    """
    monkeypatch.setenv("COLUMNS", "200")
    coloured, plain = Terminal(), Terminal()

    Screen(coloured, env={}).numbers(NUMBERS)
    Screen(plain, env={"NO_COLOR": "1"}).numbers(NUMBERS)

    assert "\x1b[31m3 failed\x1b[0m" in coloured.getvalue()
    assert "\x1b[3" not in plain.getvalue()
