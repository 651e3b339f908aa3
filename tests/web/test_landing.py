"""
The landing page: numbers and times, alerts, bottlenecks and recommendations.
"""

from __future__ import annotations

from collections import Counter
from html.parser import HTMLParser

import pytest
from msgspec.structs import replace

from droidscope.api.schema import ExporterSummary, Readiness
from droidscope.conventions import insight_kinds
from droidscope.conventions.attributes import Severity
from droidscope.conventions.insight_kinds import RECOMMENDATION_RULES
from droidscope.conventions.thresholds import ALERTS
from droidscope.formatting import count, percent, rounded, short_count
from droidscope.insights.alerts import ActiveAlert, alert_level
from droidscope.insights.insight_types import Bottleneck, Improvement, Recommendation, SessionRef
from droidscope.views.landing_summary import DroidLine, LandingSummary, SessionLine
from droidscope.web.html import DASH, or_dash
from droidscope.web.insight_sections import ALERTS_OPEN
from droidscope.web.landing import error_html, landing_html

HOSTILE = "\"><script>alert('x')</script>&\u202e"
READY = Readiness(ready=True)


def page(**summary):
    """
    The landing page with these parts of the summary.
    """
    return landing_html(ExporterSummary("droidscope", "1", READY, LandingSummary(**summary)), "")


class Reader(HTMLParser):
    """
    What a page has: its tags, ids, links, and the text of each part by id.
    """

    def __init__(self, text):
        super().__init__()
        self.tags, self.ids, self.links, self.labels = Counter(), [], [], []
        self.parts = {}
        self._open = []
        self.feed(text)
        assert not self._open

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.tags[tag] += 1
        self.ids += [attributes["id"]] if "id" in attributes else []
        self.links += [attributes["href"]] if tag == "a" else []
        if tag == "progress":
            self.labels.append(attributes.get("aria-label"))
        if tag not in {"meta", "link", "img"}:
            self._open.append((tag, attributes.get("id")))

    def handle_endtag(self, tag):
        assert self._open.pop()[0] == tag

    def handle_data(self, data):
        for _, id_ in self._open:
            if id_:
                self.parts[id_] = f"{self.parts.get(id_, '')} {data}"


def alert(limit=ALERTS[0], orchestrator="atlas", message="It is bad."):
    return ActiveAlert(
        limit.name, limit.category, limit.severity, message, limit.action, orchestrator, 1, 0, "sessions", 0.0
    )


def bottleneck(kind="phase_duration", impact=12.34, session="s 1", name="atlas", **more):
    seen = [SessionRef(session, "t", 0.0)]
    return Bottleneck(
        kind, name, "24h", "p/q", f"{name} is slow.", impact, 2, 1, "seconds", 5, 3, sessions=seen, **more
    )


def advice(rule=RECOMMENDATION_RULES[0], name="atlas", improvement=None, steps=("Do this.", "Do that.")):
    return Recommendation(
        rule.kind,
        rule.id,
        name,
        "24h",
        "p",
        f"{name} fails.",
        list(steps),
        5,
        0.5,
        0.85,
        "ratio",
        9,
        improvement,
    )


@pytest.mark.parametrize(
    ("value", "formatted", "text"),
    [
        (None, count, DASH),
        (0, count, "0"),
        (1234567, count, "1,234,567"),
        (None, short_count, DASH),
        (0, short_count, "0"),
        (0.0, percent, "0%"),
        (0.97549, percent, "97.55%"),
        (83.83, rounded, "83.8"),
    ],
)
def test_a_number_is_written_in_the_form_of_its_unit(value, formatted, text):
    """
    An unknown value is a dash, and 0 is not.
    """
    assert or_dash(value, formatted) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (9999, "9,999"),
        (10_000, "10k"),
        (12_345, "12.3k"),
        (999_499, "999k"),
        (999_500, "1M"),
        (1_234_567, "1.23M"),
        (123_456_789, "123M"),
        (9_876_543_210, "9.88G"),
    ],
)
def test_large_counts_are_short(value, text):
    """
    So that they fit on a tile; its hint has all digits.
    """
    assert short_count(value) == text


@pytest.mark.parametrize(
    ("start", "now", "text"),
    [
        (None, 100, DASH),
        (100, None, DASH),
        (100, 90, "0s"),
        (100, 159.9, "59s"),
        (100, 160, "1m"),
        (0, 3599, "59m 59s"),
        (0, 7500, "2h 5m"),
    ],
)
def test_elapsed_time_has_two_units(start, now, text):
    """
    The two largest units, and never less than zero where clocks disagree.
    """
    session = SessionLine("atlas", "s", "p", start_seconds=start, droids=1, conflicts=1)

    assert f'<td class="number">{text}</td>' in page(sessions=(session,), time_seconds=now)


def test_a_waiting_session_has_since_when_it_waits():
    """
    Beside its state; others have nothing there.
    """
    waiting = SessionLine("atlas", "s", "p", state="waiting", start_seconds=0, waiting_since_seconds=100)
    running = SessionLine("atlas", "t", "p", start_seconds=0)

    text = page(sessions=(waiting, running), time_seconds=7300, waiting_sessions=1, unknown_sessions=2)

    assert 'data-state="waiting">waiting</span> <small>2h</small></td>' in text
    assert 'data-state="running">running</span></td>' in text
    assert "<dt>Waiting</dt><dd>1</dd>" in text
    assert "<dt>Unknown</dt><dd>2</dd>" in text


def test_an_error_page_escapes_its_sentence():
    """
    The sentence of an error is text, not markup.
    """
    assert "&lt;b&gt;" in error_html(400, "<b>")
    assert "<b>" not in error_html(400, "<b>")


def test_a_count_that_is_shortened_has_all_its_digits_as_a_hint():
    """
    Nothing is hidden.
    """
    text = page(completed_sessions=1_234_567, failed_sessions=12)

    assert '<dt>Completed</dt><dd title="1,234,567">1.23M</dd>' in text
    assert "<dt>Failed</dt><dd>12</dd>" in text


class TestAlerts:
    def test_the_most_severe_are_listed_and_the_others_a_click_away(self):
        """
        Sentence, severity, name and action; and the level on top leads there.
        """
        active = tuple(alert(message=f"No. {n} is bad.") for n in range(ALERTS_OPEN + 3))

        text = page(alerts=active, alerts_total=100, alert_level=alert_level(active))
        read = Reader(text)

        assert read.tags["li"] == ALERTS_OPEN + 3
        assert (
            text.index("No. 5 is bad.")
            < text.index("<summary>94 more</summary>")
            < text.index("No. 6 is bad.")
        )
        assert "OrchestratorSessionSuccessRateLow: investigate pattern issues" in read.parts["alerts"]
        assert "9 high" in read.parts["alerts"]
        assert '<a class="pill" href="#alerts" data-severity="high">Alert level: high</a>' in text

    @pytest.mark.parametrize("severity", list(Severity))
    def test_the_severity_is_a_word_and_a_colour(self, severity):
        """
        It can be read without colours.
        """
        limit = replace(ALERTS[0], severity=severity)

        assert f'data-severity="{severity}">{severity}</span>' in page(alerts=(alert(limit),), alerts_total=1)

    def test_no_alert_is_good_news_and_not_known_is_none(self):
        """
        Nothing is claimed before it is known.
        """
        assert "No active alerts." in page(alerts=(), alerts_total=0, alert_level="none")
        assert 'data-severity="none">No active alerts</a>' in page(alert_level="none")
        assert "No active alerts" not in page()
        assert "alerts</a>" not in page()


class TestInsights:
    def test_a_bottleneck_has_its_description_impact_and_sessions(self):
        """
        Its impact as a number and a bar, what is lost, and links to the sessions that show it.
        """
        read = Reader(page(bottlenecks=(bottleneck(lost_seconds=150.0),)))
        content = " ".join(read.parts["bottlenecks"].split())

        assert (
            "Slow phase atlas impact 12.3 12.3 atlas is slow. Time lost: 2m 30s Example sessions: s 1"
            in content
        )
        assert "/api/v1/session?session_id=s+1" in read.links
        assert "Impact, 0 to 100" in read.labels

    @pytest.mark.parametrize("kind", insight_kinds.BOTTLENECK_TITLES)
    def test_every_kind_of_bottleneck_has_a_name(self, kind):
        """
        Its words stand where its id would say little.
        """
        text = page(bottlenecks=(bottleneck(kind),))

        assert f"<strong>{insight_kinds.BOTTLENECK_TITLES[kind]}</strong>" in text

    def test_a_recommendation_has_its_reason_first_step_and_improvement(self):
        """
        The finding, the first step, and what can be gained.
        """
        better = Improvement("x", 0.2, None, None, "Up to 20% more succeed.")
        content = " ".join(Reader(page(recommendations=(advice(improvement=better),))).parts["main"].split())

        assert "atlas fails. First step: Do this. Expected improvement: Up to 20% more succeed." in content
        assert "Do that." not in content

    def test_what_cannot_be_estimated_is_not(self):
        """
        Advice without an improvement, and without a step, is still advice.
        """
        content = Reader(page(recommendations=(advice(steps=()),))).parts["recommendations"]

        assert "Expected improvement" not in content
        assert "First" not in content

    def test_empty_lists_have_a_sentence(self):
        """
        But not before it has been looked for.
        """
        assert "No bottlenecks found." in page(bottlenecks=())
        assert "No recommendations." in page(recommendations=())
        assert "No bottlenecks" not in page()
        assert "No recommendations" not in page()


class TestDroids:
    def test_their_status_and_load_stand_beside_the_score(self):
        """
        With the limit where there is one; a droid without a score or a status has dashes.
        """
        lines = (
            DroidLine("atlas", "coder", 91.5, 12, "healthy", 2, 3),
            DroidLine("atlas", "tester", None, 0, "offline", 0),
            DroidLine("atlas", "", None, 0),
        )
        content = " ".join(Reader(page(droids=lines)).parts["droids-table"].split())

        assert "coder atlas healthy 91.5 91.5 12 2 of 3" in content
        assert f"tester atlas offline {DASH} 0 0 {DASH} atlas {DASH} {DASH} 0 {DASH}" in content

    def test_droids_are_counted_by_status(self):
        """
        In one order, without those that none is.
        """
        text = page(droid_statuses={"offline": 1, "healthy": 20})

        assert '<p class="aside">20 healthy, 1 offline</p>' in text
        assert "aside" not in page()


def test_names_from_outside_never_become_markup():
    """
    A name like markup, with a quote, an ampersand and a mark that turns text around, changes no tag and
    no other text.
    """

    def everything(name):
        better = Improvement("x", 0.2, None, None, name)
        return page(
            alerts=tuple(alert(orchestrator=name, message=name) for _ in range(ALERTS_OPEN + 1)),
            alerts_total=ALERTS_OPEN + 1,
            bottlenecks=(bottleneck(name=name, session=name),),
            recommendations=(advice(name=name, improvement=better, steps=(name,)),),
            droids=(DroidLine(name, name, 1, 1, "healthy"),),
            sessions=(SessionLine(name, name, name, name, "silent"),),
        )

    hostile, harmless = Reader(everything(HOSTILE)), Reader(everything("harmless"))

    assert hostile.tags == harmless.tags
    assert hostile.ids == harmless.ids
    assert HOSTILE[:-1] + "\ufffd" in hostile.parts["main"]
    assert HOSTILE[-1] not in hostile.parts["main"]


def test_ids_are_unique_and_every_way_inside_leads_somewhere():
    """
    With everything on the page at once.
    """
    read = Reader(
        page(
            alerts=(alert(),),
            alerts_total=1,
            alert_level="high",
            bottlenecks=(bottleneck(),),
            recommendations=(advice(),),
            droids=(DroidLine("a", "b"),),
            sessions=(SessionLine("a", "b", "c"),),
        )
    )

    assert len(read.ids) == len(set(read.ids))
    assert {link[1:] for link in read.links if link.startswith("#")} <= set(read.ids)
