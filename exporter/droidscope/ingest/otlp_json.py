"""
OTLP/JSON bodies -> the protobuf bytes of the same request.

OTLP/JSON is protobuf's JSON mapping but for its ids, which are hexadecimal instead of base64.
Unknown fields are ignored, as the specification asks.
"""

from __future__ import annotations

from base64 import b64encode
from binascii import unhexlify
from typing import Any

import msgspec
from google.protobuf import json_format

from droidscope.conventions.reasons import Reason
from droidscope.errors import MalformedError
from droidscope.ingest.exports import EXPORTS
from droidscope.ingest.sink import Signal

ID_FIELDS = frozenset({"traceId", "spanId", "parentSpanId"})


def protobuf_of_json(signal: Signal, body: bytes) -> bytes:
    """
    The export request of a JSON body, in protobuf.

    Raises:
        MalformedError: If the body is no JSON, or no export request of that signal.
    """
    request = EXPORTS[signal].request()
    try:
        content = msgspec.json.decode(body, type=dict[str, Any])
        json_format.ParseDict(_with_base64_ids(content), request, ignore_unknown_fields=True)
    except (msgspec.DecodeError, json_format.ParseError, ValueError, TypeError, RecursionError) as error:
        msg = f"the body of {len(body)} bytes is no {request.DESCRIPTOR.name} in JSON: {error}"
        raise MalformedError(Reason.MALFORMED_JSON, msg) from error
    return request.SerializeToString()


def _with_base64_ids(content: Any) -> Any:  # noqa: ANN401 - any JSON value
    """
    The same content with every id in base64. Attributes keep theirs: they are values, not keys.
    """
    if isinstance(content, dict):
        return {
            key: _base64_of_hex(key, value) if key in ID_FIELDS else _with_base64_ids(value)
            for key, value in content.items()
        }
    if isinstance(content, list):
        return [_with_base64_ids(value) for value in content]
    return content


def _base64_of_hex(field: str, value: Any) -> str | None:  # noqa: ANN401 - any JSON value
    if value is None:
        return None
    try:
        return b64encode(unhexlify(value)).decode()
    except (TypeError, ValueError) as error:
        msg = f"{field} is {value!r:.100}; it must be hexadecimal"
        raise ValueError(msg) from error
