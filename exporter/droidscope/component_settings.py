"""
From the settings of the exporter to those of its rooms, each of which knows only its own.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TypedDict

from droidscope.assembly.foreign_settings import ForeignSettings
from droidscope.config import Settings
from droidscope.ingest.sink import Limits
from droidscope.series.label_limits import SeriesLimits
from droidscope.sessions.settings import HeadSettings, Price
from droidscope.units import DAY_NS
from droidscope.views.view_settings import ViewSettings


class StoreOptions(TypedDict):
    """
    What the store is opened with, beside its directory.
    """

    log_segment_bytes: int
    log_segment_ns: int
    retention_days: float


def store_options(settings: Settings) -> StoreOptions:
    """
    How large and old a segment of the log may grow, and how long what was sealed is kept.
    """
    return StoreOptions(
        log_segment_bytes=settings.log_segment_bytes,
        log_segment_ns=_ns(settings.log_segment_interval),
        retention_days=_ns(settings.retention) / DAY_NS,
    )


def request_limits(settings: Settings) -> Limits:
    """
    What one request may cost.
    """
    return Limits(max_body_bytes=settings.max_body_bytes)


def head_settings(settings: Settings) -> HeadSettings:
    """
    When sessions are silent, stalled, lost or over their limit; when records are lost; prices.
    """
    return HeadSettings(
        silent_after_ns=_optional_ns(settings.session_silent_after),
        stalled_after_ns=_ns(settings.session_stalled_after),
        lost_after_ns=_optional_ns(settings.session_lost_after),
        limit_ns=_ns(settings.session_limit),
        pattern_limits_ns={pattern: _ns(limit) for pattern, limit in settings.pattern_limits.items()},
        records_lost_after_ns=_ns(settings.records_lost_after),
        records_limit=settings.session_records_limit,
        prices={model: Price(**prices.model_dump()) for model, prices in settings.prices.items()},
    )


def foreign_settings(settings: Settings) -> ForeignSettings:
    """
    When foreign sessions are over.
    """
    return ForeignSettings(
        settle_after_ns=_ns(settings.session_settle_after), idle_after_ns=_ns(settings.session_idle_after)
    )


def series_limits(settings: Settings) -> SeriesLimits:
    """
    How many label values and series there may be, and which resource labels they have.
    """
    return SeriesLimits(
        values=settings.label_limit,
        series=settings.series_limit,
        hold_ns=_ns(settings.birth_hold),
        resource_labels=tuple(settings.resource_labels),
    )


def view_settings(settings: Settings) -> ViewSettings:
    """
    What the views compare with, and which resource labels they show.
    """
    return ViewSettings(
        budgets_usd=settings.pattern_budgets,
        resource_labels=tuple(settings.resource_labels),
        droid_limits=settings.droid_limits,
        alert_limits=settings.alert_limits(),
    )


def _ns(duration: timedelta) -> int:
    return duration // timedelta(microseconds=1) * 1000


def _optional_ns(duration: timedelta | None) -> int | None:
    return None if duration is None else _ns(duration)
