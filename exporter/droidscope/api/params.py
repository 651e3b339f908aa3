"""
The parameters of the API: their common types, and how a query string is parsed into a struct of them.

A filter that is not given matches everything.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Final, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

Window = Literal["1h", "24h", "7d"]
Limit = Annotated[int, Meta(ge=1, le=1000)]

_Params = TypeVar("_Params", bound=Struct)

REFERENCE: Final = "#/components/schemas/{name}"
"""
How one JSON schema refers to another.
"""
_INTEGER = re.compile(r"[0-9]{1,9}", re.ASCII)


class NoParams(Struct, frozen=True, forbid_unknown_fields=True):
    """
    No parameters.
    """


class ParamsError(ValueError):
    """
    A query that cannot be answered; the message names the parameter, its value and what was expected.
    """


def matches(wanted: str | None, value: str | None) -> bool:
    """
    Whether a value passes a filter.
    """
    return wanted is None or wanted == value


def parse_params(pairs: Sequence[tuple[str, str]], type_: type[_Params]) -> _Params:
    """
    The parameters of a query string.

    Raises:
        ParamsError: If one is unknown, is given twice, has no such value, or is missing.
    """
    schemas = params_schemas(type_)
    fields = {field.name: field for field in msgspec.structs.fields(type_)}
    values: dict[str, str | int] = {}
    for name, value in pairs:
        if name not in schemas:
            raise ParamsError(f"{name!r} is {value!r}; expected {_one_of(schemas)} as a parameter")
        if name in values:
            raise ParamsError(f"{name} is given twice, the second time as {value!r}; expected it once")
        is_number = schemas[name].get("type") == "integer" and _INTEGER.fullmatch(value)
        values[name] = int(value) if is_number else value
        try:
            msgspec.convert(values[name], fields[name].type)
        except msgspec.ValidationError:
            raise ParamsError(f"{name} is {value!r}; expected {_expected(schemas[name])}") from None
    for name, field in fields.items():
        if field.required and name not in values:
            raise ParamsError(f"{name} is missing; expected {_expected(schemas[name])}")
    return msgspec.convert(values, type_)


def params_schemas(type_: type[Struct]) -> dict[str, dict[str, Any]]:
    """
    The JSON schema of each parameter; one that may be left out is not null but absent.
    """
    (_,), components = msgspec.json.schema_components([type_], ref_template=REFERENCE)
    properties: dict[str, dict[str, Any]] = components[type_.__name__]["properties"]
    return {name: _without_null(schema) for name, schema in properties.items()}


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    (only,) = (option for option in schema.get("anyOf", [schema]) if option != {"type": "null"})
    if "enum" in only:
        only = {"type": "string", "enum": [value for value in only["enum"] if value is not None]}
    default = {} if schema.get("default") is None else {"default": schema["default"]}
    return {**{name: value for name, value in only.items() if name != "default"}, **default}


def _one_of(names: Iterable[str]) -> str:
    return f"one of {', '.join(names)}" if names else "nothing"


def _expected(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return _one_of(schema["enum"])
    if schema["type"] == "integer":
        return f"an integer from {schema['minimum']} to {schema['maximum']}"
    return "text of at least one character" if schema.get("minLength") else "text"
