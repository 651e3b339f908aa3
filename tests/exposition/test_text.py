"""
The page's text, judged by prometheus_client's own parsers and by promtool.
"""

from __future__ import annotations

import math
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import parser as text_parser
from prometheus_client.openmetrics import parser as openmetrics_parser

from droidscope.conventions.metrics import (
    CATALOGUE,
    CODE_QUALITY,
    COST,
    DROID_ERROR_RATIO,
    FILES_CREATED,
    KPIS,
    MESSAGES,
    RECORDS,
    SESSIONS_ACTIVE,
    SESSIONS_ENDED_OVER_LIMIT,
    SESSIONS_OVER_LIMIT,
    TASK_DURATION,
    samples_of,
)
from droidscope.exposition.page import Page
from droidscope.exposition.renderer import Renderer
from droidscope.exposition.text import Format, negotiate
from droidscope.series.cells import Exemplar
from droidscope.series.label_limits import SeriesLimits
from droidscope.series.series_registry import SeriesRegistry

MINUTE = 60 * 10**9
WHO = ("shop",)
PROMETHEUS_2_42 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_3_5 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
)
PARSERS = {Format.TEXT: text_parser, Format.OPENMETRICS: openmetrics_parser}
FORMATS = pytest.mark.parametrize("form", Format)


def page_of(series, form, *, gauges=(), resource_labels=(), clock_ns=MINUTE):
    """
    The page of *series* and *gauges*, without the metrics of the collection itself.
    """
    renderer = Renderer(resource_labels)
    blocks = [*renderer.cumulative(series.families(clock_ns), form), *renderer.gauges(gauges, form)]
    return b"".join(block.text for block in blocks).decode() + (
        "# EOF\n" if form is Format.OPENMETRICS else ""
    )


def parsed(page, form):
    """
    The families of *page* as the judge reads them, by name.
    """
    return {family.name: family for family in PARSERS[form].text_string_to_metric_families(page)}


def values(family):
    """
    What the judge read of a family: value by sample name and labels.
    """
    samples = {(sample.name, frozenset(sample.labels.items())): sample.value for sample in family.samples}
    assert len(samples) == len(family.samples), "two samples have equal labels"
    return samples


def key(name, **labels):
    return name, frozenset(labels.items())


class TestNegotiation:
    @pytest.mark.parametrize(
        ("accept", "form"),
        [
            ("", Format.TEXT),
            ("*/*", Format.TEXT),
            ("text/html,application/xhtml+xml", Format.TEXT),
            ("text/plain;version=0.0.4", Format.TEXT),
            ("application/openmetrics-text", Format.OPENMETRICS),
            ("application/openmetrics-text; version=1.0.0; charset=utf-8", Format.OPENMETRICS),
            ("application/openmetrics-text;version=0.0.1", Format.TEXT),
            ("application/openmetrics-text;version=abc", Format.TEXT),
            (PROMETHEUS_2_42, Format.OPENMETRICS),
            (PROMETHEUS_3_5, Format.OPENMETRICS),
        ],
    )
    def test_the_accept_header_chooses(self, accept, form):
        """
        OpenMetrics for those who ask for its version 1, the text format for everybody else.
        """
        assert negotiate(accept) is form


class TestFamilies:
    def test_a_page_of_every_kind(self):
        """
        The literal page: metadata once a family, bounds as floats, sums exact, gauges as they are.
        """
        series = SeriesRegistry()
        series.count(FILES_CREATED, WHO, ("coder",), 3, clock_ns=0)
        series.count(COST, WHO, ("p", "coder", "m"), 0.1, clock_ns=0)
        series.count(COST, WHO, ("p", "coder", "m"), 0.2, clock_ns=0)
        series.observe(CODE_QUALITY, WHO, ("p", "coder", "doc"), 87.5, clock_ns=0)
        gauges = [(SESSIONS_ACTIVE, ("shop", "p"), 2), (DROID_ERROR_RATIO, ("shop", "coder", "1h"), 0.25)]

        page = page_of(series, Format.TEXT, gauges=gauges)

        assert page == (
            "# HELP orchestrator_files_created_total Files that tasks created.\n"
            "# TYPE orchestrator_files_created_total counter\n"
            'orchestrator_files_created_total{orchestrator="shop",droid="coder"} 3\n'
            "# HELP orchestrator_cost_usd_total Cost in US dollars.\n"
            "# TYPE orchestrator_cost_usd_total counter\n"
            'orchestrator_cost_usd_total{orchestrator="shop",pattern="p",droid="coder",model="m"} 0.3\n'
            "# HELP orchestrator_code_quality_score Code quality scores of tasks, 0 to 100.\n"
            "# TYPE orchestrator_code_quality_score summary\n"
            'orchestrator_code_quality_score_count{orchestrator="shop",pattern="p",'
            'droid="coder",task_type="doc"} 1\n'
            'orchestrator_code_quality_score_sum{orchestrator="shop",pattern="p",'
            'droid="coder",task_type="doc"} 87.5\n'
            "# HELP orchestrator_sessions_active Sessions running now.\n"
            "# TYPE orchestrator_sessions_active gauge\n"
            'orchestrator_sessions_active{orchestrator="shop",pattern="p"} 2\n'
            "# HELP orchestrator_droid_error_ratio "
            "Attempts of the droid failed of those succeeded or failed.\n"
            "# TYPE orchestrator_droid_error_ratio gauge\n"
            'orchestrator_droid_error_ratio{orchestrator="shop",droid="coder",window="1h"} 0.25\n'
        )

    @FORMATS
    def test_a_histogram_is_cumulative(self, form):
        """
        Buckets add up to the count, and the judge reads their bounds as floats.
        """
        series = SeriesRegistry()
        for seconds in (0.5, 3, 7_200, 20_000):
            series.observe(TASK_DURATION, WHO, ("coder", "impl"), seconds, clock_ns=0)

        page = page_of(series, form)
        samples = values(parsed(page, form)[TASK_DURATION.name])
        labels = {"orchestrator": "shop", "droid": "coder", "task_type": "impl"}

        assert 'le="7200.0"' in page
        assert samples[key(f"{TASK_DURATION.name}_bucket", le="1.0", **labels)] == 1
        assert samples[key(f"{TASK_DURATION.name}_bucket", le="3600.0", **labels)] == 2
        assert samples[key(f"{TASK_DURATION.name}_bucket", le="7200.0", **labels)] == 3
        assert samples[key(f"{TASK_DURATION.name}_bucket", le="+Inf", **labels)] == 4
        assert samples[key(f"{TASK_DURATION.name}_count", **labels)] == 4
        assert samples[key(f"{TASK_DURATION.name}_sum", **labels)] == 27_203.5

    def test_openmetrics_names_a_counter_without_its_suffix(self):
        """
        Metadata carry the family's name, samples `_total`.
        """
        series = SeriesRegistry()
        series.count(FILES_CREATED, WHO, ("coder",), clock_ns=0)

        assert page_of(series, Format.OPENMETRICS).splitlines() == [
            "# HELP orchestrator_files_created Files that tasks created.",
            "# TYPE orchestrator_files_created counter",
            'orchestrator_files_created_total{orchestrator="shop",droid="coder"} 1',
            "# EOF",
        ]

    def test_a_counter_beside_a_gauge_is_a_counter_in_openmetrics(self):
        """
        What runs over its limit and what ended over it are two families, each with its own type.
        """
        series = SeriesRegistry()
        series.count(SESSIONS_ENDED_OVER_LIMIT, WHO, ("p",), clock_ns=0)
        page = page_of(series, Format.OPENMETRICS, gauges=[(SESSIONS_OVER_LIMIT, ("shop", "p"), 1)])
        families = parsed(page, Format.OPENMETRICS)

        assert families[SESSIONS_ENDED_OVER_LIMIT.name.removesuffix("_total")].type == "counter"
        assert families[SESSIONS_OVER_LIMIT.name].type == "gauge"

    @FORMATS
    def test_what_has_no_samples_is_absent(self, form):
        """
        No series, no header: absent is not zero.
        """
        assert page_of(SeriesRegistry(), form) == ("# EOF\n" if form is Format.OPENMETRICS else "")

    def test_idle_series_leave_the_page_and_come_back(self):
        """
        A family whose series are all idle leaves with its header; the value returns with an event.
        """
        series, renderer = SeriesRegistry(SeriesLimits(idle_ns=100, hold_ns=1)), Renderer()
        series.count(FILES_CREATED, WHO, ("coder",), clock_ns=0)

        def page(clock_ns):
            return b"".join(b.text for b in renderer.cumulative(series.families(clock_ns), Format.TEXT))

        assert b"} 1\n" in page(100)
        assert page(101) == b""
        series.count(FILES_CREATED, WHO, ("coder",), clock_ns=200)
        assert b"} 1\n" in page(200)
        assert b"} 2\n" in page(201)

    @FORMATS
    def test_the_page_says_which_series_show_their_past(self, form):
        """
        In the text format, whose parsers skip comments, until the hold is over.
        """
        series = SeriesRegistry(SeriesLimits(hold_ns=MINUTE))
        series.count(FILES_CREATED, WHO, ("coder",), clock_ns=1)
        series.ensure(FILES_CREATED, WHO, ("tester",), clock_ns=1)
        note = (
            f"# 1 of {FILES_CREATED.name} are new: "
            "until birth_hold is over they show their value before the first event."
        )
        young = page_of(series, form, clock_ns=MINUTE)

        assert (note in young.splitlines()) == (form is Format.TEXT)
        (family,) = parsed(young, form).values()
        assert list(values(family).values()) == [0, 0]
        assert note not in page_of(series, form, clock_ns=MINUTE + 1)

    def test_a_line_is_rendered_again_when_it_changes(self):
        """
        Kept lines never hide an event, a hold, or a load that changes what a position means.
        """
        series, renderer = SeriesRegistry(), Renderer()

        def page(clock_ns):
            return b"".join(b.text for b in renderer.cumulative(series.families(clock_ns), Format.TEXT))

        series.count(FILES_CREATED, WHO, ("a",), 5, clock_ns=0)
        assert b'droid="a"} 0\n' in page(0)
        assert b'droid="a"} 5\n' in page(MINUTE)
        series.count(FILES_CREATED, WHO, ("a",), 2, clock_ns=MINUTE)
        assert b'droid="a"} 7\n' in page(MINUTE)
        other = SeriesRegistry()
        other.count(FILES_CREATED, WHO, ("b",), 7, clock_ns=0)
        series.load(other.dump())
        assert b'droid="b"} 7\n' in page(MINUTE)
        assert b'droid="a"' not in page(MINUTE)

    def test_own_families_have_no_orchestrator(self):
        """
        The exporter's own series carry their labels alone.
        """
        series = SeriesRegistry()
        series.count(RECORDS, (), ("task",), clock_ns=0)

        assert 'droidscope_records_total{kind="task"} 1\n' in page_of(series, Format.TEXT)


class TestValues:
    @FORMATS
    @given(value=st.floats(allow_nan=False) | st.integers(-(2**53), 2**53))
    def test_gauges_read_back_exactly(self, form, value):
        """
        The judge reads the very float that was given.
        """
        page = page_of(SeriesRegistry(), form, gauges=[(SESSIONS_ACTIVE, ("shop", "p"), value)])

        (read,) = values(parsed(page, form)[SESSIONS_ACTIVE.name]).values()

        assert float(read) == float(value)

    @FORMATS
    def test_nan_and_booleans(self, form):
        """
        NaN is NaN, True is 1.
        """
        gauges = [(SESSIONS_ACTIVE, ("shop", "a"), math.nan), (SESSIONS_ACTIVE, ("shop", "b"), True)]

        nan, one = values(
            parsed(page_of(SeriesRegistry(), form, gauges=gauges), form)[SESSIONS_ACTIVE.name]
        ).values()

        assert math.isnan(nan)
        assert one == 1

    @FORMATS
    @given(amounts=st.lists(st.integers(0, 10**15) | st.floats(0, 1e9), min_size=1, max_size=5))
    def test_counters_read_back_as_the_value_held(self, form, amounts):
        """
        The exact decimal of a sum reads back as the float nearest to it.
        """
        series = SeriesRegistry()
        for amount in amounts:
            series.count(COST, WHO, ("p", "d", "m"), amount, clock_ns=0)

        (read,) = values(next(iter(parsed(page_of(series, form), form).values()))).values()

        assert float(read) == series.value(COST, WHO, ("p", "d", "m"))


class TestLabels:
    @FORMATS
    @given(
        cells=st.dictionaries(
            st.tuples(st.text(max_size=12), st.text('\\"n\n{},= %#', max_size=8)),
            st.integers(1, 9),
            min_size=1,
            max_size=6,
        )
    )
    def test_any_label_value_survives(self, form, cells):
        """
        Quotes, backslashes, braces, per cent signs, any character: what was counted is what is read.
        """
        series = SeriesRegistry()
        for (pattern, phase), amount in cells.items():
            for _ in range(amount):
                series.observe(TASK_DURATION, WHO, (pattern, phase), 2.0, clock_ns=0)
        counts = {
            (labels[1], labels[2]): sum(cell.counts)
            for _, shown in series.families(MINUTE)
            for cell in shown
            for labels in [cell.labels]
        }

        samples = parsed(page_of(series, form), form)[TASK_DURATION.name].samples

        assert counts == {
            (sample.labels["droid"], sample.labels["task_type"]): sample.value
            for sample in samples
            if sample.name.endswith("_count")
        }

    def test_escapes(self):
        """
        Backslash, quote and line feed, as both formats have it; a gauge's labels are made fit first.
        """
        page = page_of(
            SeriesRegistry(), Format.TEXT, gauges=[(SESSIONS_ACTIVE, ("shop", 'a\\b"c\nd\ud800'), 1)]
        )

        assert 'pattern="a\\\\b\\"c\ufffdd\ufffd"' in page

    def test_gauges_never_have_equal_labels(self):
        """
        Of two gauges that are the same once cut, the first one stays.
        """
        gauges = [(SESSIONS_ACTIVE, ("shop", "x" * 200), 1), (SESSIONS_ACTIVE, ("shop", "x" * 300), 2)]

        assert list(
            values(
                parsed(page_of(SeriesRegistry(), Format.TEXT, gauges=gauges), Format.TEXT)[
                    SESSIONS_ACTIVE.name
                ]
            ).values()
        ) == [1]

    def test_gauges_that_are_gone_are_forgotten(self):
        """
        A finished session's gauge is neither on the next page nor kept in memory.
        """
        renderer = Renderer()
        for number in range(3):
            (block,) = renderer.gauges([(SESSIONS_ACTIVE, ("shop", f"p{number}"), 1)], Format.TEXT)

        assert b"p1" not in block.text
        assert renderer.remembered(SESSIONS_ACTIVE) == {("shop", "p2")}

    def test_resource_labels_follow_the_orchestrator(self):
        """
        They come second, and one that is not set is left out.
        """
        series = SeriesRegistry(SeriesLimits(resource_labels=("environment",)))
        series.count(FILES_CREATED, ("shop", "prod"), ("coder",), clock_ns=0)
        series.count(FILES_CREATED, ("shop", ""), ("coder",), clock_ns=0)
        page = page_of(series, Format.TEXT, resource_labels=("environment",))

        assert '{orchestrator="shop",environment="prod",droid="coder"} 1\n' in page
        assert '{orchestrator="shop",droid="coder"} 1\n' in page


class TestExemplars:
    TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"

    def exemplar_line(self, form, exemplar):
        series = SeriesRegistry()
        series.observe(TASK_DURATION, WHO, ("coder", "impl"), 3.5, clock_ns=0, exemplar=exemplar)
        page = page_of(series, form)
        return parsed(page, form), next(line for line in page.splitlines() if 'le="5.0"' in line)

    def test_openmetrics_has_them(self):
        """
        A bucket carries the latest event's ids, value and time; so does a counter.
        """
        exemplar = Exemplar(self.TRACE, "session-1", 1_700_000_000_123_456_789)
        families, line = self.exemplar_line(Format.OPENMETRICS, exemplar)
        series = SeriesRegistry()
        series.count(MESSAGES, WHO, ("coder", "query", "answered"), clock_ns=0, exemplar=exemplar)

        assert line.endswith(
            f' 1 # {{trace_id="{self.TRACE}",session_id="session-1"}} 3.5 1700000000.123456789'
        )
        (found,) = [sample.exemplar for sample in families[TASK_DURATION.name].samples if sample.exemplar]
        assert found.labels == {"trace_id": self.TRACE, "session_id": "session-1"}
        assert '} 1 # {trace_id="' in page_of(series, Format.OPENMETRICS)

    def test_the_text_format_has_none(self):
        """
        Prometheus' own format knows no exemplars.
        """
        _, line = self.exemplar_line(Format.TEXT, Exemplar(self.TRACE, "session-1", 1))

        assert line.endswith("} 1")

    @given(st.text(st.characters(codec="ascii", exclude_characters='"\\}'), max_size=140))
    def test_they_never_exceed_the_limit(self, session):
        """
        A session id that does not fit beside the trace id is left out as a whole.
        """
        families, _ = self.exemplar_line(Format.OPENMETRICS, Exemplar(self.TRACE, session, 1))

        (found,) = [sample.exemplar for sample in families[TASK_DURATION.name].samples if sample.exemplar]
        assert sum(len(name) + len(value) for name, value in found.labels.items()) <= 128
        assert found.labels["trace_id"] == self.TRACE

    def test_an_exemplar_of_nothing_is_none(self):
        """
        Without ids there is no exemplar.
        """
        _, line = self.exemplar_line(Format.OPENMETRICS, Exemplar("", "", 1))

        assert line.endswith("} 1")


def full_page(form):
    """
    A page on which every family of the catalogue has a series.
    """
    series, exemplar = SeriesRegistry(), Exemplar("a" * 32, "s-1", 10**18)
    gauges = []
    for spec in (*CATALOGUE, *(samples_of(spec) for spec in KPIS)):
        labels = tuple("completed" if label == "outcome" else f"{label}-1" for label in spec.labels)
        if spec.kind == "counter":
            series.count(spec, WHO, labels, 1.5, clock_ns=0, exemplar=exemplar)
        elif spec.kind == "gauge":
            gauges.append((spec, (*WHO, *labels) if spec.name.startswith("orchestrator_") else labels, 0.5))
        else:
            series.observe(spec, WHO, labels, 42.0, clock_ns=0, exemplar=exemplar)
    gauges = [sample for sample in gauges if not sample[0].name.startswith("droidscope_collect")]
    renderer = Renderer()
    parts = {
        "series": lambda form: renderer.cumulative(series.families(MINUTE), form),
        "gauges": lambda form: renderer.gauges(gauges, form),
    }
    return Page(parts, renderer).render(form).decode()


class TestWholeCatalogue:
    @FORMATS
    def test_the_judge_reads_every_family(self, form):
        """
        Each family of the catalogue appears once, with its type and its help.
        """
        families = parsed(full_page(form), form)

        for spec in CATALOGUE:
            name = spec.name.removesuffix("_total")
            assert families[name].documentation == spec.help
            assert families[name].type == spec.kind

    def test_families_are_in_the_order_of_the_catalogue(self):
        """
        The same order on every page, whatever part a family comes from.
        """
        names = [line.split()[2] for line in full_page(Format.TEXT).splitlines() if line.startswith("# TYPE")]
        siblings = {samples_of(spec).name for spec in KPIS}

        assert [name for name in names if name not in siblings] == [spec.name for spec in CATALOGUE]
        assert all(names[names.index(f"{spec.name}_samples") - 1] == spec.name for spec in KPIS)

    @pytest.mark.server("promtool")
    def test_promtool_likes_the_page(self):
        """
        `promtool check metrics` has nothing to say.
        """
        result = subprocess.run(
            ["promtool", "check", "metrics"],
            input=full_page(Format.TEXT),
            capture_output=True,
            text=True,
            check=False,
        )

        assert result.stdout + result.stderr == ""
        assert result.returncode == 0
