"""
What the API answers: sessions, droids, patterns, insights and alerts of the head, as its structs.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, TypeVar

from droidscope.api import params as q
from droidscope.api import schema as s
from droidscope.api.serializers import (
    attention_shape,
    detail_shape,
    digested_session,
    droid_shape,
    named_labels,
    orchestrator_kpis,
    pattern_shape,
    performance_shape,
    session_shape,
    summary_shape,
)
from droidscope.conventions import metrics as m
from droidscope.conventions.attributes import Severity
from droidscope.facts.facts import Key
from droidscope.facts.history import Timeline, split
from droidscope.head.live import foreign_sessions
from droidscope.insights.alerts import ActiveAlert, alert_level
from droidscope.insights.assignments import Assignment, assignments
from droidscope.insights.bottlenecks import Bottleneck
from droidscope.insights.forecasts import droid_trends, predictions, trends
from droidscope.insights.overview import insights
from droidscope.insights.recommendations import Recommendation
from droidscope.kpi.efficiency import orchestrator_efficiency
from droidscope.kpi.totals import DroidTotals, by_subject
from droidscope.model.labels import OrchestratorLabels
from droidscope.pipeline import Pipeline
from droidscope.recording.session_analysis import SessionAnalysis, phases_of
from droidscope.units import SECOND_NS
from droidscope.views.droid_status import DroidNow, droids_now
from droidscope.views.insight_cache import InsightCache, WindowInsights
from droidscope.views.view_settings import ViewSettings

Finding = TypeVar("Finding", Bottleneck, Recommendation)

SHOWN: Final = 100
"""
Sessions on the dashboard.
"""
_SEVERITIES: Final = tuple(Severity)


class ApiService:
    """
    Answers for one exporter. *alerts* gives the active ones by orchestrator, *retrospect* what is
    found; *wall_ns* gives Unix time.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        alerts: Callable[[], Mapping[str, Sequence[ActiveAlert]]],
        retrospect: InsightCache,
        settings: ViewSettings | None = None,
        wall_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._pipeline = pipeline
        self._alerts = alerts
        self._retrospect = retrospect
        self._settings = settings or ViewSettings()
        self._wall_ns = wall_ns

    # --- the questions ---------------------------------------------------------------------------

    def dashboard(self, query: q.DashboardQuery) -> s.Dashboard:
        """
        What goes on now, and how it went in the window, over all orchestrators asked for together.
        """
        now_ns = self._wall_ns()
        running = [each for each in self._sessions(now_ns) if each.end_seconds is None]
        shown = [each for each in running if _passes(query.orchestrator, each.orchestrator)]
        facts = by_subject(self._pooled(query.orchestrator, query.window, now_ns))
        efficiency = orchestrator_efficiency(facts.orchestrator)
        chosen = self.alerts(q.AlertsQuery(query.orchestrator, limit=SHOWN))
        findings = [each for _, each in self._found(query.orchestrator, query.window)]
        return s.Dashboard(
            time_seconds=now_ns / SECOND_NS,
            window=query.window,
            session_summary=summary_shape(facts, len(shown)),
            current_sessions=shown[:SHOWN],
            overall_performance=performance_shape(
                facts, [found for each in findings for found in each.bottlenecks]
            ),
            droid_status=[
                s.DroidStatus(who[0], droid, each.status)
                for (who, droid), each in self._droids_now(now_ns).items()
                if _passes(query.orchestrator, who[0])
            ],
            alert_level=chosen.level,
            alerts=attention_shape(
                chosen.alerts, (advice for each in findings for advice in each.recommendations)
            ),
            efficiency_score=efficiency.score,
            efficiency_samples=facts.orchestrator.work.tasks_ended,
        )

    def sessions(self, query: q.SessionsQuery) -> s.Sessions:
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
        return s.Sessions(now_ns / SECOND_NS, len(found), found[: query.limit])

    def session(self, query: q.SessionQuery) -> s.SessionDetail | None:
        """
        The session of an id in memory, else by its digest; None if it is known by neither.
        """
        now_ns = self._wall_ns()
        with self._pipeline.lock:
            head, clock_ns = self._pipeline.head, self._pipeline.uptime_ns()
            head.baselines.refresh(now_ns)
            analyses = [
                each
                for each in head.analyses.find(query.session_id)
                if _passes(query.orchestrator, each.orchestrator[0])
            ]
            held = [
                each
                for each in (*head.sessions, *foreign_sessions(head))
                if each.id == query.session_id and _passes(query.orchestrator, each.orchestrator[0])
            ]
            latest = max(held, key=lambda each: each.last_clock, default=None)
            if latest is not None and (latest.whole or not analyses):
                analysis = next((each for each in analyses if each.orchestrator == latest.orchestrator), None)
                shape = session_shape(latest, head, self._labels(latest.orchestrator), clock_ns, now_ns)
                phases = analysis.phases if analysis and not latest.running else tuple(phases_of(latest))
                return detail_shape(shape, phases, None if latest.running else analysis, now_ns)
        return self._from_analysis(analyses[-1], now_ns) if analyses else None

    def _from_analysis(self, analysis: SessionAnalysis, now_ns: int) -> s.SessionDetail:
        limit_ns = self._pipeline.head.settings.limit_of(analysis.pattern)
        shape = digested_session(analysis, self._labels(analysis.orchestrator), limit_ns)
        return detail_shape(shape, analysis.phases, analysis, now_ns)

    def droids(self, query: q.DroidsQuery) -> s.Droids:
        """
        The droids known, with what they did in the window.
        """
        now_ns = self._wall_ns()
        totals = self._totals(query.window, now_ns)
        facts = {who: by_subject(minutes).droids for who, minutes in totals.items()}
        of_droid = {who: split(minutes, "droid", "sender") for who, minutes in totals.items()}
        now = self._droids_now(now_ns)
        wanted = sorted(
            (who, droid)
            for who, droid in {*now, *((who, droid) for who, droids in facts.items() for droid in droids)}
            if _passes(query.orchestrator, who[0]) and _passes(query.droid, droid)
        )
        found = [
            droid_shape(
                who[0],
                self._labels(who),
                droid,
                now.get((who, droid), DroidNow("healthy", 0)),
                facts.get(who, {}).get(droid, DroidTotals()),
                of_droid.get(who, {}).get(droid, {}),
            )
            for who, droid in wanted[: query.limit]
        ]
        return s.Droids(now_ns / SECOND_NS, query.window, len(wanted), found)

    def patterns(self, query: q.PatternsQuery) -> s.Patterns:
        """
        The patterns of which something ended in the window.
        """
        now_ns = self._wall_ns()
        references_usd = self._retrospect.references_usd()
        totals = self._totals(query.window, now_ns)
        findings = dict(self._found(query.orchestrator, query.window))
        found = []
        for who, minutes in totals.items():
            if not _passes(query.orchestrator, who[0]):
                continue
            worth = {**references_usd.get(who, {}), **self._settings.budgets_usd}
            of_who = findings.get(who)
            hours = of_who.look.hours if of_who else {}
            judged = _of_patterns(assignments(minutes, hours))
            slow = _of_patterns(of_who.bottlenecks if of_who else ())
            advice = _of_patterns(of_who.recommendations if of_who else ())
            minutes_of, hours_of = split(minutes, "pattern"), split(hours, "pattern")
            found += [
                pattern_shape(
                    who[0],
                    self._labels(who),
                    pattern,
                    self._pipeline.head.names.of(who, pattern),
                    facts,
                    minutes_of.get(pattern, {}),
                    hours_of.get(pattern, {}),
                    slow[pattern],
                    advice[pattern],
                    judged[pattern],
                )
                for pattern, facts in sorted(by_subject(minutes, worth).patterns.items())
                if _passes(query.pattern, pattern)
            ]
        return s.Patterns(now_ns / SECOND_NS, query.window, len(found), found[: query.limit])

    def insights(self, query: q.InsightsQuery) -> s.AllInsights:
        """
        What the windows of the orchestrators say, their trends and forecasts.
        """
        findings = list(self._found(query.orchestrator, query.window))
        timelines = self._retrospect.timelines(query.trend)
        found = [
            self._insights(who, each, timelines.get(who, Timeline(0, (), ())), query)
            for who, each in findings[: query.limit]
        ]
        return s.AllInsights(self._wall_ns() / SECOND_NS, query.window, query.trend, len(findings), found)

    def _insights(
        self, who: OrchestratorLabels, found: WindowInsights, line: Timeline, query: q.InsightsQuery
    ) -> s.OrchestratorInsights:
        moved = trends(line, query.trend)
        return s.OrchestratorInsights(
            who[0],
            self._labels(who),
            orchestrator_kpis(by_subject(found.look.minutes).orchestrator),
            insights(found.look, found.recommendations, moved),
            moved,
            droid_trends(line, query.trend),
            predictions(moved),
        )

    def bottlenecks(self, query: q.BottlenecksQuery) -> s.Bottlenecks:
        """
        The bottlenecks of the window, over all orchestrators asked for.
        """
        found = self._weightiest(query, lambda findings: findings.bottlenecks)
        return s.Bottlenecks(self._wall_ns() / SECOND_NS, query.window, len(found), found[: query.limit])

    def recommendations(self, query: q.RecommendationsQuery) -> s.Recommendations:
        """
        The recommendations of the window, over all orchestrators asked for.
        """
        found = self._weightiest(query, lambda findings: findings.recommendations)
        return s.Recommendations(self._wall_ns() / SECOND_NS, query.window, len(found), found[: query.limit])

    def _weightiest(
        self,
        query: q.BottlenecksQuery | q.RecommendationsQuery,
        of: Callable[[WindowInsights], list[Finding]],
    ) -> list[Finding]:
        """
        What was found and is asked for, over all orchestrators, the weightiest first.
        """
        found = [
            each
            for _, findings in self._found(query.orchestrator, query.window)
            for each in of(findings)
            if _fits(each, query)
        ]
        return sorted(found, key=lambda each: -each.impact_score)

    def alerts(self, query: q.AlertsQuery) -> s.Alerts:
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
        return s.Alerts(self._wall_ns() / SECOND_NS, alert_level(found), len(found), found[: query.limit])

    def communication(self, query: q.CommunicationQuery) -> s.Network:
        """
        The edges between droids with the most messages, over all orchestrators asked for.
        """
        with self._pipeline.lock:
            series = self._pipeline.head.series
            counts = {
                labels: series.value(m.MESSAGE_EDGES, labels[:-2], labels[-2:])
                for labels in series.label_sets(m.MESSAGE_EDGES, self._pipeline.uptime_ns())
            }
        found = [
            s.Edge(who, self._labels((who, *resource)), sender, receiver, round(n or 0))
            for (who, *resource, sender, receiver), n in counts.items()
            if _passes(query.orchestrator, who) and query.droid in {None, sender, receiver}
        ]
        found.sort(key=lambda each: (-each.messages, each.orchestrator, each.sender, each.receiver))
        return s.Network(self._wall_ns() / SECOND_NS, len(found), found[: query.limit])

    # --- the head --------------------------------------------------------------------------------

    def _sessions(self, now_ns: int) -> list[s.Session]:
        with self._pipeline.lock:
            head, clock_ns = self._pipeline.head, self._pipeline.uptime_ns()
            head.baselines.refresh(now_ns)
            known = [*head.sessions, *foreign_sessions(head)]
            known.sort(key=lambda each: (not each.running, each.start_ns if each.running else -each.end_ns))
            return [
                session_shape(each, head, self._labels(each.orchestrator), clock_ns, now_ns) for each in known
            ]

    def _droids_now(self, now_ns: int) -> dict[tuple[OrchestratorLabels, str], DroidNow]:
        return droids_now(self._pipeline, self._settings.droid_limits, now_ns)

    def _totals(self, window: str, now_ns: int) -> dict[OrchestratorLabels, dict[Key, int]]:
        with self._pipeline.lock:
            totals = self._pipeline.head.windows.snapshot(now_ns, [window])
        return {who: by_window[window] for who, by_window in totals.items()}

    def _pooled(self, orchestrator: str | None, window: str, now_ns: int) -> dict[Key, int]:
        """
        Sums over orchestrators, so that every ratio of them is one of sums.
        """
        pooled: dict[Key, int] = defaultdict(int)
        for who, totals in self._totals(window, now_ns).items():
            if _passes(orchestrator, who[0]):
                for key, amount in totals.items():
                    pooled[key] += amount
        return pooled

    def _found(
        self, orchestrator: str | None, window: str
    ) -> Iterator[tuple[OrchestratorLabels, WindowInsights]]:
        for (who, of), findings in self._retrospect.findings().items():
            if of == window and _passes(orchestrator, who[0]):
                yield who, findings

    def _labels(self, orchestrator: OrchestratorLabels) -> dict[str, str]:
        return named_labels(self._settings.resource_labels, orchestrator)


Of = TypeVar("Of", Assignment, Bottleneck, Recommendation)


def _of_patterns(found: Iterable[Of]) -> defaultdict[str | None, list[Of]]:
    """
    What was found, by the pattern it is about.
    """
    by_pattern: defaultdict[str | None, list[Of]] = defaultdict(list)
    for each in found:
        by_pattern[each.pattern].append(each)
    return by_pattern


def _passes(wanted: str | None, value: str | None) -> bool:
    return wanted is None or wanted == value


def _fits(found: Bottleneck | Recommendation, query: q.BottlenecksQuery | q.RecommendationsQuery) -> bool:
    """
    Whether a finding is about the pattern and droid asked for, and of the kind.
    """
    return (
        _passes(query.pattern, found.pattern)
        and _passes(query.droid, found.droid)
        and _passes(query.kind, found.kind)
    )
