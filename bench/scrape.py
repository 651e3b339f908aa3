"""
What a scrape costs with little and with much stored behind it, part by part.

    python bench/scrape.py [records ...]        default: 10000 1000000

Sessions of 20 records are spread evenly over 30 days and taken in by the head as they arrived, then
the page is rendered at a scrape's interval, with a new session before each, so that nothing can be
remembered that would have changed. The figures are the fastest of several scrapes; the ratio of the two
ends is the point.
"""

from __future__ import annotations

import random
import resource
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import msgspec

import builders as b
from droidscope.exposition.page import Page
from droidscope.exposition.renderer import Renderer
from droidscope.exposition.text import Format
from droidscope.ingest.decode import decode
from droidscope.ingest.sink import Signal
from droidscope.mapping.mapper import Mapper, relevant
from droidscope.model.mapped_batch import MappedBatch
from droidscope.selfmetrics import SelfMetrics
from droidscope.series.label_limits import SeriesLimits
from droidscope.views.head_reader import HeadReader
from droidscope.views.metrics_page import MetricsPageParts
from ingest import session_spans
from rig import Rig

DAY = 86_400 * b.SECOND
TEMPLATES = 200
SCRAPES = 9
INTERVAL = 15 * b.SECOND


def templates() -> list[list]:
    """
    The records of some sessions, which ended at about `builders.NOON`.
    """
    rng = random.Random(7)
    bodies = (b.traces(*session_spans(number, rng)) for number in range(TEMPLATES))
    return [Mapper(()).map(relevant(decode(Signal.TRACES, body))).records for body in bodies]


def sessions(template: list[list], n: int) -> Iterator[tuple[list, int]]:
    """
    So many sessions over 30 days, each with the time by which it is later than its template.
    """
    for number in range(n):
        shift = 30 * DAY * number // n
        yield moved(template[number % TEMPLATES], f"session-{number}", shift), shift


def moved(records: list, session: str, shift: int) -> list:
    """
    Records of another session, at another time.
    """
    replace = msgspec.structs.replace
    return [
        replace(
            record,
            place=replace(record.place, session=session),
            start_ns=record.start_ns + shift,
            end_ns=record.end_ns + shift,
        )
        for record in records
    ]


class Scraped:
    """
    A head with so many records behind it, and its page.
    """

    def __init__(self, directory: str, template: list[list], n: int) -> None:
        self.rig = Rig(Path(directory), limits=SeriesLimits())
        self.template = template
        started = time.process_time()
        for records, shift in sessions(template, n // len(template[0])):
            self.at(shift + 3600 * b.SECOND)
            self.take(records)
        self.seconds = time.process_time() - started
        self.at(30 * DAY + 3600 * b.SECOND)
        reader = HeadReader(self.rig.pipeline, wall_ns=lambda: b.NOON + self.rig.now)
        page = MetricsPageParts(reader, self.rig.pipeline.store, SelfMetrics("bench", 1))
        renderer = Renderer()
        self.durations: dict[str, list[float]] = defaultdict(list)
        parts = {name: self.timed(name, part) for name, part in page.by_name(renderer).items()}
        self.page = Page(parts, renderer)

    def at(self, now: int) -> None:
        self.rig.now = now

    def take(self, records: list) -> None:
        mapped = MappedBatch(records=records, instances=[""] * len(records))
        self.rig.head.take(mapped, self.rig.now, b.NOON + self.rig.now)

    def timed(self, name: str, part):
        def run(form: Format) -> list:
            start = time.perf_counter()
            blocks = list(part(form))
            self.durations[name].append(1000 * (time.perf_counter() - start))
            return blocks

        return run

    def scrape(self) -> None:
        for number in range(SCRAPES):
            self.at(self.rig.now + INTERVAL)
            self.take(moved(self.template[number], f"fresh-{number}", self.rig.now - 60 * b.SECOND))
            start = time.perf_counter()
            size = len(self.page.render(Format.TEXT))
            self.durations["whole page"].append(1000 * (time.perf_counter() - start))
        self.size = size


def main() -> None:
    counts = [int(each) for each in sys.argv[1:]] or [10_000, 1_000_000]
    template = templates()
    found = []
    for count in counts:
        with tempfile.TemporaryDirectory() as directory:
            scraped = Scraped(directory, template, count)
            scraped.scrape()
            start = time.perf_counter()
            checkpoint = scraped.rig.head.dump()
            print(
                f"{count:,} records: taken in within {scraped.seconds:.0f} s CPU, "
                f"page of {scraped.size / 1e3:.0f} kB, checkpoint of {len(checkpoint) / 1e6:.1f} MB "
                f"in {1000 * (time.perf_counter() - start):.0f} ms, "
                f"memory at most {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB"
            )
            found.append({name: min(times) for name, times in scraped.durations.items()})
            found[-1]["first page"] = scraped.durations["whole page"][0]
    print(f"{'ms a scrape':14s}" + "".join(f"{count:>14,}" for count in counts) + f"{'ratio':>8s}")
    for name in sorted(found[0], key=lambda name: found[-1][name]):
        values = [each[name] for each in found]
        ratio = values[-1] / values[0] if values[0] else 0
        print(f"{name:14s}" + "".join(f"{value:14.2f}" for value in values) + f"{ratio:8.2f}")


if __name__ == "__main__":
    main()
