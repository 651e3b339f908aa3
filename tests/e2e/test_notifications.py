"""
From a rule to whoever has to know: real Prometheus and Alertmanager, and stand-ins for Slack, PagerDuty, a
mail server and webhooks.

Rules, routes and templates are the shipped ones in copies that do not wait; see `hurried`.
"""

from __future__ import annotations

import json
import re
import subprocess
import urllib.request
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pytest
import yaml

from conftest import program
from droidscope.conventions import thresholds
from droidscope.rules import alerts
from droidscope.rules.alertmanager import example, reported_by_exporter
from droidscope.rules.receivers import NAMES, WATCHDOG, load
from e2e.processes import Alertmanager, Prometheus, until
from e2e.receivers import Api, Mailbox, Page, one_webhook

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(120),
    pytest.mark.server("prometheus", "alertmanager"),
]

CODER = 'orchestrator="atlas",pattern="bug-fix",droid="coder"'
FINDINGS = f'orchestrator_security_findings_open{{{CODER},finding_severity="high"}}'
SCORES = f'orchestrator_code_quality_score_%s{{{CODER},task_type="fix"}}'
OVER_LIMIT = 'orchestrator_sessions_over_limit{orchestrator="atlas",pattern="bug-fix"}'
QUIET = {FINDINGS: 0, OVER_LIMIT: 0, SCORES % "sum": 0, SCORES % "count": 0}
SECRETS = {"slack": "{url}/services/T0/B0/secret", "pagerduty": "routing-secret", "smtp": "password-secret"}
SECURITY = thresholds.SECURITY_ISSUES.name
QUALITY = thresholds.LOW_CODE_QUALITY.name


class Desk(NamedTuple):
    """
    All that runs, and everyone who may be told.
    """

    page: Page
    prometheus: Prometheus
    alertmanager: Alertmanager
    slack: Api
    pagerduty: Api
    mailbox: Mailbox
    webhook: Api
    heartbeat: Api

    def state(self, name):
        """
        State of an alert in Alertmanager: active, suppressed, or None if it is not there.
        """
        states = [
            one["status"]["state"] for one in self.alertmanager.alerts() if one["labels"]["alertname"] == name
        ]
        return states[0] if states else None

    def mails(self, word):
        """
        Mails that say *word* anywhere in their text.
        """
        return [mail for mail in self.mailbox.received if word in text_of(mail)]

    def hooked(self, name, status):
        """
        Webhook posts with such an alert.
        """
        return [
            post
            for post in self.webhook.received
            if any(
                one["labels"]["alertname"] == name and one["status"] == status for one in post.body["alerts"]
            )
        ]


def text_of(mail):
    return mail.get_body(("plain",)).get_content()


def firing(prometheus):
    """
    Names of the alerts that fire in Prometheus.
    """
    found = prometheus.get("alerts")["alerts"]
    return {one["labels"]["alertname"] for one in found if one["state"] == "firing"}


def written(folder, slack, pagerduty, mailbox, webhook, heartbeat):
    """
    The shipped example with addresses and secrets of this test, and a webhook for the urgent ones.
    """
    paths = {name: folder / name for name in (*SECRETS, "token")}
    for name, secret in SECRETS.items():
        paths[name].write_text(secret.format(url=slack.url))
    paths["token"].write_text("bearer-secret")
    text = example().replace("/etc/alertmanager/secrets", str(folder))
    content: dict[str, Any] = yaml.safe_load(text)
    by_name = {one["name"]: one for one in content["receivers"]}
    by_name["critical"]["pagerduty_configs"][0]["url"] = f"{pagerduty.url}/v2/enqueue"
    mail = {"smarthost": f"127.0.0.1:{mailbox.port}", "require_tls": False}
    by_name["medium"]["email_configs"][0] |= mail
    hook = {**by_name["inbox"].pop("webhook_configs")[0], "url": f"{webhook.url}/alerts"}
    by_name["critical"]["webhook_configs"] = [hook]
    by_name["high"] = {"name": "high", "webhook_configs": [hook]}
    by_name["low"] = {"name": "low"}
    (beat,) = by_name["watchdog"]["webhook_configs"]
    del beat["url_file"]  # not before Alertmanager 0.26
    beat["url"] = heartbeat.url
    path = folder / "receivers.yml"
    path.write_text(yaml.safe_dump({**content, "receivers": list(by_name.values())}))
    return path


@pytest.fixture
def desk(tmp_path):
    """
    Everything at rest: nothing is breached, Prometheus has seen that, and the watchdog has been heard.
    """
    with ExitStack() as running:
        start = running.enter_context
        page = start(Page(QUIET))
        told = [start(Api()), start(Api(202, b"{}")), start(Mailbox()), start(Api()), start(Api())]
        receivers = load(written(tmp_path, *told))
        alertmanager = Alertmanager(tmp_path / "alertmanager", receivers)
        prometheus = start(Prometheus(tmp_path / "prometheus", page, alertmanager.port, patient=()))
        # Before its first scrape Prometheus says that no exporter is up; then nobody listens yet.
        until(prometheus.last_scrape, "a scrape")
        until(lambda: alerts.DOWN not in firing(prometheus), "the peace after it")
        start(alertmanager)
        desk = Desk(page, prometheus, alertmanager, *told)
        until(lambda: desk.state(alerts.WATCHDOG), "the watchdog")
        yield desk


def test_a_heartbeat_arrives_and_nothing_else_does(desk):
    """
    While all is well only the dead man's switch hears of us.
    """
    (post, *_) = until(lambda: desk.heartbeat.received, "a heartbeat")

    assert [one["labels"]["alertname"] for one in post.body["alerts"]] == [alerts.WATCHDOG]
    assert desk.slack.received == desk.pagerduty.received == desk.mailbox.received == []


def test_an_alert_is_told_everywhere_it_should_be_until_it_is_over(desk):
    """
    Findings page, chat and post to a webhook; they mute the low quality of the same droid, which is mailed
    once they are over.
    """
    desk.page.samples |= {FINDINGS: 2, SCORES % "sum": 120, SCORES % "count": 3}

    (trigger, *_) = until(lambda: desk.pagerduty.received, "an event at PagerDuty")
    (message, *_) = until(lambda: desk.slack.received, "a message in Slack")
    (post, *_) = until(lambda: desk.hooked(SECURITY, "firing"), "a post to the webhook")
    until(lambda: desk.state(QUALITY) == "suppressed", "the muted alert")
    assert_is_a_good_event(trigger)
    assert_is_a_good_message(message)
    assert post.headers["Authorization"] == "Bearer bearer-secret"
    assert desk.mails("code quality") == []

    desk.page.samples[FINDINGS] = 0

    until(lambda: desk.hooked(SECURITY, "resolved"), "the end at the webhook")
    resolve = until(lambda: sent(desk.pagerduty, "resolve"), "the end at PagerDuty")
    over = until(lambda: titled(desk.slack, "[RESOLVED]"), "the end in Slack")
    (mail, *_) = until(lambda: desk.mails("code quality"), "a mail")
    assert resolve["dedup_key"] == trigger.body["dedup_key"]
    assert over["color"] == "good"
    assert "Over since" in over["text"]
    assert_is_a_good_mail(mail)
    assert desk.mailbox.logins[0] == ["alertmanager", "password-secret"]


def test_a_dead_exporter_speaks_alone(desk):
    """
    With the page gone, DroidscopeDown is told and what would come from the page is muted, also to those
    who are told of other severities.
    """
    desk.page.samples |= {OVER_LIMIT: 1}
    until(lambda: desk.state(thresholds.LONG_DURATION.name) == "active", "a session over its limit")
    before = len(desk.slack.received)

    desk.page.__exit__()

    until(lambda: desk.state(alerts.INSTANCE_DOWN) == "suppressed", "the muted instance")
    message = until(
        lambda: titled(desk.slack, "[CRITICAL] No droidscope exporter is up.", before), "the message"
    )
    assert f"docs/runbooks/{alerts.DOWN}.md" in message["text"]
    states = {one["labels"]["alertname"]: one["status"]["state"] for one in desk.alertmanager.alerts()}
    muted = {state for name, state in states.items() if name in reported_by_exporter()}
    assert muted == {"suppressed"}
    assert desk.hooked(alerts.INSTANCE_DOWN, "firing") == []


# --- the hours ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("hour", "medium"), [(6, 1), (18, 0)])
def test_what_can_wait_is_told_only_in_working_hours(tmp_path, hour, medium):
    """
    With hours from midnight to noon, in a time zone where it is six or eighteen now: critical is told in
    both, medium only in the morning.
    """
    with Api() as webhook:
        morning = {
            "times": [{"start_time": "00:00", "end_time": "12:00"}],
            "location": zone_where_it_is(hour),
        }
        receivers = one_webhook(webhook.url, morning)
        with Alertmanager(tmp_path / "alertmanager", receivers, keeps_hours=True) as alertmanager:
            post_alerts(alertmanager, {"alertname": "CanWait", "severity": "medium"})
            post_alerts(alertmanager, {"alertname": "CannotWait", "severity": "critical"})
            until(lambda: told(webhook, "CannotWait"), "the critical alert")
            # Later than the other's turn: both wait as long, and this one is told twice.
            post_alerts(alertmanager, {"alertname": "CannotWait", "severity": "critical", "droid": "d"})
            until(lambda: len(told(webhook, "CannotWait")) == 2, "more of the same")

            assert len(told(webhook, "CanWait")) == medium


def zone_where_it_is(hour):
    """
    A time zone with that hour now; its name has the sign of what is to be added to get UTC.
    """
    ahead = (hour - datetime.now(UTC).hour + 12) % 24 - 12  # there are zones for -12 to 14
    return f"Etc/GMT{-ahead:+d}" if ahead else "UTC"


def post_alerts(alertmanager, labels):
    body = json.dumps([{"labels": labels, "annotations": {}}]).encode()
    request = urllib.request.Request(
        f"{alertmanager.url}/api/v2/alerts", body, {"Content-Type": "application/json"}
    )
    urllib.request.urlopen(request, timeout=10).close()


def told(webhook, name):
    """
    Posts with such an alert.
    """
    return [
        post
        for post in webhook.received
        if name in {one["labels"]["alertname"] for one in post.body["alerts"]}
    ]


# --- the dead man's switch ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "receiver",
    [
        pytest.param({"slack_configs": [{"channel": "any", "api_url_file": "{file}"}]}, id="any version"),
        pytest.param({"webhook_configs": [{"url_file": "{file}"}]}, id="from 0.26"),
    ],
)
def test_a_heartbeat_goes_to_the_secret_url_in_a_file(tmp_path, receiver):
    """
    As docs/notifications.md says for both kinds of Alertmanager: posted to that URL, and to no other.
    """
    if "webhook_configs" in receiver and alertmanager_version() < (0, 26):
        pytest.skip("url_file came with Alertmanager 0.26")
    with Api() as outside:
        secret, file = tmp_path / "secret", tmp_path / "receivers.yml"
        secret.write_text(f"{outside.url}/ping/secret")
        watchdog = json.loads(json.dumps(receiver).replace("{file}", str(secret)))
        others = [{"name": name} for name in NAMES if name != WATCHDOG]
        file.write_text(yaml.safe_dump({"receivers": [*others, {"name": WATCHDOG, **watchdog}]}))
        with Alertmanager(tmp_path / "alertmanager", load(file)) as alertmanager:
            post_alerts(alertmanager, {"alertname": alerts.WATCHDOG, "severity": "none"})

            (beat, *_) = until(lambda: outside.received, "a heartbeat")

    assert beat.path == "/ping/secret"


def alertmanager_version():
    done = subprocess.run([program("alertmanager"), "--version"], capture_output=True, text=True, check=True)
    return tuple(int(part) for part in re.search(r"version (\d+)\.(\d+)", done.stdout + done.stderr).groups())


# --- what good messages are ---------------------------------------------------------------------


def sent(pagerduty, action):
    """
    The first event with that action.
    """
    return next((post.body for post in pagerduty.received if post.body["event_action"] == action), None)


def titled(slack, start, first=0):
    """
    The first message whose title starts like that, leaving the *first* ones out.
    """
    messages = (post.body["attachments"][0] for post in slack.received[first:])
    return next((one for one in messages if one["title"].startswith(start)), None)


def assert_is_a_good_event(post):
    """
    What PagerDuty's Events API v2 wants, and what helps whoever is woken.
    """
    event = post.body
    payload = event["payload"]
    assert post.path == "/v2/enqueue"
    assert (event["routing_key"], event["event_action"]) == ("routing-secret", "trigger")
    assert payload["summary"] == "[CRITICAL] Security findings are open. (atlas)"
    assert (payload["severity"], payload["class"], payload["group"]) == ("critical", "quality", "atlas")
    details = payload["custom_details"]
    assert details["action"] == thresholds.SECURITY_ISSUES.action
    assert "2 high finding(s) are open" in details["alerts"]
    links = {link["text"]: link["href"] for link in event["links"]}
    assert links["Board"] == details["board"]
    assert links["Runbook"].startswith("http://")
    assert details["runbook"].endswith(f"/{SECURITY}.md")
    assert "/d/orchestrator-droids?" in details["board"]
    assert "var-droid=coder" in details["board"]


def assert_is_a_good_message(post):
    """
    Posted to the URL of the file, with title, value, action, runbook and board.
    """
    (attachment,) = post.body["attachments"]
    assert post.path == "/services/T0/B0/secret"
    assert post.body["channel"] == "#agents"
    assert attachment["title"] == attachment["fallback"] == "[CRITICAL] Security findings are open. (atlas)"
    assert attachment["color"] == "danger"
    assert "var-droid=coder" in attachment["title_link"]
    lines = attachment["text"].splitlines()
    assert lines[0].startswith("2 high finding(s) are open in the latest report of droid coder of atlas")
    assert [line.split("*")[1] for line in lines[1:]] == ["Action:", "Runbook:", "Board:"]
    assert "&amp;var-droid=coder" in lines[3]


def assert_is_a_good_mail(mail):
    """
    To whom, from whom, about what; the same in text and in HTML with links.
    """
    html = mail.get_body(("html",)).get_content()
    assert (mail["To"], mail["From"]) == ("agents@example.com", "alertmanager@example.com")
    assert mail["Subject"] == "[MEDIUM] Droid code quality is low. (atlas)"
    assert "was 40.0 of 100" in text_of(mail)
    assert f"Action: {thresholds.LOW_CODE_QUALITY.action}" in text_of(mail)
    assert "was 40.0 of 100" in html
    assert f'<a href="docs/runbooks/{QUALITY}.md">' in html
    assert "/d/orchestrator-droids?" in html
