"""The help about the query language: complete, true to the parser, and the same wherever it is shown."""

from pathlib import Path

import pytest
from flask.testing import FlaskClient

from hermes_sessions import query_help
from hermes_sessions.query_help import NOTES, OPERATORS, WORDS
from hermes_sessions.search.language import Conditions, parse
from hermes_sessions.search.tokens import NAMES

from .cli.running import done, run

NOW = 1_777_000_000.0
MANUAL = Path(__file__).parent.parent / "docs/search.md"
EXAMPLES = [example for row in OPERATORS for example in row.examples]


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_of_an_operator_is_one(example: str) -> None:
    query = parse(example, NOW)

    assert (query.required, query.excluded) == ((), ())
    assert query.conditions != Conditions()


def test_every_operator_has_an_example() -> None:
    words = [example for row in WORDS for example in row.examples]
    shown = {example.lstrip("-").partition(":")[0] for example in (*EXAMPLES, *words) if ":" in example}

    assert shown == set(NAMES)


def test_the_examples_of_words_mean_what_the_help_says() -> None:
    parsed = {example: parse(example, NOW) for row in WORDS for example in row.examples}

    assert [len(query.required) for query in parsed.values()] == [2, 1, 0, 0, 1, 1, 1]
    assert parsed["-draft"] == parsed["NOT draft"]
    assert len(parsed["rent OR lease"].required[0].alternatives) == 2
    assert parsed["title:budget"].required[0].alternatives[0].in_title


def test_the_manual_has_the_same_table() -> None:
    manual = MANUAL.read_text("utf-8")
    for row in (*WORDS, *OPERATORS):
        examples = ", ".join(f"`{example}`" for example in row.examples)
        assert f"| {examples} | {row.meaning} |\n" in manual
    for note in NOTES:
        assert f"- {note}\n" in manual


def test_the_command_line_prints_it(tmp_path: Path) -> None:
    printed = " ".join(done(tmp_path, "help", "query").split())

    for row in (*WORDS, *OPERATORS):
        assert f"{', '.join(row.examples)} {row.meaning}" in printed
    for note in NOTES:
        assert note in printed


def test_help_explains_verbs_too(tmp_path: Path) -> None:
    assert "list [OPTIONS]\n" in done(tmp_path, "help", "list")
    assert "\nCommands:\n" in done(tmp_path, "help")
    result = run(tmp_path, "help", "nothing")
    assert (result.exit_code, "no verb or topic nothing" in result.stderr) == (2, True)


def test_the_page_has_it_beside_the_search_box(client: FlaskClient) -> None:
    page = client.get("/").text

    for row in (*query_help.WORDS, *query_help.OPERATORS):
        assert f"<dd>{row.meaning}</dd>" in page
