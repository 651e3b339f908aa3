"""
The words of the text formats: Prometheus 0.0.4 and OpenMetrics 1.0.
"""

from __future__ import annotations

from enum import Enum
from math import isfinite, isnan
from typing import NamedTuple

from prometheus_client.exposition import choose_encoder

from droidscope.conventions.metrics import ORCHESTRATOR, MetricSpec
from droidscope.series.label_limits import is_domain, label_text

GaugeSample = tuple[MetricSpec, tuple[str, ...], float]
"""
One gauge: its family, all its label values (an orchestrator's first), its value.
"""


class Format(Enum):
    """
    The formats there are; the value is the content type.
    """

    TEXT = "text/plain; version=0.0.4; charset=utf-8"
    OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


class Block(NamedTuple):
    """
    The text of one family, metadata first, in UTF-8. *family* is its name in the catalogue.
    """

    family: str
    text: bytes


def negotiate(accept: str) -> Format:
    """
    The format for an Accept header: OpenMetrics where it is accepted in version 1, else text.
    """
    try:
        _, content_type = choose_encoder(accept)
    except TypeError:  # a version that is no number
        return Format.TEXT
    return Format.OPENMETRICS if content_type.startswith("application/openmetrics-text") else Format.TEXT


def metadata(spec: MetricSpec, form: Format) -> str:
    """
    The HELP and TYPE lines of a family.
    """
    name, kind = spec.name, str(spec.kind)
    help_ = spec.help.replace("\\", r"\\").replace("\n", r"\n")
    if form is Format.OPENMETRICS:
        help_ = help_.replace('"', r"\"")
        if kind == "counter":
            name = name.removesuffix("_total")
    return f"# HELP {name} {help_}\n# TYPE {name} {kind}\n"


def prefix(name: str, labels: str) -> str:
    """
    A sample up to its value; *labels* as `labels_text` gives them.
    """
    return f"{name}{{{labels}}} " if labels else f"{name} "


def labels_text(spec: MetricSpec, values: tuple[str, ...], resource_labels: tuple[str, ...]) -> str:
    """
    The labels of one series, without braces; empty resource labels are left out.
    """
    own = len(values) - len(spec.labels)
    orchestrator = (ORCHESTRATOR, *resource_labels) if is_domain(spec) else ()
    pairs = [
        *((name, value) for name, value in zip(orchestrator, values[:own], strict=False) if value),
        *zip(spec.labels, values[own:], strict=True),
    ]
    return ",".join(f'{name}="{escaped(label_text(value))}"' for name, value in pairs)


def escaped(value: str) -> str:
    """
    *value* as it stands between the quotes of a label.
    """
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def float_text(value: float) -> str:
    """
    A value, exactly.
    """
    if isfinite(value):
        return repr(+value)  # of True, 1
    return "NaN" if isnan(value) else "+Inf" if value > 0 else "-Inf"
