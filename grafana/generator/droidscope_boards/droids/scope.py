"""
What the queries of the Droids board share.
"""

from __future__ import annotations

from typing import Final

from droidscope.conventions import metrics
from droidscope.conventions.attributes import Outcome
from droidscope.conventions.matchers import outcome_is
from droidscope.rules.promql import Scope, quotient

SCOPE: Final = Scope(("orchestrator", "droid"))
DROID: Final = ("orchestrator", "droid")
WINDOW: Final = "$window"


def task_success(by: tuple[str, ...]) -> str:
    """
    Tasks completed of those ended.
    """
    failed = SCOPE.increase(metrics.TASKS, by, WINDOW, outcome_is(Outcome.FAILED))
    return f"1 - {quotient(failed, SCOPE.judged(metrics.TASKS, by, WINDOW))}"


def errors(by: tuple[str, ...]) -> str:
    """
    Failed attempts of attempts.
    """
    failed = SCOPE.increase(metrics.ATTEMPTS, by, WINDOW, outcome_is(Outcome.FAILED))
    return quotient(failed, SCOPE.judged(metrics.ATTEMPTS, by, WINDOW))
