"""The words that there are, with their stems and how many texts have each: what forms of words are found by.

The words of the web UI's messages come from the index of words, those of an agent's messages from the agent's
own index. How many texts have a word is counted now and then: it only weighs words against each other.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from sqlalchemy import Connection

from ..index import database
from . import tables
from .stems import Stemmer
from .tables import WEB_UI
from .words import index_form, is_expandable

COUNTED_LATER = -1
_WORDS = "\n"  # stands for a profile, where the number of words is stored
FEW_MESSAGES = 1_000  # whose words weigh as much as any
MOST_PARTS = 64  # words that one part of a word stands for
MOST_OF_STEM = 32  # words that one stem stands for
_LAST = "\U0010ffff"  # sorts after every text that begins with the characters before it


def add_words(connection: Connection, words: Collection[str], stemmer: Stemmer) -> None:
    """Store words that are not known yet, as words of one text."""
    new = {word for word in words if is_expandable(word)} - frequencies(connection, words).keys()
    rows = [(word, stem, 1) for word, stem in _stems(sorted(new), stemmer)]
    if rows:
        connection.exec_driver_sql("INSERT OR IGNORE INTO words VALUES (?, ?, ?)", rows)


def _stems(words: Collection[str], stemmer: Stemmer) -> Iterator[tuple[str, str]]:
    """Yield words, as an index has them, with their stems, in which ł is l and ß is ss."""
    forms = {word: index_form(word) for word in words}
    stems = stemmer.stems(set(forms.values()))
    return ((word, stems[form]) for word, form in forms.items())


def count_words(connection: Connection, stemmer: Stemmer) -> None:
    """Store every word of the web UI's messages and of titles, with the number of texts that have it.

    If words were lost, have those of the agents' messages read again too.
    """
    if _has_lost_words(connection):
        connection.exec_driver_sql("DELETE FROM vocabularies")
    for table in ("texts", "titles"):
        connection.exec_driver_sql(
            f"CREATE VIRTUAL TABLE IF NOT EXISTS temp.all_{table} USING fts5vocab (main, {table}, row)"
        )
        rows = database.driver_tuples(
            connection.exec_driver_sql(f"SELECT term, doc FROM temp.all_{table}")  # noqa: S608  # no value in it
        )
        put_counts(connection, dict(rows), stemmer)
        connection.exec_driver_sql(f"DROP TABLE temp.all_{table}")
    set_known_upto(connection, WEB_UI, tables.count_texts(connection)[1])


def count_later(connection: Connection) -> None:
    """Have all words counted by the next `count_words`, and none added before."""
    set_known_upto(connection, WEB_UI, COUNTED_LATER)


def is_counted_later(connection: Connection) -> bool:
    """Whether words need not be added, because all will be counted."""
    return known_upto(connection).get(WEB_UI) == COUNTED_LATER


def is_outdated(connection: Connection) -> bool:
    """Whether to count all words: they never were, some are lost, or there are half as many messages more."""
    counted, messages = known_upto(connection).get(WEB_UI, 0), tables.count_texts(connection)[1]
    is_late = counted == COUNTED_LATER or messages > 1.5 * counted + FEW_MESSAGES
    return is_late or _has_lost_words(connection)


def _has_lost_words(connection: Connection) -> bool:
    """Whether there are fewer words than there were; none of many messages is unlikely at any time."""
    least = min(1, tables.count_texts(connection)[1])
    return _number_of_words(connection) < known_upto(connection).get(_WORDS, least)


def is_numbered(connection: Connection) -> bool:
    """Whether it is stored how many words there are."""
    return known_upto(connection).get(_WORDS) == _number_of_words(connection)


def store_number(connection: Connection) -> None:
    """Store how many words there are, by which `is_outdated` notices that some are lost."""
    set_known_upto(connection, _WORDS, _number_of_words(connection))


def _number_of_words(connection: Connection) -> int:
    ((number,),) = _select(connection, "SELECT count(*) FROM words", ())
    return int(number)


def put_counts(connection: Connection, counts: Mapping[str, int], stemmer: Stemmer) -> None:
    """Store words with the number of texts that have each, unless a larger one is known."""
    words = [word for word in counts if is_expandable(word)]
    rows = [(word, stem, counts[word]) for word, stem in _stems(words, stemmer)]
    if rows:
        connection.exec_driver_sql(
            "INSERT INTO words VALUES (?, ?, ?) "
            "ON CONFLICT (word) DO UPDATE SET texts = max(texts, excluded.texts)",
            rows,
        )


def frequencies(connection: Connection, words: Collection[str]) -> dict[str, int]:
    """Return how many texts have each of these words, about; words that are not known are left out."""
    found: dict[str, int] = {}
    for some in database.chunks(words):
        statement = f"SELECT word, texts FROM words WHERE word IN ({_marks(some)})"  # noqa: S608
        found.update(_select(connection, statement, some))
    return found


def of_stems(connection: Connection, stems: Collection[str]) -> dict[str, list[str]]:
    """Return the words of each stem, the most frequent first."""
    found: dict[str, list[str]] = {}
    for some in database.chunks(stems):
        statement = f"SELECT stem, word FROM words WHERE stem IN ({_marks(some)}) ORDER BY texts DESC"  # noqa: S608
        for stem, word in _select(connection, statement, some):
            found.setdefault(stem, []).append(word)
    return {stem: words[:MOST_OF_STEM] for stem, words in found.items()}


def of_pattern(connection: Connection, pattern: str) -> list[str]:
    """Return at most `MOST_PARTS` words that a LIKE pattern matches, shortest first."""
    statement = "SELECT word FROM words WHERE word LIKE ? ORDER BY length(word), word LIMIT ?"
    return [word for (word,) in _select(connection, statement, (pattern, MOST_PARTS))]


def similar(
    connection: Connection, letters: Iterable[str], lengths: tuple[int, int]
) -> list[tuple[str, int]]:
    """Return the words that begin with one of these letters and have a length within these limits."""
    statement = "SELECT word, texts FROM words WHERE word >= ? AND word < ? AND length(word) BETWEEN ? AND ?"
    return [
        (word, texts)
        for letter in letters
        for word, texts in _select(connection, statement, (letter, letter + _LAST, *lengths))
    ]


# ---- the agents' words ----------------------------------------------------------------------------------


def known_upto(connection: Connection) -> dict[str, int]:
    """Return by profile the last message of each agent whose words are known; of `WEB_UI`, how many are."""
    return dict(_select(connection, "SELECT profile, upto FROM vocabularies", ()))


def set_known_upto(connection: Connection, profile: str, message_id: int) -> None:
    """Store that an agent's words are known up to a message."""
    connection.exec_driver_sql(
        "INSERT INTO vocabularies VALUES (?, ?) ON CONFLICT (profile) DO UPDATE SET upto = excluded.upto",
        (profile, message_id),
    )


def _marks(values: Collection[object]) -> str:
    return ", ".join("?" * len(values))


def _select(connection: Connection, statement: str, parameters: Iterable[object]) -> list[tuple[Any, ...]]:
    return database.raw_rows(connection, statement, tuple(parameters))
