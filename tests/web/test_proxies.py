"""Clients behind proxies: who is believed, and whose wrong passwords keep whom out."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from hermes_sessions import SessionRepository
from hermes_sessions.config import ServerConfig, resolve, resolve_server
from hermes_sessions.errors import InvalidValue
from webapp import create_app, serve
from webapp.security import login_pages
from webapp.security.proxies import client_address, parse_network

PASSWORD = "correct horse"
LAN, LOCAL = "10.0.0.0/8", "127.0.0.1"


@pytest.mark.parametrize(
    ("sender", "forwarded", "trusted", "client"),
    [
        ("203.0.113.5", "", [], "203.0.113.5"),
        ("203.0.113.5", "198.51.100.1", [], "203.0.113.5"),  # nobody is believed
        ("203.0.113.5", "198.51.100.1", [LOCAL], "203.0.113.5"),  # not a proxy
        (LOCAL, "198.51.100.1", [LOCAL], "198.51.100.1"),
        (LOCAL, "", [LOCAL], LOCAL),
        (LOCAL, "1.2.3.4, 198.51.100.1", [LOCAL], "198.51.100.1"),  # the first is made up
        (LOCAL, "127.0.0.1, 198.51.100.1", [LOCAL], "198.51.100.1"),
        (LOCAL, "198.51.100.1, 10.1.2.3", [LOCAL], "10.1.2.3"),
        (LOCAL, "198.51.100.1, 10.1.2.3", [LOCAL, LAN], "198.51.100.1"),  # two proxies
        (LOCAL, "10.9.9.9, 10.1.2.3", [LOCAL, LAN], "10.9.9.9"),  # a client that is in the network itself
        (LOCAL, "198.51.100.1:4711", [LOCAL], "198.51.100.1"),
        (LOCAL, "[2001:db8::1]:4711", [LOCAL], "2001:db8::1"),
        (LOCAL, "2001:DB8::1", [LOCAL], "2001:db8::1"),
        (LOCAL, "::ffff:198.51.100.1", [LOCAL], "198.51.100.1"),
        ("::ffff:127.0.0.1", "198.51.100.1", [LOCAL], "198.51.100.1"),
        ("::1", "198.51.100.1", ["::1"], "198.51.100.1"),
        ("2001:db8:0:1::9", "198.51.100.1", ["2001:db8:0:1::/64"], "198.51.100.1"),
        (LOCAL, "unknown", [LOCAL], LOCAL),
        (LOCAL, "198.51.100.1, unknown", [LOCAL], LOCAL),
        (LOCAL, ",,", [LOCAL], LOCAL),
        (LOCAL, "x" * 10_000, [LOCAL], LOCAL),
        ("", "198.51.100.1", [LOCAL], ""),
    ],
)
def test_the_client_is_the_last_address_that_is_not_trusted(
    sender: str, forwarded: str, trusted: Sequence[str], client: str
) -> None:
    assert client_address(sender, forwarded, [parse_network(each) for each in trusted]) == client


@pytest.mark.parametrize("text", ["", "localhost", "10.0.0.0/33", "10.0.0.1-9", "*", "1.2.3"])
def test_a_trusted_proxy_must_be_an_address_or_a_network(text: str, may: Path) -> None:
    server = ServerConfig("127.0.0.1", (0,), None, trusted_proxies=(text,))
    with pytest.raises(InvalidValue, match="a trusted proxy must be an address"):
        serve(resolve(hermes_home=may, environ={}), server)
    assert not (may / "webui/sessions.db").exists()


def test_trusted_proxies_come_from_options_and_the_environment() -> None:
    environ = {"HERMES_WEBUI_TRUSTED_PROXIES": "10.0.0.0/8, ::1"}
    found = resolve_server(environ=environ, trusted_proxy=["127.0.0.1"]).trusted_proxies
    assert found == ("127.0.0.1", "10.0.0.0/8", "::1")


@pytest.fixture
def proxied(sessions: SessionRepository) -> FlaskClient:
    """A client of an application that has a password and trusts a proxy on this machine."""
    return create_app(sessions, password=PASSWORD, trusted_proxies=[LOCAL]).test_client()


def log_in(client: FlaskClient, password: str, sender: str = LOCAL, **headers: str) -> int:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.post(
        "/login", data={"password": password}, headers=given, environ_overrides={"REMOTE_ADDR": sender}
    ).status_code


def test_who_guesses_behind_a_proxy_does_not_lock_the_owner_out(proxied: FlaskClient) -> None:
    guesses = [log_in(proxied, "wrong", X_Forwarded_For="198.51.100.66") for _ in range(8)]
    assert guesses == [401] * 4 + [429] * 4
    assert log_in(proxied, PASSWORD, X_Forwarded_For="198.51.100.66") == 429
    assert log_in(proxied, PASSWORD, X_Forwarded_For="203.0.113.5") == 303


def test_made_up_addresses_do_not_evade_the_count(proxied: FlaskClient) -> None:
    found = [
        log_in(
            proxied,
            "wrong",
            X_Forwarded_For=f"10.0.0.{number}, 198.51.100.66",
            Forwarded=f"for=10.0.0.{number}",
            X_Real_IP=f"10.0.0.{number}",
        )
        for number in range(8)
    ]
    assert found == [401] * 4 + [429] * 4
    direct = [
        log_in(proxied, "wrong", sender="203.0.113.9", X_Forwarded_For=f"10.0.0.{number}")
        for number in range(8)
    ]
    assert direct == [401] * 4 + [429] * 4, "only the proxy is believed"


def test_addresses_of_one_ipv6_network_are_one_client_behind_a_proxy(proxied: FlaskClient) -> None:
    found = [log_in(proxied, "wrong", X_Forwarded_For=f"2001:db8:0:1::{number}") for number in range(8)]
    assert found == [401] * 4 + [429] * 4
    assert log_in(proxied, PASSWORD, X_Forwarded_For="2001:db8:0:2::1") == 303


@pytest.mark.parametrize(
    ("sender", "secure"), [(LOCAL, True), ("::1", True), ("10.1.2.3", True), ("203.0.113.5", False)]
)
def test_the_scheme_is_believed_from_this_machine_and_trusted_proxies(
    sessions: SessionRepository, sender: str, secure: bool
) -> None:
    client = create_app(sessions, password=PASSWORD, trusted_proxies=[LAN]).test_client()
    answer = client.post(
        "/login",
        data={"password": PASSWORD},
        headers={"X-Forwarded-Proto": "https"},
        environ_overrides={"REMOTE_ADDR": sender},
    )
    assert answer.status_code == 303
    assert ("Secure" in answer.headers["Set-Cookie"]) is secure


def test_many_logins_at_once_are_refused_and_not_counted(proxied: FlaskClient) -> None:
    for _ in range(login_pages.MOST_AT_ONCE):
        assert login_pages._comparing.acquire(blocking=False)
    try:
        assert [log_in(proxied, "wrong") for _ in range(6)] == [503] * 6
    finally:
        for _ in range(login_pages.MOST_AT_ONCE):
            login_pages._comparing.release()
    assert log_in(proxied, PASSWORD) == 303
