"""
From what is known to the shapes of the API's answers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from droidscope.api import schema as s
from droidscope.conventions.attributes import Outcome, Severity
from droidscope.facts.facts import Fact, Key, sums
from droidscope.facts.history import sketches, split
from droidscope.head.head import Head
from droidscope.head.live import droids_at_work, progress_ratio, session_state
from droidscope.insights.alerts import ActiveAlert
from droidscope.insights.assignments import Assignment
from droidscope.insights.bottlenecks import Bottleneck
from droidscope.insights.overview import LISTED, Issue, issues
from droidscope.insights.recommendations import Recommendation
from droidscope.kpi.catalog import DROID_KPIS, ORCHESTRATOR_KPIS, PATTERN_KPIS, Facts, Kpi
from droidscope.kpi.durations import mean_response_ns, mean_session_ns, mean_task_ns
from droidscope.kpi.patterns import failure_points
from droidscope.kpi.quality import mean_score
from droidscope.kpi.rankings import Outcomes, rank_patterns
from droidscope.kpi.ratios import error_ratio, retry_ratio, session_success_ratio, task_completion_ratio
from droidscope.kpi.statistics import ratio
from droidscope.kpi.totals import DroidTotals, OrchestratorTotals, PatternTotals, WindowTotals, by_subject
from droidscope.model.labels import OrchestratorLabels
from droidscope.recording.session_analysis import PhaseAnalysis, SessionAnalysis
from droidscope.sessions.session_state import SessionState
from droidscope.units import SECOND_NS
from droidscope.views.alert_inputs import is_over_limit
from droidscope.views.droid_status import DroidNow

T = TypeVar("T", s.OrchestratorKpis, s.DroidKpis, s.PatternKpis)


def named_labels(names: tuple[str, ...], orchestrator: OrchestratorLabels) -> dict[str, str]:
    """
    The resource labels that an orchestrator has.
    """
    return {name: value for name, value in zip(names, orchestrator[1:], strict=False) if value}


# --- sessions -----------------------------------------------------------------------------------------


def session_shape(
    session: SessionState, head: Head, labels: dict[str, str], clock_ns: int, now_ns: int
) -> s.Session:
    """
    A session in memory, at this uptime and Unix time.
    """
    end_ns = now_ns if session.running else session.end_ns
    return s.Session(
        orchestrator=session.orchestrator[0],
        labels=labels,
        session_id=session.id,
        pattern=session.pattern,
        current_phase=session.phase,
        state=session_state(session, head, clock_ns),
        start_seconds=session.start_ns / SECOND_NS,
        end_seconds=None if session.running else session.end_ns / SECOND_NS,
        duration_seconds=max(0, end_ns - session.start_ns) / SECOND_NS,
        progress_ratio=progress_ratio(session, head.baselines),
        droids_active=sorted(droids_at_work(session)) if session.running else [],
        conflicts=len(session.conflicts),
        over_limit=is_over_limit(session, head.settings, now_ns),
        trace_id=session.trace_id,
        tasks_completed=session.tasks_completed,
        tasks_failed=session.tasks_failed,
        task_success_ratio=ratio(session.tasks_completed, session.tasks_completed + session.tasks_failed),
    )


def digested_session(analysis: SessionAnalysis, labels: dict[str, str], limit_ns: int) -> s.Session:
    """
    A session that has left the memory but for its digest; *limit_ns* is how long it might take.
    """
    duration_ns = analysis.end_ns - analysis.start_ns
    return s.Session(
        orchestrator=analysis.orchestrator[0],
        labels=labels,
        session_id=analysis.session,
        pattern=analysis.pattern,
        current_phase=analysis.phases[-1].phase if analysis.phases else "",
        state="completed" if analysis.outcome is Outcome.COMPLETED else "failed",
        start_seconds=analysis.start_ns / SECOND_NS,
        end_seconds=analysis.end_ns / SECOND_NS,
        duration_seconds=max(0, duration_ns) / SECOND_NS,
        progress_ratio=None,
        droids_active=[],
        conflicts=analysis.conflicts,
        over_limit=duration_ns > limit_ns,
        trace_id=analysis.trace_id,
        tasks_completed=analysis.tasks_completed,
        tasks_failed=analysis.tasks_failed,
        task_success_ratio=ratio(analysis.tasks_completed, analysis.tasks_completed + analysis.tasks_failed),
    )


def detail_shape(
    session: s.Session, phases: Iterable[PhaseAnalysis], analysis: SessionAnalysis | None, now_ns: int
) -> s.SessionDetail:
    """
    A session with its *phases*, and its critical path if it has been digested.
    """
    path = (
        None
        if analysis is None
        else [
            s.Stretch(
                each.phase, each.droid, each.start_ns / SECOND_NS, (each.end_ns - each.start_ns) / SECOND_NS
            )
            for each in analysis.path
        ]
    )
    over_ns = now_ns if session.end_seconds is None else round(session.end_seconds * SECOND_NS)
    return s.SessionDetail(now_ns / SECOND_NS, session, [_phase(each, over_ns) for each in phases], path)


def _phase(phase: PhaseAnalysis, over_ns: int) -> s.SessionPhase:
    """
    A phase; one that has not ended has run until now, or until its session ended without it.
    """
    end_ns = over_ns if phase.end_ns is None else phase.end_ns
    return s.SessionPhase(
        phase.phase,
        list(phase.droids),
        phase.state,
        seconds(phase.start_ns),
        seconds(phase.end_ns),
        None if phase.start_ns is None else max(0, end_ns - phase.start_ns) / SECOND_NS,
        seconds(phase.planned_ns),
        seconds(phase.held_ns),
        phase.quality,
        phase.conflicts,
    )


# --- droids -------------------------------------------------------------------------------------------


def droid_shape(
    orchestrator: str,
    labels: dict[str, str],
    droid: str,
    now: DroidNow,
    facts: DroidTotals,
    minutes: Mapping[Key, int],
) -> s.Droid:
    """
    A droid now, and by the facts of a window; *minutes* are the totals of those that name it.
    """
    return s.Droid(
        orchestrator=orchestrator,
        labels=labels,
        droid=droid,
        status=now.status,
        attempts_active=now.attempts_active,
        tasks_completed=facts.work.tasks_completed,
        tasks_failed=facts.work.tasks_failed,
        average_task_duration_seconds=seconds(mean_task_ns(facts.work)),
        messages_sent=facts.mail.sent,
        messages_by_type=_messages_by_type(minutes, droid),
        messages_received=facts.mail.received,
        queries=s.Queries(
            facts.queries.queries_answered,
            facts.queries.queries_late,
            facts.queries.queries_unanswered,
            facts.queries.queries_rejected,
        ),
        average_response_time_seconds=seconds(mean_response_ns(facts.queries)),
        files_created=facts.files_created,
        by_task_type=_by_task_type(minutes, droid),
        common_issues=[Issue(*each) for each in issues(minutes).most_common(LISTED)],
        kpis=_measured(DROID_KPIS, facts, s.DroidKpis, "orchestrator_droid_"),
    )


def _messages_by_type(minutes: Mapping[Key, int], droid: str) -> dict[str, int]:
    sent = sums(minutes, Fact.MESSAGES, "sender", "message_type")
    return {type_: n for (sender, type_), n in sorted(sent.items()) if sender == droid and n}


def _by_task_type(minutes: Mapping[Key, int], droid: str) -> dict[str, s.TaskTypeWork]:
    return {
        task_type: _task_type(by_subject(of_type).droids[droid])
        for task_type, of_type in sorted(split(minutes, "task_type").items())
    }


def _task_type(facts: DroidTotals) -> s.TaskTypeWork:
    return s.TaskTypeWork(
        facts.work.tasks_completed,
        facts.work.tasks_failed,
        task_completion_ratio(facts.work),
        error_ratio(facts.work),
        retry_ratio(facts.work),
        seconds(mean_task_ns(facts.work)),
        mean_score(facts.code_quality),
    )


# --- patterns -----------------------------------------------------------------------------------------


def pattern_shape(
    orchestrator: str,
    labels: dict[str, str],
    pattern: str,
    name: str | None,
    facts: PatternTotals,
    minutes: Mapping[Key, int],
    hours: Mapping[Key, int],
    bottlenecks: Iterable[Bottleneck],
    advice: Sequence[Recommendation],
    assignments: Iterable[Assignment],
) -> s.Pattern:
    """
    A pattern by the facts of a window, and what was found of it there: all that is given is of this pattern.
    """
    failures = sums(minutes, Fact.FAILURES, "phase", "reason")
    points = failure_points({(phase, reason): n for (phase, reason), n in failures.items() if n > 0})
    return s.Pattern(
        orchestrator=orchestrator,
        labels=labels,
        pattern=pattern,
        pattern_name=name,
        executions=facts.sessions.sessions_ended,
        average_duration_seconds=seconds(mean_session_ns(facts.sessions)),
        kpis=_measured(PATTERN_KPIS, facts, s.PatternKpis, "orchestrator_pattern_"),
        failure_points=[s.FailurePoint(*point) for point in points],
        phases=_phase_performance(minutes, hours),
        bottlenecks=[each.description for each in bottlenecks],
        optimization_opportunities=[step for each in advice for step in each.recommendations],
        efficiency_improvements=[
            each.expected_improvement.text for each in advice if each.expected_improvement
        ],
        droids=list(assignments),
    )


def _phase_performance(minutes: Mapping[Key, int], hours: Mapping[Key, int]) -> list[s.PhasePerformance]:
    """
    The phases of one pattern, by the facts of it alone.
    """
    ended = sums(minutes, Fact.PHASES, "phase", "outcome")
    phase_ns = sums(minutes, Fact.PHASE_NS, "phase")
    wait_ns = sums(minutes, Fact.WAIT_NS, "phase")
    took = sketches(hours, Fact.PHASE_TOOK, "phase", outcome=Outcome.COMPLETED)
    found = []
    for phase in sorted({phase for phase, _ in ended}):
        completed, failed = (ended[phase, outcome] for outcome in (Outcome.COMPLETED, Outcome.FAILED))
        median_ns = took[phase,].quantile(0.5) if (phase,) in took else None
        found.append(
            s.PhasePerformance(
                phase,
                completed,
                failed,
                ratio(completed, completed + failed),
                seconds(median_ns),
                ratio(wait_ns[phase,], phase_ns[phase,]),
            )
        )
    return found


# --- all together -------------------------------------------------------------------------------------


def orchestrator_kpis(facts: OrchestratorTotals) -> s.OrchestratorKpis:
    """
    The KPIs of an orchestrator by the facts of a window.
    """
    return _measured(ORCHESTRATOR_KPIS, facts, s.OrchestratorKpis, "orchestrator_")


def summary_shape(facts: WindowTotals, running: int) -> s.SessionSummary:
    """
    What became of sessions, and how many run.
    """
    ended = facts.orchestrator.sessions
    return s.SessionSummary(
        running,
        ended.sessions_completed,
        session_success_ratio(ended),
        ended.sessions_ended,
        seconds(mean_session_ns(ended)),
    )


def attention_shape(alerts: Sequence[ActiveAlert], advice: Iterable[Recommendation]) -> s.Attention:
    """
    Alerts by how much they matter, and the advice that matters most.
    """
    severe = {Severity.CRITICAL, Severity.HIGH}
    return s.Attention(
        [each for each in alerts if each.severity in severe],
        [each for each in alerts if each.severity not in severe],
        sorted(advice, key=lambda each: -each.impact_score)[:LISTED],
    )


def performance_shape(facts: WindowTotals, bottlenecks: Sequence[Bottleneck]) -> s.OverallPerformance:
    """
    What became of tasks and sessions, and what slows them down most.
    """
    work, ended = facts.orchestrator.work, facts.orchestrator.sessions
    ranks = rank_patterns(
        {
            pattern: Outcomes(each.sessions.sessions_completed, each.sessions.sessions_ended)
            for pattern, each in facts.patterns.items()
        }
    )
    worst = sorted(bottlenecks, key=lambda each: -each.impact_score)[:LISTED]
    return s.OverallPerformance(
        total_tasks_completed=work.tasks_completed,
        average_task_duration_seconds=seconds(mean_task_ns(work)),
        success_ratio=session_success_ratio(ended),
        success_samples=ended.sessions_ended,
        most_efficient_pattern=ranks[0].subject if ranks else None,
        current_bottlenecks=[each.description for each in worst],
    )


def seconds(duration_ns: float | None) -> float | None:
    """
    A duration or a point in time in seconds.
    """
    return None if duration_ns is None else duration_ns / SECOND_NS


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
