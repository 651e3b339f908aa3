"""
What a process says about itself on droidscope's own road.

Needs the extra `sdk`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Final
from uuid import uuid4

from opentelemetry import trace
from opentelemetry.sdk.resources import OTELResourceDetector, Resource

from droidscope.conventions import attributes as names
from droidscope.instrument.emission.texts import AttributeValue, clean_values
from droidscope.instrument.never_raise import warn_once

_UNKNOWN: Final = "unknown_service"


def own_resource(
    service_name: str | None,
    given: Mapping[str, Any],
    *,
    keeps_instance: bool,
    before: Mapping[str, Any] | None = None,
) -> dict[str, AttributeValue]:
    """
    Attributes from the arguments, else from the OTEL_* variables, else from the tracer provider that is set.

    The instance is this process alone: an id of the user's is kept where it *keeps_instance*, which a
    forked process does not. With the attributes that this process had *before*, but for the instance, it is
    that one still.
    """
    values = _detected()
    theirs = getattr(getattr(trace.get_tracer_provider(), "resource", None), "attributes", None) or {}
    if _is_unknown(values.get(names.SERVICE_NAME)):
        values.pop(names.SERVICE_NAME, None)
    named = {} if service_name is None else {names.SERVICE_NAME: service_name}
    merged: dict[str, Any] = {**theirs, **values, **given, **named}
    merged.setdefault(names.SERVICE_NAME, _UNKNOWN)
    is_given = names.SERVICE_INSTANCE_ID in given or names.SERVICE_INSTANCE_ID in _of_variable()
    if not (is_given and keeps_instance):
        merged[names.SERVICE_INSTANCE_ID] = instance = str(uuid4())
        if before is not None:
            merged[names.SERVICE_INSTANCE_ID] = before[names.SERVICE_INSTANCE_ID]
            if clean_values(merged) != before:
                merged[names.SERVICE_INSTANCE_ID] = instance
    if _is_unknown(merged[names.SERVICE_NAME]):
        warn_once(
            "service_name",
            "this service has no name, and its numbers will be those of %s: "
            "give droidscope.configure(service_name=...), or set OTEL_SERVICE_NAME",
            merged[names.SERVICE_NAME],
        )
    return clean_values(merged)


def _detected() -> dict[str, Any]:
    try:
        return dict(Resource.create().attributes)
    except RuntimeError:  # it looks on threads of its own, and the end of a process has no more of them
        return dict(OTELResourceDetector().detect().attributes)


def _is_unknown(name: object) -> bool:
    return not name or str(name).startswith(_UNKNOWN)


def _of_variable() -> set[str]:
    pairs = os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "").split(",")
    return {pair.partition("=")[0].strip() for pair in pairs}
