"""What is masked and what is not: tables of cases, and no text that takes more than one look."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hermes_sessions.messages.redact import mask, mask_all, may_hold_credential

PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA\nabc==\n-----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sk-abcdefghijklmnopqrstuv", "sk-abc...stuv"),
        ("sk-ant-api03-abcdefghijklmnop", "sk-ant...mnop"),
        ("sk-proj-abc_def-ghijklmnopqr", "sk-pro...opqr"),
        ("ghp_abcdefghijklmnopqrstuvwxyz0123456789", "ghp_ab...6789"),
        ("gho_abcdefghijklmnopqrstuvwxyz", "gho_ab...wxyz"),
        ("ghu_abcdefghijklmnopqrstuvwxyz", "ghu_ab...wxyz"),
        ("ghs_abcdefghijklmnopqrstuvwxyz", "ghs_ab...wxyz"),
        ("ghr_abcdefghijklmnopqrstuvwxyz", "ghr_ab...wxyz"),
        ("github_pat_11ABCDEFG0abcdefghij_klmnop", "github...mnop"),
        ("AKIAIOSFODNN7EXAMPLE", "AKIAIO...MPLE"),
        ("xoxb-123456789012-abcdefghijkl", "xoxb-1...ijkl"),
        ("xoxp-123456789012-abcdefghijkl", "xoxp-1...ijkl"),
        ("hf_abcdefghijklmnopqrstuv", "hf_abc...stuv"),
        ("SG.abcdefghijklmnop.qrstuvwxyz", "SG.abc...wxyz"),
        ("Authorization: Bearer abcdefghijklmnopqrstuv", "Authorization: Bearer abcdef...stuv"),
        ("authorization: bearer abcdefghijklmnopqrstuv", "authorization: bearer abcdef...stuv"),
        ("AuThOrIzAtIoN:BeArEr short", "AuThOrIzAtIoN:BeArEr ***"),
        ("AUTHORIZATION: Basic dXNlcjpwYXNz", "AUTHORIZATION: Basic ***"),
        ('"Authorization": "Bearer short"', '"Authorization": "Bearer ***"'),
        ("-H 'Authorization: Token abcdef' -v", "-H 'Authorization: Token ***' -v"),
        ("API_KEY=abcdefghijklmnopqrstuv", "API_KEY=abcdef...stuv"),
        ("OPENAI_API_KEY=short", "OPENAI_API_KEY=***"),
        ("APIKEY=short", "APIKEY=***"),
        ('export GITHUB_TOKEN="short" # mine', 'export GITHUB_TOKEN="***" # mine'),
        ("TOKEN_2 = short", "TOKEN_2 = ***"),
        ("DB_PASSWORD='hunter2'", "DB_PASSWORD='***'"),
        ("MYSQL_PASSWD=hunter2;", "MYSQL_PASSWD=***;"),
        ("CLIENT_SECRET=hunter2&x=1", "CLIENT_SECRET=***&x=1"),
        ("AWS_SECRET_ACCESS_KEY=hunter2", "AWS_SECRET_ACCESS_KEY=***"),
        (PEM, "-----BEGIN RSA PRIVATE KEY----- *** -----END RSA PRIVATE KEY-----"),
        ('{"a": "b\\nsk-abcdefghijklmnopqrstuv"}', '{"a": "b\\nsk-abc...stuv"}'),
        ('{"a": "b\\u001bsk-abcdefghijklmnopqrstuv"}', '{"a": "b\\u001bsk-abc...stuv"}'),
        ('"A=1\\nDB_PASSWORD=hunter2\\n"', '"A=1\\nDB_PASSWORD=***"'),
        ("-----BEGIN PRIVATE KEY-----\nMIIE", "-----BEGIN PRIVATE KEY----- *** "),
    ],
)
def test_credentials(text: str, expected: str) -> None:
    assert mask(text) == expected
    assert mask(f"Use {text}\nthen go on.").startswith(f"Use {expected.rstrip()}")
    assert may_hold_credential(f"One title\n{text}\nAnother title"), "asked about many texts at once"


@pytest.mark.parametrize(
    ("secret", "expected"),
    [
        ("a", "***"),
        ("abcdefghijklmnopq", "***"),  # 17
        ("abcdefghijklmnopqr", "abcdef...opqr"),  # 18
        ("sk-abcdefghijklmn", "***"),
        ("sk-abcdefghijklmno", "sk-abc...lmno"),
    ],
)
def test_how_much_stays(secret: str, expected: str) -> None:
    assert mask(f"API_KEY={secret}") == f"API_KEY={expected}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a plain sentence, with a comma.",
        "the task-oriented desk-abcdefghijklmnop and risk-averse-investors",
        "sk-short",
        "3f786850e387550fdab836ed7e6dc881de23001b",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "123e4567-e89b-12d3-a456-426614174000",
        "https://example.org/a?b=c&d=e#f",
        "x = y == z != w",
        "if TOKEN == other:",
        "MAX_TOKENS=4096",
        "TOKENIZERS_PARALLELISM=false",
        "max_tokens = 4096",
        "the API_KEY must be set, the PASSWORD too",
        "Authorization is needed: ask the bearer of the key",
        "a SG. and an AKIA and a hf_ and a ghp_",
        "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
        "lone \ud800 surrogate and \x00",
        "密钥和口令",
    ],
)
def test_ordinary_text_stays(text: str) -> None:
    assert mask(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "API_KEY=***",
        "API_KEY=abcdef...stuv",
        "Authorization: Bearer abcdef...stuv",
        "sk-abc...stuv",
        "-----BEGIN RSA PRIVATE KEY----- *** -----END RSA PRIVATE KEY-----",
    ],
)
def test_masked_text_stays(text: str) -> None:
    assert mask(text) == text


@pytest.mark.parametrize("secret", ["...hunter2", "hunter2***", "abc...defghijklmnopqrstuv"])
def test_a_secret_that_only_resembles_a_masked_one(secret: str) -> None:
    assert secret not in mask(f"PASSWORD={secret}")


_pieces = st.sampled_from(
    [*" \n\"'=:.,;&*-_aZ0", "sk-", "ghp_", "AKIA", "SG.", "API_KEY", "TOKEN", "Authorization", "Bearer ",
     "0123456789abcdef", "ABCDEFGHIJKLMNOP", "***", "...", "-----BEGIN PRIVATE KEY-----",
     "-----END PRIVATE KEY-----"]
)  # fmt: skip


@given(st.lists(_pieces, max_size=30).map("".join))
def test_masking_twice_is_masking_once(text: str) -> None:
    once = mask(text)
    assert mask(once) == once


def test_every_text_of_a_value() -> None:
    secret, masked = "sk-abcdefghijklmnopqrstuv", "sk-abc...stuv"
    value: Any = {
        "content": [{"type": "text", "text": f"my {secret}"}, None, 7, 1.5, True],
        "nested": {"deep": [[secret]]},
        secret: "keys stay",
    }
    before = repr(value)
    assert mask_all(value) == {
        "content": [{"type": "text", "text": f"my {masked}"}, None, 7, 1.5, True],
        "nested": {"deep": [[masked]]},
        secret: "keys stay",
    }
    assert repr(value) == before


# ---- no text takes long -----------------------------------------------------------------------------------

MB = 1_000_000


@pytest.mark.parametrize(
    "text",
    [
        "a" * MB,
        "=" * MB,
        "= " + "A" * MB,
        "= " + "_" * MB,
        "sk-" * (MB // 3),
        "SG." * (MB // 3),
        "ghp_" * (MB // 4),
        "AKIA" * (MB // 4),
        "= " + "TOKEN" * (MB // 5),
        "TOKEN_" * (MB // 6) + " x=",
        "= " + "SECRET_KEY" * (MB // 10),
        "TOKEN" + " " * MB + "x=",
        "Authorization: Bearer " * (MB // 22),
        "Authorization:" + " " * MB + "x",
        "Authorization:" + " " * (MB // 2) + '"' + " " * (MB // 2),
        "Authorization: Bearer" + " " * MB,
        "-----BEGIN " + "PRIVATE KEY" * (MB // 11),
        "-----BEGIN PRIVATE KEY-----" * (MB // 27),
        "-----BEGIN PRIVATE KEY-----" + "-----END " * (MB // 9),
        "-----BEGIN PRIVATE KEY-----" + "-----END " + "PRIVATE KEY" * (MB // 11),
    ],
    ids=lambda text: text[:30],
)
def test_a_megabyte_of_anything_is_one_look(text: str) -> None:
    """A quadratic expression would need hours for these; pytest's `faulthandler_timeout` then tells where."""
    mask(text)
