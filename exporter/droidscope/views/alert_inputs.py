"""
The inputs of the exporter's own alerts, read from the head.

As in the Prometheus rules, orchestrators that differ only in resource labels count as one, unless only
some of them are asked for.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping

from droidscope.conventions import metrics as m
from droidscope.conventions.attributes import Severity
from droidscope.facts.fact_key import FactKey
from droidscope.facts.fact_totals import Totals
from droidscope.facts.windows import Windows
from droidscope.head.head import Head
from droidscope.head.live import foreign_sessions, ran_ns
from droidscope.insights.alerts import AlertInputs, facts_by_window
from droidscope.limits.alert_limits import AlertLimits
from droidscope.model.labels import OrchestratorLabels
from droidscope.sessions.session_state import SessionState
from droidscope.sessions.settings import HeadSettings

SecurityFindings = dict[tuple[str, str, Severity], int]
"""
How many are open, by pattern, droid and severity.
"""

Included = Callable[[OrchestratorLabels], bool]
"""
Whether an orchestrator of these labels is asked for.
"""


def everyone(_orchestrator: OrchestratorLabels) -> bool:
    """
    All orchestrators are asked for.
    """
    return True


def read_alert_inputs(
    head: Head,
    clock_ns: int,
    now_ns: int,
    limits: AlertLimits | None = None,
    included: Included = everyone,
) -> dict[str, AlertInputs]:
    """
    The inputs of each known orchestrator by its name, as a copy.

    Args:
        head: What is read; its lock must be held.
        clock_ns: The exporter's uptime.
        now_ns: Unix time.
        limits: Those in force, which give the windows; the defaults if None.
        included: Which orchestrators are read; of one name, those add up.
    """
    totals = _totals(head.windows, facts_by_window(limits or AlertLimits()), now_ns, included)
    over_limit, findings = _over_limit(head, now_ns, included), _security_findings(head, included)
    own_labels = len(m.SESSIONS_STARTED.labels)
    started = {labels[:-own_labels] for labels in head.series.label_sets(m.SESSIONS_STARTED, clock_ns)}
    known = {orchestrator[0] for orchestrator in filter(included, started)}
    names = sorted(known.union(totals, over_limit, findings))
    return {name: AlertInputs(totals[name], over_limit[name], findings[name]) for name in names}


def is_over_limit(session: SessionState, settings: HeadSettings, now_ns: int) -> bool:
    """
    Whether a session runs, or ran, for longer than its limit, what it waited for people aside.
    """
    return ran_ns(session, now_ns) > settings.limit_of(session.pattern)


def _totals(
    windows: Windows, facts: Mapping[str, frozenset[type[FactKey]]], now_ns: int, included: Included
) -> defaultdict[str, dict[str, Totals]]:
    amounts: dict[str, dict[str, Counter[FactKey]]] = {}
    windows.advance(now_ns)
    for orchestrator in filter(included, windows.orchestrators()):
        by_window = amounts.setdefault(orchestrator[0], {window: Counter() for window in facts})
        for window, read in facts.items():
            sums = windows.sums(orchestrator, window, now_ns)
            # `update` of a Counter adds: orchestrators of one name are one.
            by_window[window].update({key: amount for key, amount in sums.items() if type(key) in read})
    totals: defaultdict[str, dict[str, Totals]] = defaultdict(
        lambda: {window: Totals({}) for window in facts}
    )
    for name, by_window in amounts.items():
        totals[name] = {window: Totals(sums) for window, sums in by_window.items()}
    return totals


def _over_limit(head: Head, now_ns: int, included: Included) -> dict[str, Counter[str]]:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for session in (*head.sessions, *foreign_sessions(head)):
        if session.running and not session.waiting and is_over_limit(session, head.settings, now_ns):
            shown = head.series.shown_orchestrator(session.orchestrator)
            if included(shown):
                counts[shown[0]][head.series.shown(session.orchestrator, "pattern", session.pattern)] += 1
    return counts


def _security_findings(head: Head, included: Included) -> dict[str, SecurityFindings]:
    findings: dict[str, SecurityFindings] = defaultdict(dict)
    for (orchestrator, pattern, droid), report in head.findings:
        if not included(orchestrator):
            continue
        worst = findings[orchestrator[0]]
        for severity, n in report.findings.items():
            key = (pattern, droid, severity)
            worst[key] = max(worst.get(key, 0), n)
    return findings
