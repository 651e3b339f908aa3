"""
Time of one page of 50,000 series, against prometheus_client's renderer on the same series.

    python bench/exposition.py [series]

Prints the fastest of several runs of each, and their ratio: the times are this machine's, the
ratio is what the target is about.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from prometheus_client import generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from droidscope.conventions.metrics import CODE_QUALITY, COST, TASK_DURATION, TASKS, TOKENS
from droidscope.exposition.page import Page
from droidscope.exposition.renderer import Renderer
from droidscope.exposition.text import Format
from droidscope.series.cells import Exemplar
from droidscope.series.label_limits import SeriesLimits
from droidscope.series.series_registry import SeriesRegistry

HOUR = 3600 * 10**9
RUNS = 7


def filled(samples: int) -> SeriesRegistry:
    """
    Series of one big orchestrator that give about *samples* samples: a fifth of them buckets.
    """
    series = SeriesRegistry(SeriesLimits(values=samples, series=samples))
    orchestrator = ("bench-orchestrator",)
    exemplar = Exemplar("4bf92f3577b34da6a3ce929d0e0e4736", "session-2025-11-0042", 1_763_000_000_123_456_789)
    for n in range(samples // 80):
        labels = (f"frontend-developer-{n}", "implementation")
        series.observe(TASK_DURATION, orchestrator, labels, 30.5 + n % 900, clock_ns=1, exemplar=exemplar)
        series.observe(CODE_QUALITY, orchestrator, ("full-stack-feature", *labels), 87.5, clock_ns=1)
    rest = samples - sum(16 + 2 for _ in range(samples // 80))
    for n in range(rest // 4):
        droid = f"droid-{n % 200}"
        number = f"implementation-{n // 200}"
        series.count(TASKS, orchestrator, (droid, number, "completed"), n, clock_ns=1, exemplar=exemplar)
        series.count(TASKS, orchestrator, (droid, number, "failed"), n, clock_ns=1)
        series.count(TOKENS, orchestrator, (droid, number, "input"), 1000 * n, clock_ns=1)
        series.count(COST, orchestrator, ("full-stack-feature", droid, number), 0.0123 * n, clock_ns=1)
    return series


def touch(series: SeriesRegistry) -> None:
    """
    An event for every series.
    """
    for family, cells in series.families(HOUR):
        for cell in cells:
            labels = cell.labels[1:]
            if family.spec.kind == "counter":
                series.count(family.spec, cell.labels[:1], labels, 1, clock_ns=HOUR)
            else:
                series.observe(family.spec, cell.labels[:1], labels, 31.5, clock_ns=HOUR)


def fastest(run: Callable[[], object], before: Callable[[], object] = lambda: None) -> float:
    """
    Milliseconds of the fastest of several runs, each after *before*.
    """
    times = []
    for _ in range(RUNS):
        before()
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return 1000 * min(times)


class Parsed:
    """
    The same families as objects of prometheus_client.
    """

    def __init__(self, families) -> None:
        self.families = list(families)

    def collect(self):
        return self.families


def report(name: str, series: SeriesRegistry, page: Page, form: Format, parse, generate) -> None:
    text = page.render(form).decode()
    stock = Parsed(parse(text))
    samples = sum(len(family.samples) for family in stock.families)
    theirs = fastest(lambda: generate(stock))
    still = fastest(lambda: page.render(form))
    changed = fastest(lambda: page.render(form), before=lambda: touch(series))
    print(
        f"{name}: {samples} samples, {len(text) / 1e6:.1f} MB, prometheus_client {theirs:.1f} ms; "
        f"nothing changed {still:.1f} ms = 1/{theirs / still:.0f}, "
        f"every series changed {changed:.1f} ms = 1/{theirs / changed:.0f}"
    )


def main() -> None:
    series = filled(int(sys.argv[1]) if len(sys.argv) > 1 else 50_000)
    renderer = Renderer()
    page = Page({"series": lambda form: renderer.cumulative(series.families(HOUR), form)}, renderer)
    report("text", series, page, Format.TEXT, parse_text, generate_latest)
    report("openmetrics", series, page, Format.OPENMETRICS, parse_openmetrics, generate_openmetrics)


if __name__ == "__main__":
    main()
