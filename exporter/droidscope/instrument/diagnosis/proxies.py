"""
The proxy by which an address is asked.
"""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit
from urllib.request import getproxies_environment, proxy_bypass

from droidscope.instrument.orchestrators.client import is_loopback


class Proxy(NamedTuple):
    """
    Its address as the *variable* has it, without user and password.
    """

    address: str
    variable: str

    def __str__(self) -> str:
        return f"the proxy {self.address} ({self.variable})"


def proxy_of(url: str) -> Proxy | None:
    """
    The proxy by which *url* is asked, None if it is asked directly, as this machine always is.
    """
    try:
        parts = urlsplit(url if "://" in url else f"//{url}")
    except ValueError:
        return None
    scheme, host = "https" if parts.scheme == "https" else "http", parts.hostname or ""
    given = getproxies_environment().get(scheme)
    if not given or is_loopback(f"http://{parts.netloc}") or proxy_bypass(host):
        return None
    before, at, after = given.rpartition("@")
    return Proxy(
        f"{before.partition('://')[0]}://{after}" if at and "://" in before else after, f"{scheme}_proxy"
    )
