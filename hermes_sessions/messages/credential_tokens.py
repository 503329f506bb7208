"""Credentials that are recognised by how they begin: tokens, addresses with a password, private keys. Pure.

Each function is a `Finder`. None looks at more than a bounded number of bytes unless it finds a credential.
"""

import re
import string
from functools import partial

from .credential import Credential, Examples, Match, Rule, Shown
from .credential_values import LONGEST_HARMLESS, is_harmless

# ---- tokens ---------------------------------------------------------------------------------------------

_IN_WORD = re.compile(rb"[A-Za-z0-9-]")
# What ends with a letter or a digit and is no word: the n of a written out \n, a colour of a terminal, %3D.
_ESCAPE = re.compile(
    rb"(?:\\[bfnrtvae0]|\\u[0-9a-fA-F]{4}|\\x[0-9a-fA-F]{2}|\\0[0-7]{2}|\[[0-9;]{0,12}[mK]|%[0-9a-fA-F]{2})\Z"
)
_LONGEST_ESCAPE = 14
# hf_transformers, pypi-publish-from-workflow: a token has a digit or a capital letter, or is one long word.
_WORDS = re.compile(rb"(?:[a-z]+[_-][a-z]{1,16}|[a-z]+(?:[_-][a-z]+){2,})")


def begins_token(data: bytes, at: int) -> bool:
    """Whether no word goes on at a place, so that a token can begin there."""
    if not _IN_WORD.match(data[at - 1 : at]):
        return True
    return _ESCAPE.search(data[max(0, at - _LONGEST_ESCAPE) : at]) is not None


def token_rule(
    name: str, begins: str, masks: Examples, leaves: tuple[str, ...] = (), *,
    body: str = "[A-Za-z0-9]", words: bool = True,
) -> Rule:  # fmt: skip
    """Return the rule for tokens that begin like this and go on while `body` matches.

    With `words` false, lower-case words joined by hyphens or underscores are no token.
    """
    find = partial(_token, body=re.compile(f"(?:{body})*".encode()), words=words)
    return Rule(name, begins.encode(), find, masks, leaves)


def _token(data: bytes, place: Match, *, body: re.Pattern[bytes], words: bool) -> Credential | None:
    if not begins_token(data, place.start):
        return None
    start, end = place.start, _end(body, data, place.end)
    # Longer than any identifier: not looked at again, which would take quadratic time.
    is_identifier = not words and end - start <= LONGEST_HARMLESS and _WORDS.fullmatch(data, start, end)
    return None if is_identifier else Credential(start, end)


_TELEGRAM_BODY = re.compile(rb"[A-Za-z0-9_-]")


def telegram(data: bytes, place: Match) -> Credential | None:
    """Find the token of a Telegram bot, also in an address, after `bot`."""
    start, end = place
    can_begin = data[max(0, start - 3) : start] == b"bot" or begins_token(data, start)
    return Credential(start, end) if can_begin and not _TELEGRAM_BODY.match(data, end) else None


_JWT = re.compile(rb"eyJ[A-Za-z0-9_-]{6,4096}\.[A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_-]*){0,3}")


def web_token(data: bytes, place: Match) -> Credential | None:
    """Find a JSON Web Token, signed or encrypted."""
    match = _JWT.match(data, place.start) if begins_token(data, place.start) else None
    return Credential(place.start, match.end()) if match else None


# ---- addresses ------------------------------------------------------------------------------------------

_HOOK_PATH = re.compile(rb"[A-Za-z0-9/_-]*")


def webhook(data: bytes, place: Match) -> Credential | None:
    """Find the secret path of a Slack webhook."""
    path = data.index(b"/", place.start + len(b"hooks.slack.com/")) + 1
    return Credential(path, _end(_HOOK_PATH, data, path))


_IN_AUTHORITY = re.compile(rb"[^\s/\"'<>\\]*")
# Elsewhere such a value is the name of a variable; here it is what it says.
_WEAK = frozenset((b"password", b"passwd", b"secret", b"token"))


def password_in_address(data: bytes, place: Match) -> Credential | None:
    """Find the password of `scheme://user:password@host`; it can contain an `@`."""
    password = data.index(b":", place.start + len(b"://")) + 1
    stop = data.rindex(b"@", password, _end(_IN_AUTHORITY, data, place.end))
    value = data[password : min(stop, password + LONGEST_HARMLESS + 1)]
    if value not in _WEAK and is_harmless(value, quoted=True, numbers=False):
        return None
    return Credential(password, stop)


# ---- private keys ---------------------------------------------------------------------------------------

_KEY_END = re.compile(rb"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_KEY_FOLLOWS = re.compile(
    rb"(?:[\r\n]|\\+[rn])[\s\\rn]{0,40}(?:[A-Za-z0-9+/=]|\Z)| ?[A-Za-z0-9+/]{0,40}[A-Z0-9+/=]"
)
_PUTTY_END = re.compile(rb"Private-(?:MAC|Hash):")
_IN_KEY = f"{string.ascii_letters}{string.digits}+/=\r\n\\".encode()
LONGEST_KEY = 100_000  # bytes
SHORTEST_KEY_LINE = 16


def private_key(data: bytes, place: Match) -> Credential | None:
    """Find what is inside a private key, to its end or to that of the text.

    Not where code or a sentence only names the line with which a key begins.
    """
    return _inside_key(data, place.end, _KEY_END) if _KEY_FOLLOWS.match(data, place.end) else None


def putty_key(data: bytes, place: Match) -> Credential | None:
    """Find the private lines of a key file of PuTTY."""
    return _inside_key(data, place.end, _PUTTY_END)


def _inside_key(data: bytes, start: int, end_of_key: re.Pattern[bytes]) -> Credential:
    match = end_of_key.search(data, start)
    return Credential(start, match.start() if match else len(data), Shown.FRAME)


def end_of_private_key(data: bytes, place: Match) -> Credential | None:
    """Find the last lines of a private key that began before the text did."""
    start = place.start
    first = max(0, start - LONGEST_KEY)
    first = max(first, data.rfind(b"-", first, start) + 1)  # no line of a key holds a hyphen
    at = first + len(data[first:start].rstrip(_IN_KEY))
    return Credential(at, start, Shown.FRAME) if start - at >= SHORTEST_KEY_LINE else None


def _end(pattern: re.Pattern[bytes], data: bytes, at: int) -> int:
    match = pattern.match(data, at)
    return match.end() if match else at
