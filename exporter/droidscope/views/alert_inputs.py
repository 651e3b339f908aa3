"""
What the alerts are judged by, read from the head.

As the Prometheus rules do, it takes orchestrators that differ in resource labels alone as one.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection

from droidscope.conventions import metrics as m
from droidscope.conventions.attributes import Severity
from droidscope.facts.fact_key import FactKey
from droidscope.facts.fact_totals import Totals
from droidscope.facts.windows import Windows
from droidscope.head.head import Head
from droidscope.head.live import foreign_sessions
from droidscope.insights.alerts import FACTS, AlertInputs
from droidscope.sessions.session_state import SessionState
from droidscope.sessions.settings import HeadSettings

Findings = dict[tuple[str, str, Severity], int]


def gathered(
    head: Head, clock_ns: int, now_ns: int, severities: Collection[Severity] = tuple(Severity)
) -> dict[str, AlertInputs]:
    """
    The evidence of each orchestrator that is known, by name; a copy, so that the head may go on.

    Args:
        head: What to look at.
        clock_ns: The exporter's uptime.
        now_ns: Unix time.
        severities: Of the findings that count.
    """
    totals, over_limit, findings = _totals(head.windows, now_ns), _over_limit(head, now_ns), _findings(head)
    known = {labels[0] for labels in head.series.label_sets(m.SESSIONS_STARTED, clock_ns)}
    names = sorted(known.union(totals, over_limit, findings))
    return {name: AlertInputs(totals[name], over_limit[name], findings[name], severities) for name in names}


def is_over_limit(session: SessionState, settings: HeadSettings, now_ns: int) -> bool:
    """
    Whether a session runs for longer than its limit, or ended so.
    """
    end_ns = now_ns if session.running else session.end_ns
    return end_ns - session.start_ns > settings.limit_of(session.pattern)


def _totals(windows: Windows, now_ns: int) -> defaultdict[str, dict[str, Totals]]:
    amounts: dict[str, dict[str, Counter[FactKey]]] = {}
    windows.advance(now_ns)
    for orchestrator in windows.orchestrators():
        by_window = amounts.setdefault(orchestrator[0], {window: Counter() for window in FACTS})
        for window, facts in FACTS.items():
            sums = windows.totals(orchestrator, window, now_ns)
            # Counting a mapping adds its amounts to those of a namesake.
            by_window[window].update({key: amount for key, amount in sums.items() if type(key) in facts})
    totals: defaultdict[str, dict[str, Totals]] = defaultdict(
        lambda: {window: Totals({}) for window in FACTS}
    )
    for name, by_window in amounts.items():
        totals[name] = {window: Totals(sums) for window, sums in by_window.items()}
    return totals


def _over_limit(head: Head, now_ns: int) -> dict[str, Counter[str]]:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for session in (*head.sessions, *foreign_sessions(head)):
        if session.running and is_over_limit(session, head.settings, now_ns):
            who = head.series.who(session.orchestrator)[0]
            counts[who][head.series.shown(session.orchestrator, "pattern", session.pattern)] += 1
    return counts


def _findings(head: Head) -> dict[str, Findings]:
    findings: dict[str, Findings] = defaultdict(dict)
    for (orchestrator, pattern, droid), report in head.findings:
        worst = findings[orchestrator[0]]
        for severity, n in report.findings.items():
            key = (pattern, droid, severity)
            worst[key] = max(worst.get(key, 0), n)
    return findings
