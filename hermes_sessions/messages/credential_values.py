"""Where the value beside a credential's name begins and ends, and which values are not secret. Pure.

Everything works on UTF-8 bytes, and looks either at a bounded number of them or at those that are masked
then: a text is masked in linear time.
"""

import re
from dataclasses import dataclass

LONGEST_HARMLESS = 200  # bytes; whatever is longer is masked without a second look

_BLANKS = re.compile(rb"[ \t]*")
_BLANK_LINES = re.compile(rb"\s*")
_BOLD = re.compile(rb"\*{1,2}[ \t]+")
# A quote as it opens a value: Python's prefixes, then as many backslashes as the text was escaped.
_OPENING = re.compile(rb"(?:[bBfFrRuU]{1,2}(?=[\"']))?(\\*)([\"'`])")
# Up to a blank, a quote, a comma or a closing bracket. In the query of an address also to `&` or `#`, written
# out or escaped; elsewhere to an `&` with which the next field of a form begins. Each looks at a byte once.
_STOPS = rb"\x00-\x20\x7f\"'`,)\]}"
_UNQUOTED = re.compile(rb"(?:[^&" + _STOPS + rb"]++|&(?!(?:amp;)?[A-Za-z_][A-Za-z0-9_.\[\]-]{0,64}=))*+")
_IN_QUERY = re.compile(rb"[^&#" + _STOPS + rb"]*+")
_IN_ESCAPED_QUERY = re.compile(rb"(?:[^&#%" + _STOPS + rb"]++|%(?!26|23|20|22|0[aAdD]))*+")
_REST_OF_LINE = re.compile(rb"[^\r\n]*")
_UP_TO_QUOTE = {
    b'"': re.compile(rb'[^"\r\n]*'),
    b"'": re.compile(rb"[^'\r\n]*"),
    b"`": re.compile(rb"[^`\r\n]*"),
}
_AFTER_TEXT = (b"", b" ", b"\t", b"\r", b"\n", b",", b";", b")", b"]", b"}", b"+", b".")


@dataclass(frozen=True, slots=True)
class Value:
    """A value that stands at `start` to `end` of a text; `certain` if it surely ends there."""

    start: int
    end: int
    quoted: bool
    certain: bool = True


def skip_blanks(data: bytes, at: int, *, lines: bool = False) -> int:
    """Return where the blanks at a place end, with `lines` also line breaks."""
    return _end(_BLANK_LINES if lines else _BLANKS, data, at)


def value_at(data: bytes, at: int, *, in_query: bool = False, escaped: bool = False) -> Value:
    """Return the value that begins at a place.

    `in_query` says that its name follows the `?` or `&` of an address, `escaped` that its `=` was `%3D`.
    """
    opening = _OPENING.match(data, at)
    if opening:
        return _quoted(data, opening)
    if bold := _BOLD.match(data, at):  # **Password:** hunter2
        return value_at(data, bold.end())
    return _unquoted(data, at, in_query, escaped)


def closes_text(data: bytes, at: int, line: int) -> bool:
    """Whether the quote at a place closes a text that began since `line`, as in `input("Password: ")`."""
    quote = data[at : at + 1]
    return (
        quote in _UP_TO_QUOTE
        and data.count(quote, line, at) % 2 == 1
        and data[at + 1 : at + 2] in _AFTER_TEXT
    )


def rest_of_line(data: bytes, value: Value) -> Value:
    """Return a value that goes on to the end of its line."""
    return Value(value.start, _end(_REST_OF_LINE, data, value.end), value.quoted, certain=False)


def _unquoted(data: bytes, at: int, in_query: bool, escaped: bool) -> Value:
    pattern = _IN_ESCAPED_QUERY if escaped else _IN_QUERY if in_query else _UNQUOTED
    end = _end(pattern, data, at)
    if pattern is not _UNQUOTED:
        return Value(at, end, quoted=False)
    if data[end : end + 1] in (b'"', b"'", b"`"):
        end = _without_backslashes(data, at, end)  # those of the quote
    if data[end - 1 : end] == b";":
        end -= 1  # ends a statement
    value = data[at:end]
    # It may have ended earlier, at a `;` or a written out `\n`: its first six characters could be all of it.
    return Value(at, end, quoted=False, certain=not any(char in value for char in b"\\;&"))


def _quoted(data: bytes, opening: re.Match[bytes]) -> Value:
    """Return the value up to the quote that closes it, or to the end of the line if none does.

    A quote with n backslashes is nested as deep as n has ones at its end in binary: `"` 0, `\"` 1, `\\\"` 2.
    The value ends at the first quote that is nested no deeper than the opening one.
    """
    slashes, quote = len(opening[1]), opening[2]
    start = opening.end()
    if data[start : start + 2] == 2 * quote and not slashes:
        start += 2  # three quotes
    depth, at = _depth(slashes), start
    while True:
        at = _end(_UP_TO_QUOTE[quote], data, at)
        if data[at : at + 1] != quote:
            return Value(start, at, quoted=True, certain=False)
        run = at - _without_backslashes(data, start, at)
        if _depth(run) <= depth:
            end = at - min(run, slashes)
            return Value(start, end, quoted=True, certain=b"\\" not in data[start:end])
        at += 1


def _depth(backslashes: int) -> int:
    depth = 0
    while backslashes & 1:
        depth, backslashes = depth + 1, backslashes >> 1
    return depth


def _without_backslashes(data: bytes, start: int, end: int) -> int:
    while end > start and data[end - 1] == 0x5C:
        end -= 1
    return end


def _end(pattern: re.Pattern[bytes], data: bytes, at: int) -> int:
    match = pattern.match(data, at)
    return match.end() if match else at


# ---- values that are not secret -------------------------------------------------------------------------

_WORDS = frozenset(
    # literals and keywords
    b"true false null none nil undefined nan yes no on off await new lambda not return async yield typeof if "
    b"else import from default self this super lambda: "
    # types, and what documents say instead of a value
    b"str string bytes bytearray text int integer float double number bool boolean any object dict list "
    b"tuple set array optional union char uuid path secretstr required redacted masked hidden secret-key "
    # how `fetch` sends credentials, how workflows hand on secrets
    b"include omit same-origin inherit "
    b"bearer basic token digest auth".split()
)
_PLACEHOLDER = re.compile(
    rb"""
      [*.xX_?-]+ | \xe2\x80\xa6 | (?:\xe2\x80\xa2)+  # the last two: an ellipsis, bullets
    | \$[A-Za-z_]\w*(?::[A-Za-z_]\w*)? | \$\{.*\} | \$\(.*\) | \$[0-9@*]       # of a shell
    | \{.*\} | <.*> | %[A-Za-z_]\w*% | %[sdr] | %\(\w+\)[sdr]                # of a template
    | \\+ | (?:[ ]\*\*\*[ ])?-----(?:BEGIN|END).* # a key: its own rule masks what follows
    """,
    re.VERBOSE | re.DOTALL,
)
_BRACKET = re.compile(rb"\$?[({\[<].*", re.DOTALL)  # what follows is looked at by itself
_CALL_OR_LOOKUP = re.compile(rb"[A-Za-z_]\w{0,40}(?:(?:\??\.|->|::)[A-Za-z_]\w{0,40}){0,8}(?:\(|\[[\"'\w ])")
_PATH_OF_NAMES = re.compile(rb"[A-Za-z_][A-Za-z_]{0,40}(?:(?:\??\.|->|::)[A-Za-z_]{1,40}){1,8};?")
_KNOWN_ROOT = re.compile(
    rb"(?:self|this|os|process|env|config|cfg|conf|settings|request|req|args|opts|options|ctx|context|import\.meta)"
    rb"(?:\??\.[A-Za-z_]\w{0,60}){1,8};?"
)
_CREDENTIAL_WORD = re.compile(
    rb"(?:[a-z_]{0,40}_)?(?:api_?key|access_?key|private_?key|secret|token|passw(?:or)?d|passphrase|credential)s?"
    rb"|[a-z]{1,30}(?:apikey|accesskey|privatekey|secret|token|password|passphrase|credential)s?",
    re.IGNORECASE,
)
_VARIABLE = re.compile(rb"[A-Za-z_]{1,40}")
_NUMBER = re.compile(rb"[+-]?[0-9][0-9_]{0,11}(?:\.[0-9]+)?[a-z]?")  # also of a format: {token:02x}
_SHORT_NUMBER = re.compile(rb"[0-9]{1,2}")  # HAVE_PASSWD: 1
_PROSE = re.compile(
    rb"(?:`?[a-z]{1,16}`?|A|An|The|This|Your|See|If|Use|Set)(?:'s)?[,.;:]?[ \t]+[A-Za-z0-9(`\"']"
)
_TYPED = re.compile(rb"[A-Za-z_][\w.]{0,40}(?:\[[^\]\n]{0,60}\])?(?: \| [\w.]{1,40}){0,4} = ")


def after_type(data: bytes, at: int) -> int:
    """Return where the value begins if a type stands at a place, as in `token: str = "…"`; else the place."""
    typed = _TYPED.match(data, at, at + LONGEST_HARMLESS)
    return typed.end() if typed else at


def is_prose(data: bytes, at: int) -> bool:
    """Whether a sentence begins at a place, as after "password: the user's own"."""
    return _PROSE.match(data, at, at + LONGEST_HARMLESS) is not None


def is_code(data: bytes, at: int) -> bool:
    """Whether a call or a look-up begins at a place: `get_password()`, `os.environ["X"]`."""
    return _CALL_OR_LOOKUP.match(data, at, at + LONGEST_HARMLESS) is not None


def is_variable(data: bytes, value: Value) -> bool:
    """Whether a value is a word without quotes, which beside a key in quotes only code has."""
    return not value.quoted and _VARIABLE.fullmatch(data, value.start, value.end) is not None


def is_harmless(value: bytes, *, quoted: bool, numbers: bool) -> bool:
    """Whether a value is not secret: empty, a placeholder, a literal, a type, or the name of a variable.

    `numbers` says that a number is no secret either.
    """
    if not value:
        return True
    if len(value) > LONGEST_HARMLESS:
        return False
    if value.lower() in _WORDS or _PLACEHOLDER.fullmatch(value) or _CREDENTIAL_WORD.fullmatch(value):
        return True
    if not quoted and (_NUMBER if numbers else _SHORT_NUMBER).fullmatch(value):
        return True
    unquoted = (_BRACKET, _KNOWN_ROOT, _PATH_OF_NAMES)
    return not quoted and any(pattern.fullmatch(value) for pattern in unquoted)
