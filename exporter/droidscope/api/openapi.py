"""
The OpenAPI document of the API, made from the declarations of its endpoints.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from droidscope.api import schema
from droidscope.api.endpoint import ApiOperation
from droidscope.api.endpoints import OPERATIONS, PREFIX
from droidscope.api.params import REFERENCE, params_schemas


def openapi(version: str, operations: Sequence[ApiOperation] = OPERATIONS) -> dict[str, Any]:
    """
    The document.
    """
    schemas, components = msgspec.json.schema_components(
        [schema.ErrorAnswer, *(operation.answer for operation in operations)], ref_template=REFERENCE
    )
    error, *answers = schemas
    paths = {
        f"{PREFIX}/{operation.path}": {"get": _operation(operation, answer, error)}
        for operation, answer in zip(operations, answers, strict=True)
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "droidscope", "version": version, "description": (schema.__doc__ or "").strip()},
        "paths": paths,
        "components": {"schemas": components},
    }


def _operation(operation: ApiOperation, answer: dict[str, Any], error: dict[str, Any]) -> dict[str, Any]:
    errors = {"400": "A parameter is invalid", "503": "The log is being replayed"}
    if operation.not_found:
        errors["404"] = operation.not_found
    required = {field.name for field in msgspec.structs.fields(operation.params) if field.required}
    parameters = [
        {"name": name, "in": "query", "schema": schema, **({"required": True} if name in required else {})}
        for name, schema in params_schemas(operation.params).items()
    ]
    return {
        "operationId": operation.path,
        "summary": operation.title,
        "description": operation.description,
        "parameters": parameters,
        "responses": {
            "200": _response(operation.title, answer),
            **({code: _response(title, error) for code, title in errors.items()} if parameters else {}),
        },
    }


def _response(title: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": title, "content": {"application/json": {"schema": schema}}}
