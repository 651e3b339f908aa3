"""
What the API answers: sessions, droids, patterns and alerts of the head, as its structs.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, TypeVar

from droidscope.conventions import metrics as m
from droidscope.conventions.attributes import Severity
from droidscope.head.head import Head
from droidscope.head.live import (
    droids_at_work,
    foreign_sessions,
    live_gauges,
    progress_ratio,
    session_state,
)
from droidscope.head.state import SessionState
from droidscope.insights.alerts import Alert, alert_level
from droidscope.insights.droids import STATUS_WINDOW, droid_status
from droidscope.kpi.catalog import DROID_KPIS, PATTERN_KPIS, Facts, Kpi
from droidscope.kpi.durations import mean_session_ns, mean_task_ns
from droidscope.kpi.efficiency import orchestrator_efficiency
from droidscope.kpi.facts import NANO, Key
from droidscope.kpi.rankings import Outcomes, rank_patterns
from droidscope.kpi.ratios import session_success_ratio
from droidscope.kpi.subjects import DroidFacts, PatternFacts, WindowFacts, by_subject
from droidscope.pipeline import Pipeline
from droidscope.views.evidence import is_over_limit
from droidscope.web import schema as s

Orchestrator = tuple[str, ...]
T = TypeVar("T", s.DroidKpis, s.PatternKpis)

SHOWN: Final = 100
"""
Sessions on the dashboard.
"""


class Answers:
    """
    Answers for one exporter. *alerts* gives the active ones by orchestrator; the rest is as for `Views`.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        alerts: Callable[[], Mapping[str, Sequence[Alert]]],
        budgets_usd: Mapping[str, float],
        resource_labels: tuple[str, ...] = (),
        wall_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._pipeline = pipeline
        self._alerts = alerts
        self._budgets_usd = budgets_usd
        self._resource_labels = resource_labels
        self._wall_ns = wall_ns

    # --- the questions ---------------------------------------------------------------------------

    def dashboard(self, query: s.DashboardQuery) -> s.Dashboard:
        """
        What goes on now, and how it went in the window, over all orchestrators asked for together.
        """
        now_ns = self._wall_ns()
        running = [each for each in self._sessions(now_ns) if each.end_seconds is None]
        facts = self._pooled(query.orchestrator, query.window, now_ns)
        efficiency = orchestrator_efficiency(facts.orchestrator)
        chosen = self.alerts(s.AlertsQuery(query.orchestrator, limit=1))
        return s.Dashboard(
            time_seconds=now_ns / NANO,
            window=query.window,
            current_sessions=[each for each in running if _passes(query.orchestrator, each.orchestrator)][
                :SHOWN
            ],
            overall_performance=_performance(facts),
            droid_status=[
                s.DroidStatus(droid.orchestrator, droid.droid, droid.status)
                for droid in self._droids(query.window, now_ns)
                if _passes(query.orchestrator, droid.orchestrator)
            ],
            alert_level=chosen.level,
            efficiency_score=efficiency.score,
            efficiency_samples=facts.orchestrator.work.tasks_ended,
        )

    def sessions(self, query: s.SessionsQuery) -> s.Sessions:
        """
        Those that run, and those in memory that have ended.
        """
        now_ns = self._wall_ns()
        found = [
            each
            for each in self._sessions(now_ns)
            if _passes(query.orchestrator, each.orchestrator)
            and _passes(query.pattern, each.pattern)
            and _passes(query.state, each.state)
        ]
        return s.Sessions(now_ns / NANO, len(found), found[: query.limit])

    def droids(self, query: s.DroidsQuery) -> s.Droids:
        """
        The droids known, with what they did in the window.
        """
        now_ns = self._wall_ns()
        found = [
            each
            for each in self._droids(query.window, now_ns)
            if _passes(query.orchestrator, each.orchestrator) and _passes(query.droid, each.droid)
        ]
        return s.Droids(now_ns / NANO, query.window, len(found), found[: query.limit])

    def patterns(self, query: s.PatternsQuery) -> s.Patterns:
        """
        The patterns of which something ended in the window.
        """
        now_ns = self._wall_ns()
        found = [
            self._pattern(who, pattern, facts)
            for who, totals in self._totals(query.window, now_ns).items()
            if _passes(query.orchestrator, who[0])
            for pattern, facts in sorted(by_subject(totals, self._budgets_usd).patterns.items())
            if _passes(query.pattern, pattern)
        ]
        return s.Patterns(now_ns / NANO, query.window, len(found), found[: query.limit])

    def alerts(self, query: s.AlertsQuery) -> s.Alerts:
        """
        The active alerts, the most severe first; the level is of those that pass.
        """
        found = [
            alert
            for active in self._alerts().values()
            for alert in active
            if _passes(query.orchestrator, alert.orchestrator)
            and _passes(query.pattern, alert.pattern)
            and _passes(query.droid, alert.droid)
        ]
        found.sort(key=lambda alert: _SEVERITIES.index(alert.severity))
        return s.Alerts(self._wall_ns() / NANO, alert_level(found), len(found), found[: query.limit])

    # --- the head --------------------------------------------------------------------------------

    def _sessions(self, now_ns: int) -> list[s.Session]:
        with self._pipeline.lock:
            head, clock_ns = self._pipeline.head, self._pipeline.uptime_ns()
            head.usual.refresh(now_ns)
            known = [*head.sessions, *foreign_sessions(head)]
            known.sort(key=lambda each: (not each.running, each.start_ns if each.running else -each.end_ns))
            return [self._session(each, head, clock_ns, now_ns) for each in known]

    def _session(self, session: SessionState, head: Head, clock_ns: int, now_ns: int) -> s.Session:
        end_ns = now_ns if session.running else session.end_ns
        return s.Session(
            orchestrator=session.orchestrator[0],
            labels=self._labels(session.orchestrator),
            session_id=session.id,
            pattern=session.pattern,
            current_phase=session.phase,
            state=session_state(session, head, clock_ns),
            start_seconds=session.start_ns / NANO,
            end_seconds=None if session.running else session.end_ns / NANO,
            duration_seconds=max(0, end_ns - session.start_ns) / NANO,
            progress_ratio=progress_ratio(session, head.usual),
            droids_active=sorted(droids_at_work(session)) if session.running else [],
            conflicts=len(session.conflicts),
            over_limit=is_over_limit(session, head.settings, now_ns),
        )

    def _droids(self, window: str, now_ns: int) -> list[s.Droid]:
        in_flight = self._in_flight(now_ns)
        facts, today = (
            {
                (who, droid): each
                for who, totals in self._totals(of, now_ns).items()
                for droid, each in by_subject(totals).droids.items()
            }
            for of in (window, STATUS_WINDOW)
        )
        return [
            self._droid(
                who,
                droid,
                facts.get((who, droid)) or DroidFacts(),
                in_flight[who, droid],
                today.get((who, droid)),
            )
            for who, droid in sorted({*in_flight, *facts, *today})
        ]

    def _in_flight(self, now_ns: int) -> Counter[tuple[Orchestrator, str]]:
        """
        Attempts in flight by droid, 0 for those that are known.
        """
        with self._pipeline.lock:
            live = live_gauges(self._pipeline.head, self._pipeline.uptime_ns(), now_ns)
            return Counter(
                {
                    (labels[:-1], labels[-1]): round(value)
                    for spec, labels, value in live
                    if spec is m.ATTEMPTS_ACTIVE
                }
            )

    def _droid(
        self, who: Orchestrator, droid: str, facts: DroidFacts, attempts_active: int, today: DroidFacts | None
    ) -> s.Droid:
        return s.Droid(
            orchestrator=who[0],
            labels=self._labels(who),
            droid=droid,
            status=droid_status(today, attempts_active),
            attempts_active=attempts_active,
            tasks_completed=facts.work.tasks_completed,
            tasks_failed=facts.work.tasks_failed,
            average_task_duration_seconds=_seconds(mean_task_ns(facts.work)),
            kpis=_measured(DROID_KPIS, facts, s.DroidKpis, "orchestrator_droid_"),
        )

    def _pattern(self, who: Orchestrator, pattern: str, facts: PatternFacts) -> s.Pattern:
        return s.Pattern(
            orchestrator=who[0],
            labels=self._labels(who),
            pattern=pattern,
            executions=facts.sessions.sessions_ended,
            average_duration_seconds=_seconds(mean_session_ns(facts.sessions)),
            kpis=_measured(PATTERN_KPIS, facts, s.PatternKpis, "orchestrator_pattern_"),
        )

    def _totals(self, window: str, now_ns: int) -> dict[Orchestrator, dict[Key, int]]:
        with self._pipeline.lock:
            windows = self._pipeline.head.windows
            windows.advance(now_ns)
            return {who: dict(windows.totals(who, window, now_ns)) for who in windows.orchestrators()}

    def _pooled(self, orchestrator: str | None, window: str, now_ns: int) -> WindowFacts:
        """
        Sums over orchestrators, so that every ratio of them is one of sums.
        """
        pooled: dict[Key, int] = defaultdict(int)
        for who, totals in self._totals(window, now_ns).items():
            if _passes(orchestrator, who[0]):
                for key, amount in totals.items():
                    pooled[key] += amount
        return by_subject(pooled)

    def _labels(self, orchestrator: Orchestrator) -> dict[str, str]:
        named = zip(self._resource_labels, orchestrator[1:], strict=False)
        return {name: value for name, value in named if value}


_SEVERITIES: Final = tuple(Severity)


def _passes(wanted: str | None, value: str | None) -> bool:
    return wanted is None or wanted == value


def _measured(kpis: Iterable[Kpi[Facts]], facts: Facts, type_: type[T], prefix: str) -> T:
    """
    KPIs by the names of their gauges without the *prefix*; an absent one has no samples either.
    """
    measures = {}
    for kpi in kpis:
        value = kpi.value(facts)
        samples = None if value is None or kpi.samples is None else kpi.samples(facts)
        measures[kpi.spec.name.removeprefix(prefix)] = s.Measure(value, samples)
    return type_(**measures)


def _performance(facts: WindowFacts) -> s.OverallPerformance:
    work, sessions = facts.orchestrator.work, facts.orchestrator.sessions
    ranks = rank_patterns(
        {
            pattern: Outcomes(each.sessions.sessions_completed, each.sessions.sessions_ended)
            for pattern, each in facts.patterns.items()
        }
    )
    return s.OverallPerformance(
        total_tasks_completed=work.tasks_completed,
        average_task_duration_seconds=_seconds(mean_task_ns(work)),
        success_ratio=session_success_ratio(sessions),
        success_samples=sessions.sessions_ended,
        most_efficient_pattern=ranks[0].subject if ranks else None,
    )


def _seconds(duration_ns: float | None) -> float | None:
    return None if duration_ns is None else duration_ns / NANO
