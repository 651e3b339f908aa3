"""
The sentences of the specification's alerts, which Prometheus' rules and the exporter both write.

A rule has template actions where the exporter has names and values.
"""

from __future__ import annotations

from typing import Final

from droidscope.conventions.thresholds import Threshold
from droidscope.formatting import exact_duration, exact_percent, number

LOW_SUCCESS_RATE: Final = (
    "{value} of the sessions of {subject} failed or were lost in the last {window}; "
    "the limit is {complement} (a success rate of {limit})."
)
LONG_DURATION: Final = (
    "{value} session(s) of {subject} run for longer than their session limit "
    "(settings session_limit and pattern_limits), or ended so in the last {window}."
)
HIGH_ERROR_RATE: Final = (
    "{value} of the attempts of {subject} failed in the last {window}; the limit is {limit}."
)
LOW_CODE_QUALITY: Final = (
    "The mean code quality score of {subject} was {value} of 100 in the last {window}; the limit is {limit}."
)
SECURITY_ISSUES: Final = (
    "{value} {finding_severity} finding(s) are open in the latest report of {subject}; the limit is {limit}."
)
SLOW_RESPONSES: Final = (
    "Queries put to {subject} took {value} on average to be answered in the last {window}; "
    "the limit is {limit}."
)
UNANSWERED_QUERIES: Final = (
    "{value} query(ies) put to {subject} went unanswered in the last {window}; the limit is 0."
)
COMMUNICATION_CONFLICTS: Final = (
    "{value} conflict(s) between droids in {subject} in the last {window}; the limit is {limit}."
)


def sentence(
    template: str,
    threshold: Threshold[str],
    *,
    value: str,
    subject: str,
    finding_severity: str = "",
) -> str:
    """
    One of the templates above with its blanks filled in.

    Args:
        template: The sentence.
        threshold: Gives window and limit.
        value: What was measured.
        subject: Whose it is, as `subject_text` writes it.
        finding_severity: Of security findings.
    """
    return template.format(
        value=value, subject=subject, finding_severity=finding_severity, **_texts(threshold)
    )


def _texts(threshold: Threshold[str]) -> dict[str, str]:
    """
    What blanks for fields of a threshold are filled with.
    """
    return {
        "window": threshold.window,
        "minimum": str(threshold.minimum),
        "limit": limit_text(threshold),
        "complement": exact_percent(1 - threshold.limit),
    }


def limit_text(threshold: Threshold[str]) -> str:
    """
    A limit with its unit.
    """
    match threshold.unit:
        case "ratio":
            return exact_percent(threshold.limit)
        case "seconds":
            return exact_duration(threshold.limit)
        case _:
            return number(threshold.limit)


def subject_text(orchestrator: str, *, pattern: str | None = None, droid: str | None = None) -> str:
    """
    Whose value it is: `pattern fix of atlas`, `droid coder of atlas`, or with both the droid first.

    None is a label that the alert is not evaluated by, "" one without a value.
    """
    names = [
        f"{kind} {name or '(none)'}"
        for kind, name in (("droid", droid), ("pattern", pattern))
        if name is not None
    ]
    first, *others = names
    return ", ".join((f"{first} of {orchestrator}", *others))
