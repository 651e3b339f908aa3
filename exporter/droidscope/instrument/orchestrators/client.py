"""
Queries the exporter: dashboard, reports and alerts as JSON over HTTP.
"""

from __future__ import annotations

import json
import os
from http.client import HTTPException
from ipaddress import ip_address
from typing import Any, Final, Literal
from urllib.error import HTTPError
from urllib.parse import urlencode, urlsplit
from urllib.request import ProxyHandler, Request, build_opener

from droidscope.errors import ConfigError, DroidscopeError

URL_VARIABLE: Final = "DROIDSCOPE_URL"
DEFAULT_URL: Final = "http://127.0.0.1:9788"
TIMEOUT_SECONDS: Final = 10.0

Period = Literal["daily", "weekly", "monthly"]
PERIODS: Final = ("daily", "weekly", "monthly")


def dashboard(orchestrator: str | None = None, environment: str | None = None) -> Any:  # noqa: ANN401 - JSON
    """
    The current dashboard, as `/api/v1/dashboard` returns it: of one orchestrator and environment, or of all.

    Raises:
        DroidscopeError: If the exporter does not answer, or not with that page.
    """
    return _get("dashboard", orchestrator=orchestrator, environment=environment)


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


def alerts(orchestrator: str | None = None, environment: str | None = None) -> list[Any]:
    """
    The active alerts, of one orchestrator and environment or of all; an empty list if there are none.

    Raises:
        DroidscopeError: If the exporter does not answer, or not with a list of alerts.
    """
    answer = _get("alerts", orchestrator=orchestrator, environment=environment)
    active = answer.get("alerts") if isinstance(answer, dict) else answer
    if not isinstance(active, list):
        msg = (
            f"{exporter_url()}/api/v1/alerts answers with {type(active).__name__}; expected a list of alerts"
        )
        raise DroidscopeError(msg)
    return active


def exporter_url(given: str | None = None) -> str:
    """
    The exporter's address, by default that of the variable, without a slash at its end.

    Raises:
        ConfigError: If it is no URL.
    """
    url = (given or os.environ.get(URL_VARIABLE) or DEFAULT_URL).rstrip("/")
    if not _is_url(url):
        msg = f"{'the address' if given else URL_VARIABLE} is {url!r}; expected a URL such as {DEFAULT_URL}"
        raise ConfigError(msg)
    return url


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018 - raises where it is no number of a port
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname)


def is_loopback(url: str) -> bool:
    """
    Whether *url* is on this machine, where no proxy can reach it for us.
    """
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def open_url(request: Request, timeout_seconds: float = TIMEOUT_SECONDS) -> Any:  # noqa: ANN401 - as urllib has it
    """
    As `urlopen`; by the proxies of the environment, unless it is on this machine.
    """
    opener = build_opener(ProxyHandler({})) if is_loopback(request.full_url) else build_opener()
    return opener.open(request, timeout=timeout_seconds)


def _get(page: str, **parameters: str | None) -> Any:  # noqa: ANN401 - JSON
    url = f"{exporter_url()}/api/v1/{page}"
    given = {name: value for name, value in parameters.items() if value is not None}
    request = Request(f"{url}?{urlencode(given)}" if given else url)  # noqa: S310 - `exporter_url` has checked it
    try:
        with open_url(request) as answer:
            return json.load(answer)
    except HTTPError as error:
        with error:
            msg = f"{url} answers with status {error.code}: {error.reason}"
        raise DroidscopeError(msg) from error
    except (OSError, HTTPException) as error:  # URLError among them
        reason = getattr(error, "reason", None) or error
        msg = f"{url} does not answer: {reason}; is it running? ({URL_VARIABLE})"
        raise DroidscopeError(msg) from error
    except ValueError as error:
        msg = f"{url} does not answer with JSON: {error}"
        raise DroidscopeError(msg) from error
