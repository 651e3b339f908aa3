"""
Addresses to listen on: HOST:PORT as users write it, and which of them exclude each other.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Final, NamedTuple

_ADDRESS = re.compile(r"(?:(?P<host>[^:\[\]]*)|\[(?P<ipv6>[^\[\]]+)\]):(?P<port>[0-9]{1,5})\Z")
_HIGHEST_PORT: Final = 65_535
_ALL: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared with, not bound
"""
Hosts that mean all addresses of this machine.
"""
_LOCALHOST: Final = frozenset({"127.0.0.1", "::1"})


class Address(NamedTuple):
    """
    A host and port to listen on; port 0 takes any free one.
    """

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def loopback(self) -> bool:
        """
        Whether only this machine can reach it.
        """
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    def clashes(self, other: Address) -> bool:
        """
        Whether only one of the two can be bound: the same port, and hosts that have an address in common.
        """
        if self.port != other.port or self.port == 0:
            return False
        hosts, others = _hosts(self.host), _hosts(other.host)
        # gRPC binds both families whichever wildcard it is given, so a wildcard excludes every host.
        return bool(hosts & others) or bool(_ALL & (hosts | others))


def parse_address(value: object) -> Address:
    """
    The address that a text such as `127.0.0.1:9788` or `[::1]:9788` means.

    Raises:
        ValueError: If it is none; the message says what was expected.
    """
    if isinstance(value, Address):
        return value
    match = _ADDRESS.match(value) if isinstance(value, str) else None
    if match is None or int(match["port"]) > _HIGHEST_PORT:
        msg = "expected HOST:PORT, such as 127.0.0.1:9788 or [::1]:9788"
        raise ValueError(msg)
    host = match["host"] or match["ipv6"] or "0.0.0.0"  # noqa: S104 - what ":9788" means everywhere
    return Address(host, int(match["port"]))


def _hosts(host: str) -> frozenset[str]:
    """
    The addresses of *host*, each in its shortest form; a name that is not localhost stands for itself.
    """
    name = host.lower()
    if name == "localhost":
        return _LOCALHOST
    try:
        return frozenset({str(ipaddress.ip_address(name))})
    except ValueError:
        return frozenset({name})
