"""
The rules say what the exporter's gauges say: a real head, scraped every quarter of a minute for an hour and a
half of work on a simulated clock, judged by Prometheus' own engine with the shipped rules.
"""

from __future__ import annotations

import json
import os
import random
from collections import defaultdict

import pytest

import builders as b
from droidscope.conventions import increases as i
from droidscope.conventions import metrics as m
from droidscope.conventions.increases import Unrecorded
from droidscope.exposition.page import Page
from droidscope.exposition.renderer import Renderer
from droidscope.exposition.text import Format
from droidscope.kpi.catalog import ALL_KPIS
from droidscope.rules import recordings
from droidscope.rules.recorded_increases import DAY, HOUR
from droidscope.rules.recorded_kpis import KPIS
from droidscope.selfmetrics import SelfMetrics
from droidscope.series.label_limits import SeriesLimits
from droidscope.views.head_reader import HeadReader
from droidscope.views.metrics_page import MetricsPageParts
from rendered import ROOT, run
from rig import Rig

SCRAPE_SECONDS = 15
MINUTES = 90
TOLERANCE = 0.02
QUIET_MINUTES = ((13, 17), (28, 32), (50, 60))
"""
When no session ends: where windows of an hour begin, since those of gauges begin at full minutes and a
single event is more than 2 % of a few dozen; and before the full hour, when the week's rules are complete.
"""
DROIDS = ("architect", "coder", "tester")
PATTERNS = ("bug-fix", "full-stack")


def message(chance, span, phase):
    """
    The *span* of a message of the coder's, a query or a status.
    """
    type_ = chance.choice(("query", "status"))
    outcome = chance.choice(
        ("answered", "answered", "unanswered") if type_ == "query" else ("accepted", "rejected")
    )
    return span(
        "message",
        chance.uniform(5, 400) if type_ == "query" else 0.5,
        message__type=type_,
        message__sender="coder",
        message__receiver=chance.choice(("architect", "tester")),
        message__outcome=outcome,
        **phase,
    )


def session(chance, number, end):
    """
    The spans of one session that ends at a second, of every kind that a counter counts by outcome: phases,
    tasks, attempts, tool calls, model requests, gates, messages, a synthesis, and not all of it well.
    """
    said = {"session": f"s{number}", "pattern__id": chance.choice(PATTERNS)}
    phase = {**said, "phase__id": chance.choice(("design", "build"))}
    broken = chance.random() < 0.15

    def span(kind, seconds, *, fails=0.0, **more):
        error = "ValueError" if chance.random() < fails else ""
        return b.span(kind, start=end - seconds, seconds=seconds, error=error, **more)

    for position, droid in enumerate(chance.sample(DROIDS, 2)):
        task = {
            **phase,
            "gen_ai__agent__name": droid,
            "task__id": f"t{number}-{position}",
            "task__type": chance.choice(("code", "review")),
        }
        tries = chance.choice((1, 1, 1, 2))
        for attempt in range(1, tries + 1):
            fails = 1.0 if attempt < tries else 0.1
            yield span("attempt", chance.uniform(5, 200), fails=fails, task__attempt=attempt, **task)
        yield span(
            "task",
            chance.uniform(20, 400),
            fails=0.1,
            task__attempts=tries,
            output__code_quality_score=round(chance.uniform(50, 100), 1),
            output__test_coverage=round(chance.uniform(40, 95), 1),
            output__security_score=round(chance.uniform(70, 100), 1),
            cost__usd=round(chance.uniform(0.01, 0.4), 4),
            gen_ai__request__model="opus",
            **task,
        )
        yield span("tool", 2, fails=0.2, gen_ai__tool__name=chance.choice(("grep", "edit")), **task)
    for _ in range(chance.randint(1, 3)):
        yield message(chance, span, phase)
    gate = chance.choice(("passed", "passed", "failed"))
    yield span("gate", 1, gate__name="lint", gate__outcome=gate, **phase)
    yield span("synthesis", 3, synthesis__conflicts=chance.choice((0, 0, 0, 1)), **phase)
    yield span("phase", chance.uniform(60, 500), fails=1.0 if broken else 0.05, **phase)
    yield span("session", chance.uniform(300, 900), fails=1.0 if broken else 0.0, **said)


def cancelled(number, end):
    """
    The spans of a session that nobody wanted any more, with all that it had begun: in no rule and no gauge.
    """
    said = {"session": f"c{number}", "pattern__id": PATTERNS[number % 2]}
    phase = {**said, "phase__id": "build"}
    task = {**phase, "gen_ai__agent__name": "coder", "task__id": f"c{number}", "task__type": "code"}
    talk = {"message__sender": "coder", "message__receiver": "tester", "message__outcome": "cancelled"}
    long = {"start": end - 9000, "seconds": 9000}
    yield b.span("attempt", task__outcome="cancelled", task__attempt=2, **long, **task)
    yield b.span("task", task__outcome="cancelled", task__attempts=2, **long, **task)
    yield b.span("tool", gen_ai__tool__name="grep", tool__outcome="cancelled", **long, **task)
    yield b.span("model_request", gen_ai__request__model="opus", model__outcome="cancelled", **long, **task)
    yield b.span("message", message__type="query", **talk, **long, **phase)
    yield b.span("message", message__type="status", **talk, **long, **phase)
    yield b.span("synthesis", synthesis__outcome="cancelled", **long, **phase)
    yield b.span("phase", phase__outcome="cancelled", **long, **phase)
    yield b.span("session", session__outcome="cancelled", **long, **said)


class Scraped:
    """
    Every series the exporter showed, one value a scrape, and how many records it took in.
    """

    def __init__(self, directory):
        self.rig = Rig(directory, limits=SeriesLimits())
        reader = HeadReader(self.rig.pipeline, wall_ns=lambda: b.NOON + self.rig.now)
        parts = MetricsPageParts(reader, self.rig.pipeline.store, SelfMetrics("0", 1))
        self._page = Page(parts.by_name(renderer := Renderer()), renderer)
        self._values = defaultdict(dict)
        self._scrapes = 0
        self.events = 0

    def scrape(self):
        for line in self._page.render(Format.TEXT).decode().splitlines():
            if not line.startswith("#"):
                series, _, value = line.rpartition(" ")
                self._values[series][self._scrapes] = value
        self._scrapes += 1

    def work(self):
        """
        A session ends before each scrape, and one is cancelled, but in the quiet minutes.
        """
        chance = random.Random(7)
        self.scrape()
        for step in range(1, MINUTES * 60 // SCRAPE_SECONDS + 1):
            minute = step * SCRAPE_SECONDS / 60
            if not any(start <= minute <= end for start, end in QUIET_MINUTES):
                end = (step - 1) * SCRAPE_SECONDS
                spans = [*session(chance, step, end), *cancelled(step, end)]
                self.rig.send("traces", b.traces(*spans))
                self.events += len(spans)
            self.rig.pass_seconds(SCRAPE_SECONDS)
            self.scrape()

    def input_series(self):
        for series, values in self._values.items():
            text = " ".join(values.get(scrape, "_") for scrape in range(self._scrapes))
            yield {"series": series, "values": text}


@pytest.fixture(scope="module")
def scraped(tmp_path_factory):
    """
    An hour and a half of work.
    """
    found = Scraped(tmp_path_factory.mktemp("agreement") / "store")
    found.work()
    return found


def agreements():
    """
    Expression, minute and expected result: that no series is off, and that both have the same ones.
    """
    for window, kpis in KPIS.items():
        # The week's rules are complete once an hour: at the full one.
        for minute in (60,) if window == "7d" else (60, 75, 90):
            for rule, gauge in kpis:
                if gauge is None:
                    continue
                shown = f'{gauge.name}{{window="{window}"}}'
                off = f"abs({rule.name} - ignoring (window) {shown})"
                yield f"{off} > ignoring (window) ({TOLERANCE} * {shown})", minute, []
                both = f"count({rule.name} and ignoring (window) {shown})"
                yield f"{both} == count({shown}) == count({rule.name}) > bool 0", minute, [1]
    for parts, window in ((HOUR, "1h"), (DAY, "24h")):
        for part, gauge in (
            (parts[i.TASKS], m.TASK_COMPLETION_RATIO),
            (parts[i.SESSIONS], m.SESSION_SUCCESS_RATIO),
            (parts[i.MESSAGES], m.COMMUNICATION_SUCCESS_RATIO),
            (parts[i.ATTEMPTS], m.ERROR_RATIO),
        ):
            samples = f'{m.samples_of(gauge).name}{{window="{window}"}}'
            for minute in (60, 75, 90):
                yield f"abs(sum({part.name}) / sum({samples}) - 1) < bool {TOLERANCE}", minute, [1]


@pytest.mark.slow
@pytest.mark.server("promtool")
def test_rules_and_gauges_agree(scraped, tmp_path):
    """
    Each KPI, each subject, each window: within 2 %, over thousands of events.
    """
    document = {
        "rule_files": [
            os.path.relpath(ROOT / "prometheus/rules" / name, tmp_path)
            for name in ("recording.yml", "recording-week.yml")
        ],
        "evaluation_interval": "1m",
        "group_eval_order": [group.name for group in recordings.GROUPS],
        "tests": [
            {
                "interval": f"{SCRAPE_SECONDS}s",
                "input_series": list(scraped.input_series()),
                "promql_expr_test": [
                    {
                        "expr": expr,
                        "eval_time": f"{minute}m",
                        "exp_samples": [{"labels": "{}", "value": value} for value in values],
                    }
                    for expr, minute, values in agreements()
                ],
            }
        ],
    }
    path = tmp_path / "agreement.yml"
    path.write_text(json.dumps(document))  # JSON is YAML, and faster

    done = run("promtool", "test", "rules", path)

    assert scraped.events > 1000
    assert done.returncode == 0, (done.stdout + done.stderr)[:6000]


def test_every_quotient_with_a_gauge_is_compared():
    """
    Gauges of which no rule says the same are those that the catalogue declares to be no quotients.
    """
    compared = {kpi.gauge for kpi in KPIS["1h"] if kpi.gauge}
    unrecorded = {
        kpi.spec for kpi in ALL_KPIS if isinstance(kpi.recorded, Unrecorded) and kpi.recorded.reason
    }

    assert set(m.KPIS) - compared == unrecorded
