"""
`droidscope doctor` names each reason for which nothing arrives, and asks real servers for it.
"""

import io
import json
import os
import re
import socket
import subprocess
import sys
from email.utils import formatdate
from pathlib import Path

import pytest

import builders as b
from api.api_requests import post
from droidscope.instrument.diagnosis import doctor, exporter_state, probes, variables
from droidscope.instrument.diagnosis.exporter_state import Sample
from droidscope.instrument.diagnosis.targets import targets
from e2e.processes import ROOT, Exporter, free_port


def diagnose(*arguments):
    """
    The findings by name, and the exit code.
    """
    out = io.StringIO()
    code = doctor.main([*arguments, "--json"], out)
    return {finding["name"]: finding for finding in json.loads(out.getvalue())}, code


def found(*arguments):
    """
    The names of what is found on the way to the exporter.
    """
    return set(diagnose(*arguments)[0]) - {"exporter_unreachable", "nothing_received", "orchestrator_unknown"}


def test_where_all_is_well_nothing_is_found(exporter):
    """
    HTTP and gRPC; what the exporter has received meanwhile is another matter.
    """
    for protocol, endpoint in (
        ("http/protobuf", exporter.otlp),
        ("grpc", f"http://127.0.0.1:{exporter.grpc}"),
    ):
        assert found(exporter.url, "--protocol", protocol, "--endpoint", endpoint) == set()


@pytest.mark.parametrize(
    ("name", "value", "finding", "code"),
    [
        ("OTEL_SDK_DISABLED", "true", "sdk_disabled", 1),
        ("OTEL_TRACES_EXPORTER", "none", "no_traces", 1),
        ("OTEL_LOGS_EXPORTER", "none", "no_logs", 0),
        ("OTEL_METRICS_EXPORTER", "none", "no_metrics", 0),
        ("OTEL_PROPAGATORS", "tracecontext", "no_baggage", 0),
        ("OTEL_SERVICE_NAME", "", "no_service_name", 0),
        ("OTEL_TRACES_SAMPLER", "traceidratio", "sampler", 0),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json", "unknown_protocol", 1),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4318", "no_url", 1),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4317", "wrong_port", 1),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:9788", "wrong_port", 1),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318/v1/traces", "path_twice", 1),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://localhost:4318/v1/traces", None, 0),
        ("OTEL_RESOURCE_ATTRIBUTES", "service.name=hermes", None, 0),
    ],
)
def test_each_variable_that_switches_something_off_is_named(monkeypatch, name, value, finding, code):
    """
    Offline; the exit code is 1 where nothing arrives.
    """
    monkeypatch.setenv(name, value)

    findings, exit_code = diagnose("--offline")

    assert set(findings) == ({finding} if finding else set())
    assert exit_code == code


def test_a_grpc_endpoint_at_the_port_of_http_is_named(monkeypatch):
    """
    With what to do instead.
    """
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318")

    findings, _ = diagnose("--offline")

    assert findings["wrong_port"]["action"].startswith("Take port 4317 for grpc")


@pytest.mark.parametrize(("no_proxy", "finding"), [("", {"proxy"}), ("collector.example", set())])
def test_a_proxy_in_between_is_named(monkeypatch, no_proxy, finding):
    """
    Unless it is bypassed, as it always is on this machine.
    """
    monkeypatch.setenv("http_proxy", "http://proxy.example:3128")
    monkeypatch.setenv("no_proxy", no_proxy)

    assert found("--offline", "--endpoint", "http://collector.example:4318") == finding
    assert found("--offline", "--endpoint", "http://127.0.0.1:4318") == set()


def test_languages_that_do_not_match_are_named_whatever_the_port(exporter):
    """
    HTTP to gRPC, gRPC to HTTP, and each to the pages.
    """
    grpc, pages = f"http://127.0.0.1:{exporter.grpc}", exporter.url

    assert found(pages, "--endpoint", grpc) == {"wrong_port"}
    assert found(pages, "--endpoint", exporter.otlp, "--protocol", "grpc") == {"wrong_port"}
    assert found(pages, "--endpoint", pages) == {"wrong_port"}
    assert found(pages, "--endpoint", pages, "--protocol", "grpc") == {"wrong_port"}


@pytest.mark.parametrize(
    ("answer", "finding"),
    [
        ({}, None),
        ({"status": 404}, "no_otlp"),
        ({"status": 405}, "no_otlp"),
        ({"body": b"<!doctype html>", "Content_Type": "text/html; charset=utf-8"}, "no_otlp"),
        ({"status": 302, "Location": "https://login.example"}, "redirected"),
        ({"status": 401}, "unauthorized"),
        ({"status": 503}, "not_ready"),
        ({"status": 500}, "refused"),
        ({"Date": formatdate(0, usegmt=True)}, "clock_skew"),
        ({"Via": "1.1 proxy.example"}, "proxied"),
    ],
)
def test_an_endpoint_that_does_not_take_telemetry_is_named(server, answer, finding):
    """
    By its answer to an empty request.
    """
    assert found("--endpoint", server(**answer)) == ({finding} if finding else set())


def test_nobody_at_the_endpoint_is_named(monkeypatch):
    """
    A port on which nobody listens, a name without address, somebody who is silent.
    """
    assert found("--endpoint", f"http://127.0.0.1:{free_port()}") == {"no_connection"}
    assert found("--endpoint", f"http://127.0.0.1:{free_port()}", "--protocol", "grpc") == {"no_connection"}
    assert found("--endpoint", "http://nobody.invalid:4318") == {"unknown_host"}
    monkeypatch.setattr(probes.check_answer, "__defaults__", (0.2,))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert found("--endpoint", f"http://127.0.0.1:{silent.getsockname()[1]}") == {"no_answer"}


@pytest.mark.server("openssl")
def test_a_mismatch_of_tls_is_named(monkeypatch, server, tls, certificate, exporter):
    """
    TLS to a plain port and the other way round, and a certificate that nobody vouches for.
    """
    https = server(context=tls)
    plain_grpc = f"https://127.0.0.1:{exporter.grpc}"

    assert found("--endpoint", https.replace("https", "http")) == {"tls_mismatch"}
    assert found("--endpoint", https.replace("https", "http"), "--protocol", "grpc") == {"tls_mismatch"}
    assert found("--endpoint", exporter.otlp.replace("http", "https")) == {"tls_mismatch"}
    assert found("--endpoint", plain_grpc, "--protocol", "grpc") == {"tls_mismatch"}
    assert found("--endpoint", https) == {"certificate"}
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", str(certificate[1]))
    assert found("--endpoint", https) == set()


def test_headers_of_the_variables_are_sent(monkeypatch, server):
    """
    They may be what makes the difference.
    """
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20x")
    (target, *_) = targets(os.environ)

    assert target.headers == {"authorization": "Bearer x"}
    assert found("--endpoint", server()) == set()


def test_what_the_exporter_has_received_and_refused_is_named(tmp_path):
    """
    First nothing at all; then records of no session, and sessions that its counters do not show yet.
    """
    with Exporter(tmp_path) as exporter:
        _check_receipts(exporter)


def _check_receipts(exporter):
    findings, code = diagnose(exporter.url, "--endpoint", exporter.otlp)
    assert (set(findings), code) == ({"nothing_received"}, 0)

    without = b.task(id="t0")
    del without.attributes[:]
    without.attributes.extend(b.key_values({"orchestrator.kind": "task"}))
    post(exporter, "/v1/traces", b.traces(b.task(), b.session(), without, service="hermes"))
    findings, _ = diagnose(exporter.url, "--endpoint", exporter.otlp)

    assert set(findings) == {"orchestrator_unknown", "no_session", "held_back"}
    assert "has refused 1 records that belong to no session" in findings["no_session"]["problem"]
    assert "nothing of atlas, but of hermes" in findings["orchestrator_unknown"]["problem"]
    assert "birth_hold" in findings["held_back"]["problem"]


def test_completeness_below_one_is_named():
    """
    Of the orchestrator that asks.
    """
    samples = [
        Sample("droidscope_last_receipt_timestamp_seconds", {"orchestrator": "atlas"}, 1.0),
        Sample("droidscope_completeness_ratio", {"orchestrator": "atlas"}, 0.875),
        Sample("droidscope_completeness_ratio", {"orchestrator": "hermes"}, 0.5),
        Sample("droidscope_rejected_total", {"reason": "bad_ids"}, 3.0),
    ]

    findings = {f.name: f for f in exporter_state.check_receipts("The exporter", samples, "atlas")}

    assert set(findings) == {"incomplete", "refused_items"}
    assert findings["incomplete"].problem == "The exporter has 87.5% of what atlas says it has sent."
    assert "bad_ids 3" in findings["refused_items"].problem


def test_somebody_else_at_the_address_of_the_pages_is_named(server, exporter):
    """
    Nobody, somebody who speaks something else, and no address at all.
    """
    assert "exporter_unreachable" in diagnose(f"http://127.0.0.1:{free_port()}", "--endpoint", server())[0]
    assert "no_exporter" in diagnose(exporter.otlp, "--endpoint", server())[0]
    assert "no_url" in diagnose("localhost:9788", "--endpoint", server())[0]


def test_an_exporter_that_is_not_ready_is_named(monkeypatch):
    """
    With what it says itself.
    """
    summary = {"status": {"ready": False, "message": "starting: the log is being replayed"}, "summary": {}}
    monkeypatch.setattr(exporter_state, "_page", lambda *_: json.dumps(summary))

    (finding,) = exporter_state.check_exporter("http://127.0.0.1:9788")

    assert finding.name == "exporter_not_ready"
    assert "the log is being replayed" in finding.problem


@pytest.mark.parametrize(
    ("version", "names"),
    [((3, 11, 9), []), ((3, 12, 2), ["early_python_3_12"]), ((3, 12, 3), []), ((3, 13, 0), [])],
)
def test_early_releases_of_python_3_12_are_named(version, names):
    """
    They start no thread at their end.
    """
    assert [finding.name for finding in variables.check_interpreter(version)] == names


def test_packages_that_are_missing_are_named():
    """
    With the command that installs them.
    """
    (finding,) = variables.check_packages(
        {"opentelemetry.sdk": False, "opentelemetry.exporter.otlp.proto.common": True}
    )

    assert (finding.name, finding.severity) == ("no_sdk", "error")
    assert "opentelemetry.sdk is not installed" in finding.problem
    assert "sdk" in finding.action


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_people_get_colours_at_a_terminal_only(monkeypatch):
    """
    Red is an error, yellow a warning, green that nothing was found.
    """
    terminal = Terminal()
    assert doctor.main(["--offline"], terminal) == 0
    assert "\x1b[32mnothing wrong was found\x1b[0m" in terminal.getvalue()
    assert "http://localhost:4318/v1/traces by http/protobuf (default)" in terminal.getvalue()

    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    monkeypatch.setenv("OTEL_PROPAGATORS", "b3")
    terminal = Terminal()
    doctor.main(["--offline"], terminal)
    assert "\x1b[31merror\x1b[0m sdk_disabled" in terminal.getvalue()
    assert "\x1b[33mwarning\x1b[0m no_baggage" in terminal.getvalue()
    assert "1 error, 1 warning" in terminal.getvalue()

    plain = io.StringIO()
    doctor.main(["--offline"], plain)
    monkeypatch.setenv("NO_COLOR", "1")
    terminal = Terminal()
    doctor.main(["--offline"], terminal)
    assert "\x1b" not in plain.getvalue() + terminal.getvalue()


@pytest.mark.parametrize("hidden", ["", "click opentelemetry.sdk opentelemetry.exporter"])
def test_the_command_needs_no_extra(hidden):
    """
    It is asked where something is missing.
    """
    code = f"""
import sys
for name in {hidden.split()!r}:
    sys.modules[name] = None
sys.argv = ["droidscope", "doctor", "--offline", "--json"]
from droidscope.cli import main
sys.exit(main())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    names = [finding["name"] for finding in json.loads(done.stdout)]
    assert names == (["no_sdk"] if hidden else [])
    assert done.returncode == (1 if hidden else 0), done.stderr


def test_the_help_says_what_it_does():
    """
    By the command line's own help, too.
    """
    doctors = subprocess.run(
        [sys.executable, "-m", "droidscope", "doctor", "--help"], capture_output=True, text=True, check=True
    )
    all_commands = subprocess.run(
        [sys.executable, "-m", "droidscope", "--help"], capture_output=True, text=True, check=True
    )

    assert "--offline" in doctors.stdout
    assert "Find out why nothing arrives" in all_commands.stdout


def test_the_page_has_every_finding():
    """
    By its name and severity, and none that there is not.
    """
    folder = Path(doctor.__file__).parent
    made = {
        (name, severity)
        for module in folder.glob("*.py")
        for severity, name in re.findall(r"\b(error|warning|note)\(\s*\"(\w+)\"", module.read_text("utf-8"))
    } | {("no_traces", "error"), ("no_logs", "warning"), ("no_metrics", "warning")}
    made |= {(name, "error") for name in ("certificate", "tls_mismatch", "unknown_host", "no_connection")}
    page = (ROOT / "docs/doctor.md").read_text("utf-8")
    told = {
        (name, severity)
        for names, severity in re.findall(r"^\| (`.*?) \| (\w+) \|", page, re.MULTILINE)
        for name in re.findall(r"`(\w+)`", names)
    }

    assert told == made
