"""
The active alerts.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from msgspec import Struct

from droidscope.api.endpoint import Endpoint
from droidscope.api.params import Limit, matches
from droidscope.api.schema import AlertList
from droidscope.conventions.attributes import Severity
from droidscope.insights.alerts import alert_level
from droidscope.units import SECOND_NS
from droidscope.views.head_reader import HeadReader

_SEVERITIES: Final = tuple(Severity)


class AlertsParams(Struct, frozen=True, forbid_unknown_fields=True):
    """
    Filters, and the maximum number of alerts.
    """

    orchestrator: str | None = None
    environment: str | None = None
    pattern: str | None = None
    droid: str | None = None
    limit: Limit = 100


def list_alerts(reader: HeadReader, params: AlertsParams) -> AlertList:
    """
    The active alerts that match, the most severe first, and their level.
    """
    now_ns = reader.now_ns()
    alerts = [
        alert
        for active in reader.active_alerts(now_ns, partial(reader.is_in, params.environment)).values()
        for alert in active
        if matches(params.orchestrator, alert.orchestrator)
        and matches(params.pattern, alert.pattern)
        and matches(params.droid, alert.droid)
    ]
    alerts.sort(key=lambda alert: _SEVERITIES.index(alert.severity))
    return AlertList(now_ns / SECOND_NS, alert_level(alerts), len(alerts), alerts[: params.limit])


ENDPOINTS: Final = (
    Endpoint(
        path="alerts",
        params=AlertsParams,
        answer=AlertList,
        title="The active alerts",
        description="The active alerts, the most severe first, and the alert level.",
        handler=list_alerts,
    ),
)
