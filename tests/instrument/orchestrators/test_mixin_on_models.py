"""
The mixin on classes whose attributes a library makes: pydantic's models, and dataclasses.
"""

from dataclasses import asdict, dataclass
from typing import ClassVar

import pydantic
import pytest

import droidscope as ds
from droidscope.conventions import attributes as names


class First(ds.AnalyticsOrchestrator, pydantic.BaseModel):
    """
    The mixin before the model.
    """

    size: int = 3

    def execute_task(self):
        return self.size


class Second(pydantic.BaseModel, ds.AnalyticsOrchestrator):
    """
    The mixin after it, with settings of the mixin.
    """

    analytics_method: ClassVar = "run"
    analytics_pattern: ClassVar = "triage"
    size: int = 3

    def run(self):
        self.analytics.start_session("mine")
        return self.size


@dataclass
class Third(ds.AnalyticsOrchestrator):
    """
    A dataclass.
    """

    size: int = 3

    def execute_task(self):
        return self.size


@pytest.mark.usefixtures("alerted")
@pytest.mark.parametrize(
    ("kind", "method", "pattern"),
    [(First, "execute_task", "First"), (Second, "run", "triage"), (Third, "execute_task", "Third")],
)
def test_a_model_is_an_orchestrator(seen, kind, method, pattern):
    """
    What the mixin has is no field of it.
    """
    mine = kind(size=4)

    assert getattr(mine, method)() == 4
    assert seen.one("session").attributes[names.PATTERN_ID] == pattern
    assert (asdict(mine) if kind is Third else mine.model_dump()) == {"size": 4}


@pytest.mark.parametrize("kind", [First, Second])
def test_a_model_has_the_schema_it_had(kind):
    """
    Of its own fields alone.
    """
    assert list(kind.model_json_schema()["properties"]) == ["size"]
