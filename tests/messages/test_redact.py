"""What is masked and what is not: tables of cases, planted secrets, and no text that takes long."""

import base64
import json
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hermes_sessions.messages import credential_names, credential_tokens, credential_values, redact
from hermes_sessions.messages.content import one_line, read_message, title_from
from hermes_sessions.messages.credential import Credential, Match, Rule
from hermes_sessions.messages.credential_rules import NAMES, ORDINARY, TOKENS
from hermes_sessions.messages.redact import cut, is_shown_as, mask, mask_all, may_hold_credential
from hermes_sessions.search.indexed_text import CallsBefore, indexed_text

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
        secret: "a key can hold one too",
        "n": {"sk-abcdefghijklmnopqrst-stuv": 1, secret: 2},
        "password": "correct horse",
        "Authorization": "Bearer abc",
        "token": "get_password()",
        "max_tokens": 4096,
    }
    before = repr(value)
    assert mask_all(value) == {
        "content": [{"type": "text", "text": f"my {masked}"}, None, 7, 1.5, True],
        "nested": {"deep": [[masked]]},
        masked: "a key can hold one too",
        "n": {masked: 1, f"{masked} (2)": 2},
        "password": "***",
        "Authorization": "Bearer ***",
        "token": "***",
        "max_tokens": 4096,
    }
    assert repr(value) == before


def test_a_mask_that_comes_back_is_no_change() -> None:
    stored = "deploy with sk-abcdefghijklmnopqrstuv"
    assert is_shown_as("deploy with sk-abc...stuv", stored)
    assert is_shown_as(" deploy with sk-abc...stuv ", stored), "fields trim"
    assert not is_shown_as(stored, stored)
    assert not is_shown_as("deploy with sk-abc...stuv", "deploy"), "typed by somebody"
    assert not is_shown_as("deploy", stored)


# ---- the table ------------------------------------------------------------------------------------------

RULES = (*TOKENS, *NAMES)


@pytest.mark.parametrize(
    ("text", "expected"),
    [pytest.param(*each, id=f"{rule.name}: {each[0][:40]!r}") for rule in RULES for each in rule.masks],
)
def test_what_the_rules_mask(text: str, expected: str) -> None:
    assert mask(text) == expected
    assert mask(expected) == expected, "twice is once"
    assert may_hold_credential(text)
    assert may_hold_credential(json.dumps({"text": [text]}, ensure_ascii=False).encode()), "asked about JSON"


@pytest.mark.parametrize(
    "text", [pytest.param(text, id=f"{rule.name}: {text[:40]!r}") for rule in RULES for text in rule.leaves]
)
def test_what_the_rules_leave(text: str) -> None:
    assert mask(text) is text


@pytest.mark.parametrize("text", ORDINARY)
def test_what_no_rule_touches(text: str) -> None:
    assert mask(text) is text
    assert mask(text + "\n" + text) == text + "\n" + text


def test_each_rule_has_examples_of_both_kinds() -> None:
    assert [rule.name for rule in RULES if not rule.masks or not rule.leaves] == []


# ---- texts without secrets ------------------------------------------------------------------------------

TOP = Path(__file__).parents[2]
EXAMPLES = ("credential_*.py", "redact.py", "redaction.py", "demo/work.py")  # hold credentials on purpose


def _sources() -> Iterator[Path]:
    for folder in ("hermes_sessions", "webapp", "migrations", "benchmarks"):
        yield from (path for path in (TOP / folder).rglob("*.py") if not any(map(path.match, EXAMPLES)))
        yield from (TOP / folder).rglob("*.js")
        yield from (TOP / folder).rglob("*.html")
    yield from (path for path in (TOP / "tests" / "samples").rglob("*") if path.is_file())


@pytest.mark.slow
def test_no_source_and_no_sample_holds_a_credential() -> None:
    changed = []
    for path in _sources():
        text = path.read_text("utf-8", errors="replace")
        changed += [f"{path}: {line}" for line in text.splitlines() if mask(line) != line]
        if mask(text) != text:
            changed.append(str(path))
    assert changed == []


def test_pictures_and_hashes_hold_no_credential() -> None:
    numbers = random.Random(7)
    picture = base64.b64encode(numbers.randbytes(300_000)).decode()
    for text in (picture, f"![p](data:image/png;base64,{picture})", numbers.randbytes(100_000).hex()):
        assert mask(text) == text


def test_a_credential_beside_a_picture_is_masked() -> None:
    picture = f"data:image/png;base64,{base64.b64encode(bytes(600)).decode()}"
    text = f"TOKEN=a {picture} TOKEN=b\n{picture}"
    assert mask(text) == text.replace("TOKEN=a", "TOKEN=***").replace("TOKEN=b", "TOKEN=***")
    assert mask(f'{{"token": "{picture}"}}') == '{"token": "data:i...AAAA"}'
    assert "hunter2" not in mask("data:text/plain;base64,PASSWORD=hunter2")


# ---- planted secrets ------------------------------------------------------------------------------------

_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
# A digit, or it could be the name of a variable; no dot before a letter, or it could be a look-up.
_words = st.text(_LETTERS, min_size=17, max_size=60).map("7{}".format)
_bare = st.text(_LETTERS + "+/_-~!@#%^*=$", min_size=17, max_size=60).map("7{}".format)
_quoted = st.text(_LETTERS + " +/_-~!@#%^*=$,;:&()[]{}<>|?.é漢", min_size=17, max_size=60).map("7{}7".format)

Context = Callable[[str], str]


def _context(template: str) -> Context:
    return lambda secret: template.replace("SECRET", secret)


_unquoted_contexts = st.sampled_from(
    [
        *map(_context, ("API_KEY=SECRET", "export A_TOKEN=SECRET", "api_key: SECRET", "password=SECRET")),
        *map(_context, ("X-Api-Key: SECRET", "Authorization: Bearer SECRET", "authorization: SECRET")),
        *map(
            _context,
            ("curl -H 'Authorization: Basic SECRET' x", "clientSecret = SECRET", "Passphrase: SECRET"),
        ),
    ]
)
_quoted_contexts = st.sampled_from(
    [
        *map(_context, ('{"api_key": "SECRET"}', '"password":"SECRET",', "DB_PASSWORD='SECRET'")),
        *map(
            _context,
            ('token: str = "SECRET"', "'passphrase' => 'SECRET'", '"Authorization": "Bearer SECRET"'),
        ),
    ]
)
_tokens = st.builds(
    "{}{}".format, st.sampled_from(["sk-", "ghp_", "xoxb-", "glpat-", "sk_live_", "gsk_abc"]), _words
)
_token_contexts = st.sampled_from(
    [*map(_context, ("SECRET", "see SECRET.", "a_SECRET", "\x1b[32mSECRET\x1b[0m", "x%3DSECRET%20"))]
)
_address_contexts = st.sampled_from(
    [*map(_context, ("postgres://me:SECRET@host/x", "https://x.org/?token=SECRET&y=1#z"))]
)
_clean = st.lists(
    st.sampled_from(
        ["the ", "plan: ", "x = y\n", "MAX_TOKENS=4096 ", "don't ", "é漢 ", "a;b&c ", "\t", "{}"]
    ),
    max_size=5,
).map("".join)


def _in_json(text: str, levels: int) -> str:
    return reduce(lambda inner, _: json.dumps({"text": inner}, ensure_ascii=False), range(levels), text)


def _check_planted(context: Context, secret: str, levels: int, around: tuple[str, str]) -> None:
    def text(value: str) -> str:
        # The blank ends a value without quotes: a written out \n could be part of it.
        return _in_json(f"{around[0]}\n{context(value)} \n{around[1]}", levels)

    masked = mask(text(secret))
    assert masked in (text("***"), text(f"{secret[:6]}...{secret[-4:]}"))
    assert mask(masked) == masked


@given(_quoted_contexts, _quoted, st.integers(0, 3), st.tuples(_clean, _clean))
def test_a_quoted_secret_leaves_no_more_than_its_ends(
    context: Context, secret: str, levels: int, around: tuple[str, str]
) -> None:
    _check_planted(context, secret, levels, around)


@given(_unquoted_contexts, _bare, st.integers(0, 3), st.tuples(_clean, _clean))
def test_an_unquoted_secret_leaves_no_more_than_its_ends(
    context: Context, secret: str, levels: int, around: tuple[str, str]
) -> None:
    _check_planted(context, secret, levels, around)


@given(_token_contexts, _tokens, st.integers(0, 3), st.tuples(_clean, _clean))
def test_a_token_leaves_no_more_than_its_ends(
    context: Context, secret: str, levels: int, around: tuple[str, str]
) -> None:
    _check_planted(context, secret, levels, around)


@given(_address_contexts, _words, st.integers(0, 3), st.tuples(_clean, _clean))
def test_a_secret_in_an_address_leaves_no_more_than_its_ends(
    context: Context, secret: str, levels: int, around: tuple[str, str]
) -> None:
    _check_planted(context, secret, levels, around)


@given(_clean, st.integers(0, 2))
def test_clean_text_is_returned_itself(text: str, levels: int) -> None:
    clean = _in_json(text, levels)
    assert mask(clean) is clean


# ---- no text takes long -----------------------------------------------------------------------------------

MB = 1_000_000


@pytest.mark.slow
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


# The beginning of a text, what is repeated in it, and its end.
PATHOLOGICAL = [
    ("", "a", ""),
    ("", "=", ""),
    ("", "=a:b", ""),
    ("= ", "A", ""),
    ("= ", "_", ""),
    ("", "sk-", ""),
    ("", "desk-abcdefghijkl", ""),
    ("", "sk-abcdefghijkl ", ""),
    ("", "SG.", ""),
    ("", "ghp_", ""),
    ("", "AKIA", ""),
    ("= ", "TOKEN", ""),
    ("", "TOKEN_", " x="),
    ("", "TOKEN_", "URL="),
    ("", "token_url=", ""),
    ("= ", "SECRET_KEY", ""),
    ("TOKEN", " ", "x="),
    ("", "token=", ""),
    ("", "token=f(", ""),
    ("", 'token="<', ""),
    ("", 'token="', ""),
    ("", "token='<x>' ", ""),
    ("", "password: str = ", ""),
    ("", "password: the ", ""),
    ("", "token: ", ""),
    ("token", "\\", "=x"),
    ('token="', "\\", ""),
    ('token=\\"', '\\\\"', ""),
    ('token="', '\\"', ""),
    ("", "token=&x=", ""),
    ("", "?token=#", ""),
    ("", "Authorization: Bearer ", ""),
    ("Authorization:", " ", "x"),
    ("Authorization: Bearer", " ", ""),
    ("", "Authorization: Digest a=", ""),
    ("", "_eyJaaaaaaaaa", ""),
    ("", "eyJaaaaaaaaa.", ""),
    ("", "://a:", ""),
    ("", "://a:$X@", ""),
    ("://a:", "b", ""),
    ("://a:b@", "c@", ""),
    ("", "12345678:", ""),
    ("12345678:", "1", ""),
    ("", "-----BEGIN ", ""),
    ("-----BEGIN ", "PRIVATE KEY", ""),
    ("", "-----BEGIN PRIVATE KEY-----", ""),
    ("", "-----BEGIN PRIVATE KEY-----\nA", ""),
    ("-----BEGIN PRIVATE KEY-----\nA", "-----END ", ""),
    ("-----BEGIN PRIVATE KEY-----\nA", "-----END PRIVATE KE", ""),
    ("", "-----END PRIVATE KEY-----", ""),
    ("A", "A", "-----END PRIVATE KEY-----"),
    ("", "AAAAAAAAAAAAAAAAAAAA-----END PRIVATE KEY-----", ""),
    ("", "Private-Lines: 1", ""),
    ("", ";base64,", ""),
    ("", "data:;base64,", ""),
    ("data:;base64,", "A", ""),
    ("", "data:;base64," + 100 * "A" + " ", ""),
    ("", "hooks.slack.com/services/aaaaaaaaaaaaaaaaaaaa", ""),
]


def _filled(parts: tuple[str, str, str], size: int) -> str:
    return parts[0] + parts[1] * (size // len(parts[1])) + parts[2]


@pytest.mark.parametrize("parts", PATHOLOGICAL, ids=lambda parts: "".join(parts)[:30])
def test_four_times_the_text_is_four_times_the_work(
    parts: tuple[str, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = [_work(_filled(parts, size), monkeypatch) for size in (5_000, 20_000)]
    assert counted[1] <= 4.2 * counted[0] + 5_000


class _Counting:
    """A pattern that adds up the bytes at which it looked: all up to the end of its match, or of the text.

    One that fails to match at a place looks at a bounded number of bytes: those of `LONGEST_HARMLESS`.
    """

    def __init__(self, pattern: Any, work: list[int]) -> None:
        self._pattern, self._work = pattern, work

    def search(self, text: bytes, *place: int) -> Any:
        match = self._pattern.search(text, *place)
        first, last = (*place, 0)[0], (place[1:] or (len(text),))[0]
        self._work[0] += 1 + (match.end() if match else last) - first
        return match

    def match(self, text: bytes, *place: int) -> Any:
        match = self._pattern.match(text, *place)
        self._work[0] += 1 + (match.end() - (*place, 0)[0] if match else credential_values.LONGEST_HARMLESS)
        return match

    def fullmatch(self, text: bytes, *place: int) -> Any:
        match = self._pattern.fullmatch(text, *place)
        self._work[0] += 1 + (match.end() - (*place, 0)[0] if match else credential_values.LONGEST_HARMLESS)
        return match


def _work(text: str, monkeypatch: pytest.MonkeyPatch) -> int:
    """Return how many bytes all patterns and finders looked at to mask a text."""
    work = [0]

    def counted(rule: Rule) -> Rule:
        def find(data: bytes, place: Match) -> Credential | None:
            credential = rule.find(data, place)
            work[0] += place.end - place.start + (credential.end - credential.start if credential else 0)
            return credential

        return replace(rule, find=find)

    any_place = _Counting(redact._any_place(), work)
    searches = [
        each._replace(rules=[*map(counted, each.rules)], places=_Counting(each.places, work))
        for each in redact._searches()
    ]
    with monkeypatch.context() as patch:
        patch.setattr(redact, "_any_place", lambda: any_place)
        patch.setattr(redact, "_searches", lambda: searches)
        for module in (credential_names, credential_tokens, credential_values):
            for name, value in vars(module).items():
                if isinstance(value, re.Pattern):
                    patch.setattr(module, name, _Counting(value, work))
        up_to = {quote: _Counting(each, work) for quote, each in credential_values._UP_TO_QUOTE.items()}
        patch.setattr(credential_values, "_UP_TO_QUOTE", up_to)
        mask(text)
    return work[0]


# ---- texts that are cut before they are masked ----------------------------------------------------------

SECRET = "sk-proj-" + "Ab3dEf6hIj9lMn2pQr5t" * 3


def shows_none_of(secret: str, shown: str) -> bool:
    """Whether no more than the beginning that masks show is in a text."""
    return secret[:12] not in shown


@pytest.mark.parametrize("before", range(1, len(SECRET)))
def test_a_cut_leaves_no_part_of_a_credential(before: int) -> None:
    text = "é word " + SECRET + " and more words" * 5
    assert cut(text, 7 + before) == "é word "
    assert cut(text, 7) == "é word "
    assert cut(text, 7 + len(SECRET)) == "é word " + SECRET
    assert cut(text, len(text)) == text
    assert cut("word " * 9, 7) == "word wo"


@pytest.mark.parametrize("inside", [9, 20, 33, 60])
def test_no_place_that_cuts_shows_a_part_of_a_credential(inside: int) -> None:
    def text(longest: int) -> str:
        return ("word " * longest)[: longest - inside - 1] + " " + SECRET + " end"

    user = {"role": "user", "content": text(64)}
    assert shows_none_of(SECRET, mask(title_from([user])))
    assert shows_none_of(SECRET, mask(one_line(text(80))))
    calls = [{"id": "1", "function": {"name": "f", "arguments": text(4_000)}}]
    for message in (
        {"role": "tool", "tool_call_id": "1", "content": text(4_000)},
        {"role": "assistant", "content": "", "tool_calls": calls},
        {"role": "user", "content": text(1_000_000)},
    ):
        assert shows_none_of(SECRET, mask(indexed_text(read_message(message), CallsBefore()).text))
