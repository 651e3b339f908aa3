"""
The reasons for which requests and items are refused: the label `reason` of `droidscope_rejected_total`.
"""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """
    The reason of a refusal; the message of the error names the item, its value and what was expected.
    """

    # the request as a whole
    NOT_FOUND = "not_found"
    WRONG_METHOD = "wrong_method"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    UNSUPPORTED_ENCODING = "unsupported_encoding"
    TOO_LARGE = "too_large"
    TOO_DENSE = "too_dense"
    MALFORMED_GZIP = "malformed_gzip"
    MALFORMED_JSON = "malformed_json"
    MALFORMED_PROTOBUF = "malformed_protobuf"
    READ_TIMEOUT = "read_timeout"
    DISCONNECTED = "disconnected"
    QUEUE_FULL = "queue_full"
    STOPPING = "stopping"
    STORE_FAILED = "store_failed"
    ACKNOWLEDGE_TIMEOUT = "acknowledge_timeout"
    INTERNAL = "internal"

    # one item; the others of its request are stored
    BAD_IDS = "bad_ids"
    NO_TIME = "no_time"
    TIME_BACKWARDS = "time_backwards"
    NOT_FINITE = "not_finite"
    UNKNOWN_KIND = "unknown_kind"
    NO_SESSION = "no_session"
    BAD_COUNT = "bad_count"

    # one value; its item is stored without it
    BAD_ATTRIBUTE = "bad_attribute"
