"""
What stands in the messages: each template over sample data, rendered by amtool.
"""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest

from droidscope.rules.alertmanager import example, templates
from rendered import ROOT, run

pytestmark = pytest.mark.server("amtool")

GLOB = ROOT / "alertmanager/templates/*.tmpl"
BOARD = "https://grafana.example/d/orchestrator-droids?var-orchestrator=atlas&var-droid=coder"
RUNBOOK = "https://docs.example/runbooks/OrchestratorDroidErrorRateHigh.md"
LABELS = {
    "alertname": "OrchestratorDroidErrorRateHigh",
    "severity": "critical",
    "category": "performance",
    "orchestrator": "atlas",
}
SUMMARY = "Droid error rate is high."


def alert(droid="coder", **changes):
    return {
        "status": "firing",
        "labels": {**LABELS, "droid": droid},
        "annotations": {
            "summary": SUMMARY,
            "description": f"40% of the attempts of droid {droid} of atlas failed in the last 1h; "
            "the limit is 25%.",
            "action": "immediate_investigation",
            "runbook_url": RUNBOOK,
            "dashboard_url": BOARD,
        },
        "startsAt": "2026-11-26T10:00:00Z",
        "endsAt": "2026-11-26T10:30:00Z",
        **changes,
    }


def group(*alerts, status="firing", **changes):
    """
    What Alertmanager hands to a template: alerts, and the labels and annotations all of them have.
    """

    def common(part):
        first, *others = (set(one[part].items()) for one in alerts)
        return dict(first.intersection(*others))

    return {
        "receiver": "critical",
        "status": status,
        "alerts": alerts,
        "groupLabels": {},
        "commonLabels": common("labels"),
        "commonAnnotations": common("annotations"),
        "externalURL": "http://alertmanager.example",
        **changes,
    }


@pytest.fixture
def shown(tmp_path):
    """
    Renders a template by its name, of text or HTML.
    """

    def shown(name, data, kind="text"):
        path = tmp_path / "data.json"
        path.write_text(json.dumps(data))
        done = run(
            "amtool",
            "template",
            "render",
            f"--template.glob={GLOB}",
            f'--template.text={{{{ template "droidscope.{name}" . }}}}',
            f"--template.type={kind}",
            f"--template.data={path}",
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.removesuffix("\n")

    return shown


@pytest.mark.parametrize("template", ["title", "slack.title"])
@pytest.mark.parametrize(
    ("data", "title"),
    [
        (group(alert()), "[CRITICAL] Droid error rate is high. (atlas)"),
        (group(alert(), alert("tester")), "[CRITICAL:2] Droid error rate is high. (atlas)"),
        (group(alert(), status="resolved"), "[RESOLVED] Droid error rate is high. (atlas)"),
        (
            group(alert(), alert(annotations={"summary": "Something else."})),
            "[CRITICAL:2] OrchestratorDroidErrorRateHigh (atlas)",
        ),
        (
            group(alert(), alert(labels={"severity": "low"}, annotations={})),
            "[FIRING:2] Several alerts.",
        ),
        (group(alert(labels={"alertname": "Theirs"}, annotations={})), "[FIRING] Theirs"),
    ],
)
def test_a_title_says_how_bad_what_and_where(shown, template, data, title):
    """
    The severity, the summary or what is known of it, the orchestrator; the number where there are several.
    """
    assert shown(template, data) == title


def test_a_message_says_who_value_action_runbook_and_board(shown):
    """
    As plain text, a paragraph for each alert.
    """
    assert shown("text", group(alert(), alert("tester"))) == (
        "40% of the attempts of droid coder of atlas failed in the last 1h; the limit is 25%.\n"
        "Action: immediate_investigation\n"
        f"Runbook: {RUNBOOK}\n"
        f"Board: {BOARD}\n"
        "\n"
        "40% of the attempts of droid tester of atlas failed in the last 1h; the limit is 25%.\n"
        "Action: immediate_investigation\n"
        f"Runbook: {RUNBOOK}\n"
        f"Board: {BOARD}"
    )


def test_slack_shows_the_same_in_its_own_marks(shown):
    """
    An ampersand in a URL is escaped, as Slack asks for.
    """
    assert shown("slack.text", group(alert())) == (
        "40% of the attempts of droid coder of atlas failed in the last 1h; the limit is 25%.\n"
        "*Action:* `immediate_investigation`\n"
        f"*Runbook:* {RUNBOOK}\n"
        f"*Board:* {BOARD.replace('&', '&amp;')}"
    )


def test_a_value_of_its_own_is_shown(shown):
    """
    Rules of others may have an annotation `value` beside the sentence.
    """
    data = group(alert(annotations={"description": "Too many.", "value": "7 < 8"}))

    assert shown("text", data) == "Too many.\nValue: 7 < 8"
    assert shown("slack.text", data) == "Too many.\n*Value:* 7 &lt; 8"


def test_an_alert_that_is_over_says_since_when(shown):
    """
    In every form.
    """
    data = group(alert(status="resolved"), status="resolved")

    for name in ("text", "slack.text", "email.html"):
        assert "Over since" in shown(name, data)
        assert "2026-11-26 10:30:00 UTC" in shown(name, data)


@pytest.mark.parametrize("name", ["text", "slack.text", "email.html"])
def test_a_message_has_an_end(shown, name):
    """
    Ten alerts in full, and how many there are.
    """
    many = shown(name, group(*(alert(f"droid-{number}") for number in range(23))))

    assert many.count("immediate_investigation") == 10
    assert "These are the first 10 of 23 alerts." in many


@pytest.mark.parametrize("name", ["title", "text", "slack.title", "slack.text", "email.html", "link"])
def test_an_alert_without_annotations_is_still_told(shown, name):
    """
    Of somebody else's rules; no hole in the sentence.
    """
    said = shown(name, group(alert(labels={"alertname": "Theirs"}, annotations={})))

    assert "Theirs" in said or said == "http://alertmanager.example"
    assert "<no value>" not in said


@pytest.mark.parametrize("name", ["slack.title", "slack.text"])
def test_a_name_does_not_call_everybody_in_slack(shown, name):
    """
    Names come from whoever runs an orchestrator, and Slack reads <!channel> as a call.
    """
    labels = {**LABELS, "orchestrator": "<!channel>"}
    annotations = {"summary": "<!here> & now", "description": "<!channel> & all"}

    said = shown(name, group(alert(labels=labels, annotations=annotations)))

    assert "<" not in said
    assert "&lt;!" in said
    assert "&amp;" in said


class Page(HTMLParser):
    """
    The text and the links of a page, and the tags that stand open at its end.
    """

    def __init__(self, text):
        super().__init__()
        self.text, self.links, self.open, self.tags = "", [], [], set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.open.append(tag)
        self.links += [value for name, value in attrs if name == "href"]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def test_mail_has_links_to_runbook_and_board(shown):
    """
    A page with everything closed that was opened.
    """
    page = Page(shown("email.html", group(alert()), kind="html"))

    assert page.open == []
    assert {RUNBOOK, BOARD} <= set(page.links)
    assert "40% of the attempts of droid coder" in page.text
    assert "immediate_investigation" in page.text
    assert "[CRITICAL] Droid error rate is high. (atlas)" in page.text


def test_a_name_is_no_mark_up_in_mail(shown):
    """
    Nor is a link that would run a script one.
    """
    annotations = {
        "description": "<script>alert(1)</script>",
        "runbook_url": "javascript:alert(1)",
        "summary": "<b>",
    }
    page = Page(shown("email.html", group(alert(annotations=annotations)), kind="html"))

    assert "script" not in page.tags
    assert "b" not in page.tags
    assert not [link for link in page.links if link.startswith("javascript:")]


@pytest.mark.parametrize(
    ("url", "link"),
    [
        ("https://here.example/page?a=b", "https://here.example/page?a=b"),
        ("docs/runbooks/OrchestratorDroidErrorRateHigh.md", "http://alertmanager.example"),
        ("javascript:alert(1)", "http://alertmanager.example"),
        ("", "http://alertmanager.example"),
    ],
)
def test_a_link_is_a_whole_url(shown, url, link):
    """
    PagerDuty takes nothing else; where there is none it leads to Alertmanager.
    """
    data = group(alert(annotations={"dashboard_url": url, "runbook_url": url}))

    assert shown("link", data) == shown("runbook.link", data) == link


@pytest.mark.parametrize(
    ("data", "color"),
    [
        (group(alert()), "danger"),
        (group(alert(labels={"severity": "high"})), "danger"),
        (group(alert(labels={"severity": "low"})), "warning"),
        (group(alert(labels={"alertname": "Theirs"})), "warning"),
        (group(alert(), status="resolved"), "good"),
    ],
)
def test_slack_colours_say_how_bad_it_is(shown, data, color):
    """
    Red for what wakes people, yellow for the rest, green for what is over.
    """
    assert shown("slack.color", data) == color


def test_every_template_that_the_example_uses_is_there():
    """
    Alertmanager reports a missing one only when it has something to send.
    """
    used = set(re.findall(r'template "([\w.]+)"', example()))

    assert len(used) > 8
    assert {name for name in used if f'{{{{ define "{name}"' not in templates()} == set()
