"""
The page: its parts fail alone, and how they did is on the page.
"""

from __future__ import annotations

import itertools

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from structlog.testing import capture_logs

from droidscope.conventions.metrics import (
    ERROR_RATIO,
    FILES_CREATED,
    OPEN_SESSIONS,
    RECEIVED,
    SESSIONS_ACTIVE,
    samples_of,
)
from droidscope.exposition.page import Page
from droidscope.exposition.renderer import Renderer
from droidscope.exposition.text import Block, Format
from droidscope.selfmetrics import SelfMetrics
from droidscope.series.series_registry import SeriesRegistry

WHO = ("shop",)


def gauges(renderer, *samples):
    return lambda form: renderer.gauges(samples, form)


def lines(page):
    return [line for line in page.decode().splitlines() if not line.startswith("#")]


class TestPage:
    def test_puts_parts_in_the_order_of_the_catalogue(self):
        """
        Whichever part a family comes from, it stands where the catalogue has it.
        """
        renderer = Renderer()
        ratio = (ERROR_RATIO, ("shop", "1h"), 0.1)
        count = (samples_of(ERROR_RATIO), ("shop", "1h"), 10)
        parts = {
            "own": gauges(renderer, (OPEN_SESSIONS, (), 1)),
            "kpi": gauges(renderer, count, ratio),
            "live": gauges(renderer, (SESSIONS_ACTIVE, ("shop", "p"), 1)),
        }

        page = Page(parts, renderer, itertools.count().__next__).render(Format.TEXT)

        assert lines(page)[:4] == [
            'orchestrator_sessions_active{orchestrator="shop",pattern="p"} 1',
            'orchestrator_error_ratio{orchestrator="shop",window="1h"} 0.1',
            'orchestrator_error_ratio_samples{orchestrator="shop",window="1h"} 10',
            "droidscope_open_sessions 1",
        ]

    def test_a_failing_part_is_left_out_alone(self):
        """
        The others render, the failure is logged with the part's name and shows on the page.
        """
        renderer = Renderer()

        def broken(form):
            yield from renderer.gauges([(OPEN_SESSIONS, (), 1)], form)
            raise RuntimeError("no")

        page = Page({"live": gauges(renderer, (SESSIONS_ACTIVE, ("shop", "p"), 1)), "kpi": broken}, renderer)
        with capture_logs() as logs:
            text = page.render(Format.TEXT)

        assert b"orchestrator_sessions_active{" in text
        assert b"droidscope_open_sessions" not in text
        assert b'droidscope_collect_success{part="live"} 1\n' in text
        assert b'droidscope_collect_success{part="kpi"} 0\n' in text
        assert [(log["event"], log["part"]) for log in logs] == [("collect_failed", "kpi")]

    def test_times_its_parts(self):
        """
        The time of each part's last collection, failed or not, in seconds.
        """
        clock = iter([0, 1_500_000_000, 2_000_000_000, 2_250_000_000])
        page = Page({"a": lambda _: (), "b": lambda _: 1 / 0}, Renderer(), clock.__next__)

        with capture_logs():
            text = page.render(Format.TEXT)

        assert b'droidscope_collect_duration_seconds{part="a"} 1.5\n' in text
        assert b'droidscope_collect_duration_seconds{part="b"} 0.25\n' in text

    def test_a_family_of_two_parts_fails_the_second(self):
        """
        A family has one header, so a part that repeats one is at fault.
        """
        renderer = Renderer()
        sample = (OPEN_SESSIONS, (), 1)

        with capture_logs():
            text = Page({"a": gauges(renderer, sample), "b": gauges(renderer, sample)}, renderer).render(
                Format.TEXT
            )

        assert text.count(b"# TYPE droidscope_open_sessions") == 1
        assert b'droidscope_collect_success{part="b"} 0\n' in text

    def test_openmetrics_ends_with_eof(self):
        """
        One end, at the end.
        """
        page = Page({"own": SelfMetrics("1.2.3", 1).blocks}, Renderer()).render(Format.OPENMETRICS)

        assert page.endswith(b"\n# EOF\n")
        assert page.count(b"# EOF") == 1

    def test_unknown_families_come_last(self):
        """
        What the catalogue does not know, as `process_*`, follows what it knows.
        """
        parts = {
            "x": lambda _: [Block("zzz", b"zzz 1\n")],
            "live": gauges(Renderer(), (OPEN_SESSIONS, (), 1)),
        }

        assert lines(Page(parts, Renderer()).render(Format.TEXT))[-1] == "zzz 1"


class TestSelfMetrics:
    def samples(self, metrics, form=Format.OPENMETRICS):
        page = Page({"self": metrics.blocks}, Renderer()).render(form).decode()
        return {
            (sample.name, *sorted(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(page)
            for sample in family.samples
        }

    def test_count_what_comes_in(self):
        """
        Items by signal, transport and outcome; refusals by reason; times; the queue when asked.
        """
        metrics = SelfMetrics("1.2.3", queue_limit_bytes=1000)
        metrics.received("spans", "http", "stored", 512)
        metrics.received("spans", "http", "stored")
        metrics.rejected("too_large")
        metrics.ingest_seconds(0.03)
        metrics.fsync_seconds(0.002)
        metrics.queue_bytes(lambda: 77)

        samples = self.samples(metrics)

        stored = ("outcome", "stored"), ("signal", "spans"), ("transport", "http")
        assert samples["droidscope_received_total", *stored] == 513
        assert samples["droidscope_rejected_total", ("reason", "too_large")] == 1
        assert samples["droidscope_ingest_duration_seconds_bucket", ("le", "0.025")] == 0
        assert samples["droidscope_ingest_duration_seconds_bucket", ("le", "0.05")] == 1
        assert samples[("droidscope_fsync_duration_seconds_sum",)] == 0.002
        assert samples[("droidscope_queue_bytes",)] == 77
        assert samples[("droidscope_queue_limit_bytes",)] == 1000
        assert samples["droidscope_build_info", ("version", "1.2.3")] == 1
        assert samples[("process_resident_memory_bytes",)] > 0

    @pytest.mark.parametrize("form", Format)
    def test_neither_created_nor_empty(self, form):
        """
        No `_created` series, and no header without samples; every count is there at 0 from the start.
        """
        page = Page({"self": SelfMetrics("1", 1).blocks}, Renderer()).render(form).decode()

        assert "_created" not in page
        assert "droidscope_last_receipt" not in page
        assert 'droidscope_rejected_total{reason="queue_full"} 0.0' in page
        assert 'droidscope_received_total{outcome="stored",signal="spans",transport="grpc"} 0.0' in page

    def test_go_by_the_names_of_the_catalogue(self):
        """
        So that a second part that exposes one of them is found out.
        """
        metrics = SelfMetrics("1", 1)
        metrics.received("spans", "grpc", "stored")

        for form in Format:
            assert RECEIVED.name in {block.family for block in metrics.blocks(form)}

    def test_are_merged_with_the_rest_of_the_page(self):
        """
        Both formats of the whole page satisfy the judge.
        """
        series, renderer = SeriesRegistry(), Renderer()
        series.count(FILES_CREATED, WHO, ("coder",), clock_ns=0)
        metrics = SelfMetrics("1", 1)
        metrics.received("spans", "grpc", "stored")
        parts = {
            "self": metrics.blocks,
            "series": lambda form: renderer.cumulative(series.families(10**12), form),
        }

        page = Page(parts, renderer).render(Format.OPENMETRICS).decode()

        names = [family.name for family in text_string_to_metric_families(page)]
        assert names.index("orchestrator_files_created") < names.index("droidscope_received")
        assert len(names) == len(set(names))
