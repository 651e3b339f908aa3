"""
Reads the file that changes limits: YAML in, `AlertLimits` out, or one line for each fault.

    OrchestratorSessionSuccessRateLow:
      limit: 0.6                            # for all
      overrides:
      - {pattern: research, limit: 0.5}     # for one pattern
      - {orchestrator: lab, enabled: false} # not at all for one orchestrator
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from droidscope.conventions.attributes import Severity
from droidscope.conventions.fleet_thresholds import FLEET_ALERTS, WATCHDOG
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

_LONGEST_DURATION: Final = "30d"
"""
The longest window or hold: Prometheus keeps as much in the shipped setup, and refuses some that are longer.
"""
_LARGEST: Final = {"ratio": 1.0, "points": 100.0}
_EXPECTED: Final = {"ratio": "a ratio from 0 to 1", "points": "points from 0 to 100"}

_THRESHOLDS: Final[Mapping[str, AnyThreshold]] = {
    threshold.name: threshold for threshold in (*ALERTS, *FLEET_ALERTS)
}


def _duration(text: str) -> str:
    if duration_seconds(text, whole=True) > duration_seconds(_LONGEST_DURATION):
        msg = f"expected at most {_LONGEST_DURATION}"
        raise ValueError(msg)
    return text


def _positive(text: str) -> str:
    if not duration_seconds(text):
        msg = "expected a duration above zero"
        raise ValueError(msg)
    return text


_Duration = Annotated[str, AfterValidator(_duration)]
_Window = Annotated[_Duration, AfterValidator(_positive)]


class _Changes(BaseModel):
    """
    What may be changed of an alert. No type is guessed: a limit in quotes is a mistake.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    limit: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    minimum: Annotated[int, Field(ge=1)] | None = None
    window: _Window | None = None
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
    orchestrator: Annotated[str, Field(min_length=1)] | None = None
    pattern: str | None = None


class _Adjusted(_Changes):
    overrides: list[_Special] = Field(default_factory=list)


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
    adjustments: dict[str, Adjustment] = {}
    faults: list[str] = []
    for name, changes in content.items():
        name_fault = _name_fault(name)
        if name_fault:
            faults.append(name_fault)
            continue
        try:
            adjusted = _Adjusted.model_validate(changes)
        except ValidationError as error:
            faults += (_sentence(name, fault) for fault in error.errors())
            continue
        adjustments[name] = _adjustment(adjusted)
        faults += _faults(_THRESHOLDS[name], adjusted) or _shared_labels(_THRESHOLDS[name], adjustments[name])
    if faults:
        raise ConfigError("\n".join(faults))
    return AlertLimits(adjustments)


def _adjustment(adjusted: _Adjusted) -> Adjustment:
    specials = adjusted.overrides
    return Adjustment(
        adjusted.given(),
        tuple(Override(special.orchestrator, special.pattern, special.given()) for special in specials),
    )


def _name_fault(name: str) -> str | None:
    """
    What is wrong with the name of an alert; None if it has limits that can be changed.
    """
    if name in _THRESHOLDS:
        return None
    present_name = FORMER_ALERT_NAMES.get(name, name)
    if present_name == WATCHDOG:
        renamed = f" is called {WATCHDOG} now and" if name != WATCHDOG else ""
        return f"{name}{renamed} has nothing to set, since it always fires; expected no such key"
    if present_name != name:
        return f"{name} is called {present_name} now; expected its new name"
    return f"{name} is no alert; expected one of {', '.join(_THRESHOLDS)}"


def _sentence(name: str, fault: ErrorDetails) -> str:
    """
    One line that names the key, its value and what was expected.
    """
    key = _key(name, *fault["loc"])
    if fault["type"] == "extra_forbidden":
        nested = "overrides" in fault["loc"]
        fields = sorted((_Special if nested else _Adjusted).model_fields)
        return f"{key} is {fault['input']!r:.80}; expected one of the keys {', '.join(fields)}"
    if fault["type"] == "model_type":
        shown = "empty" if fault["input"] is None else f"{fault['input']!r:.80}"
        return f"{key} is {shown}; expected a mapping of keys, such as {{severity: low}}"
    if fault["type"] == "too_short":
        return f"{key} is []; expected at least one of {', '.join(Severity)}"
    if fault["type"] == "string_too_short":
        return f"{key} is ''; expected a name"
    expectation = str(fault["msg"]).removeprefix("Value error, ")
    return f"{key} is {fault['input']!r:.80}; {expectation[:1].lower()}{expectation[1:]}"


def _faults(threshold: AnyThreshold, adjusted: _Adjusted) -> list[str]:
    """
    What is wrong with the adjustment of one alert although each value fits its type.
    """
    name = threshold.name
    faults = [*_unfit(threshold, (name,), adjusted)]
    subjects = set()
    for position, special in enumerate(adjusted.overrides):
        key = (name, "overrides", position)
        subject = (special.orchestrator, special.pattern)
        if subject == (None, None):
            faults.append(f"{_key(*key)} names nobody; expected orchestrator, pattern or both")
        if subject in subjects:
            names = " and ".join(filter(None, subject)) or "the sessions without a pattern"
            faults.append(f"{_key(*key)} names {names} again; expected each place once")
        subjects.add(subject)
        faults += _unknown_labels(threshold, key, special)
        faults += _unfit(threshold, key, special)
    return faults


def _shared_labels(threshold: AnyThreshold, adjustment: Adjustment) -> list[str]:
    """
    Labels that two rules would have in common, since a name has a slash or is an asterisk.
    """
    variants = AlertLimits({threshold.name: adjustment}).variants(threshold)
    labels = Counter(variant.label for variant in variants)
    return [
        f"{threshold.name}.overrides makes two rules with the label {label!r}; expected names that make one"
        for label, count in labels.items()
        if count > 1
    ]


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
