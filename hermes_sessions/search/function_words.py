"""Words that questions are made of: they need not occur where other words do."""

from .language import Clause
from .words import words_of

# Those that say something in another of these languages, such as the German "war" and the French "son", are
# left out.
_TYPED = """
    a about am an and any are as at be been but by can could did do does for from had has have he her him
    his how i if in into is it its like me my of on or our please remember say said she should so some tell
    that the their them there these they thing this those to too us was we were what when where which who
    whom why will with would you your aber als auch auf aus bei das dem den der des du ein eine einem einen
    einer er es für habe ich ihr im ist kann mein mit nach nicht oder sich sie sind und unser von wann warum
    wer wie wir wo zu zum zur au aux avec ce ces dans de des du elle en est et il je la le les ma mes mon
    nous ou où par pas pourquoi quand que quel quelle qui quoi sa se ses ta te tu un une vous al como cuando
    del donde el ella esta las lo los mi nos o para pero por qué si su sus y
"""
FUNCTION_WORDS = frozenset(words_of(_TYPED))


def without_function_words(clauses: tuple[Clause, ...]) -> tuple[Clause, ...]:
    """Return the clauses of words that say something, all of them if none does."""
    telling = tuple(clause for clause in clauses if not _is_function_word(clause))
    return telling or clauses


def _is_function_word(clause: Clause) -> bool:
    if len(clause.alternatives) > 1:
        return False
    (term,) = clause.alternatives
    words = words_of(term.text)
    is_plain = not (term.quoted or term.prefix or term.in_title) and len(words) == 1
    return is_plain and words[0] in FUNCTION_WORDS
