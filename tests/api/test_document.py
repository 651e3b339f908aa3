"""
What the API refuses, and its OpenAPI document: the answers agree with it, and so does docs/api.md.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import get_args

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from jsonschema import Draft202012Validator

import droidscope as ds
from api.api_requests import refusal
from droidscope.api import kpi_schema
from droidscope.api.endpoints import ENDPOINTS, OPERATIONS, PREFIX
from droidscope.api.openapi import openapi
from droidscope.conventions.attributes import SessionStatus
from droidscope.kpi.catalog import DROID_KPIS, ORCHESTRATOR_KPIS, PATTERN_KPIS
from e2e.processes import fetch_json

PATHS = [endpoint.path for endpoint in ENDPOINTS]
REQUIRED = {"session": {"session_id": "s0"}}
"""
Parameters that a path requires.
"""
EXAMPLES = 40
"""
Queries schemathesis makes for each path.
"""


class TestRefusals:
    @pytest.mark.parametrize(
        ("path", "sentence"),
        [
            ("sessions?limit=0", "limit is '0'; expected an integer from 1 to 1000"),
            ("sessions?limit=many", "limit is 'many'; expected an integer from 1 to 1000"),
            (
                "sessions?state=tired",
                f"state is 'tired'; expected one of {', '.join(sorted(get_args(SessionStatus)))}",
            ),
            ("droids?window=2h", "window is '2h'; expected one of 1h, 24h, 7d"),
            (
                "alerts?orchestrator=a&orchestrator=b",
                "orchestrator is given twice, the second time as 'b'; expected it once",
            ),
            (
                "dashboard?colour=red",
                "'colour' is 'red'; expected one of orchestrator, environment, window as a parameter",
            ),
        ],
    )
    def test_an_invalid_parameter_is_named_in_the_error(self, exporter, path, sentence):
        """
        400 with the parameter, its value and what was expected.
        """
        code, _, body = refusal(exporter, f"/api/v1/{path}")

        assert (code, body) == (400, {"error": sentence})

    @pytest.mark.parametrize("path", ["/api/", "/api/v1/droid", "/api/v2/alerts"])
    def test_what_is_not_there_is_json_too(self, exporter, path):
        """
        404, whatever the client accepts.
        """
        code, headers, body = refusal(exporter, path, headers={"Accept": "text/html"})

        assert (code, headers["content-type"]) == (404, "application/json")
        assert body == {"error": "Not found."}

    def test_another_method_is_refused_with_the_allowed_ones(self, exporter):
        """
        405 with Allow, as JSON.
        """
        code, headers, body = refusal(exporter, "/api/v1/alerts", method="POST")

        assert code == 405
        assert "GET" in headers["allow"]
        assert body == {"error": "Method Not Allowed."}


class TestDocument:
    def test_it_is_served_as_it_is_generated(self, ask):
        """
        Every path of the API is in it, the summary too.
        """
        document = ask("openapi.json")

        assert document == json.loads(json.dumps(openapi(ds.__version__)))
        assert set(document["paths"]) == {f"/api/v1/{path}" for path in (*PATHS, "summary")}

    @pytest.mark.parametrize("path", [*PATHS, "summary"])
    def test_answers_are_valid_and_have_every_field(self, ask, path):
        """
        Each answer of the exporter is valid, and has all the fields the schema has.
        """
        document = ask("openapi.json")
        reference = document["paths"][f"/api/v1/{path}"]["get"]["responses"]["200"]["content"][
            "application/json"
        ]
        name = reference["schema"]["$ref"].rpartition("/")[2]

        answer = ask(path, **REQUIRED.get(path, {}))

        Draft202012Validator({**reference["schema"], "components": document["components"]}).validate(answer)
        assert set(answer) == set(document["components"]["schemas"][name]["properties"])

    @pytest.mark.parametrize(
        ("kpis", "fields", "prefix"),
        [
            (ORCHESTRATOR_KPIS, kpi_schema.OrchestratorKpis, "orchestrator_"),
            (DROID_KPIS, kpi_schema.DroidKpis, "orchestrator_droid_"),
            (PATTERN_KPIS, kpi_schema.PatternKpis, "orchestrator_pattern_"),
        ],
    )
    def test_it_has_every_kpi_of_the_catalogue(self, kpis, fields, prefix):
        """
        A KPI that is exposed is also answered.
        """
        assert {prefix + name for name in fields.__struct_fields__} == {kpi.spec.name for kpi in kpis}

    def test_the_page_in_the_docs_has_every_path_as_it_is_declared(self):
        """
        The table of docs/api.md is that of the declarations: paths, parameters and descriptions.
        """
        page = (Path(__file__).parents[2] / "docs/api.md").read_text("utf-8")
        rows = [line for line in page.splitlines() if line.startswith(f"| `{PREFIX}/")]

        assert rows == [
            f"| `{PREFIX}/{operation.path}` "
            f"| {', '.join(f'`{name}`' for name in operation.params.__struct_fields__) or 'none'} "
            f"| {operation.description} |"
            for operation in OPERATIONS
        ]

    def test_every_kpi_is_described_by_the_help_of_its_gauge(self):
        """
        As the metrics page has it.
        """
        fields = openapi(ds.__version__)["components"]["schemas"]["DroidKpis"]["properties"]

        assert [field["description"] for field in fields.values()] == [kpi.spec.help for kpi in DROID_KPIS]

    @pytest.mark.parametrize("path", [*PATHS, "summary"])
    def test_no_query_of_schemathesis_contradicts_it(self, exporter, path):
        """
        Valid queries, invalid ones and nonsense: statuses, types, headers and bodies as documented.
        """
        document = schemathesis.openapi.from_dict(fetch_json(f"{exporter.url}/api/v1/openapi.json"))
        operation = document[f"/api/v1/{path}"]["GET"]

        @given(
            case=operation.as_strategy()
            | operation.as_strategy(generation_mode=schemathesis.GenerationMode.NEGATIVE)
        )
        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        def query(case):
            case.call_and_validate(base_url=exporter.url)

        query()
