"""Tags behave like two sets per conversation, those given and those in its title, whatever is done to it."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hermes_sessions import SessionRepository
from hermes_sessions.tag_names import title_tags

from ..support.agent_db import filled_state
from ..support.efforts import examples
from ..support.make import turns

NAMES = ("Work", "work", "home", "in progress", "日本")
TITLES = ("Plain", "Fix #work", "Fix #Home now", "#日本")
ACTS = ("new", "tag", "untag", "rename", "fork", "duplicate", "delete", "restore", "import", "erase")
STEPS = st.lists(
    st.tuples(
        st.sampled_from((*ACTS, "tag", "tag", "rename_tag", "rebuild")),
        st.integers(0, 9),
        st.sampled_from(NAMES),
        st.sampled_from(TITLES),
    ),
    min_size=1,
    max_size=14,
)


class Model:
    """What tags each conversation must have; keys are compared in lower case."""

    def __init__(self) -> None:
        self.given: dict[str, set[str]] = {"c": set(), "lone": set()}
        self.titles: dict[str, str] = {"c": "Chain", "lone": "Lone"}
        self.deleted: set[str] = set()
        self.of_agent = {"c", "lone"}

    def present(self) -> list[str]:
        """Return the ids of the conversations that lists show, in a fixed order."""
        return [each for each in self.given if each not in self.deleted]

    def tags(self, session_id: str) -> set[str]:
        """Return the tags of a conversation."""
        return self.given[session_id] | {name.lower() for name in title_tags(self.titles[session_id])}

    def expected(self) -> dict[str, set[str]]:
        """Return the tags of every conversation that has any."""
        every = ((each, self.tags(each)) for each in self.present())
        return {each: names for each, names in every if names}


def act(sessions: SessionRepository, model: Model, step: tuple[str, int, str, str]) -> None:
    """Do one thing to the repository and to the model."""
    what, number, name, title = step
    key, present = name.lower(), model.present()
    one = present[number % len(present)] if present else ""
    if what == "new":
        new = sessions.new(title=title).session_id
        sessions.append(new, turns(1))
        model.given[new], model.titles[new] = set(), title
    elif what == "rebuild":
        sessions.rebuild()
    elif what == "rename_tag":
        sessions.rename_tag(name, "other")
        model.given = {
            each: {"other" if tag == key else tag for tag in tags} for each, tags in model.given.items()
        }
    elif what == "restore" and model.deleted:
        back = sorted(model.deleted)[number % len(model.deleted)]
        sessions.restore(back)
        model.deleted.discard(back)
        model.of_agent.discard(back)
    elif what == "erase" and model.deleted - model.of_agent:
        gone = min(model.deleted - model.of_agent)
        sessions.erase(gone)
        for known in (model.given, model.titles):
            del known[gone]
        model.deleted.discard(gone)
    elif one:
        act_on(sessions, model, step, one)


def act_on(sessions: SessionRepository, model: Model, step: tuple[str, int, str, str], one: str) -> None:
    """Do one thing to a conversation that lists show."""
    what, _, name, title = step
    key, in_title = name.lower(), {each.lower() for each in title_tags(model.titles[one])}
    if what == "tag":
        sessions.tag(one, name)
        model.given[one].add(key)
    elif what == "untag" and key not in in_title:
        sessions.untag(one, name)
        model.given[one].discard(key)
    elif what == "delete":
        sessions.delete(one)
        model.deleted.add(one)
    elif what == "import" and one in model.of_agent:
        sessions.import_agent_session(one)
        model.of_agent.discard(one)
    elif one in model.of_agent:
        return
    elif what == "rename":
        sessions.update(one, title=title)
        model.titles[one] = title
    elif what in ("fork", "duplicate"):
        copy = sessions.fork(one) if what == "fork" else sessions.duplicate(one)
        model.given[copy.session_id] = set(model.given[one])
        model.titles[copy.session_id] = copy.title


def found(sessions: SessionRepository) -> dict[str, set[str]]:
    """Return the tags of every conversation that has any."""
    every = sessions.list(agent=True, hidden=True)
    return {each.session_id: {name.lower() for name in each.tags} for each in every if each.tags}


@pytest.mark.slow
@given(steps=STEPS)
@examples(0.4)
def test_tags_equal_a_model_after_anything_and_a_rebuilt_index_equals_both(
    tmp_path_factory: pytest.TempPathFactory, steps: list[Any]
) -> None:
    home: Path = tmp_path_factory.mktemp("model") / "home"
    home.mkdir()
    filled_state(home / "state.db")
    model = Model()
    with SessionRepository.open(hermes_home=home) as sessions:
        for step in steps:
            act(sessions, model, step)
            assert found(sessions) == model.expected(), step
        counts = {name.lower(): count for name, count in sessions.tags().items()}
        for name, count in counts.items():
            assert sessions.count(tag=name, agent=True, hidden=True) == count
            assert sum(name in tags for tags in model.expected().values()) == count
    (home / "webui/sessions.db").unlink()
    with SessionRepository.open(hermes_home=home) as anew:
        assert found(anew) == model.expected()
