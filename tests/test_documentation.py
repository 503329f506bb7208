"""The documentation agrees with the code: examples run, command lines parse, files and routes exist."""

import re
import shlex
import time
from pathlib import Path
from typing import Any

import click
import pytest
from fastapi.testclient import TestClient

from hermes_sessions import SessionRepository
from hermes_sessions.cli import main
from hermes_sessions.demo import write_home
from webapp import create_app

from .support.threads import in_own_thread
from .test_architecture import MAY_IMPORT

TOP = Path(__file__).parent.parent
PAGES = {page.relative_to(TOP).as_posix(): page.read_text("utf-8") for page in TOP.glob("*.md")} | {
    page.relative_to(TOP).as_posix(): page.read_text("utf-8") for page in TOP.glob("docs/*.md")
}
EXAMPLES = [
    pytest.param(example, id=f"{name}-{index}")
    for name, text in sorted(PAGES.items())
    for index, example in enumerate(re.findall(r"```python\n(.*?)```", text, re.DOTALL))
]
# A line of a block, or a piece of code inside a sentence.
COMMAND = re.compile(r"^(?: {4})?(hermes-sessions .*)$|`(hermes-sessions [^`]*)`", re.MULTILINE)
COMMANDS = sorted(
    {line or inline for text in PAGES.values() for line, inline in COMMAND.findall(text) if line or inline}
)
FILE = re.compile(r"`((?:hermes_sessions|webapp|migrations|tests|docs|benchmarks|\.ci)/[\w./-]*)`")
ROUTE = re.compile(r"`(/(?:api/|health)[\w/.]*)`")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a made-up Hermes home, one for all examples."""
    home = tmp_path_factory.mktemp("documentation") / "home"
    write_home(home, sessions=30)
    return home


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_python_examples_run(
    example: str, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HERMES_HOME", str(home))
    with SessionRepository.open() as sessions:
        names = {"SessionRepository": SessionRepository, "sessions": sessions, "time": time}
        names["session_id"] = sessions.list()[0].session_id
        in_own_thread(lambda: exec(example, names))


def test_the_web_service_of_the_recipes_answers(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HERMES_HOME", str(home))
    (recipe,) = re.findall(r"```python\n([^`]*FastAPI\(.*?)```", PAGES["docs/recipes.md"], re.DOTALL)
    names: dict[str, Any] = {}
    exec(recipe, names)
    with TestClient(names["app"]) as client:
        listed = client.get("/conversations?limit=3").json()
        assert len(listed["conversations"]) == 3
        assert client.get(f"/conversations?cursor={listed['next']}").json()["conversations"]
        session_id = listed["conversations"][0]["session_id"]
        assert client.get(f"/conversations/{session_id}").json()["total"] > 0
        assert client.get("/conversations/none").status_code == 404


def test_there_are_examples_to_run() -> None:
    assert len(EXAMPLES) >= 5
    assert len(COMMANDS) >= 20


@pytest.mark.parametrize("line", COMMANDS)
def test_the_command_lines_parse(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(click.Command, "invoke", lambda *_: None)  # what is parsed is not done
    for command in re.split(r"&&|\|", line):
        words = shlex.split(command, comments=True)
        if words[0] == "hermes-sessions":
            try:
                main.main(words[1:], standalone_mode=False)
            except click.MissingParameter:  # a verb named in passing
                assert len(words) == 2


def test_the_files_it_names_exist() -> None:
    named = {name for text in PAGES.values() for name in FILE.findall(text)}

    assert len(named) >= 10
    assert [name for name in sorted(named) if not (TOP / name).exists()] == []


def test_the_routes_it_names_exist(home: Path) -> None:
    with SessionRepository.open(hermes_home=home) as sessions:
        rules = {rule.rule for rule in create_app(sessions).url_map.iter_rules()}
    named = {name for text in PAGES.values() for name in ROUTE.findall(text)}

    assert named
    assert {name for name in named if name not in rules} == set()


def test_the_table_of_imports_is_that_of_the_test() -> None:
    table = PAGES["docs/architecture.md"].partition("| package | may import")[2].partition("\n\n")[0]
    named = [re.findall(r"`(\w+)`", line) for line in table.splitlines()]
    packages = {name for name in MAY_IMPORT if (TOP / "hermes_sessions" / name).is_dir()}
    present = packages | {"repository", "webapp"}

    assert {row[0]: set(row[1:]) for row in named if row} == {
        name: MAY_IMPORT[name] & present for name in present
    }


def test_what_to_change_is_where_it_says() -> None:
    section = PAGES["CONTRIBUTING.md"].partition("## Where to change")[2].partition("\n## ")[0]
    places = re.findall(r"`([^`/]+)` in `([\w./]+/[\w.]+)`", section)

    assert len(places) == 5
    for name, file in places:
        assert name in (TOP / file).read_text("utf-8"), f"{name} is not in {file}"
