"""What became of messages that this program added or removed: a table of cases."""

from collections.abc import Iterable, Sequence
from typing import Any

import pytest

from hermes_sessions.index.own_transcripts import (
    NOTHING_LOST,
    Judgement,
    Lost,
    Theirs,
    expected,
    in_words,
    judge,
)
from hermes_sessions.sidecars import TranscriptChange, journal


def said(text: str, **values: Any) -> dict[str, Any]:
    """Return a message; an upper-case letter stands for one with a time."""
    at = {"timestamp": float(ord(text[0]))} if text[:1].isupper() else {}
    return {"role": "user", "content": text, **at, **values}


def talk(texts: str) -> list[dict[str, Any]]:
    """Return a message for each letter."""
    return [said(letter) for letter in texts]


def added(at: int, start: int, texts: str) -> TranscriptChange:
    return TranscriptChange(at, start, talk(texts))


def removed(at: int, start: int, texts: str) -> TranscriptChange:
    return journal.removed(start, talk(texts), len(texts))[0]._replace(at=at)


def edited(at: int, start: int, before: str, after: str) -> TranscriptChange:
    return removed(at, start, before)._replace(added=talk(after))


def outcome(
    changes: Sequence[TranscriptChange], theirs: Iterable[Any], lost: Lost = NOTHING_LOST
) -> Judgement:
    """Judge these changes in a file with these messages."""
    marks = [journal.mark_of(message) for message in theirs]
    start = min(*(change.start for change in changes), len(marks))
    return judge(changes, Theirs(start, marks[start:], lambda: marks[:start]), lost)


def said_in(judgement: Judgement) -> str:
    """Return what the missing messages say."""
    return "".join(own.message["content"] for own in judgement.missing)


X_AND_Y = [added(1, 4, "x"), added(2, 5, "y")]

# "base" stands for four messages from before the changes; capital letters are messages with a time.
CASES: dict[str, tuple[list[TranscriptChange], str, str, int]] = {
    # changes, the file of the other program, which messages are missing, how many removed ones are back
    "read": ([added(1, 4, "AB")], "baseAB", "", 0),
    "read, and it went on": ([added(1, 4, "AB")], "baseABCD", "", 0),
    "its memory, as it was": ([added(1, 4, "AB")], "base", "AB", 0),
    "its memory and a new turn": ([added(1, 4, "AB")], "baseCD", "AB", 0),
    "its memory and a new turn, without times": ([added(1, 4, "xy")], "basecd", "xy", 0),
    "the same number of other messages": ([added(1, 4, "AB")], "baseYZ", "AB", 0),
    "its memory, shortened": ([added(1, 4, "AB")], "ba", "AB", 0),
    "its memory, cleared": ([added(1, 4, "AB")], "", "AB", 0),
    "after a new turn": ([added(1, 4, "AB")], "baseCDAB", "", 0),
    "before its place, where earlier messages were removed": ([added(1, 4, "AB")], "sABC", "", 0),
    "before its place says nothing without a time": ([added(1, 4, "se")], "base", "se", 0),
    "read, and shortened": ([added(1, 4, "AB")], "baseA", "", 0),
    "read, shortened, and gone on": ([added(1, 4, "AB")], "baseACD", "", 0),
    "shortened, or said by chance": ([added(1, 4, "xy")], "basex", "y", 0),
    "the second was not read": ([added(1, 4, "A"), added(2, 5, "B")], "baseAC", "B", 0),
    "the second was read, the first removed": ([added(1, 4, "A"), added(2, 5, "B")], "baseB", "", 0),
    "neither was read": ([added(1, 4, "A"), added(2, 5, "B")], "base", "AB", 0),
    "added twice, there once": ([added(1, 4, "x"), added(2, 5, "x")], "basex", "x", 0),
    "added to an empty session": ([added(1, 0, "AB")], "", "AB", 0),
    "removed, and read": ([removed(1, 2, "se")], "ba", "", 0),
    "removed, read, and gone on": ([removed(1, 2, "se")], "baCD", "", 0),
    "removed, and back": ([removed(1, 2, "se")], "base", "", 2),
    "removed, back, and gone on": ([removed(1, 2, "se")], "baseCD", "", 2),
    "all removed, and back": ([removed(1, 0, "base")], "base", "", 4),
    "removed, and sent again": ([removed(1, 2, "se")], "bas", "", 0),
    "removed, and sent again with another answer": ([removed(1, 2, "se")], "basx", "", 0),
    "the first of the removed is back": ([removed(1, 2, "SE")], "baS", "", 2),
    "removed in two steps": ([removed(1, 3, "e"), removed(2, 1, "as")], "base", "", 3),
    "removed, added, and both undone": ([removed(1, 2, "se"), added(2, 2, "A")], "baseC", "A", 2),
    "removed, and added again": ([removed(1, 2, "se"), added(2, 2, "se")], "base", "", 0),
    "added, and removed": ([added(1, 4, "AB"), removed(2, 4, "AB")], "base", "", 0),
    "added, removed, and back": ([added(1, 4, "AB"), removed(2, 4, "AB")], "baseAB", "", 2),
    "added, and removed in part": ([added(1, 4, "AB"), removed(2, 5, "B")], "base", "A", 0),
    # The other program had read what was there before the messages that were added and removed again.
    "removed with what was added, and back": ([added(1, 4, "x"), removed(2, 3, "ex")], "basec", "", 2),
    "removed with some of what was added": (
        [added(1, 4, "x"), added(2, 5, "y"), removed(3, 4, "xy")],
        "basexc",
        "",
        2,
    ),
    "removed with all that was added": ([added(1, 4, "xy"), removed(2, 4, "xy")], "basexc", "", 0),
    "removed with more that was there": ([added(1, 4, "x"), removed(2, 2, "sex")], "basc", "", 0),
    "edited, and read": ([edited(1, 1, "a", "A")], "bAse", "", 0),
    "edited, and back": ([edited(1, 1, "a", "A")], "base", "A", 1),
    "edited before what was added": ([added(1, 4, "AB"), edited(2, 1, "a", "XYZ")], "base", "XYZAB", 1),
}


@pytest.mark.parametrize("name", CASES)
def test_what_became_of_changes(name: str) -> None:
    changes, theirs, missing, back = CASES[name]
    judgement = outcome(changes, talk(theirs))
    assert said_in(judgement) == missing
    assert sum(change.removed for change in judgement.back) == back
    assert judgement.is_lost == bool(missing or back)


def test_what_was_lost_stays_so_until_it_is_there() -> None:
    first, second = added(1, 4, "AB"), added(2, 6, "E")
    lost = outcome([first], talk("baseCD")).lost(until=1)
    assert lost == Lost(1, [[1, 0, 2]], [])
    assert said_in(outcome([first], talk("baseCDF"), lost)) == "AB"
    # The other program has read what was added after the loss, which does not give back what was lost.
    judgement = outcome([first, second], talk("baseCDE"), lost)
    assert (said_in(judgement), judgement.is_read) == ("AB", False)
    for read in ("baseCDABE", "baseCDEAB"):
        assert not outcome([first, second], talk(read), lost).is_lost
    assert not outcome([first, added(2, 6, "AB")], talk("baseCDAB"), lost).is_lost
    # It was lost in a transcript that was shortened after that: the index of its messages says nothing there.
    assert said_in(outcome([first, removed(2, 3, "eCD")], talk("bas"), lost)) == "AB"


def test_a_part_of_what_was_back_is_back() -> None:
    change = removed(1, 2, "se")
    lost = outcome([change], talk("base")).lost(until=1)
    assert lost == Lost(1, [], [1])
    assert outcome([change], talk("bas"), lost).is_lost
    assert not outcome([change], talk("ba"), lost).is_lost


def test_what_was_read_before_a_loss_is_not_lost_after_it() -> None:
    read, lost = added(1, 0, "ABCD"), added(2, 4, "E")
    judgement = outcome([read, lost], talk("ABC"))
    assert said_in(judgement) == "E"
    assert judgement.since == 2
    assert said_in(outcome([read, lost], talk("AB"), judgement.lost(until=2))) == "E"


@pytest.mark.parametrize(
    "theirs",
    [
        {"content": "A", "role": "user", "timestamp": 65.0},  # another order
        {"role": "user", "content": " A\n", "timestamp": 65},
        {"role": "user", "content": "A", "timestamp": "1970-01-01T00:01:05Z"},
        {"role": "user", "content": "A", "_ts": 65.4, "id": "x", "reasoning": "r", "tool_calls": []},
        {"role": "user", "content": "A"},
    ],
)
def test_a_message_is_the_same_after_another_program_wrote_it(theirs: dict[str, Any]) -> None:
    assert not outcome([added(1, 4, "A")], [*talk("base"), theirs]).is_lost


@pytest.mark.parametrize(
    "theirs",
    [
        {"role": "assistant", "content": "A", "timestamp": 65.0},
        {"role": "user", "content": "A", "timestamp": 70.0},
        {"role": "user", "content": ["A"], "timestamp": 65.0},
        {"role": "user", "content": "A", "timestamp": 65.0, "tool_calls": [{"id": "1"}]},
        "A",
        None,
    ],
)
def test_another_message_is_not(theirs: Any) -> None:
    assert outcome([added(1, 4, "A")], [*talk("base"), theirs]).is_lost


def test_lost_in_words() -> None:
    both = Judgement(outcome([added(1, 4, "A")], talk("base")).missing, [removed(2, 1, "as")])
    assert in_words(both) == (
        "1 message that you added was overwritten by another program, "
        "and 2 messages that you removed are back"
    )


@pytest.mark.parametrize(
    ("old", "new", "changes"),
    [
        ("base", "base", []),
        ("base", "baseAB", [(4, "AB", 0)]),
        ("base", "ba", [(2, "", 2)]),
        ("base", "Zbase", [(0, "Z", 0)]),
        ("base", "bXse", [(1, "X", 1)]),
        ("base", "bXsY", [(3, "Y", 1), (1, "X", 1)]),
        ("baseCD", "baCDX", [(6, "X", 0), (2, "", 2)]),
        ("", "AB", [(0, "AB", 0)]),
    ],
)
def test_the_changes_between_two_versions(old: str, new: str, changes: list[tuple[int, str, int]]) -> None:
    found = journal.between(talk(old), talk(new))
    texts = ["".join(message["content"] for message in change.added) for change in found]
    assert [(c.start, text, c.removed) for c, text in zip(found, texts, strict=True)] == changes
    assert [own.position for own in expected(found)] == [at for at, each in enumerate(new) if each not in old]
    assert len({change.at for change in found}) == len(found)


def test_calls_are_counted_from_where_their_messages_were_added() -> None:
    calls = [{"assistant_msg_idx": 4}, {"assistant_msg_idx": 1}, {"n": 1}]
    last, first = journal.between(talk("baseCD"), talk("XbaCDY"), calls=[{"assistant_msg_idx": 5}, *calls])[
        ::2
    ]
    assert (last.start, last.calls) == (6, [{"assistant_msg_idx": 6}, {"n": 1}])
    assert (first.start, first.calls) == (0, [])
