"""How many conversations match in all, and the messages that a hit cites."""

import pytest
from flask.testing import FlaskClient

from hermes_sessions import Filters, SessionRepository

from ..support.agent_db import add_session, new_state, writing
from ..support.make import message, write_document
from ..support.web import reply


@pytest.fixture
def rents(sessions: SessionRepository) -> SessionRepository:
    """A home with the word rent in three sessions, and a longer word in a fourth; one is archived."""
    texts = {"one": ["rent", "none", "rent"], "two": ["rent"], "three": ["rent"], "longer": ["current"]}
    for name, said in texts.items():
        messages = [message(text, timestamp=1_700_000_000.0 + at) for at, text in enumerate(said)]
        write_document(
            sessions, name, title=name, messages=messages, archived=name == "three", pinned=name == "two"
        )
    with writing(new_state(sessions.config.state_db("default"))) as db:
        add_session(db, "shell", "rent rent", "again rent", title="Shell")
    sessions.sync()
    sessions.complete_search()
    return sessions


@pytest.mark.parametrize(
    ("query", "total"),
    [
        ("rent", 5),  # the longer word comes after the pages with the word itself, and counts
        ("rent -is:archived", 4),
        ("-rent", 1),
        ("is:pinned", 1),
        ("rentt", 4),  # corrected
        ("rent zebra", 5),  # some of the words
        ("zebra", 0),
        ("project:zebra rent", 0),
    ],
)
def test_the_total_is_that_of_all_pages(rents: SessionRepository, query: str, total: int) -> None:
    assert len(rents.search(query)) == total
    for limit in (1, 2, 20):
        for offset in (0, 1, 2):
            assert rents.search(query, limit=limit, offset=offset).total == total


def test_a_hit_cites_as_many_messages_as_were_asked_for(rents: SessionRepository) -> None:
    hits = {hit.session_id: hit for hit in rents.search("rent", passages=2)}
    cited = {key: [each.message_index for each in hit.passages] for key, hit in hits.items()}
    assert cited == {"one": [0, 2], "two": [0], "three": [0], "longer": [0], "shell": [0, 1]}
    first = hits["one"].passages[0]
    assert (first.author, first.sent_at, first.snippet) == ("You", 1_700_000_000.0, "\x02rent\x03")
    assert rents.search("rent")[0].passages == ()


def test_a_query_of_operators_alone_is_a_list(rents: SessionRepository) -> None:
    listing = rents.listing_of("is:pinned", Filters(agent=True))
    assert listing is not None
    assert rents.list(listing.filters)[0].session_id == "two"
    for text in ("", "rent", "is:pinned rent", "role:user"):
        assert rents.listing_of(text, Filters()) is None
    unknown = rents.listing_of("tag:none", Filters())
    assert unknown is not None
    assert unknown.warnings == ("No conversation has the tag none.",)


def test_suggestions_have_what_the_home_has(rents: SessionRepository, client: FlaskClient) -> None:
    rents.projects.create("My garden")
    rents.tag("one", "work")
    answer = reply(client.get("/api/suggestions?text=a+project:gard&at=14"))
    assert answer == {
        "start": 2,
        "end": 14,
        "takes_date": False,
        "suggestions": [{"text": 'project:"My garden" ', "label": "My garden", "meaning": ""}],
    }
    tags = reply(client.get("/api/suggestions?text=tag:"))["suggestions"]
    assert tags == [{"text": "tag:work ", "label": "work", "meaning": "1 conversation"}]
    assert reply(client.get("/api/sessions/search?q=rent&limit=1"))["total"] == 4  # without the agent
