"""The OpenAPI document is correct: schemathesis finds no answer that it does not describe."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, core, given, seed, settings
from hypothesis import strategies as st
from hypothesis.vendor import pretty
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from hermes_sessions import SessionRepository
from webapp import create_app
from webapp.api.encoding import JSON
from webapp.api.openapi import document

from ..conftest import copy_sample
from ..interop.test_samples import expected
from ..support.web import POSTS, reply

# Once schemathesis is imported, no property test of the process prints the example that it failed with.
HIDING = vars(core)["RepresentationPrinter"]
setattr(core, "RepresentationPrinter", pretty.RepresentationPrinter)  # noqa: B010  # no class may be assigned to

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
# Answers without an end: test_live covers them.
STREAMS = ("/api/sessions/events", "/api/sessions/gateway/stream")
EXAMPLES = 15
# What it is sent compressed schemathesis does not unpack.
HOSTS = {"Host": "localhost", "Accept-Encoding": "identity"}


@pytest.fixture(autouse=True)
def hiding(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the examples of these tests, as schemathesis does: to print them takes a fifth of the time."""
    monkeypatch.setattr(core, "RepresentationPrinter", HIDING)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """The application over a copy of a sample, which is changed as the requests happen to."""
    home = copy_sample("may", tmp_path_factory.mktemp("openapi"))
    with SessionRepository.open(hermes_home=home) as repository:
        yield create_app(repository)


@pytest.fixture(scope="module")
def described(app: Flask) -> Any:
    """The API as its document describes it."""
    return schemathesis.openapi.from_wsgi("/api/openapi.json", app, headers=HOSTS)


OPERATIONS = [
    (path, method, mode)
    for path, methods in document()["paths"].items()
    for method, operation in methods.items()
    for mode in GenerationMode
    # What takes nothing can be asked in one way alone.
    if path not in STREAMS and (mode.is_positive or "requestBody" in operation or "parameters" in operation)
]
IDS = [entry["session_id"] for entry in expected("may", "all_sessions")]


@pytest.mark.slow
@pytest.mark.parametrize(("path", "method", "mode"), OPERATIONS)
def test_every_answer_matches_the_document(
    path: str, method: str, mode: GenerationMode, described: Any
) -> None:
    @seed(6)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate],
    )
    @given(described[path][method].as_strategy(generation_mode=mode), st.none() | st.sampled_from(IDS))
    def holds(case: Any, known: str | None) -> None:
        given = case.body if method == "post" else case.query
        if known and isinstance(given, dict) and "session_id" in given:
            given["session_id"] = known
        case.call_and_validate(checks=CHECKS, headers=HOSTS)

    holds()


def test_the_document_has_every_route_of_the_api(app: Flask) -> None:
    rules = {
        (rule.rule, method)
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api/") or rule.rule == "/health"
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    told = document()["paths"]
    assert rules == {(path, method.upper()) for path, methods in told.items() for method in methods}
    assert {path for path, methods in told.items() if "post" in methods} == set(POSTS)
    names = [operation["operationId"] for methods in told.values() for operation in methods.values()]
    assert len(set(names)) == len(names)


def test_the_document_is_served_and_matches_the_signatures(app: Flask) -> None:
    body = reply(app.test_client().get("/api/openapi.json"))
    assert body == json.loads(json.dumps(document()))
    assert body["openapi"] == "3.1.0"
    usage = {each["name"]: each for each in body["paths"]["/api/usage"]["get"]["parameters"]}
    assert usage["by"]["schema"] == {
        "type": "string",
        "enum": ["day", "week", "month", "model", "source", "project", "profile", "tag", "tool"],
        "default": "day",
    }
    truncate = body["paths"]["/api/session/truncate"]["post"]["requestBody"]["content"][JSON]["schema"]
    assert truncate["required"] == ["session_id", "keep_count"]
    assert truncate["properties"]["keep_count"]["anyOf"][0]["minimum"] == 0
    assert {"200", "400", "401", "403", "404", "409", "413", "415", "500", "503"} == set(
        body["paths"]["/api/session/truncate"]["post"]["responses"]
    )
    rename = body["paths"]["/api/projects/rename"]["post"]["requestBody"]["content"][JSON]["schema"]
    assert "default" not in rename["properties"]["color"]
