"""The query language: what is read as words, phrases, alternatives, exclusions, operators and dates."""

import math
import time
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hermes_sessions.fields import clean_text
from hermes_sessions.search.language import Clause, Conditions, Query, Term, parse

NOW = time.mktime((2026, 3, 31, 15, 30, 0, 0, 0, -1))
DAY = 86_400


def at(year: int, month: int = 1, day: int = 1) -> float:
    """Return when a local day begins."""
    return time.mktime((year, month, day, 0, 0, 0, 0, 0, -1))


def word(text: str, **other: bool) -> Term:
    """Return a term that was typed as it is searched."""
    return Term(text, text, **other)


def phrase(text: str, **other: bool) -> Term:
    """Return a phrase that was typed as it is searched."""
    return Term(text, text, quoted=True, **other)


def terms(query: Query) -> list[Term | tuple[Term, ...]]:
    """Return the required terms of a query; alternatives as a tuple."""
    clauses = [clause.alternatives for clause in query.required]
    return [alternatives[0] if len(alternatives) == 1 else alternatives for alternatives in clauses]


REQUIRED: dict[str, list[Term | tuple[Term, ...]]] = {
    "": [],
    " \t\n": [],
    "rent  paid": [word("rent"), word("paid")],
    "rent paid rent": [word("rent"), word("paid")],
    # phrases
    '"rent is paid"': [phrase("rent is paid")],
    '" rent is "': [phrase("rent is")],
    '"rent is': [phrase("rent is")],
    '"rent is\npaid late': [phrase("rent is"), word("paid"), word("late")],
    '"rent\nis" paid': [phrase("rent\nis"), word("paid")],
    "“rent is” paid": [phrase("rent is"), word("paid")],
    "„rent is“ paid": [phrase("rent is"), word("paid")],
    "«rent is» »paid late«": [phrase("rent is"), phrase("paid late")],
    "「你好 世界」": [phrase("你好 世界")],
    "我说「你好」吗": [word("我说"), phrase("你好"), word("吗")],
    "＂rent is＂": [phrase("rent is")],
    '"rent"paid': [phrase("rent"), word("paid")],
    'name="John Smith"': [word("name="), phrase("John Smith")],
    '"rent is"*': [phrase("rent is", prefix=True)],
    'a 5" disk and a 3" one': [word(text) for text in ("a", '5"', "disk", "and", '3"', "one")],
    '""': [],
    '"--"': [],
    # beginnings of words
    "pay*": [word("pay", prefix=True)],
    "pay**": [word("pay", prefix=True)],
    "pay＊": [word("pay", prefix=True)],
    "p*y": [word("p*y")],
    "*": [],
    # alternatives
    "a OR b": [(word("a"), word("b"))],
    "a OR b OR c d": [(word("a"), word("b"), word("c")), word("d")],
    "d a OR b": [word("d"), (word("a"), word("b"))],
    "a OR b AND c": [(word("a"), word("b")), word("c")],
    "a OR a": [word("a")],
    "a OR b a OR b": [(word("a"), word("b"))],
    'a* OR "b c" OR title:d': [(word("a", prefix=True), phrase("b c"), word("d", in_title=True))],
    "a OR - b": [(word("a"), word("b"))],
    "a or b": [word("a"), word("or"), word("b")],
    "a Or b": [word("a"), word("Or"), word("b")],
    "a OR": [word("a")],
    "OR a": [word("a")],
    "a OR OR b": [(word("a"), word("b"))],
    "a AND b": [word("a"), word("b")],
    "a and b": [word("a"), word("and"), word("b")],
    "OR": [word("OR")],
    "NOT": [word("NOT")],
    "AND OR": [word("AND"), word("OR")],
    'a "OR" b': [word("a"), phrase("OR"), word("b")],
    # brackets
    "(monstera OR sourdough) water": [(word("monstera"), word("sourdough")), word("water")],
    "( monstera OR sourdough ) water": [(word("monstera"), word("sourdough")), word("water")],
    "((a OR (b)) c)": [(word("a"), word("b")), word("c")],
    '("rent is" OR paid)': [(phrase("rent is"), word("paid"))],
    "（a OR b）": [(word("a"), word("b"))],
    "f(x) g(y": [word("f(x)"), word("g(y")],
    "NEAR(a, 3)": [word("NEAR(a,"), word("3")],
    "(pay*)": [word("pay", prefix=True)],
    "( ) :) (": [],
    # what is no operator
    "--flag": [word("--flag")],
    "well-known": [word("well-known")],
    "a - b": [word("a"), word("b")],
    "* - -- ; ? → | ─": [],
    "https://example.org/a?b=c": [word("https://example.org/a?b=c")],
    "C:\\Users\\role:x": [word("C:\\Users\\role:x")],
    "10:30 foo::bar key:value": [word("10:30"), word("foo::bar"), word("key:value")],
    'key:"some value"': [word("key:"), phrase("some value")],
    "label:garden": [word("label:garden")],
    "title: x^2": [word("title:"), word("x^2")],
    "role:": [word("role:")],
    '"role:user" x': [phrase("role:user"), word("x")],
    'role:"" x': [word('role:""'), word("x")],
    "before:soon is:happy source:nonsense role:boss has:fun": [
        word(text) for text in ("before:soon", "is:happy", "source:nonsense", "role:boss", "has:fun")
    ],
    "on:2026-02-30 after:2026-13 before:0d5 on:9999": [
        word(text) for text in ("on:2026-02-30", "after:2026-13", "before:0d5", "on:9999")
    ],
    "cost:5 cost:>x cost:<5 messages:>1.5": [
        word(text) for text in ("cost:5", "cost:>x", "cost:<5", "messages:>1.5")
    ],
    'before:"next week"': [word('before:"next week"')],
    # titles
    "title:rent": [word("rent", in_title=True)],
    "TITLE:rent*": [word("rent", in_title=True, prefix=True)],
    'title:"rent is"': [phrase("rent is", in_title=True)],
    "title:rent rent": [word("rent", in_title=True), word("rent")],
    "title:--": [word("title:--")],
    # characters
    "🎉 party🎉 ❤️": [word("🎉"), word("party🎉"), word("❤️")],
    "ｒｅｎｔ　paid": [Term("rent", "ｒｅｎｔ"), word("paid")],
    "title：rent": [word("rent", in_title=True)],
    "Gro\u0308ße": [word("Größe")],
    "a\0b \ud800x": [word("a\ufffdb"), word("\ufffdx")],
}


@pytest.mark.parametrize("text", REQUIRED)
def test_what_must_occur(text: str) -> None:
    query = parse(text, NOW)

    assert terms(query) == REQUIRED[text]
    assert (query.excluded, query.conditions) == ((), Conditions())


EXCLUDED: dict[str, tuple[list[Term | tuple[Term, ...]], list[Term]]] = {
    "rent -paid": ([word("rent")], [word("paid")]),
    "rent －paid": ([word("rent")], [word("paid")]),
    'rent -"paid late"': ([word("rent")], [phrase("paid late")]),
    "rent NOT paid NOT late": ([word("rent")], [word("paid"), word("late")]),
    'rent NOT "paid late"': ([word("rent")], [phrase("paid late")]),
    "rent AND NOT paid": ([word("rent")], [word("paid")]),
    "rent not paid": ([word("rent"), word("not"), word("paid")], []),
    "-paid": ([], [word("paid")]),
    "-paid -paid": ([], [word("paid")]),
    "rent -pay*": ([word("rent")], [word("pay", prefix=True)]),
    "rent -title:paid": ([word("rent")], [word("paid", in_title=True)]),
    "a -b OR c": ([word("a"), word("c")], [word("b")]),
    "a OR -b c": ([word("a"), word("c")], [word("b")]),
    "a OR NOT b": ([word("a")], [word("b")]),
    "(a -b) c": ([word("a"), word("c")], [word("b")]),
    "-(a OR b) c": ([word("c")], [word("a"), word("b")]),
    "c -(a (b)) d": ([word("c"), word("d")], [word("a"), word("b")]),
    "NOT (a b) c": ([word("c")], [word("a"), word("b")]),
    "-(a b c": ([word("b"), word("c")], [word("a")]),
    "a) -b": ([word("a")], [word("b")]),
    "rent -OR": ([word("rent")], [word("OR")]),
    "rent -key:value": ([word("rent")], [word("key:value")]),
    # Only `is:`, `before:` and `after:` have an opposite.
    '-project:"My p" -role:user': ([], [word('project:"My p"'), word("role:user")]),
    "-on:2026 -has:code -cost:>1": ([], [word("on:2026"), word("has:code"), word("cost:>1")]),
}


@pytest.mark.parametrize("text", EXCLUDED)
def test_what_must_not_occur(text: str) -> None:
    query = parse(text, NOW)

    assert (terms(query), list(query.excluded), query.conditions) == (*EXCLUDED[text], Conditions())


CONDITIONS = {
    "project:garden": Conditions(project="garden"),
    'project:"My garden" PROFILE:work': Conditions(project="My garden", profile="work"),
    "project：garden": Conditions(project="garden"),
    "(project:garden)": Conditions(project="garden"),
    "project:a project:b": Conditions(project="b"),
    "model:claude-opus-4.6": Conditions(model="claude-opus-4.6"),
    "source:CLI": Conditions(source="cli"),
    "role:User": Conditions(role="user"),
    "tool:read_file tool:terminal tool:read_file": Conditions(tools=("read_file", "terminal")),
    "is:pinned": Conditions(pinned=True),
    "-is:pinned": Conditions(pinned=False),
    "NOT is:pinned": Conditions(pinned=False),
    "-is:archived -is:interrupted -is:agent": Conditions(archived=False, interrupted=False, agent=False),
    "Is:Archived is:interrupted is:agent": Conditions(archived=True, interrupted=True, agent=True),
    "has:error has:image has:code has:attachment": Conditions(
        has=frozenset({"error", "image", "code", "attachment"})
    ),
    "cost:>0.5": Conditions(min_cost=math.nextafter(0.5, 1)),
    "cost:>=0.5": Conditions(min_cost=0.5),
    "cost:>$2": Conditions(min_cost=math.nextafter(2, 3)),
    "cost:>=1 cost:>=3 cost:>=2": Conditions(min_cost=3.0),
    "messages:>10": Conditions(min_messages=11),
    "messages:>=10": Conditions(min_messages=10),
    "messages:>=10 messages:>=2": Conditions(min_messages=10),
    "before:2026-03-05": Conditions(until=at(2026, 3, 5)),
    "after:2026-03-05": Conditions(since=at(2026, 3, 5)),
    "on:2026-03-05": Conditions(since=at(2026, 3, 5), until=at(2026, 3, 6)),
    "on:2026-3-5": Conditions(since=at(2026, 3, 5), until=at(2026, 3, 6)),
    "on:2025-12": Conditions(since=at(2025, 12), until=at(2026)),
    "on:2025": Conditions(since=at(2025), until=at(2026)),
    "before:2025 after:2024-06": Conditions(since=at(2024, 6), until=at(2025)),
    "on:2025 after:2025-06": Conditions(since=at(2025, 6), until=at(2026)),
    "on:2025 on:2025-06": Conditions(since=at(2025, 6), until=at(2025, 7)),
    "-before:2025 -after:2026": Conditions(since=at(2025), until=at(2026)),
    "on:today": Conditions(since=at(2026, 3, 31), until=at(2026, 4, 1)),
    "on:Yesterday": Conditions(since=at(2026, 3, 30), until=at(2026, 3, 31)),
    "after:7d": Conditions(since=at(2026, 3, 24)),
    "before:2w": Conditions(until=at(2026, 3, 17)),
    "after:1m": Conditions(since=at(2026, 2, 28)),
    "after:3m": Conditions(since=at(2025, 12, 31)),
    "after:1y": Conditions(since=at(2025, 3, 31)),
    'after:"2026-03-05"': Conditions(since=at(2026, 3, 5)),
    "after:1950": Conditions(since=0.0),
}


@pytest.mark.parametrize("text", CONDITIONS)
def test_operators_are_conditions(text: str) -> None:
    assert parse(text, NOW) == Query((), (), CONDITIONS[text])


def test_operators_stand_anywhere_between_words() -> None:
    query = parse("rent role:user paid is:pinned -late", NOW)

    assert query == Query(
        (Clause((word("rent"),)), Clause((word("paid"),))),
        (word("late"),),
        Conditions(role="user", pinned=True),
    )


def test_an_operator_ends_the_alternatives() -> None:
    assert terms(parse("a OR role:user b", NOW)) == [word("a"), word("b")]


PIECES = st.sampled_from(
    [
        *'"“”„«»「」-－()*: \n',
        "OR",
        "AND",
        "NOT",
        "is:pinned",
        "role:",
        "title:",
        "before:7d",
        "a",
        "ｂ",
        "🎉",
    ]
)


@given(st.one_of(st.text(), st.lists(PIECES).map("".join)))
def test_any_text_is_a_query_whose_terms_occur_in_it(text: str) -> None:
    query = parse(text, NOW)

    ordinary = unicodedata.normalize("NFKC", clean_text(text))
    found = [*query.excluded, *(term for clause in query.required for term in clause.alternatives)]
    assert all(term.text in ordinary for term in found)
    assert all(any(map(str.isalnum, term.text)) or "🎉" in term.typed for term in found if text.isascii())
    assert len(set(query.required)) == len(query.required)


@given(st.lists(PIECES).map("".join))
@example('role:"')
@example('role:"a')
def test_spaces_around_a_query_mean_nothing(text: str) -> None:
    assert parse(f"  {text} ", NOW) == parse(text, NOW)


@pytest.mark.parametrize("piece", ["word ", '"', "(", "-(a ", "a OR ", "tool:a ", "“", '\n"a', "NOT "])
def test_a_long_text_is_read_in_one_pass(piece: str) -> None:
    parse(piece * 20_000, NOW)


def test_a_long_text_keeps_each_word_once() -> None:
    text = " ".join(f"word{number % 1000}" for number in range(20_000))

    assert len(parse(text, NOW).required) == 1000


def test_days_are_those_of_the_calendar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        sunday = parse("on:2026-03-29", NOW).conditions  # the clock goes forward that night
        assert (sunday.until or 0) - (sunday.since or 0) == DAY - 3600
    finally:
        monkeypatch.undo()
        time.tzset()
