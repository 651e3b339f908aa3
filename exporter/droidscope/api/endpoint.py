"""
The declaration of an endpoint.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from msgspec import Struct

from droidscope.views.head_reader import HeadReader

Params = TypeVar("Params", bound=Struct)


@dataclass(frozen=True, kw_only=True)
class ApiOperation:
    """
    One path as it is documented.

    *params* and *answer* are the structs that parse the query and are encoded; *title* is one line,
    *description* says what the answer contains. *not_found* is the meaning of status 404, "" where
    there always is an answer.
    """

    path: str
    params: type[Struct]
    answer: type[Struct]
    title: str
    description: str
    not_found: str = ""


@dataclass(frozen=True, kw_only=True)
class Endpoint(ApiOperation, Generic[Params]):
    """
    An operation, and the function that answers it: from any thread, None if there is no such thing.
    """

    params: type[Params]
    handler: Callable[[HeadReader, Params], Struct | None]
