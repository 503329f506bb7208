"""The forms in which a term may stand in a text, and the expressions that find them."""

from collections.abc import Iterator, Mapping, Sequence

import pytest
from sqlalchemy import Connection

from hermes_sessions.index import database
from hermes_sessions.search import tables, vocabulary
from hermes_sessions.search.expressions import near_expression, trigram_expression, words_expression
from hermes_sessions.search.forms import ANYTHING, ClauseForms, FormFinder
from hermes_sessions.search.function_words import without_function_words
from hermes_sessions.search.language import parse
from hermes_sessions.search.long_queries import MOST_CLAUSES, Frequencies, telling_clauses
from hermes_sessions.search.stems import Stemmer

KNOWN = """
    running runs run budget budgets get cli sessions kb5034441 warmepumpenverdichter lodz lodzi otter
""".split()


@pytest.fixture(scope="module")
def index() -> Iterator[Connection]:
    """A search index that knows some words."""
    engine = database.make_engine("sqlite://")
    with database.writing(engine) as connection:
        tables.create_tables(connection)
        vocabulary.add_words(connection, set(KNOWN), Stemmer())
        yield connection
    engine.dispose()


@pytest.fixture(scope="module")
def finder(index: Connection) -> FormFinder:
    """What finds forms among these words."""
    return FormFinder(index, Stemmer())


def only(finder: FormFinder, typed: str) -> ClauseForms:
    """The one clause of a query."""
    (clause,) = finder.exact(parse(typed, 0.0).required)
    return clause


def texts(clause: ClauseForms) -> set[str]:
    """The words of a clause."""
    return {phrase.text.lower() for forms in clause.alternatives for phrase in forms.words}


WORDS = {
    "ran": {"ran"},
    "run": {"run", "runs", "running"},
    '"run"': {"run"},
    "run*": {"run"},
    "Łódź": {"lodz"},
    "3.14.2": {"3.14.2", "v3.14.2"},
    "v3.14.2": {"v3.14.2", "3.14.2"},
    "1,482.75": {"1,482.75", "1482.75"},
    "1482.75": {"1482.75", "1,482.75", "v1482.75"},
    "Malmö": {"malmo", "malmoe"},
    "otter OR run": {"otter", "run", "runs", "running"},
}


@pytest.mark.parametrize("typed", WORDS)
def test_a_term_has_its_own_words_and_those_of_its_stem(finder: FormFinder, typed: str) -> None:
    assert texts(only(finder, typed)) == WORDS[typed]


PARTS = {
    "cli": {"cli"},
    "5034441": {"5034441", "kb5034441"},
    "li_sess": {"li sess", "cli sess"},
    '"budget"': set[str](),
}


@pytest.mark.parametrize("typed", PARTS)
def test_parts_are_found_in_longer_words(finder: FormFinder, typed: str) -> None:
    (clause,) = finder.with_parts([only(finder, typed)])
    assert {phrase.text for forms in clause.alternatives for phrase in forms.parts} == PARTS[typed]


CORRECTED = {
    "budgte": ("budget",),
    "waermepumpe": ("warmepumpenverdichter",),
    '"budgte"': (),
    "zebra": (),
    "ottre": ("otter",),
}


@pytest.mark.parametrize("typed", CORRECTED)
def test_the_words_that_were_probably_meant(finder: FormFinder, typed: str) -> None:
    (forms,) = finder.corrected(only(finder, typed)).alternatives
    assert forms.corrections == CORRECTED[typed]


def test_a_run_without_spaces_may_lack_some_of_its_pairs(finder: FormFinder) -> None:
    (clause,) = finder.with_parts([only(finder, "云海日出")])
    (forms,) = clause.alternatives
    assert set(forms.pairs) == {("云海", "海日"), ("云海", "日出"), ("海日", "日出")}


def test_expressions_are_strings_of_fts5(finder: FormFinder) -> None:
    assert words_expression(only(finder, 'say"so')) == '"say""so"'
    assert words_expression(only(finder, "bud*")) == '"bud" *'
    assert not words_expression(ANYTHING)
    assert near_expression(only(finder, "otter"), only(finder, "budget")) == (
        'NEAR("otter" "budget", 3) OR NEAR("otter" "budgets", 3)'
    )
    assert not near_expression(only(finder, "云海"), only(finder, "otter"))
    assert trigram_expression(only(finder, "云海日"), {}) == '"云海日"'
    assert trigram_expression(only(finder, "云海"), {"云海": ["云海日", "云海的"]}) == '"云海日" OR "云海的"'
    assert not trigram_expression(only(finder, "云海"), {})


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("how did we fix the boiler", ["fix", "boiler"]),
        ("the of and", ["the", "of", "and"]),
        ('"how to" boil', ["how to", "boil"]),
        ("der boiler", ["boiler"]),
        ("to* be", ["to"]),
    ],
)
def test_words_of_questions_need_not_occur(typed: str, kept: Sequence[str]) -> None:
    clauses = without_function_words(parse(typed, 0.0).required)
    assert [clause.alternatives[0].text for clause in clauses] == kept


def known_of(counts: Mapping[str, int]) -> Frequencies:
    """How many texts have each word, as a vocabulary with these words says it."""
    return lambda words: {word: counts[word] for word in words if word in counts}


def test_of_a_long_query_the_rarest_words_that_are_known_are_taken() -> None:
    typed = " ".join(f"word{number}" for number in range(40))
    known = known_of({f"word{number}": 100 - number for number in range(20, 40)})
    clauses = telling_clauses(parse(typed, 0.0).required, known)
    rarest = [f"word{39 - at}" for at in range(MOST_CLAUSES)]
    assert [clause.alternatives[0].text for clause in clauses] == rarest
    few = parse("a few words", 0.0).required
    assert telling_clauses(few, known) == few


def test_a_long_query_of_unknown_words_is_cut() -> None:
    typed = " ".join(f"word{number}" for number in range(40))
    assert len(telling_clauses(parse(typed, 0.0).required, known_of({}))) == MOST_CLAUSES
