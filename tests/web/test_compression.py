"""Compressed answers: the same content and entity tag, and only where it saves time."""

import gzip
import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from flask.testing import FlaskClient
from flask_compress import compat, flask_compress
from werkzeug.test import TestResponse

from hermes_sessions import SessionRepository

from ..support.make import started

LIST = "/api/sessions"
DECODERS: Mapping[str, Callable[[bytes], bytes]] = {
    "zstd": compat.compression.zstd.decompress,
    "br": flask_compress.brotli.decompress,  # type: ignore[attr-defined]  # whichever of two it found
    "gzip": gzip.decompress,
}


def ask(client: FlaskClient, accepted: str | None, **headers: str) -> TestResponse:
    """Ask for the list as a client that accepts these encodings, None for one that does not say."""
    given = {} if accepted is None else {"Accept-Encoding": accepted}
    return client.get(LIST, headers=given | headers)


def listed(data: bytes) -> Any:
    return json.loads(data)["sessions"]


@pytest.fixture
def long_list(sessions: SessionRepository, client: FlaskClient) -> FlaskClient:
    """A client of a server whose list is worth compressing."""
    for number in range(5):
        started(sessions, title=f"Title {number}")
    return client


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("gzip, deflate, br, zstd", "zstd"),
        ("gzip, deflate, br", "br"),
        ("gzip, deflate", "gzip"),
        ("gzip;q=1.0, br;q=0.5", "gzip"),
        ("zstd;q=0, br;q=0, gzip;q=0.1", "gzip"),
        ("*", "zstd"),
    ],
)
def test_a_large_answer_is_compressed_as_asked(long_list: FlaskClient, accepted: str, encoding: str) -> None:
    plain, packed = ask(long_list, None), ask(long_list, accepted)
    assert packed.headers["Content-Encoding"] == encoding
    assert listed(DECODERS[encoding](packed.data)) == listed(plain.data)
    assert int(packed.headers["Content-Length"]) == len(packed.data) < len(plain.data) / 2


@pytest.mark.parametrize("accepted", [None, "", "identity", "compress", "gzip;q=0", "br;q=0.0, *;q=0"])
def test_a_client_that_accepts_no_encoding_gets_it_uncompressed(
    long_list: FlaskClient, accepted: str | None
) -> None:
    answer = ask(long_list, accepted)
    assert "Content-Encoding" not in answer.headers
    assert len(listed(answer.data)) == 5


def test_all_encodings_share_one_weak_etag(long_list: FlaskClient) -> None:
    answers = [ask(long_list, accepted) for accepted in (None, *DECODERS)]
    assert {answer.headers["ETag"] for answer in answers} == {answers[0].headers["ETag"]}
    assert answers[0].headers["ETag"].startswith('W/"')
    for accepted in (None, *DECODERS):
        again = ask(long_list, accepted, **{"If-None-Match": answers[0].headers["ETag"]})
        assert (again.status_code, again.data) == (304, b"")
        assert "Content-Encoding" not in again.headers
        answers.append(again)
    assert all("Accept-Encoding" in answer.headers["Vary"] for answer in answers)


def test_a_small_answer_is_not_compressed(client: FlaskClient) -> None:
    assert "Content-Encoding" not in ask(client, "gzip").headers


def test_events_are_not_compressed(client: FlaskClient) -> None:
    with client.get("/api/sessions/events", headers={"Accept-Encoding": "gzip"}) as stream:
        assert stream.mimetype == "text/event-stream"
        assert "Content-Encoding" not in stream.headers


def test_a_compressed_page_keeps_its_security_headers(long_list: FlaskClient) -> None:
    plain, packed = (long_list.get("/", headers={"Accept-Encoding": how}) for how in ("identity", "gzip"))
    assert packed.headers["Content-Encoding"] == "gzip"
    names = {"Content-Encoding", "Content-Length", "Date"}
    assert {name: value for name, value in packed.headers if name not in names} == {
        name: value for name, value in plain.headers if name not in names
    }
