"""
The file that says who is told: what it means, and what is said about each fault in it.
"""

from __future__ import annotations

import pytest
import yaml
from click.testing import CliRunner

from droidscope.commands import droidscope
from droidscope.errors import ConfigError
from droidscope.rules import receivers
from droidscope.rules.alertmanager import alertmanager_config

SECRETS = "/etc/alertmanager/secrets"
CHAT = {"kind": "slack", "api_url_file": f"{SECRETS}/slack", "channel": "#agents"}
PAGER = {"kind": "pagerduty", "routing_key_file": f"{SECRETS}/pagerduty"}
MAIL = {
    "kind": "email",
    "to": "agents@example.com",
    "from": "alertmanager@example.com",
    "smarthost": "smtp.example.com:587",
    "auth_username": "alertmanager",
    "auth_password_file": f"{SECRETS}/smtp",
}
HOOK = {"kind": "webhook", "url": "https://ops.example/hook", "credentials_file": f"{SECRETS}/hook"}
EVERYTHING = {"chat": CHAT, "pager": PAGER, "mail": MAIL, "hook": HOOK}
NOTIFY = {
    "critical": ["pager", "chat"],
    "high": ["chat"],
    "medium": ["mail"],
    "low": [],
    "other": ["hook"],
    "watchdog": ["hook"],
}


def document(**changes):
    return {"receivers": EVERYTHING, "notify": NOTIFY, **changes}


def one(**receiver):
    """
    A file with a single receiver, used for everything.
    """
    names = {key: ["one"] for key in ("critical", "high", "medium", "low", "other")}
    return {"receivers": {"one": receiver}, "notify": names}


@pytest.fixture
def load(tmp_path):
    """
    Loads a document by way of a file called receivers.yml.
    """

    def load(content, **options):
        path = tmp_path / "receivers.yml"
        path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
        return receivers.load(path, **options)

    return load


@pytest.fixture
def fault(load, tmp_path):
    """
    What is said about a document that does not fit, without the folder of the file.
    """

    def fault(content):
        with pytest.raises(ConfigError) as caught:
            load(content)
        return str(caught.value).replace(f"{tmp_path}/", "")

    return fault


def rendered(told):
    return {each["name"]: each for each in alertmanager_config(told)["receivers"]}


# --- what it means ------------------------------------------------------------------------------


def test_each_severity_tells_those_named_for_it(load):
    """
    A receiver is written once and used by name, one severity may have several and none.
    """
    kinds = {name: sorted(set(each) - {"name"}) for name, each in rendered(load(document())).items()}

    assert kinds == {
        "inbox": ["webhook_configs"],
        "critical": ["pagerduty_configs", "slack_configs"],
        "high": ["slack_configs"],
        "medium": ["email_configs"],
        "low": [],
        "watchdog": ["webhook_configs"],
    }


def test_two_of_a_kind_are_both_told(load):
    """
    Two channels for one severity are two integrations, in the order of the file.
    """
    more = {**EVERYTHING, "more": {**CHAT, "channel": "#more"}}
    told = load(document(receivers=more, notify={**NOTIFY, "high": ["chat", "more"]}))

    assert [each["channel"] for each in rendered(told)["high"]["slack_configs"]] == ["#agents", "#more"]


def test_secrets_stay_in_their_files(load):
    """
    The configuration has paths alone.
    """
    critical, medium = (rendered(load(document()))[name] for name in ("critical", "medium"))
    (slack,), (pager,), (mail,) = (
        critical["slack_configs"],
        critical["pagerduty_configs"],
        medium["email_configs"],
    )

    assert slack["api_url_file"] == f"{SECRETS}/slack"
    assert pager["routing_key_file"] == f"{SECRETS}/pagerduty"
    assert (mail["auth_username"], mail["auth_password_file"]) == ("alertmanager", f"{SECRETS}/smtp")


def test_ends_are_told_but_not_those_of_a_heartbeat(load):
    """
    A resolved watchdog would count as a beat.
    """
    by_name = rendered(load(document()))

    assert by_name["medium"]["email_configs"][0]["send_resolved"] is True
    assert by_name["watchdog"]["webhook_configs"][0]["send_resolved"] is False


def test_severities_are_translated_for_pagerduty(load):
    """
    PagerDuty has words of its own; what has no severity of ours is a warning.
    """
    by_name = rendered(load(one(**PAGER)))
    translated = {name: each["pagerduty_configs"][0]["severity"] for name, each in list(by_name.items())[:5]}

    assert translated == {
        "inbox": "warning",
        "critical": "critical",
        "high": "error",
        "medium": "warning",
        "low": "info",
    }


def test_times_may_stand_without_quotes(load):
    """
    YAML reads 17:30 as the number 1050.
    """
    hours = load("working_hours: {from: 08:00, to: 17:30}\n" + yaml.safe_dump(document())).working_hours

    assert (hours.start, hours.end) == ("08:00", "17:30")


def test_the_time_zone_of_the_command_wins(load):
    """
    One file serves teams in several places.
    """
    told = load(document(time_zone="Europe/Berlin"), time_zone="Asia/Tokyo")

    assert told.time_zone == "Asia/Tokyo"


# --- what is said about faults ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            document(notify={**NOTIFY, "high": ["chatt"]}),
            "notify.high has 'chatt'; expected one of chat, hook, mail, pager (receivers.yml)",
        ),
        (
            document(notify={key: names for key, names in NOTIFY.items() if key != "low"}),
            "notify.low (receivers.yml) is missing; it is required",
        ),
        (
            document(notify={**NOTIFY, "medium": []}),
            "receivers.mail is never notified; expected its name under notify (receivers.yml)",
        ),
        (
            document(notify={**NOTIFY, "medium": "mail"}),
            "notify.medium (receivers.yml) is 'mail'; expected a list",
        ),
        (
            document(time_zone="Berlin"),
            (
                "time_zone (receivers.yml) is 'Berlin'; expected a name of the time zone database, such as "
                "Europe/Berlin or UTC"
            ),
        ),
        (
            document(working_hours={"from": "9am"}),
            (
                "working_hours.from (receivers.yml) is '9am'; expected a time of day from 00:00 to 24:00, "
                "such as 09:00"
            ),
        ),
        (
            document(working_hours={"from": "17:00", "to": "09:00"}),
            "working_hours (receivers.yml) is from 17:00 to 09:00; expected an end after the start",
        ),
        (
            document(working_hours={"weekdays": ["monday:sunday"]}),
            (
                "working_hours.weekdays.0 (receivers.yml) is 'monday:sunday'; expected a range within a week "
                "that begins on sunday, such as sunday:saturday"
            ),
        ),
        (
            document(working_hours={"weekdays": ["mon-fri"]}),
            (
                "working_hours.weekdays.0 (receivers.yml) is 'mon-fri'; expected a day or a range of days, "
                "such as monday or monday:friday"
            ),
        ),
        (
            document(site_labels=["my-site"]),
            "site_labels.0 (receivers.yml) is 'my-site'; expected a label name, such as cluster",
        ),
        (
            document(recievers={}),
            "recievers (receivers.yml) is no key of this file; see docs/notifications.md for those there are",
        ),
        (
            one(kind="pigeon"),
            "receivers.one.kind (receivers.yml) is 'pigeon'; expected slack, email, pagerduty or webhook",
        ),
        (
            one(channel="#a"),
            "receivers.one.kind (receivers.yml) is None; expected slack, email, pagerduty or webhook",
        ),
        (
            one(kind="slack", channel="#a", api_url_file="secrets/slack"),
            (
                "receivers.one.api_url_file (receivers.yml) does not fit; expected the absolute path of a "
                "file, as Alertmanager sees it"
            ),
        ),
        (
            one(**{**MAIL, "smarthost": "smtp.example.com"}),
            (
                "receivers.one.smarthost (receivers.yml) is 'smtp.example.com'; expected HOST:PORT, such as "
                "smtp.example.com:587"
            ),
        ),
        (
            one(**{key: value for key, value in MAIL.items() if key != "auth_password_file"}),
            "receivers.one (receivers.yml) has auth_username or auth_password_file; expected both or neither",
        ),
        (
            one(kind="webhook"),
            "receivers.one (receivers.yml) has url and url_file, or none of them; expected one",
        ),
        (
            one(kind="webhook", url="ops.example/hook"),
            "receivers.one.url (receivers.yml) is 'ops.example/hook'; expected a URL with http:// or https://",
        ),
        ("- chat\n", "receivers.yml holds list; expected a mapping with receivers, notify"),
    ],
)
def test_a_fault_is_named_with_its_key_its_value_and_what_was_expected(fault, content, said):
    """
    One line for each, enough to mend it.
    """
    assert fault(content) == said


def test_all_faults_are_told_at_once(fault):
    """
    Nobody likes to mend a file one run after the other.
    """
    lines = fault(document(time_zone="Berlin", site_labels=["my-site"])).splitlines()

    assert len(lines) == 2


@pytest.mark.parametrize(
    ("receiver", "key"),
    [
        ({"kind": "slack", "channel": "#a", "api_url": "https://hooks.example/s3cret"}, "api_url"),
        ({"kind": "pagerduty", "routing_key": "s3cret"}, "routing_key"),
        ({**MAIL, "auth_password": "s3cret"}, "auth_password"),
        ({"kind": "webhook", "url": "https://ops.example", "credentials": "s3cret"}, "credentials"),
    ],
)
def test_a_secret_has_no_place_and_is_not_repeated(fault, receiver, key):
    """
    The message says which key takes a file, and keeps the secret to itself.
    """
    said = fault(one(**receiver))

    assert f"receivers.one.{key} (receivers.yml) would put a secret here; expected {key}_file" in said
    assert "s3cret" not in said


def test_a_secret_where_its_file_belongs_is_not_repeated(fault):
    """
    The URL itself for the path of the file that holds it, as happens.
    """
    said = fault(one(kind="slack", channel="#a", api_url_file="https://hooks.example/s3cret"))

    assert "receivers.one.api_url_file (receivers.yml) does not fit; expected the absolute path" in said
    assert "s3cret" not in said


def test_a_password_in_a_url_is_refused_and_not_repeated(fault):
    """
    Neither is it shown.
    """
    said = fault(one(kind="webhook", url="https://me:s3cret@ops.example/hook"))

    assert "expected a URL without a password; secrets are given as files" in said
    assert "s3cret" not in said


def test_a_file_that_is_not_there_or_no_yaml_is_said_so(tmp_path, load):
    """
    In one line each.
    """
    with pytest.raises(ConfigError, match=r"nowhere\.yml cannot be read: No such file or directory"):
        receivers.load(tmp_path / "nowhere.yml")
    with pytest.raises(ConfigError, match=r"receivers\.yml is not YAML: "):
        load("receivers: [")


# --- the command --------------------------------------------------------------------------------


def run(*arguments):
    return CliRunner().invoke(droidscope, ["rules", "render", *map(str, arguments)])


def test_the_command_renders_for_a_file(tmp_path):
    """
    Configuration and templates, ready to be mounted; again nothing differs.
    """
    file = tmp_path / "receivers.yml"
    file.write_text(yaml.safe_dump(document()))
    options = ("--root", tmp_path, "--receivers", file, "--grafana-url", "https://grafana.example")

    assert run(*options).exit_code == 0
    config = yaml.safe_load((tmp_path / "alertmanager/alertmanager.yml").read_text())
    assert {each["name"]: "slack_configs" in each for each in config["receivers"]}["high"]
    assert (tmp_path / "alertmanager/templates/droidscope.tmpl").is_file()
    assert "https://grafana.example/d/" in (tmp_path / "prometheus/rules/alerts.yml").read_text()
    assert run("--check", *options).exit_code == 0
    assert run("--check", "--root", tmp_path).exit_code == 1


def test_the_command_takes_a_webhook_and_a_time_zone(tmp_path):
    """
    The short way for who has one webhook; the zone alone is an answer too.
    """
    assert run("--root", tmp_path, "--webhook", "https://ops.example/hook").exit_code == 0
    assert "https://ops.example/hook" in (tmp_path / "alertmanager/alertmanager.yml").read_text()
    assert run("--root", tmp_path, "--time-zone", "Asia/Tokyo").exit_code == 0
    assert "location: Asia/Tokyo" in (tmp_path / "alertmanager/alertmanager.yml").read_text()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--webhook", "nonsense"], "is 'nonsense'; expected a URL with http:// or https://"),
        (["--time-zone", "Mars"], "time_zone (--time-zone) is 'Mars'; expected a name of the time zone"),
    ],
)
def test_the_command_says_what_does_not_fit(tmp_path, options, said):
    """
    One line and exit code 1; nothing is written.
    """
    done = run("--root", tmp_path, *options)

    assert done.exit_code == 1
    assert said in done.output
    assert not list(tmp_path.iterdir())


def test_a_file_and_a_webhook_exclude_each_other(tmp_path):
    """
    A webhook of its own would be forgotten among the file's receivers.
    """
    file = tmp_path / "receivers.yml"
    file.write_text(yaml.safe_dump(document()))
    done = run("--root", tmp_path, "--receivers", file, "--webhook", "https://ops.example")

    assert done.exit_code == 2
    assert "--receivers and --webhook exclude each other" in done.output
