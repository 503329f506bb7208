"""The forms and links of a conversation's page without a browser: changes, refusals, redirects."""

import re
from collections.abc import Callable
from dataclasses import replace
from html import unescape
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from flask.testing import FlaskClient

from hermes_sessions import SessionRepository

from ..support.make import message, snapshot, started, turns
from ..support.web import reply
from .test_transcript import indexes


def seen(client: FlaskClient, session_id: str) -> str:
    found = re.search(r'data-seen="([^"]*)"', client.get(f"/session/{session_id}").text)
    assert found
    return found[1]


def test_fork_truncate_and_remove_the_last_turn(sessions: SessionRepository, client: FlaskClient) -> None:
    session_id = started(sessions, 6, title="Trip")
    path = f"/session/{session_id}"
    form = {"keep": "3", "seen": seen(client, session_id)}
    fork = client.post(f"{path}/fork", data=form, follow_redirects=True).text
    assert "Forked. You are viewing the new conversation." in fork
    assert indexes(fork) == [0, 1, 2]
    assert "Forked from" in fork

    asked = client.get(f"{path}/truncate?keep=4").text
    assert "2 messages after message 4" in asked
    assert "You can undo this." in asked
    done = client.post(f"{path}/truncate", data={"keep": "4", "seen": seen(client, session_id)})
    assert done.status_code == 303
    assert sessions.summary(session_id).message_count == 4

    undone = client.post(f"{path}/retry", data={"seen": seen(client, session_id)}).text
    assert "2 messages were removed" in undone
    assert "message 2</pre>" in undone
    assert sessions.summary(session_id).message_count == 2
    back = client.post(f"{path}/restore", follow_redirects=True).text
    assert indexes(back) == [0, 1, 2, 3]


def test_taking_back_a_deletion_twice_leaves_an_earlier_shortening(
    sessions: SessionRepository, client: FlaskClient
) -> None:
    session_id = started(sessions, 6)
    sessions.truncate(session_id, 2)
    before = snapshot(sessions)
    gone = client.post(f"/session/{session_id}/delete", follow_redirects=True).text
    found = re.search(r'action="([^"]*restore)"', gone)
    assert found
    assert client.post(found[1]).status_code == 303
    assert snapshot(sessions) == before
    assert client.post(found[1]).status_code == 409, "from another tab"
    given = {"session_ids": [session_id], "action": "restore"}
    assert reply(client.post("/api/sessions/batch", json=given))["results"][0]["status"] == 409
    assert snapshot(sessions) == before


CHANGES: dict[str, Callable[[SessionRepository, str], object]] = {
    "more": lambda sessions, each: sessions.append(each, turns(1)),
    "fewer": lambda sessions, each: sessions.truncate(each, 2),
    "others": lambda sessions, each: (sessions.truncate(each, 2), sessions.append(each, turns(2))),
    "asked": lambda sessions, each: sessions.update(each, pending_user_message="x", active_stream_id="s"),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("act", ["truncate", "retry", "recover", "fork"])
def test_a_form_for_an_outdated_transcript_changes_nothing(
    sessions: SessionRepository, client: FlaskClient, act: str, change: str
) -> None:
    session_id = started(sessions, 4)
    form = {"keep": "2", "seen": seen(client, session_id)}
    CHANGES[change](sessions, session_id)
    before = sessions.get(session_id)
    response = client.post(f"/session/{session_id}/{act}?profile=work", data=form)
    if act == "fork" and change in ("more", "asked"):  # what is copied is what was shown
        assert response.status_code == 303
    else:
        assert response.status_code == 409
        assert "changed since you opened it, so nothing was done" in response.text
        assert f'href="/session/{session_id}?profile=work"' in response.text
    assert sessions.get(session_id) == before
    assert client.post(f"/session/{session_id}/{act}", data={"keep": "2"}).status_code == 409
    assert sessions.get(session_id) == before


def test_a_new_title_does_not_outdate_a_form(sessions: SessionRepository, client: FlaskClient) -> None:
    messages = [message(f"say {index}", at=None) for index in range(4)]
    session_id = sessions.save(replace(sessions.new(), messages=messages)).session_id
    form = {"seen": seen(client, session_id)}
    sessions.update(session_id, title="Another")
    assert client.post(f"/session/{session_id}/retry", data=form).status_code == 200


def test_confirming_removal_in_an_outdated_transcript_is_refused(
    sessions: SessionRepository, client: FlaskClient
) -> None:
    session_id = started(sessions, 4)
    link = re.search(r'href="([^"]*/truncate[^"]*)"', client.get(f"/session/{session_id}").text)
    assert link
    asked = unescape(link[1])
    assert client.get(asked).status_code == 200
    sessions.append(session_id, turns(1))
    assert client.get(asked).status_code == 409


def test_closing_a_turn_that_is_not_interrupted_is_refused(
    sessions: SessionRepository, client: FlaskClient
) -> None:
    session_id = started(sessions, 4)
    form = {"seen": seen(client, session_id)}
    assert client.post(f"/session/{session_id}/recover", data=form).status_code == 409


# ---- beside the list ------------------------------------------------------------------------------------

FILTERS = {"profile": "default", "project_id": "p1", "source": "webui", "archived": "all", "q": "message"}


def kept(address: str) -> dict[str, str]:
    return {name: value for name, value in parse_qsl(urlsplit(unescape(address)).query) if name in FILTERS}


@pytest.mark.parametrize("path", ["", "?at=60", "/find?words=message", "/truncate?keep=2"])
def test_every_link_and_form_keeps_the_filters_of_the_list(
    sessions: SessionRepository, client: FlaskClient, path: str
) -> None:
    session_id = started(sessions, 120)
    fork = sessions.fork(session_id, keep=110)
    address = f"/session/{fork.session_id}{path}"
    address += ("&" if "?" in path else "?") + urlencode(FILTERS)
    content = client.get(address, headers={"Hermes-Part": "content"}).text
    links = re.findall(r'<a [^>]*href="(/session/[^"#]*)', content)
    forms = re.findall(r'<form [^>]*action="(/session/[^"]*)"', content)
    own = [each for each in links if "/messages/" not in each]  # one message as plain text has no list
    assert len(own) > (0 if "truncate" in path else 1)
    if "find" not in path:
        assert forms
    for each in own + [form for form in forms if not form.split("?")[0].endswith("/find")]:
        assert kept(each) == FILTERS, each
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', content))
    if "truncate" not in path:  # a form that is sent by GET loses the query of its address
        assert {name: fields.get(name) for name in FILTERS} == FILTERS


def test_redirects_after_forms_keep_the_filters(sessions: SessionRepository, client: FlaskClient) -> None:
    session_id = started(sessions, 8)
    for act, form in (
        ("fork", {"keep": "3"}),
        ("truncate", {"keep": "6"}),
        ("pin", {"value": "1"}),
        ("rename", {"title": "Other"}),
        ("duplicate", {}),
        ("delete", {}),
    ):
        data = form | {"seen": seen(client, session_id)}
        answer = client.post(f"/session/{session_id}/{act}?{urlencode(FILTERS)}", data=data)
        assert answer.status_code == 303
        assert kept(answer.location) == FILTERS


@pytest.mark.parametrize("keep", ["", "x", "-1", "9" * 20])
def test_an_invalid_number_of_messages_is_refused(
    sessions: SessionRepository, client: FlaskClient, keep: str
) -> None:
    session_id = started(sessions)
    for answer in (
        client.post(f"/session/{session_id}/fork", data={"keep": keep}),
        client.get(f"/session/{session_id}/truncate", query_string={"keep": keep}),
    ):
        assert answer.status_code == 400
    assert client.get(f"/session/{session_id}/truncate?keep=99").status_code == 404
