"""
Matchers of PromQL, built from label names and outcomes that exist: what is misspelt is an error of types.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NewType

if TYPE_CHECKING:
    from droidscope.conventions.attributes import Outcome
    from droidscope.conventions.metrics.spec import LabelName

Matcher = NewType("Matcher", str)
"""
A condition on one label, such as `outcome="failed"`; made by the functions below.
"""


def outcome_is(first: Outcome, *others: Outcome) -> Matcher:
    """
    The series of one of these outcomes.
    """
    return label_matches("outcome", "|".join((first, *others))) if others else label_is("outcome", first)


def label_is(label: LabelName, value: str) -> Matcher:
    """
    The series whose label has this value, which needs no escaping.
    """
    return Matcher(f'{label}="{value}"')


def label_is_not(label: LabelName, value: str) -> Matcher:
    """
    The series whose label has any other value.
    """
    return Matcher(f'{label}!="{value}"')


def label_matches(label: LabelName, expression: str) -> Matcher:
    """
    The series whose label matches all of a regular expression.
    """
    return Matcher(f'{label}=~"{expression}"')


def label_differs(label: LabelName, expression: str) -> Matcher:
    """
    The series whose label does not match all of a regular expression.
    """
    return Matcher(f'{label}!~"{expression}"')
