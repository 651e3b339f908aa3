"""
Settings of the exporter: defaults < file < environment < flags, validated once, at start.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from itertools import combinations
from pathlib import Path
from typing import Annotated, Final, Literal

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails

from droidscope.addresses import Address, parse_address
from droidscope.conventions.attributes import DEPLOYMENT_ENVIRONMENT
from droidscope.conventions.former_names import FORMER_SETTINGS
from droidscope.conventions.metrics import CATALOGUE, ORCHESTRATOR
from droidscope.errors import ConfigError
from droidscope.limits import overrides
from droidscope.limits.alert_limits import AlertLimits
from droidscope.units import duration_seconds
from droidscope.yaml_file import read_mapping

ENV_PREFIX: Final = "DROIDSCOPE_"
ENV_OTHERS: Final = frozenset({"DROIDSCOPE_CONFIG", "DROIDSCOPE_URL"})
"""
Variables with the prefix of settings that are none.
"""

_SERVICE_LINK = re.compile(r"(SERVICE_HOST|SERVICE_PORT|PORT)(_|\Z)")
"""
What Kubernetes writes into every pod beside a service called droidscope.
"""

RESERVED_LABELS: Final = frozenset({"severity", "alertname", "type", "job", "instance", "le", "quantile"})
TAKEN_LABELS: Final = RESERVED_LABELS.union({ORCHESTRATOR}, *(spec.labels for spec in CATALOGUE))
_LABEL = re.compile(r"(?!__)[a-zA-Z_][a-zA-Z0-9_]*\Z")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?\Z", re.ASCII)
_SIZE = re.compile(r"(\d+)\s*(|KiB|MiB|GiB)\Z")
_SIZES: Final = {"": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}
LogLevel = Literal["debug", "info", "warning", "error"]
PORTS: Final = ("listen", "otlp_http", "otlp_grpc")
"""
The settings that are addresses to listen on.
"""
_BOOLEAN: Final = TypeAdapter(bool)


def _duration(value: object) -> timedelta:
    if isinstance(value, str) and _NUMBER.match(value):  # variables and flags are text
        value = float(value)
    with suppress(OverflowError, ValueError):  # not a number, or of more than a million years
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return timedelta(seconds=value)
        if isinstance(value, str):
            return timedelta(seconds=duration_seconds(value))
    if isinstance(value, timedelta):
        return value
    msg = "expected a duration, such as 10s, 5m, 2h or 30d"
    raise ValueError(msg)


def _positive(value: timedelta) -> timedelta:
    if value <= timedelta(0):
        msg = "expected a duration above zero"
        raise ValueError(msg)
    return value


def _size(value: object) -> int:
    size = value if isinstance(value, int) else 0
    if isinstance(value, str) and (match := _SIZE.match(value)):
        size = int(match[1]) * _SIZES[match[2]]
    if size < _SIZES["KiB"]:
        msg = "expected a size of at least 1KiB, such as 65536, 64MiB or 2GiB"
        raise ValueError(msg)
    return size


def _insecure(value: object) -> bool | tuple[str, ...]:
    if not isinstance(value, (list, tuple)):
        with suppress(ValidationError):
            return _BOOLEAN.validate_python(value)
    elif all(port in PORTS for port in value):
        return tuple(value)
    msg = f"expected true, false or a list of {', '.join(PORTS)}"
    raise ValueError(msg)


Insecure = Annotated[bool | tuple[str, ...], BeforeValidator(_insecure)]
Listen = Annotated[Address, BeforeValidator(parse_address)]
Duration = Annotated[timedelta, BeforeValidator(_duration), AfterValidator(_positive)]
Size = Annotated[int, BeforeValidator(_size)]
Directory = Annotated[Path, AfterValidator(Path.expanduser)]


class Prices(BaseModel):
    """
    US dollars for a million tokens of one model.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: float = Field(0, ge=0, description="US dollars for a million input tokens.")
    output: float = Field(0, ge=0, description="US dollars for a million output tokens.")
    cache_read: float = Field(0, ge=0, description="US dollars for a million tokens read from the cache.")
    cache_write: float = Field(0, ge=0, description="US dollars for a million tokens written to the cache.")


class Settings(BaseModel):
    """
    Everything that can be set. `droidscope config show` prints what is in force.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    store: Directory = Field(
        default_factory=lambda: (
            Path(os.environ.get("XDG_DATA_HOME") or "~/.local/share").expanduser() / "droidscope"
        ),
        description="Directory of the store; below `$XDG_DATA_HOME` by default, where that is set.",
    )
    listen: Listen = Field(Address("127.0.0.1", 9788), description="Address of pages, API and /metrics.")
    otlp_http: Listen = Field(Address("127.0.0.1", 4318), description="Address for OTLP over HTTP.")
    otlp_grpc: Listen = Field(Address("127.0.0.1", 4317), description="Address for OTLP over gRPC.")
    insecure: Insecure = Field(
        default=False,
        description="Allow addresses that other machines can reach, without TLS and without authentication: "
        "`true` for all, or a list of `listen`, `otlp_http` and `otlp_grpc`.",
    )
    log_level: LogLevel = Field("info", description="The lowest level that is logged.")
    log_format: Literal["auto", "json", "console"] = Field(
        "auto", description="Form of the log; `auto` is JSON unless standard error is a terminal."
    )

    max_body_bytes: Size = Field(16 * 1024**2, description="Largest request that is accepted, decompressed.")
    queue_limit_bytes: Size = Field(
        64 * 1024**2,
        description="Requests that may wait to become durable; more are refused until there is room.",
    )
    retention: Duration = Field(timedelta(days=30), description="How long stored records are kept.")
    log_segment_bytes: Size = Field(
        64 * 1024**2, description="Size at which a log segment is closed; each has a checkpoint."
    )
    log_segment_interval: Duration = Field(
        timedelta(minutes=15), description="The longest time between two checkpoints."
    )

    session_settle_after: Duration = Field(
        timedelta(seconds=10),
        description="A foreign session whose outermost span has ended is over after this time without spans.",
    )
    session_idle_after: Duration = Field(
        timedelta(minutes=10), description="Any foreign session is over after this time without spans."
    )
    session_silent_after: Duration | None = Field(
        None,
        description="Without telemetry for this long: silent. Default 10m with heartbeats, else 60m.",
    )
    session_stalled_after: Duration = Field(
        timedelta(minutes=30),
        description="With heartbeats, but without progress for this long: stalled.",
    )
    session_lost_after: Duration | None = Field(
        None,
        description="Without telemetry for this long: lost. Default 60m with heartbeats, else 180m.",
    )
    records_lost_after: Duration = Field(
        timedelta(seconds=60),
        description="A record is lost if it has not arrived this long after its process counted it.",
    )
    session_limit: Duration = Field(
        timedelta(minutes=120),
        description="How long a session may take; the alert on durations compares with it.",
    )
    session_records_limit: int = Field(
        100_000,
        ge=1_000,
        description="Records that a session holds; one with more goes on as another part without those.",
    )
    pattern_limits: dict[str, Duration] = Field(
        default_factory=dict,
        description="How long a session may take, by pattern, instead of `session_limit`.",
    )
    prices: dict[str, Prices] = Field(
        default_factory=dict, description="Prices by model, for work whose telemetry gives no cost."
    )
    pattern_budgets: dict[str, Annotated[float, Field(gt=0)]] = Field(
        default_factory=dict,
        description="US dollars a success of a pattern may cost; cost efficiency compares with it.",
    )
    thresholds: Annotated[Path, AfterValidator(Path.expanduser)] | None = Field(
        None, description="File of other limits for alerts; rules and boards are rendered with the same file."
    )
    droid_limits: dict[str, Annotated[int, Field(ge=1)]] = Field(
        default_factory=dict,
        description="Attempts in flight at which a droid is overloaded, by droid; by default never.",
    )

    resource_labels: dict[str, str] = Field(
        default_factory=lambda: {"environment": DEPLOYMENT_ENVIRONMENT},
        description="Further labels of every series, by name, with the resource attribute of their value.",
    )
    birth_hold: Duration = Field(
        timedelta(seconds=60),
        description="How long a new series shows its value before its first event, for `increase()`.",
    )
    label_limit: int = Field(
        200, ge=1, description="Values of a label per orchestrator; what exceeds them is counted as `other`."
    )
    series_limit: int = Field(
        5000,
        ge=1,
        description="Series of a metric per orchestrator; what exceeds them is counted as `other`.",
    )

    def alert_limits(self) -> AlertLimits:
        """
        The limits in force for alerts.

        Raises:
            ConfigError: One line for each fault of the file *thresholds*.
        """
        return overrides.load(self.thresholds) if self.thresholds else AlertLimits()

    @model_validator(mode="after")
    def _loopback_unless_insecure(self) -> Settings:
        for port in PORTS:
            address: Address = getattr(self, port)
            if not address.loopback and not self.is_insecure(port):
                msg = (
                    f"{port} is {address}, which other machines can reach without TLS or authentication; use "
                    f"a loopback address, or behind a proxy that has both set insecure: [{port}], or "
                    "insecure: true for all ports"
                )
                raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _addresses_differ(self) -> Settings:
        for one, other in combinations(PORTS, 2):
            addresses: tuple[Address, Address] = (getattr(self, one), getattr(self, other))
            if addresses[0].clashes(addresses[1]):
                msg = (
                    f"{one} is {addresses[0]} and {other} is {addresses[1]}, of which only one can be bound; "
                    "expected another port for one of them"
                )
                raise ValueError(msg)
        return self

    def is_insecure(self, port: str) -> bool:
        """
        Whether the address of a port, such as `listen`, may be one that other machines can reach.
        """
        return self.insecure if isinstance(self.insecure, bool) else port in self.insecure

    @model_validator(mode="after")
    def _resource_labels_not_taken(self) -> Settings:
        for label in self.resource_labels:
            if label in TAKEN_LABELS or not _LABEL.match(label):
                msg = f"resource_labels names {label!r}; expected a label name that is not taken"
                raise ValueError(msg)
        return self


_EXPECTATIONS: Final = {
    "dict_type": "expected a mapping",
    "model_type": f"expected a mapping with the keys {', '.join(sorted(Prices.model_fields))}",
}
"""
What was expected, by type of fault, where pydantic's own words would name a class of Python.
"""


def load(
    file: Path | None = None,
    flags: Mapping[str, object] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """
    The settings in force: *flags* that are not None win, then the environment, then *file*.

    Raises:
        ConfigError: One line for each setting that is unknown or does not fit.
    """
    environ = os.environ if environ is None else environ
    path = file or (Path(environ["DROIDSCOPE_CONFIG"]) if environ.get("DROIDSCOPE_CONFIG") else None)
    given: dict[str, tuple[str, object]] = {}
    if path:
        given.update(
            {key: (str(path), value) for key, value in read_mapping(path, "a mapping of settings").items()}
        )
    given.update(_from_environment(environ))
    given.update({key: ("flag", value) for key, value in (flags or {}).items() if value is not None})
    try:
        return Settings.model_validate({key: value for key, (_, value) in given.items()})
    except ValidationError as error:
        raise ConfigError("\n".join(_sentence(fault, given) for fault in error.errors())) from None


def _from_environment(environ: Mapping[str, str]) -> dict[str, tuple[str, object]]:
    """
    Settings given as DROIDSCOPE_*; mappings and lists are JSON or YAML.
    """
    given: dict[str, tuple[str, object]] = {}
    for name, value in environ.items():
        if not name.startswith(ENV_PREFIX) or name in ENV_OTHERS or not value:
            continue
        if _SERVICE_LINK.match(name, len(ENV_PREFIX)):
            continue
        key = name.removeprefix(ENV_PREFIX).lower()
        is_mapping = key in Settings.model_fields and str(Settings.model_fields[key].annotation).startswith(
            ("dict", "list", "bool | tuple")
        )
        try:
            given[key] = (name, yaml.safe_load(value) if is_mapping else value)
        except yaml.YAMLError:
            given[key] = (name, value)
    return given


def _sentence(fault: ErrorDetails, given: Mapping[str, tuple[str, object]]) -> str:
    """
    One line that names the setting, where it was set, its value and what was expected.
    """
    if not fault["loc"]:
        return str(fault["ctx"]["error"])
    key = ".".join(str(part) for part in fault["loc"])
    source = given.get(str(fault["loc"][0]), ("default", None))[0]
    if key in FORMER_SETTINGS:
        return f"{key} ({source}) is no setting any more; expected {FORMER_SETTINGS[key]}"
    if fault["type"] == "extra_forbidden":
        fields = Settings.model_fields if len(fault["loc"]) == 1 else Prices.model_fields
        return f"{key} ({source}) is no setting; expected one of {', '.join(sorted(fields))}"
    expectation = _EXPECTATIONS.get(fault["type"]) or str(fault["msg"]).removeprefix("Value error, ")
    return f"{key} ({source}) is {fault['input']!r:.80}; {expectation[:1].lower()}{expectation[1:]}"


def as_text(settings: Settings) -> str:
    """
    The settings as a configuration file with the same values.
    """
    plain = json.loads(settings.model_dump_json())
    for port in PORTS:
        plain[port] = str(getattr(settings, port))
    for key, value in settings:
        if isinstance(value, timedelta):
            plain[key] = _duration_text(value)
    plain["pattern_limits"] = {key: _duration_text(value) for key, value in settings.pattern_limits.items()}
    return yaml.safe_dump({key: value for key, value in plain.items() if value is not None}, sort_keys=False)


def _duration_text(duration: timedelta) -> str:
    return f"{duration.total_seconds():.6f}".rstrip("0").rstrip(".") + "s"
