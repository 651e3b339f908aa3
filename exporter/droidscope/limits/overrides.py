"""
Reads the file that changes limits: YAML in, `AlertLimits` out, or one line for each fault.

    OrchestratorSessionSuccessRateLow:
      limit: 0.6                            # for all
      overrides:
      - {pattern: research, limit: 0.5}     # for one pattern
      - {orchestrator: lab, enabled: false} # not at all for one orchestrator
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from droidscope.conventions.attributes import Severity
from droidscope.conventions.fleet_thresholds import FLEET_ALERTS
from droidscope.conventions.former_names import FORMER_ALERT_NAMES
from droidscope.conventions.thresholds import ALERTS, BY_PATTERN, LONGEST_WINDOW
from droidscope.errors import ConfigError
from droidscope.limits.alert_limits import Adjustment, AlertLimits, AnyThreshold, Override
from droidscope.units import duration_seconds
from droidscope.yaml_file import read_mapping

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from pydantic_core import ErrorDetails

_LARGEST: Final = {"ratio": 1.0, "points": 100.0}
_EXPECTED: Final = {"ratio": "a ratio from 0 to 1", "points": "points from 0 to 100"}

_THRESHOLDS: Final[Mapping[str, AnyThreshold]] = {
    threshold.name: threshold for threshold in (*ALERTS, *FLEET_ALERTS)
}


def _duration(text: str) -> str:
    duration_seconds(text, whole=True)
    return text


_Duration = Annotated[str, AfterValidator(_duration)]


class _Changes(BaseModel):
    """
    What may be changed of an alert. No type is guessed: a limit in quotes is a mistake.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    limit: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    minimum: Annotated[int, Field(ge=1)] | None = None
    window: _Duration | None = None
    hold: _Duration | None = None
    severity: Annotated[Severity, Field(strict=False)] | None = None
    finding_severities: (
        Annotated[list[Annotated[Severity, Field(strict=False)]], Field(min_length=1)] | None
    ) = None
    enabled: bool | None = None

    def given(self) -> dict[str, Any]:
        """
        The fields that are set.
        """
        names = _Changes.model_fields
        return {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in self
            if name in names and value is not None
        }


class _Special(_Changes):
    orchestrator: str | None = None
    pattern: str | None = None


class _Adjusted(_Changes):
    overrides: list[_Special] = Field(default_factory=list)


_FILE: Final = TypeAdapter(dict[str, _Adjusted])


def load(path: Path) -> AlertLimits:
    """
    The limits that the file at *path* sets.

    Raises:
        ConfigError: One line for each key that is unknown, does not fit, or would change nothing.
    """
    return parse(read_mapping(path, "a mapping of alert names"))


def parse(content: Mapping[str, object]) -> AlertLimits:
    """
    The limits of a file's *content*.

    Raises:
        ConfigError: As `load`.
    """
    try:
        adjusted = _FILE.validate_python(dict(content))
    except ValidationError as error:
        raise ConfigError("\n".join(map(_sentence, error.errors()))) from None
    faults = [fault for name, adjustment in adjusted.items() for fault in _faults(name, adjustment)]
    if faults:
        raise ConfigError("\n".join(faults))
    return AlertLimits(
        {
            name: Adjustment(
                adjustment.given(),
                tuple(
                    Override(special.orchestrator, special.pattern, special.given())
                    for special in adjustment.overrides
                ),
            )
            for name, adjustment in adjusted.items()
        }
    )


def _sentence(fault: ErrorDetails) -> str:
    """
    One line that names the key, its value and what was expected.
    """
    key = _key(*fault["loc"])
    if fault["type"] == "extra_forbidden":
        nested = "overrides" in fault["loc"]
        fields = sorted((_Special if nested else _Adjusted).model_fields)
        return f"{key} is {fault['input']!r:.80}; expected one of the keys {', '.join(fields)}"
    expectation = str(fault["msg"]).removeprefix("Value error, ")
    return f"{key} is {fault['input']!r:.80}; {expectation[:1].lower()}{expectation[1:]}"


def _faults(name: str, adjusted: _Adjusted) -> Iterator[str]:
    """
    What is wrong with the adjustment of one alert although each value fits its type.
    """
    if name in FORMER_ALERT_NAMES:
        yield f"{name} is called {FORMER_ALERT_NAMES[name]} now; expected its new name"
        return
    if name not in _THRESHOLDS:
        yield f"{name} is no alert; expected one of {', '.join(_THRESHOLDS)}"
        return
    threshold = _THRESHOLDS[name]
    yield from _unfit(threshold, (name,), adjusted)
    subjects = set()
    for position, special in enumerate(adjusted.overrides):
        key = (name, "overrides", position)
        subject = (special.orchestrator, special.pattern)
        if subject == (None, None):
            yield f"{_key(*key)} names nobody; expected orchestrator, pattern or both"
        if subject in subjects:
            yield f"{_key(*key)} names {' and '.join(filter(None, subject))} again; expected each place once"
        subjects.add(subject)
        yield from _unknown_labels(threshold, key, special)
        yield from _unfit(threshold, key, special)


def _unknown_labels(threshold: AnyThreshold, key: tuple[str | int, ...], special: _Special) -> Iterator[str]:
    """
    Labels of an override by which the alert is not evaluated.
    """
    by = threshold.by
    for label in BY_PATTERN:
        if getattr(special, label) is not None and label not in by:
            judged = f"is judged by {', '.join(sorted(by))}" if by else "is about nobody in particular"
            yield (
                f"{_key(*key, label)} is {getattr(special, label)!r}; "
                f"expected no {label}, since the alert {judged}"
            )


def _unfit(threshold: AnyThreshold, key: tuple[str | int, ...], changes: _Changes) -> Iterator[str]:
    """
    Values that are out of range, or would change nothing.
    """
    unit, window = threshold.unit, changes.window
    if changes.limit is not None and changes.limit > _LARGEST.get(unit, changes.limit):
        yield f"{_key(*key, 'limit')} is {changes.limit:g}; expected {_EXPECTED[unit]}"
        return
    if window and threshold in ALERTS and duration_seconds(window) > duration_seconds(LONGEST_WINDOW):
        yield f"{_key(*key, 'window')} is {window!r}; expected at most {LONGEST_WINDOW}"
        return
    for field, value in changes.given().items():
        if field == "enabled" or field in threshold.settable or value == getattr(threshold, field):
            continue
        where = f"{_key(*key, field)} is {_shown(value)}"
        yield f"{where}; expected no {field}, since this alert has none to set"


def _shown(value: object) -> str:
    """
    A value as it would stand in the file.
    """
    if isinstance(value, tuple):
        return f"[{', '.join(map(str, value))}]"
    return f"{value:g}" if isinstance(value, float) else repr(value)


def _key(*keys: str | int) -> str:
    """
    Where in the file: `OrchestratorSessionsLost.overrides[0].limit`.
    """
    words = [f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys]
    return "".join(words).removeprefix(".")
