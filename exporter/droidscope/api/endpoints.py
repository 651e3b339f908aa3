"""
All endpoints of the API.
"""

from __future__ import annotations

from typing import Any, Final

from droidscope.api import (
    alert_handlers,
    dashboard_handlers,
    droid_handlers,
    insight_handlers,
    message_handlers,
    pattern_handlers,
    session_handlers,
)
from droidscope.api.endpoint import ApiOperation, Endpoint
from droidscope.api.params import NoParams
from droidscope.api.schema import ExporterSummary

PREFIX: Final = "/api/v1"

ENDPOINTS: Final[tuple[Endpoint[Any], ...]] = (
    *dashboard_handlers.ENDPOINTS,
    *session_handlers.ENDPOINTS,
    *droid_handlers.ENDPOINTS,
    *pattern_handlers.ENDPOINTS,
    *insight_handlers.ENDPOINTS,
    *alert_handlers.ENDPOINTS,
    *message_handlers.ENDPOINTS,
)
SUMMARY: Final = ApiOperation(
    path="summary",
    params=NoParams,
    answer=ExporterSummary,
    title="The numbers of the landing page",
    description=(
        "What the live page shows: numbers, alerts, the five bottlenecks and the five recommendations of "
        "24 h with the highest impact, droids, running sessions."
    ),
)
"""
Also answered while the exporter is not ready; its route is the `summary_route`.
"""
OPERATIONS: Final[tuple[ApiOperation, ...]] = (*ENDPOINTS, SUMMARY)
