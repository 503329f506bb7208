"""Parsing queries, the expressions made of them, the words of texts, and snippets."""

import re
import sqlite3
import unicodedata
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hermes_sessions import InvalidValue
from hermes_sessions.messages import mask, read_message
from hermes_sessions.results import MATCH_END, MATCH_START
from hermes_sessions.search.indexed_text import LONGEST_TOOL, indexed_text
from hermes_sessions.search.query import (
    LONGEST_QUERY,
    MatchMode,
    Query,
    Term,
    fts_expression,
    parse,
    short_texts,
    trigram_expression,
)
from hermes_sessions.search.snippets import make_snippet, match_pattern
from hermes_sessions.search.words import distinct_words, fold, split_unspaced

PARSED = {
    "rent": ([Term("rent")], []),
    "rent  paid": ([Term("rent"), Term("paid")], []),
    "rent rent": ([Term("rent")], []),
    '"rent is paid"': ([Term("rent is paid", quoted=True)], []),
    '"rent is': ([Term("rent is", quoted=True)], []),
    "“rent is” paid": ([Term("rent is", quoted=True), Term("paid")], []),
    "rent -paid": ([Term("rent")], [Term("paid")]),
    'rent -"paid late"': ([Term("rent")], [Term("paid late", quoted=True)]),
    "-paid": ([Term("paid")], []),
    "--flag": ([Term("--flag")], []),
    "well-known": ([Term("well-known")], []),
    "pay*": ([Term("pay", prefix=True)], []),
    "get_cli_sess": ([Term("get_cli_sess")], []),
    "a OR b AND NOT c": ([Term(word) for word in ("a", "OR", "b", "AND", "NOT", "c")], []),
    "NEAR(a, 3)": ([Term("NEAR(a,"), Term("3)")], []),
    "title: x^2": ([Term("title:"), Term("x^2")], []),
    "": ([], []),
    " \t\n": ([], []),
    '""': ([], []),
    "* - -- ; ?": ([], []),
    "🎉": ([], []),
    "会话 x": ([Term("会话"), Term("x")], []),
    "Gro\u0308ße": ([Term("Größe")], []),
    "a\0b": ([Term("a\ufffdb")], []),
    "\ud800x": ([Term("\ufffdx")], []),
}


@pytest.mark.parametrize("text", PARSED)
def test_a_query_is_parsed_into_terms(text: str) -> None:
    wanted, unwanted = PARSED[text]
    assert parse(text) == Query(tuple(wanted), tuple(unwanted))


def test_a_query_in_full_width_characters_is_also_kept_as_it_was_typed() -> None:
    assert parse("ｒｅｎｔ　paid") == Query(
        (Term("rent"), Term("paid")), (), Query((Term("ｒｅｎｔ"), Term("paid")), ())
    )
    assert parse("rent").forms == (parse("rent"),)


def test_a_query_that_is_too_long_is_refused_with_the_limit() -> None:
    assert parse("x" * LONGEST_QUERY).required
    with pytest.raises(InvalidValue, match="text must be at most 1,000 characters"):
        parse("x" * (LONGEST_QUERY + 1))


# ---- FTS5 -------------------------------------------------------------------------------------------------

TEXTS = {
    "english": "The quarterly budget review was moved to Friday.",
    "identifier": "call get_cli_sessions() in SessionRepository",
    "german": "Die Größe des Berufshaftpflichtschutzes",
    "french": "un café crème, déjà vu",
    "decomposed": "un cafe\u0301 noir",
    "chinese": "我们把数据库迁移到新的会话存储",
    "japanese": "GPTモデルを使うと検索が速い",
    "korean": "데이터베이스를 검색합니다",
    "one": "日",
    "mixed": "the 会话list and x",
}
FOUND = {
    "budget": {"english"},
    "BUDGET": {"english"},
    '"budget review"': {"english"},
    '"review budget"': set[str](),
    "review budget": {"english"},
    "budget -friday": set[str](),
    "budget -monday": {"english"},
    "größe": {"german"},
    "grosse": set[str](),
    "GRÖSSE": set[str](),
    "große": {"german"},
    "cafe": {"french", "decomposed"},
    "CAFÉ": {"french", "decomposed"},
    "deja vu": {"french"},
    "get_cli_sessions": {"identifier"},
    "cli_sessions": {"identifier"},
    "数据库": {"chinese"},
    "数据": {"chinese"},
    "据库": {"chinese"},
    "会话": {"chinese", "mixed"},
    "话存": {"chinese"},
    "数会": set[str](),
    "储": {"chinese"},
    "モデル": {"japanese"},
    "gpt": {"japanese"},
    "gptモデル": {"japanese"},
    "検索": {"japanese"},
    "データ": set[str](),
    "검색": {"korean"},
    "데이터": {"korean"},
    "日": {"one"},
    "会话list": {"mixed"},
    "list": {"mixed"},
    '"the 会话"': {"mixed"},
}
BEGUN = {"bud": {"english"}, "get_cli_sess": {"identifier"}, "budg frid": {"english"}, '"budg"': set[str]()}
STARRED = {"bud*": {"english"}, "quart* rev*": {"english"}, "会话*": {"chinese", "mixed"}}


WORDS = "tokenize = 'unicode61 remove_diacritics 2'"


@pytest.fixture
def texts() -> Iterator[sqlite3.Connection]:
    """An index of the texts."""
    with closing(sqlite3.connect(":memory:")) as db:
        db.execute(
            "CREATE VIRTUAL TABLE t USING fts5 (x, content = '', tokenize = 'unicode61 remove_diacritics 2')"
        )
        rows = [(number, split_unspaced(text)) for number, text in enumerate(TEXTS.values())]
        db.executemany("INSERT INTO t (rowid, x) VALUES (?, ?)", rows)
        yield db


def matching(texts: sqlite3.Connection, text: str, mode: MatchMode) -> set[str]:
    """Return the names of the texts that a query finds."""
    names = list(TEXTS)
    rows = texts.execute("SELECT rowid FROM t WHERE t MATCH ?", (fts_expression(parse(text), mode, {}),))
    return {names[number] for (number,) in rows}


@pytest.mark.parametrize(
    ("typed", "mode", "expected"),
    [
        *((typed, MatchMode.WORD, names) for typed, names in (FOUND | STARRED).items()),
        *((typed, MatchMode.PREFIX, names) for typed, names in BEGUN.items()),
    ],
)
def test_sqlite_finds_the_texts_that_match(
    texts: sqlite3.Connection, typed: str, mode: MatchMode, expected: set[str]
) -> None:
    assert matching(texts, typed, mode) == expected


@given(st.text(max_size=60) | st.text("\"'*-^()[]{}:+~|&!\\ab会 \n", max_size=60))
def test_every_text_is_a_valid_query(typed: str) -> None:
    query = parse(typed)
    if not query.required:
        return
    with closing(sqlite3.connect(":memory:")) as db:
        db.execute(f"CREATE VIRTUAL TABLE w USING fts5 (x, {WORDS})")
        db.execute("CREATE VIRTUAL TABLE p USING fts5 (x, tokenize = 'trigram')")
        for mode in MatchMode:
            text = fts_expression(query, mode, {})
            assert not db.execute("SELECT * FROM w WHERE w MATCH ?", (text,)).fetchall()
            match_pattern(query, mode).search("some text")
        short = {text: ["abc", 'a"c'] for text in short_texts(query)}
        parts = trigram_expression(query, short)
        assert not parts or not db.execute("SELECT * FROM p WHERE p MATCH ?", (parts,)).fetchall()


@given(st.text("会话数据库列a b", min_size=1, max_size=30), st.data())
def test_any_part_of_a_text_without_spaces_is_found(text: str, data: st.DataObject) -> None:
    runs = re.findall("[会话数据库列]+", text)
    if not runs:
        return
    run = data.draw(st.sampled_from(runs))
    start = data.draw(st.integers(0, len(run) - 1))
    part = run[start : data.draw(st.integers(start + 1, len(run)))]
    with closing(sqlite3.connect(":memory:")) as db:
        db.execute("CREATE VIRTUAL TABLE t USING fts5 (x, content = '', tokenize = 'unicode61')")
        db.execute("INSERT INTO t (rowid, x) VALUES (1, ?)", (split_unspaced(text),))
        count = db.execute(
            "SELECT count(*) FROM t WHERE t MATCH ?", (fts_expression(parse(part), MatchMode.WORD, {}),)
        )
        assert count.fetchone() == (1,)


# ---- words ------------------------------------------------------------------------------------------------


@given(st.text())
def test_folding_keeps_every_character_at_its_position(text: str) -> None:
    composed = unicodedata.normalize("NFC", text)
    assert len(fold(composed)) == len(composed)


def test_words_are_folded_and_each_occurs_once() -> None:
    assert distinct_words("get_cli_Sessions, SessionRepository") == {
        "get",
        "cli",
        "sessions",
        "sessionrepository",
    }
    assert {"cafe", "große"} <= distinct_words("Café Größe")


MESSAGES: dict[str, tuple[Any, str]] = {
    "text": ({"role": "user", "content": "rent"}, "rent"),
    "parts": ({"role": "user", "content": [{"type": "text", "text": "rent"}, {"type": "image_url"}]}, "rent"),
    "reasoning": ({"role": "assistant", "content": "", "reasoning": "think"}, "think"),
    "call": (
        {"role": "assistant", "tool_calls": [{"function": {"name": "ls", "arguments": '{"a": 1}'}}]},
        'ls\n{"a": 1}',
    ),
    "attachment": (
        {"role": "user", "content": "see", "attachments": ["a.pdf", {"name": "b.pdf"}]},
        "see\na.pdf\nb.pdf",
    ),
    "tool": ({"role": "tool", "content": "x" * (LONGEST_TOOL + 1)}, "x" * LONGEST_TOOL),
    "data": (
        {"role": "user", "content": "![](data:image/png;base64,AAAA/b+c==) seen"},
        "![](data:image/png ) seen",
    ),
    "no object": (3, "3"),
    "odd": ({"role": 1, "content": None, "tool_calls": [1, {"function": 2}], "attachments": [None, {}]}, "1"),
    "half a pair": ({"role": "user", "content": "\ud800"}, "\ufffd"),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_the_indexed_text_of_a_message(name: str) -> None:
    message, text = MESSAGES[name]
    assert indexed_text(read_message(message)).text == text


# ---- snippets ---------------------------------------------------------------------------------------------

SNIPPETS = {
    ("budget", "The Budget, the budgets"): "The <Budget>, the budgets",
    ("budg*", "The Budget, the budgets"): "The <Budg>et, the <budg>ets",
    ("cli_sess*", "get_cli_sessions"): "get_<cli_sess>ions",
    ('"rent is"', "rent  is\npaid; rent was"): "<rent is> paid; rent was",
    ("grosse", "Die GROSSE Größe"): "Die <GROSSE> Größe",
    ("große", "Größe GRO\u0308ßE"): "<Größe> <GRÖßE>",
    ("会话", "新会话list"): "新<会话>list",
    ("list", "新会话list"): "新会话<list>",
    ("nothing", "of all this"): "of all this",
    ("a", "\x02a\x03"): "<a>",
}


@pytest.mark.parametrize(("typed", "text"), SNIPPETS)
def test_matches_are_marked(typed: str, text: str) -> None:
    snippet = make_snippet(text, match_pattern(parse(typed), MatchMode.WORD), str)
    assert snippet.replace(MATCH_START, "<").replace(MATCH_END, ">") == SNIPPETS[typed, text]


def test_a_snippet_is_short_and_begins_with_a_whole_word_near_the_match() -> None:
    text = "before " * 500 + "needle " + "after " * 500
    snippet = make_snippet(text, match_pattern(parse("needle"), MatchMode.WORD), str)
    assert snippet.startswith("…before ")
    assert f"{MATCH_START}needle{MATCH_END} after" in snippet
    assert snippet.endswith("…")
    assert len(snippet) < 250


def test_text_is_masked_before_it_is_cut_and_marked() -> None:
    secret = "sk-" + "a1B2" * 12
    snippet = make_snippet(
        f"the key {secret} here",
        match_pattern(parse("a1B2*"), MatchMode.SUBSTRING),
        lambda text: text.replace(secret, "***"),
    )
    assert snippet == "the key *** here"


def test_no_line_of_a_long_private_key_is_in_a_snippet() -> None:
    lines = "\n".join(f"MIIEowIBAAKCAQEA{number:048d}" for number in range(1_000))
    key = f"-----BEGIN RSA PRIVATE KEY-----\n{lines}\n-----END RSA PRIVATE KEY-----"
    for text in (f"{key}\nneedle", f"needle\n{key}", key.replace("0500\n", "0500needle\n")):
        snippet = make_snippet(text, match_pattern(parse("needle*"), MatchMode.SUBSTRING), mask)
        assert "MIIEowIBAAKCAQEA" not in snippet
