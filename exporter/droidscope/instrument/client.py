"""
Queries the exporter: dashboard, reports and alerts as JSON over HTTP.
"""

from __future__ import annotations

import json
import os
from typing import Any, Final, Literal
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

from droidscope.errors import ConfigError, DroidscopeError

URL_VARIABLE: Final = "DROIDSCOPE_URL"
DEFAULT_URL: Final = "http://127.0.0.1:9788"
TIMEOUT_SECONDS: Final = 10.0

Period = Literal["daily", "weekly", "monthly"]
PERIODS: Final = ("daily", "weekly", "monthly")


def dashboard() -> Any:  # noqa: ANN401 - JSON
    """
    The current dashboard, as `/api/v1/dashboard` returns it.

    Raises:
        DroidscopeError: If the exporter does not answer, or not with that page.
    """
    return _get("dashboard")


def report(period: Period) -> Any:  # noqa: ANN401 - JSON
    """
    The report of the latest whole *period*.

    Raises:
        DroidscopeError: If the exporter does not answer, or has no such report.
        ConfigError: If the period is unknown.
    """
    if period not in PERIODS:
        msg = f"period is {period!r}; expected one of {', '.join(PERIODS)}"
        raise ConfigError(msg)
    return _get(f"reports/{period}")


def alerts() -> list[Any]:
    """
    The active alerts; an empty list if there are none.

    Raises:
        DroidscopeError: If the exporter does not answer, or not with a list of alerts.
    """
    answer = _get("alerts")
    active = answer.get("alerts") if isinstance(answer, dict) else answer
    if not isinstance(active, list):
        msg = f"{_url('alerts')} answers with {type(active).__name__}; expected a list of alerts"
        raise DroidscopeError(msg)
    return active


def _url(page: str) -> str:
    base = os.environ.get(URL_VARIABLE) or DEFAULT_URL
    if urlsplit(base).scheme not in {"http", "https"}:
        msg = f"{URL_VARIABLE} is {base!r}; expected a URL such as {DEFAULT_URL}"
        raise ConfigError(msg)
    return f"{base.rstrip('/')}/api/v1/{page}"


def _get(page: str) -> Any:  # noqa: ANN401 - JSON
    url = _url(page)
    try:
        with urlopen(url, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310 - `_url` has checked the scheme
            return json.load(answer)
    except HTTPError as error:
        with error:
            msg = f"{url} answers with status {error.code}: {error.reason}"
        raise DroidscopeError(msg) from error
    except (URLError, OSError) as error:
        msg = f"{url} does not answer: {getattr(error, 'reason', error)}; is it running? ({URL_VARIABLE})"
        raise DroidscopeError(msg) from error
    except ValueError as error:
        msg = f"{url} does not answer with JSON: {error}"
        raise DroidscopeError(msg) from error
