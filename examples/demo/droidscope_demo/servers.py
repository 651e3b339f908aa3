"""
Prometheus and Alertmanager beside the demo, with the shipped configuration where it can stay as it is.

The shipped files name ports that may be taken here and hosts of a compose file that do not exist here,
so the demo runs adjusted copies: every target becomes a loopback address on the port chosen for it.
"""

from __future__ import annotations

import shutil
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import urlsplit, urlunsplit

import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LOOPBACK: Final = "127.0.0.1"
SCRAPE_SECONDS: Final = 2
"""
Between scrapes: shorter than in production, since the demo's sessions take seconds.
"""
BIRTH_HOLD_SECONDS: Final = 2 * SCRAPE_SECONDS + 1
"""
For how long the exporter holds new series back, so that two scrapes see them before their first event.
"""
ALERTMANAGER_NAMES: Final = ("alertmanager", "prometheus-alertmanager")
"""
Names of the program upstream and in Debian.
"""


@dataclass(frozen=True, slots=True)
class Ports:
    """
    Where everything listens, all on the loopback address.
    """

    grpc: int = 4317
    http: int = 4318
    web: int = 9788
    prometheus: int = 9090
    alertmanager: int = 9093

    def moved(self, chosen: Ports, *, alertmanager: bool) -> dict[int, int]:
        """
        Port of the shipped configuration -> port chosen, for what runs here and a configuration may name.
        """
        servers = {self.web: chosen.web, self.prometheus: chosen.prometheus}
        return {**servers, self.alertmanager: chosen.alertmanager} if alertmanager else servers


SHIPPED_PORTS: Final = Ports()


class PortClaims:
    """
    Chooses free ports, and keeps other demos from choosing the same until it is closed.

    A port looks free until its server listens there, which takes seconds: two demos started together would
    choose alike. So each holds a UDP socket on the number of every port it has chosen. Servers of TCP do not
    mind it, and it ends with the process.
    """

    def __init__(self) -> None:
        self._sockets: list[socket.socket] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """
        Give up all claims.
        """
        while self._sockets:
            self._sockets.pop().close()

    def choose_port(self, preferred: int) -> int:
        """
        The *preferred* port if it is free on the loopback address and not claimed, else any that is.
        """
        port = self._claimed(preferred)
        while not port:
            port = self._claimed(0)
        return port

    def choose_ports(self, wanted: Ports) -> Ports:
        """
        Free ports, the *wanted* ones as far as possible, no two alike.
        """
        return Ports(**{name: self.choose_port(getattr(wanted, name)) for name in Ports.__slots__})

    def _claimed(self, preferred: int) -> int:
        """
        A port that is claimed from now on; 0 where another one has it.
        """
        if not (port := _bindable(preferred)):
            return 0
        claim = socket.socket(type=socket.SOCK_DGRAM)
        try:
            claim.bind((LOOPBACK, port))
        except OSError:
            claim.close()
            return 0
        self._sockets.append(claim)
        return port


def _bindable(port: int) -> int:
    with socket.socket() as probe:
        # As servers do: without it a port in TIME_WAIT would count as taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return 0
        return int(probe.getsockname()[1])


def find_program(*names: str) -> str | None:
    """
    Path of the first of *names* on the PATH, or None.
    """
    return next((path for name in names if (path := shutil.which(name))), None)


def find_configuration(relative: str) -> Path | None:
    """
    A file of the repository, looked for below the working directory, then around this package.

    None where the package is installed without its repository.
    """
    roots = (Path.cwd(), Path(__file__).resolve().parents[3])
    return next((root / relative for root in roots if (root / relative).is_file()), None)


def adjusted_prometheus(shipped: Path, moved: Mapping[int, int]) -> dict[str, Any]:
    """
    The *shipped* Prometheus configuration for this machine.

    Scrapes are frequent, rule files absolute, targets loopback addresses on their *moved* ports.
    What has none of the *moved* ports does not run here and is left out, the Alertmanager too.
    """
    config: dict[str, Any] = yaml.safe_load(shipped.read_text())
    config["global"] = {**config.get("global", {}), "scrape_interval": f"{SCRAPE_SECONDS}s"}
    config["global"].pop("scrape_timeout", None)
    config["rule_files"] = [str(shipped.parent / name) for name in config.get("rule_files", ())]
    config["scrape_configs"] = _reachable(config.get("scrape_configs", ()), moved)
    managers = _reachable(config.pop("alerting", {}).get("alertmanagers", ()), moved)
    return {**config, "alerting": {"alertmanagers": managers}} if managers else config


def _reachable(configs: Sequence[dict[str, Any]], moved: Mapping[int, int]) -> list[dict[str, Any]]:
    return [one for one in configs if _retarget(one.get("static_configs", ()), moved)]


def _retarget(groups: Sequence[dict[str, Any]], moved: Mapping[int, int]) -> bool:
    """
    Rewrite the targets of static *groups* in place; False where none of them is known here.
    """
    for group in groups:
        ports = [int(target.rpartition(":")[2]) for target in group["targets"]]
        group["targets"] = [f"{LOOPBACK}:{moved[port]}" for port in ports if port in moved]
    return any(group["targets"] for group in groups)


def adjusted_alertmanager(shipped: Path, moved: Mapping[int, int]) -> dict[str, Any]:
    """
    The *shipped* Alertmanager configuration for this machine.

    Templates become absolute, webhooks to a known port go to its *moved* one on the loopback address.
    """
    config: dict[str, Any] = yaml.safe_load(shipped.read_text())
    if templates := config.get("templates"):
        config["templates"] = [str(shipped.parent / name) for name in templates]
    for receiver in config.get("receivers", ()):
        for hook in receiver.get("webhook_configs", ()):
            if "url" in hook:
                hook["url"] = _relocated(hook["url"], moved)
    return config


def _relocated(url: str, moved: Mapping[int, int]) -> str:
    parts = urlsplit(url)
    if parts.port is None or parts.port not in moved:
        return url
    return urlunsplit(parts._replace(netloc=f"{LOOPBACK}:{moved[parts.port]}"))


def prometheus_command(program: str, config: Path, data: Path, port: int) -> list[str]:
    """
    Arguments that run Prometheus on the loopback address.
    """
    return [
        program,
        f"--config.file={config}",
        f"--storage.tsdb.path={data}",
        f"--web.listen-address={LOOPBACK}:{port}",
        "--log.level=warn",
    ]


def alertmanager_command(program: str, config: Path, data: Path, port: int) -> list[str]:
    """
    Arguments that run one Alertmanager, with no cluster, on the loopback address.
    """
    return [
        program,
        f"--config.file={config}",
        f"--storage.path={data}",
        f"--web.listen-address={LOOPBACK}:{port}",
        "--cluster.listen-address=",
        "--log.level=warn",
    ]
