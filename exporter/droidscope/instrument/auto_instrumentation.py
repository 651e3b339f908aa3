"""
For `opentelemetry-instrument`: droidscope without a line of code, by OTEL_PYTHON_CONFIGURATOR=droidscope.
"""

from __future__ import annotations

import os
from importlib.metadata import entry_points
from typing import Any, Final

from droidscope.instrument import providers
from droidscope.instrument.configure import configure

GROUP: Final = "opentelemetry_configurator"
NAME: Final = "droidscope"
CHOICE: Final = "OTEL_PYTHON_CONFIGURATOR"


class Configurator:
    """
    What the entry point *droidscope* names: OpenTelemetry makes one at the start of the process.

    Where nobody has chosen, OpenTelemetry takes the first configurator it finds. If that is this one, it
    leaves the work to the next one, as if droidscope were not installed.
    """

    def configure(self, **options: Any) -> None:  # noqa: ANN401 - as OpenTelemetry has it
        """
        Call `droidscope.configure` with nothing but the variables, or leave it to another configurator.

        Spans of instrumented frameworks are taken at once, and not only from the first session on: there may
        never be one in a program that knows nothing of droidscope.
        """
        if os.environ.get(CHOICE) == NAME:
            configure()
            providers.current()
            return
        for entry_point in entry_points(group=GROUP):
            if entry_point.name != NAME:
                entry_point.load()().configure(**options)
                return
