"""
The store that the first version left, and how to put an exporter of today onto a copy of it.

`first-version/store.tar.xz` is the store as a SIGKILL left it: checkpoints, and a log segment behind the
newest. `first-version/answers.json.xz` is what the first version itself showed when it started from it.
Both were made by `make_first_version.py` and are never made anew: whatever changes, this store must start.
"""

from __future__ import annotations

import json
import lzma
import tarfile
import urllib.request
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

from store.moved_clock import SECOND, MovedClock, Reading

FOLDER = Path(__file__).parent / "first-version"
STORE = FOLDER / "store.tar.xz"
ANSWERS = FOLDER / "answers.json.xz"

MONOTONIC_NS = 1_000_000_000_000
"""
What the monotonic clock shows; that of a machine started anew has nothing to do with the one before.
"""
LATER_SECONDS = 4 * 3600
"""
Until then all that runs in the store is lost, and what waits for its close has been closed.
"""
WINDOWS = ("1h", "24h", "7d")
PATHS = (
    "summary",
    "sessions?limit=1000",
    "alerts?limit=1000",
    "communication?limit=1000",
    "dashboard",
    *(f"{path}?{urlencode({'window': window})}" for path in ("droids", "patterns") for window in WINDOWS),
    "bottlenecks?window=7d",
    "recommendations?window=7d",
    "insights?window=24h&trend=7d",
    "insights?window=7d&trend=30d",
)
"""
What is asked of the API.
"""


def unpack(directory: Path) -> Path:
    """
    A copy of the store in *directory*, as new as any file written now: the log's retention goes by that.
    """
    with tarfile.open(STORE) as archive:
        archive.extractall(directory, filter="data")
    for path in directory.rglob("*"):
        path.touch()
    return directory / "store"


def frozen(directory: Path, wall_ns: int) -> MovedClock:
    """
    A clock that stands still at a Unix time.
    """
    clock = MovedClock(directory / "clock.json")
    clock.freeze(Reading(wall_ns, MONOTONIC_NS))
    return clock


def moved(clock: MovedClock) -> tuple[str, ...]:
    """
    Arguments of Python that run droidscope by *clock*.
    """
    return str(Path(__file__).with_name("moved_clock.py")), str(clock.file), "-m", "droidscope"


def post(otlp: str, signal: str, body: bytes) -> None:
    """
    Send one OTLP request.
    """
    request = urllib.request.Request(f"{otlp}/v1/{signal}", body, {"Content-Type": "application/x-protobuf"})
    urllib.request.urlopen(request, timeout=10).close()


def pass_time(clock: MovedClock, otlp: str, seconds: float) -> None:
    """
    Move *clock*, and wait until the exporter has done what is due by then.

    What is due is done with the next request, before the one after that is answered.
    """
    clock.advance(seconds)
    for _ in range(2):
        post(otlp, "traces", b"")


def page(url: str) -> str:
    """
    The page of metrics.
    """
    return _get(f"{url}/metrics")


def answers(url: str) -> dict[str, Any]:
    """
    The page and the JSON of each path, by path.
    """
    given: dict[str, Any] = {"metrics": page(url)}
    given |= {path: json.loads(_get(f"{url}/api/v1/{path}")) for path in PATHS}
    for id_ in sorted({session["session_id"] for session in given["sessions?limit=1000"]["sessions"]}):
        path = f"session?{urlencode({'session_id': id_})}"
        given[path] = json.loads(_get(f"{url}/api/v1/{path}"))
    return given


def _get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return answer.read().decode()


class Kept(NamedTuple):
    """
    What the first version answered at *wall_ns*, right after it started, and `LATER_SECONDS` after that.
    """

    wall_ns: int
    at_start: dict[str, Any]
    later: dict[str, Any]


def kept() -> Kept:
    """
    The answers of the first version.
    """
    return Kept(**json.loads(lzma.decompress(ANSWERS.read_bytes())))


def keep(store: Path, answered: Kept) -> None:
    """
    Pack a store and what was answered from it.
    """

    def plain(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
        if member.name == "store/lock":
            return None
        return member.replace(uid=0, gid=0, uname="", gname="", mtime=answered.wall_ns // SECOND, deep=False)

    FOLDER.mkdir(exist_ok=True)
    with tarfile.open(STORE, "w:xz") as archive:
        archive.add(store, "store", filter=plain)
    text = json.dumps(answered._asdict(), separators=(",", ":"))
    ANSWERS.write_bytes(lzma.compress(text.encode()))
