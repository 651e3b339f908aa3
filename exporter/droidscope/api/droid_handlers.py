"""
Droids and their KPIs.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from msgspec import Struct

from droidscope.api.endpoint import Endpoint
from droidscope.api.kpi_schema import to_droid_kpis
from droidscope.api.params import Limit, Window, matches
from droidscope.api.schema import DroidItem, DroidList, QueryOutcomes, TaskTypeResults
from droidscope.api.serializers import to_seconds
from droidscope.facts.fact_totals import Totals, sum_by
from droidscope.facts.facts import MessagesSent
from droidscope.insights.overview import LISTED, Issue, issues
from droidscope.kpi.durations import mean_response_ns, mean_task_ns
from droidscope.kpi.message_totals import is_sent
from droidscope.kpi.quality import mean_score
from droidscope.kpi.ratios import error_ratio, retry_ratio, task_completion_ratio
from droidscope.kpi.totals import DroidTotals, droid_totals
from droidscope.units import SECOND_NS
from droidscope.views.droid_status import DroidSnapshot
from droidscope.views.head_reader import HeadReader

_INACTIVE: Final = DroidSnapshot("healthy", 0)


class DroidsParams(Struct, frozen=True, forbid_unknown_fields=True):
    """
    Filters, the window of the KPIs, and the maximum number of droids.
    """

    orchestrator: str | None = None
    droid: str | None = None
    window: Window = "24h"
    limit: Limit = 100


class _DroidWindow(NamedTuple):
    """
    What a droid's facts of a window add up to, and those facts.
    """

    totals: DroidTotals
    facts: Totals


def list_droids(reader: HeadReader, params: DroidsParams) -> DroidList:
    """
    The known droids, with their results in the window.
    """
    now_ns = reader.now_ns()
    snapshots = reader.droids(now_ns)
    windows = {
        (orchestrator, droid): window
        for orchestrator, by_window in reader.window_totals([params.window], now_ns).items()
        for droid, window in _droid_windows(by_window[params.window]).items()
    }
    wanted = sorted(
        (orchestrator, droid)
        for orchestrator, droid in {*snapshots, *windows}
        if matches(params.orchestrator, orchestrator[0]) and matches(params.droid, droid)
    )
    droids = [
        _to_droid_item(
            orchestrator[0],
            reader.resource_labels(orchestrator),
            droid,
            snapshots.get((orchestrator, droid), _INACTIVE),
            windows.get((orchestrator, droid), _DroidWindow(DroidTotals(), Totals({}))),
        )
        for orchestrator, droid in wanted[: params.limit]
    ]
    return DroidList(now_ns / SECOND_NS, params.window, len(wanted), droids)


def _droid_windows(facts: Totals) -> dict[str, _DroidWindow]:
    return {
        droid: _DroidWindow(droid_totals(droid_facts), droid_facts)
        for droid, droid_facts in facts.by_droid.items()
    }


def _to_droid_item(
    orchestrator: str, labels: dict[str, str], droid: str, snapshot: DroidSnapshot, window: _DroidWindow
) -> DroidItem:
    totals = window.totals
    return DroidItem(
        orchestrator=orchestrator,
        labels=labels,
        droid=droid,
        status=snapshot.status,
        attempts_active=snapshot.attempts_active,
        tasks_completed=totals.work.tasks_completed,
        tasks_failed=totals.work.tasks_failed,
        tasks_cancelled=totals.work.tasks_cancelled,
        average_task_duration_seconds=to_seconds(mean_task_ns(totals.work)),
        messages_sent=totals.mail.sent,
        messages_by_type=_messages_by_type(window.facts),
        messages_received=totals.mail.received,
        queries=QueryOutcomes(
            answered=totals.queries.queries_answered,
            late=totals.queries.queries_late,
            unanswered=totals.queries.queries_unanswered,
            rejected=totals.queries.queries_rejected,
            cancelled=totals.queries.queries_cancelled,
        ),
        average_response_time_seconds=to_seconds(mean_response_ns(totals.queries)),
        files_created=totals.files_created,
        by_task_type=_by_task_type(window.facts),
        common_issues=[Issue(*issue) for issue in issues(window.facts).most_common(LISTED)],
        kpis=to_droid_kpis(totals),
    )


def _messages_by_type(facts: Totals) -> dict[str, int]:
    sent = sum_by(facts.of(MessagesSent), lambda key: key.message_type, where=is_sent)
    return {type_: n for type_, n in sorted(sent.items()) if n}


def _by_task_type(facts: Totals) -> dict[str, TaskTypeResults]:
    return {
        task_type: _to_task_type_results(droid_totals(type_facts))
        for task_type, type_facts in sorted(facts.by_task_type.items())
    }


def _to_task_type_results(totals: DroidTotals) -> TaskTypeResults:
    return TaskTypeResults(
        tasks_completed=totals.work.tasks_completed,
        tasks_failed=totals.work.tasks_failed,
        tasks_cancelled=totals.work.tasks_cancelled,
        completion_ratio=task_completion_ratio(totals.work),
        error_ratio=error_ratio(totals.work),
        retry_ratio=retry_ratio(totals.work),
        average_task_duration_seconds=to_seconds(mean_task_ns(totals.work)),
        code_quality_score=mean_score(totals.code_quality),
    )


ENDPOINTS: Final = (
    Endpoint(
        path="droids",
        params=DroidsParams,
        answer=DroidList,
        title="Droids and their KPIs",
        description=(
            "Droids with status, tasks, messages (also by type), query outcomes, issues, and every KPI "
            "with its samples."
        ),
        handler=list_droids,
    ),
)
