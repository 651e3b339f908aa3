"""
Requests to an exporter: telemetry for its OTLP port, and queries that are refused.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request

import pytest


def post(exporter, path, body):
    headers = {"Content-Type": "application/x-protobuf"}
    urllib.request.urlopen(
        urllib.request.Request(f"{exporter.otlp}{path}", body, headers), timeout=10
    ).close()


def refusal(exporter, path, **request):
    """
    Status, headers and JSON of an answer that is an error.
    """
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(urllib.request.Request(f"{exporter.url}{path}", **request), timeout=10)
    with refused.value as error:
        return error.code, error.headers, json.load(error)
