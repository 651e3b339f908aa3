"""
Settings: defaults < file < environment < flags; every fault is one sentence that says what and where.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from droidscope.addresses import Address
from droidscope.commands import droidscope
from droidscope.config import PORTS, Settings, as_text, load
from droidscope.conventions.former_names import FORMER_OPTIONS, FORMER_SETTINGS
from droidscope.conventions.metrics import CATALOGUE
from droidscope.conventions.thresholds import HIGH_ERROR_RATE
from droidscope.errors import ConfigError
from droidscope.limits.alert_limits import AlertLimits


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "droidscope.yaml"
        path.write_text(text)
        return path

    return write


def fault_of(file=None, flags=None, environ=None):
    with pytest.raises(ConfigError) as caught:
        load(file, flags, environ or {})
    return str(caught.value)


def test_nothing_given_is_the_defaults():
    """
    On loopback, with the standard OTLP ports.
    """
    settings = load(environ={})

    assert settings == Settings()
    assert settings.otlp_http == Address("127.0.0.1", 4318)


def test_flags_win_over_the_environment_over_the_file_over_defaults(write):
    """
    Each of four settings comes from the strongest place that names it.
    """
    file = write("label_limit: 1\nseries_limit: 1\nretention: 1d\n")
    environ = {"DROIDSCOPE_LABEL_LIMIT": "2", "DROIDSCOPE_SERIES_LIMIT": "2"}

    settings = load(file, {"label_limit": 3, "retention": None}, environ)

    assert (settings.label_limit, settings.series_limit, settings.retention) == (3, 2, timedelta(days=1))
    assert settings.birth_hold == timedelta(seconds=60)


@pytest.mark.parametrize(("text", "seconds"), [("10", 10), ("0.5", 0.5), ("90", 90)])
def test_a_duration_without_a_unit_is_in_seconds_wherever_it_is_written(write, text, seconds):
    """
    In the file, in quotes there, as a variable, and inside a mapping.
    """
    files = [f"session_limit: {text}\n", f"session_limit: '{text}'\n"]
    environ = {"DROIDSCOPE_SESSION_LIMIT": text, "DROIDSCOPE_PATTERN_LIMITS": f"{{bug-fix: '{text}'}}"}

    given = [load(write(file), environ={}).session_limit for file in files]
    variables = load(environ=environ)

    assert {*given, variables.session_limit} == {timedelta(seconds=seconds)}
    assert variables.pattern_limits == {"bug-fix": timedelta(seconds=seconds)}
    assert fault_of(environ={"DROIDSCOPE_SESSION_LIMIT": "-10"}).endswith("expected a duration above zero")


def test_lists_and_mappings_of_the_environment_are_yaml():
    """
    As they would stand in the file.
    """
    environ = {
        "DROIDSCOPE_RESOURCE_LABELS": "{zone: cloud.availability_zone}",
        "DROIDSCOPE_DROID_LIMITS": "{coder: 3}",
    }
    settings = load(environ=environ)

    assert settings.resource_labels == {"zone": "cloud.availability_zone"}
    assert settings.droid_limits == {"coder": 3}


def test_the_file_may_be_named_by_the_environment_and_a_flag_names_another(write, tmp_path):
    """
    DROIDSCOPE_CONFIG, unless a file is given.
    """
    other = tmp_path / "other.yaml"
    other.write_text("label_limit: 9\n")
    environ = {"DROIDSCOPE_CONFIG": str(write("label_limit: 8\n"))}

    assert load(environ=environ).label_limit == 8
    assert load(other, environ=environ).label_limit == 9


def test_an_empty_file_and_empty_variables_say_nothing(write):
    """
    As compose files leave them.
    """
    assert load(write("# nothing\n"), environ={"DROIDSCOPE_STORE": ""}) == Settings()


def test_mappings_in_the_environment_are_json_or_yaml():
    """
    Both ways to write the same.
    """
    as_json = {"DROIDSCOPE_PATTERN_LIMITS": '{"bug-fix": "5m"}'}
    as_yaml = {"DROIDSCOPE_PATTERN_LIMITS": "bug-fix: 5m"}

    assert load(environ=as_json).pattern_limits == {"bug-fix": timedelta(minutes=5)}
    assert load(environ=as_json) == load(environ=as_yaml)


def test_a_mapping_in_the_environment_that_is_neither_is_an_error_with_its_name():
    """
    And with what was written there.
    """
    with pytest.raises(ConfigError, match=r"droid_limits .*DROIDSCOPE_DROID_LIMITS.* '\{coder: '"):
        load(environ={"DROIDSCOPE_DROID_LIMITS": "{coder: "})


def test_prices_by_model(write):
    """
    Directions that are not given cost nothing.
    """
    settings = load(write("prices:\n  m1: {input: 3, output: 15}\n"), environ={})

    assert settings.prices["m1"].output == 15
    assert settings.prices["m1"].cache_read == 0


def test_other_peoples_variables_are_none_of_our_settings():
    """
    Kubernetes writes these into every pod beside a service called droidscope.
    """
    environ = {
        "DROIDSCOPE_SERVICE_HOST": "10.0.0.7",
        "DROIDSCOPE_SERVICE_PORT": "9788",
        "DROIDSCOPE_SERVICE_PORT_OTLP_HTTP": "4318",
        "DROIDSCOPE_PORT": "tcp://10.0.0.7:9788",
        "DROIDSCOPE_PORT_9788_TCP": "tcp://10.0.0.7:9788",
        "DROIDSCOPE_PORT_9788_TCP_ADDR": "10.0.0.7",
        "DROIDSCOPE_URL": "http://droidscope:9788",
    }

    assert load(environ=environ) == Settings()


def test_the_store_may_be_in_the_home_directory(write):
    """
    `~` in a file is the home directory, as in a shell.
    """
    assert load(write("store: ~/scope\n"), environ={}).store == Path.home() / "scope"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:0", ("127.0.0.1", 0)),
        ("localhost:9788", ("localhost", 9788)),
        ("[::1]:4317", ("::1", 4317)),
    ],
)
def test_addresses(text, address):
    """
    Host and port, IPv6 in brackets; shown as they were given.
    """
    settings = load(flags={"listen": text}, environ={})

    assert settings.listen == Address(*address)
    assert str(settings.listen) == text


@pytest.mark.parametrize(
    "address", [":9788", "0.0.0.0:9788", "[::]:9788", "192.0.2.7:9788", "scope.example:9788"]
)
def test_an_address_others_can_reach_needs_a_word_that_this_is_meant(address):
    """
    There is neither TLS nor authentication: `insecure` says that a proxy has both.
    """
    fault = fault_of(flags={"listen": address})

    assert fault.startswith("listen is ")
    assert "which other machines can reach without TLS or authentication" in fault
    assert "insecure: true" in fault
    assert "insecure: [listen]" in fault
    assert load(flags={"listen": address, "insecure": True}, environ={}).listen.port == 9788
    assert load(flags={"listen": address, "insecure": ["listen"]}, environ={}).listen.port == 9788


def test_a_list_of_insecure_ports_names_all_that_others_can_reach():
    """
    The other ports stay on loopback, or are a fault; as a variable the list is YAML.
    """
    flags = {"listen": "0.0.0.0:9788", "otlp_grpc": "0.0.0.0:4317"}

    fault = fault_of(flags=flags, environ={"DROIDSCOPE_INSECURE": "[otlp_grpc]"})

    assert fault.startswith("listen is 0.0.0.0:9788, which other machines can reach")
    both = load(flags=flags, environ={"DROIDSCOPE_INSECURE": "[otlp_grpc, listen]"})
    assert [both.is_insecure(port) for port in PORTS] == [True, False, True]


@pytest.mark.parametrize(
    ("listen", "otlp_http"),
    [
        ("127.0.0.1:4000", "127.0.0.1:4000"),
        ("0.0.0.0:4000", "127.0.0.1:4000"),
        ("localhost:4000", "0.0.0.0:4000"),
        ("[::]:4000", "127.0.0.1:4000"),
        ("localhost:4000", "127.0.0.1:4000"),
        ("[::1]:4000", "[0:0:0:0:0:0:0:1]:4000"),
    ],
)
@pytest.mark.parametrize("command", [["config", "check"], ["serve"]])
def test_two_settings_with_one_address_are_a_fault_that_names_both(tmp_path, command, listen, otlp_http):
    """
    Only one of them could be bound.
    """
    flags = ["--listen", listen, "--otlp-http", otlp_http, "--store", str(tmp_path / "store")]

    result = CliRunner().invoke(droidscope, [*command, *flags], env={"DROIDSCOPE_INSECURE": "true"})

    assert result.exit_code == 1
    assert result.output == (
        f"Error: listen is {listen} and otlp_http is {otlp_http}, of which only one can be bound; "
        "expected another port for one of them\n"
    )
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize(
    ("listen", "otlp_grpc"),
    [
        ("127.0.0.1:0", "127.0.0.1:0"),
        ("127.0.0.1:4000", "127.0.0.2:4000"),
        ("127.0.0.1:4000", "127.0.0.1:4001"),
    ],
)
def test_addresses_that_can_both_be_bound_are_no_fault(listen, otlp_grpc):
    """
    Port 0 is another port every time it is bound.
    """
    settings = load(flags={"listen": listen, "otlp_grpc": otlp_grpc}, environ={})

    assert (str(settings.listen), str(settings.otlp_grpc)) == (listen, otlp_grpc)


@pytest.mark.parametrize(("word", "insecure"), [("true", True), ("yes", True), ("1", True), ("false", False)])
def test_insecure_is_a_word_for_all_ports(word, insecure):
    """
    As any other switch.
    """
    assert load(environ={"DROIDSCOPE_INSECURE": word}).insecure is insecure


DURATION = "expected a duration, such as 10s, 5m, 2h or 30d"
SIZE = "expected a size of at least 1KiB, such as 65536, 64MiB or 2GiB"
INSECURE = "expected true, false or a list of listen, otlp_http, otlp_grpc"
ADDRESS = "expected HOST:PORT, such as 127.0.0.1:9788 or [::1]:9788"


@pytest.mark.parametrize(
    ("setting", "value", "expectation"),
    [
        ("retention", "soon", DURATION),
        ("retention", "1 day", DURATION),
        ("retention", "true", DURATION),
        ("retention", "[1d]", DURATION),
        ("retention", "99999999999999d", DURATION),
        ("retention", ".inf", DURATION),
        ("retention", ".nan", DURATION),
        ("retention", "0s", "expected a duration above zero"),
        ("retention", "-5", "expected a duration above zero"),
        ("queue_limit_bytes", "64MB", SIZE),
        ("queue_limit_bytes", "17", SIZE),
        ("queue_limit_bytes", "true", SIZE),
        ("listen", "9788", ADDRESS),
        ("listen", "127.0.0.1", ADDRESS),
        ("listen", "127.0.0.1:99999", ADDRESS),
        ("listen", "127.0.0.1:http", ADDRESS),
        ("listen", "'::1:9788'", ADDRESS),
        ("listen", "'::1'", ADDRESS),
        ("log_level", "loud", "input should be 'debug', 'info', 'warning' or 'error'"),
        ("label_limit", "0", "input should be greater than or equal to 1"),
        ("insecure", "perhaps", INSECURE),
        ("insecure", "[listen, otlp]", INSECURE),
        ("insecure", "{listen: true}", INSECURE),
    ],
)
def test_a_value_that_does_not_fit_is_named_with_its_place_and_what_was_expected(
    write, setting, value, expectation
):
    """
    Setting, file, value, expectation.
    """
    file = write(f"{setting}: {value}\n")

    assert fault_of(file) == f"{setting} ({file}) is {yaml.safe_load(value)!r}; {expectation}"


def test_a_fault_names_the_variable_or_flag_it_came_from():
    """
    So that one knows where to look.
    """
    assert fault_of(environ={"DROIDSCOPE_RETENTION": "soon"}).startswith(
        "retention (DROIDSCOPE_RETENTION) is 'soon';"
    )
    assert fault_of(flags={"retention": "soon"}).startswith("retention (flag) is 'soon';")


def test_all_faults_are_told_at_once(write):
    """
    One line each.
    """
    lines = fault_of(write("retention: soon\nlabel_limit: 0\n")).splitlines()

    assert [line.split(" ")[0] for line in lines] == ["retention", "label_limit"]


def test_an_unknown_setting_is_refused_with_those_there_are(write):
    """
    A typing error must not go unnoticed; inside a price the list is that of prices.
    """
    assert "retenton" in (fault := fault_of(write("retenton: 1d\n")))
    assert "is no setting; expected one of birth_hold, " in fault
    assert "retention" in fault
    assert fault_of(environ={"DROIDSCOPE_RETENTON": "1d"}).startswith(
        "retenton (DROIDSCOPE_RETENTON) is no setting"
    )
    assert fault_of(write("prices:\n  m1: {inptu: 1}\n")).endswith(
        "expected one of cache_read, cache_write, input, output"
    )


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("- a\n", "holds list; expected a mapping of settings"),
        ("1: 2\n", "has the key 1, which is no text; expected a mapping of settings"),
        ("store: a\nlisten: :1\nstore: b\n", "has the key store again in line 3; expected it once"),
        ("a: [\n", "is not YAML: "),
    ],
)
def test_a_file_that_is_no_settings_is_one_sentence(write, text, fault):
    """
    The file's name and what is wrong with it.
    """
    file = write(text)

    assert fault_of(file).startswith(f"{file} {fault}")
    assert "\n" not in fault_of(file)


@pytest.mark.parametrize(("former", "now"), FORMER_SETTINGS.items())
def test_a_former_setting_is_an_error_that_names_what_to_use(write, former, now):
    """
    In the file, as a variable, as a flag.
    """
    sentence = f"is no setting any more; expected {now}"
    file = write(f"{former}: 1\n")

    assert fault_of(file) == f"{former} ({file}) {sentence}"
    assert fault_of(environ={f"DROIDSCOPE_{former.upper()}": "1"}).endswith(sentence)
    assert fault_of(flags={former: 1}) == f"{former} (flag) {sentence}"


@pytest.mark.parametrize(("former", "now"), FORMER_OPTIONS.items())
def test_a_former_option_of_rules_render_is_an_error_that_names_what_to_use(tmp_path, former, now):
    """
    A usage error, as any unknown option; nothing is written and the help has it no more.
    """
    command = ["rules", "render", "--root", str(tmp_path / "rules")]

    result = CliRunner().invoke(droidscope, [*command, former, "x"])

    assert result.exit_code == 2
    assert result.output.endswith(f"Error: {former} is no option any more; expected {now}\n")
    assert not (tmp_path / "rules").exists()
    assert former not in CliRunner().invoke(droidscope, [*command, "--help"]).output


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            "prices: {m1: 1}\n",
            "is 1; expected a mapping with the keys cache_read, cache_write, input, output",
        ),
        ("prices: 1\n", "is 1; expected a mapping"),
        ("pattern_limits: [5m]\n", "is ['5m']; expected a mapping"),
    ],
)
def test_what_is_no_mapping_is_a_fault_in_words_of_yaml(write, text, fault):
    """
    A user knows neither dictionaries nor the product's classes.
    """
    assert fault_of(write(text)).endswith(f") {fault}")


def test_other_limits_of_alerts_are_in_a_file_of_their_own(write, tmp_path):
    """
    The setting names it; without it limits are the defaults.
    """
    limits = tmp_path / "limits.yml"
    limits.write_text(f"{HIGH_ERROR_RATE.name}: {{limit: 0.5}}\n")
    settings = load(write(f"thresholds: {limits}\n"))

    assert settings.alert_limits().of_orchestrator(HIGH_ERROR_RATE, "atlas").limit == 0.5
    assert load(environ={}).alert_limits() == AlertLimits()


@pytest.mark.parametrize("command", [["config", "check"], ["serve"], ["rules", "render"]])
def test_a_fault_in_the_file_of_limits_stops_every_command_that_reads_it(tmp_path, command):
    """
    With one message: key, value and what was expected.
    """
    limits = tmp_path / "limits.yml"
    limits.write_text(f"{HIGH_ERROR_RATE.name}: {{limit: 7}}\n")
    place = ["--root" if command[0] == "rules" else "--store", str(tmp_path / "place")]

    result = CliRunner().invoke(droidscope, [*command, *place, "--thresholds", str(limits)])

    sentence = f"{HIGH_ERROR_RATE.name}.limit is 7; expected a ratio from 0 to 1"
    assert (result.exit_code, result.output) == (1, f"Error: {sentence}\n")
    assert not (tmp_path / "place").exists()


def test_a_file_that_cannot_be_read_is_one_sentence(tmp_path):
    """
    Missing, a directory, or no text.
    """
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"\xff\xfe\x00")

    assert fault_of(tmp_path / "no.yaml") == f"{tmp_path}/no.yaml cannot be read: No such file or directory"
    assert fault_of(tmp_path) == f"{tmp_path} cannot be read: Is a directory"
    assert fault_of(binary).startswith(f"{binary} is not YAML: ")


OURS = {label for spec in CATALOGUE for label in spec.labels}


@pytest.mark.parametrize(
    "label",
    [*sorted(OURS), "severity", "job", "le", "orchestrator", "1st", "a-b", "two words", "", "a\n", "__x"],
)
def test_a_resource_label_must_not_be_taken(label):
    """
    By Prometheus, by rules, or by a label of the product's own metrics: the series would have it twice.
    Nor may it be no label name at all.
    """
    fault = fault_of(flags={"resource_labels": {label: "k8s.cluster.name"}})

    assert fault == f"resource_labels names {label!r}; expected a label name that is not taken"


durations = st.timedeltas(min_value=timedelta(microseconds=1), max_value=timedelta(days=10_000))


@given(
    retention=durations,
    limits=st.dictionaries(st.text(max_size=5), durations, max_size=3),
    port=st.integers(0, 65535),
    insecure=st.booleans() | st.lists(st.sampled_from(PORTS), unique=True),
)
def test_settings_survive_being_written_down(tmp_path_factory, retention, limits, port, insecure):
    """
    `config show` prints a file that says the same.
    """
    settings = load(
        flags={
            "retention": retention,
            "pattern_limits": limits,
            "listen": f"[::1]:{port}",
            "insecure": insecure,
        },
        environ={},
    )
    file = tmp_path_factory.mktemp("config") / "shown.yaml"
    file.write_text(as_text(settings), encoding="utf-8")

    assert load(file, environ={}) == settings
