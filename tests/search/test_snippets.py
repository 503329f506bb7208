"""Snippets: the best part of a text, with every match marked, and nothing secret."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hermes_sessions.hits import MATCH_END, MATCH_START
from hermes_sessions.messages import mask
from hermes_sessions.search.folding import FoldedText, fold_letters
from hermes_sessions.search.forms import ClauseForms, Phrase, TermForms, exact_phrase
from hermes_sessions.search.language import parse
from hermes_sessions.search.snippets import Matcher, Snippet, make_snippet
from hermes_sessions.search.words import words_of


def clauses(typed: str, *, parts: bool = False) -> list[ClauseForms]:
    """The clauses of a query without other forms; with `parts`, in longer words too."""
    found = []
    for clause in parse(typed, 0.0).required:
        forms = [TermForms(term, (exact_phrase(term),)) for term in clause.alternatives]
        longer = [each._replace(parts=(Phrase(each.term.text, True),)) for each in forms]
        found.append(ClauseForms(tuple(longer if parts else forms)))
    return found


def snippet(typed: str, text: str, *, parts: bool = False) -> str:
    """The snippet with < and > for marks."""
    made = make_snippet(text, Matcher(clauses(typed, parts=parts)), str)
    return made.text.replace(MATCH_START, "<").replace(MATCH_END, ">")


SNIPPETS = {
    ("budget", "The Budget, the budgets"): "The <Budget>, the budgets",
    ("budg*", "The Budget, the budgets"): "The <Budg>et, the <budg>ets",
    ("cli_sess*", "get_cli_sessions"): "get_<cli_sess>ions",
    ('"rent is"', "rent  is\npaid; rent was"): "<rent is> paid; rent was",
    ("grosse", "Die GROSSE Größe"): "Die <GROSSE> <Größe>",
    ("große", "Größe GRO\u0308ßE"): "<Größe> <GRÖßE>",
    ("lodz", "w Łodzi: Łódź"): "w Łodzi: <Łódź>",
    ("会话", "新会话list"): "新<会话>list",
    ("list", "新会话list"): "新会话<list>",
    ("🎉", "party 🎉!"): "party <🎉>!",
    ("nothing", "of all this"): "of all this",
    ("a", "\x02a\x03"): "<a>",
    ("pay OR owe", "we owe, you pay"): "we <owe>, you <pay>",
    ("a*", "der æther"): "der <æ>ther",
    ("aether", "der Æther"): "der <Æther>",
    ("stras*", "Hauptstraße, Straße"): "Hauptstraße, <Straß>e",
    ("ß*", "ss ßa"): "<ss> <ß>a",
    ("s OR e", "ß s"): "ß <s>",
    ("замок", "за\u0301мок и замо\u0301к"): "<за\u0301мок> и <замо\u0301к>",
    ("zusammen", "Zusam\u00admen und zu\u200bsammen"): "<Zusam\u00admen> und <zu\u200bsammen>",
    ("office", "the oﬃce"): "the <oﬃce>",
    ("ガス", "ｶﾞｽ代"): "<ガス>代",
    ("株式", "㍿"): "<㍿>",
    ("\u2764", "I \u2764\ufe0f you"): "I <\u2764\ufe0f> you",
    ("\u2764\ufe0f", "I \u2764 you"): "I <\u2764> you",
    ("you", "so… you"): "so… <you>",
}


@pytest.mark.parametrize(("typed", "text"), SNIPPETS)
def test_matches_are_marked(typed: str, text: str) -> None:
    assert snippet(typed, text) == SNIPPETS[typed, text]


@given(st.text(max_size=60))
def test_every_part_of_a_folded_text_has_its_place_in_the_text(text: str) -> None:
    text = unicodedata.normalize("NFC", text)
    found = FoldedText(text)
    places = [found.span(at, at + 1) for at in range(len(found.letters))]
    assert all(0 <= start < end <= len(text) for start, end in places)
    assert places == sorted(places)
    for (start, end), letter in zip(places, found.letters, strict=True):
        assert letter in fold_letters(text[start:end])


ODD = st.text("aesßæǽœþÆẞłŁ\u037a\u0301\u00ad\u200b ﬁㄱ㍿ｶﾞ数x1½…", max_size=30)


@given(st.text(max_size=40) | ODD)
def test_every_word_of_a_text_is_marked_in_it(text: str) -> None:
    text = text.replace("<", " ")
    for word in words_of(text):
        assert "<" in snippet(f'"{word}"', text), word


def test_parts_of_words_are_marked_where_they_were_found() -> None:
    assert snippet("li_sess", "get_cli_sessions()", parts=True) == "get_c<li_sess>ions()"


def test_a_snippet_is_short_and_begins_with_a_whole_word_near_the_match() -> None:
    cut = snippet("needle", "before " * 500 + "needle " + "after " * 500)
    assert cut.startswith("…before ")
    assert "<needle> after" in cut
    assert cut.endswith("…")
    assert len(cut) < 250


def test_the_place_with_most_of_the_words_is_shown() -> None:
    text = "rope here. " + "x " * 400 + "Take the ladder and the rope. " + "y " * 400 + "a ladder"
    assert "<ladder> and the <rope>" in snippet("rope ladder", text)


def test_words_that_stand_for_others_are_named() -> None:
    (clause,) = clauses("running")
    forms = clause.alternatives[0]._replace(words=(Phrase("running"), Phrase("run"), Phrase("runs")))
    made = make_snippet("She runs; running is fun", Matcher([ClauseForms((forms,))]), str)
    assert made == Snippet("She \x02runs\x03; \x02running\x03 is fun", (("running", "runs"),))


def test_text_is_masked_before_it_is_cut_and_marked() -> None:
    secret = "sk-" + "a1B2" * 12
    matcher = Matcher(clauses("a1B2*", parts=True))
    made = make_snippet(f"the key {secret} here", matcher, lambda text: text.replace(secret, "***"))
    assert made.text == "the key *** here"


def test_no_line_of_a_long_private_key_is_in_a_snippet() -> None:
    lines = "\n".join(f"MIIEowIBAAKCAQEA{number:048d}" for number in range(1_000))
    key = f"-----BEGIN RSA PRIVATE KEY-----\n{lines}\n-----END RSA PRIVATE KEY-----"
    for text in (f"{key}\nneedle", f"needle\n{key}", key.replace("0500\n", "0500needle\n")):
        made = make_snippet(text, Matcher(clauses("needle", parts=True)), mask)
        assert "MIIEowIBAAKCAQEA" not in made.text


@given(st.text(max_size=40), st.text(max_size=80))
def test_marks_add_nothing_and_lose_nothing(typed: str, text: str) -> None:
    matcher = Matcher(clauses(typed))
    clean = text.replace(MATCH_START, "").replace(MATCH_END, "")
    assert matcher.marked(text).text.replace(MATCH_START, "").replace(MATCH_END, "") == clean
