"""Credentials that are recognised by the name before them, such as `API_KEY=` and `Authorization: `. Pure."""

import re
import string
from typing import NamedTuple

from .credential import Credential, Match, Shown
from .credential_values import (
    LONGEST_HARMLESS,
    Value,
    after_type,
    closes_text,
    is_code,
    is_harmless,
    is_prose,
    is_variable,
    rest_of_line,
    skip_blanks,
    value_at,
)

LONGEST_PREFIX = 64  # bytes of a name before the part that makes it that of a credential

_CORE = (
    "(?i:(?:api[ _-]?key|access[ _-]?key|private[ _-]?key|secret(?:[_-]?key)?"
    "|passw(?:or)?d|passphrase|credential)s?|token)"
)
# Between a name and the separator: blanks, quotes as deep as the text was escaped, the bold type of Markdown.
_BETWEEN = r"""(?:[\s"'`*]|\\+[tnr"']?)*"""
_SEPARATOR = "(?:[=:]|%3[Dd])"
# TOKEN_2, API_KEYS and password-prod, but not `tokens` or `tokenizer`.
NAME = f"{_CORE}(?:[_0-9-][A-Za-z0-9_-]*)?{_BETWEEN}{_SEPARATOR}".encode()
AUTHORIZATION = f"(?i:authorization){_BETWEEN}{_SEPARATOR}".encode()

# The last word of a name that only tells something about a credential: TOKEN_URL, password_field.
_ABOUT = re.compile(
    rb"(?:.*[_-])?(?:attempts|budget|changed|class|cost|counts?|counter|cls|dir|enabled|endpoint|env|errors?"
    rb"|expir(?:e|es|ed|y|ation|ing)|fields?|files?|filename|format|help|hint|input|label|len(?:gth)?|limits?"
    rb"|manager|max|min|names?|paths?|patterns?|placeholder|policy|prefix|present|price|prompt|provider|rate"
    rb"|regex|required|reset|rotation|rules?|set|size|stats|status|store|strength|suffix|ttl|types?|uris?|urls?"
    rb"|usage|valid|version|window|at|in)",
    re.IGNORECASE,
)
_CORE_PATTERN = re.compile(_CORE.encode())
_IN_NAME = f"{string.ascii_letters}{string.digits}_-.".encode()
_WHOLE_NAME = re.compile(rb"[A-Za-z0-9_.-]{0,64}?" + _CORE.encode() + rb"(?:[_0-9-][A-Za-z0-9_-]{0,64})?")
_SCHEME = re.compile(
    rb"(?:bearer|basic|token|digest|negotiate|api-?key|key|bot|splunk|ssws)(?:[ \t]|\+|%20)[ \t]*",
    re.IGNORECASE,
)
_PARAMETER = re.compile(rb"[A-Za-z_-]{1,40}=")
_QUOTES = (b'"', b"'")


class _Name(NamedTuple):
    """A name before a separator: in `whole`, `core` says that it is a credential, and `rest` comes after it.

    `before` is what stands before the name.
    """

    whole: bytes
    core: bytes
    rest: bytes
    before: bytes

    @property
    def is_credential(self) -> bool:
        """Whether the name is that of a credential itself.

        Not that of a user, `https://token:...`, or of a kind, `arn:aws:secretsmanager:*:*:secret:...`.
        """
        return not _ABOUT.fullmatch(self.rest) and not self.before.endswith((b"//", b":"))

    @property
    def may_be_number(self) -> bool:
        """Whether a number beside the name is no secret: `token: 42`, but `TOKEN=42` and `password: 42`."""
        return self.core.lower() == b"token" and not self.whole.isupper()


def named(data: bytes, place: Match) -> Credential | None:
    """Find the value of a name such as `OPENAI_API_KEY` in code, JSON, YAML, a header or an address."""
    end = place.end
    name = _name_at(data, place.start)
    at = _value_start(data, end) if name.is_credential else None
    if at is None:
        return None
    if data[end - 1 : end] == b":":
        at = after_type(data, at)
        if is_prose(data, at):
            return None
    if is_code(data, at):
        return None
    escaped = data[end - 2 : end - 1] == b"3"
    value = value_at(data, at, in_query=name.before[-1:] in (b"?", b"&", b";"), escaped=escaped)
    if data[end - 2 : end] in (b'":', b"':") and is_variable(data, value):
        return None
    return _credential(data, value, numbers=name.may_be_number)


def authorization(data: bytes, place: Match) -> Credential | None:
    """Find the credential of an `Authorization` header, after its scheme."""
    at = _value_start(data, place.end)
    if at is None or is_code(data, at):
        return None
    value = value_at(data, at)
    scheme = _SCHEME.match(data, value.start)
    if is_prose(data, scheme.end() if scheme else at):
        return None
    return _credential(data, _after_scheme(data, scheme, value) if scheme else value, numbers=False)


def is_credential_name(name: str) -> bool:
    """Whether the key of a JSON object is the name of a credential, so that its value is one."""
    data = name.encode("utf-8", "surrogatepass")
    if len(data) > 2 * LONGEST_PREFIX:
        return False
    if data.lower().endswith(b"authorization"):
        return True
    match = _WHOLE_NAME.fullmatch(data)
    core = _CORE_PATTERN.search(data)
    return bool(match and core) and _name_at(data, core.start() if core else 0).is_credential


def named_value(name: str, value: str) -> Credential | None:
    """Find the credential in the value of a JSON object's key that `is_credential_name`."""
    data = value.encode("utf-8", "surrogatepass")
    whole = Value(0, len(data), quoted=True)
    scheme = _SCHEME.match(data) if name.lower().endswith("authorization") else None
    if scheme:
        whole = Value(scheme.end(), len(data), quoted=True)
    return _credential(data, whole, numbers=False)


def _name_at(data: bytes, start: int) -> _Name:
    """Return the name of which the part that says that it is a credential begins at `start`."""
    first = max(0, start - LONGEST_PREFIX)
    at = first + len(data[first:start].rstrip(_IN_NAME))
    if at < start and data[at - 1 : at] == b"\\":
        at += 1  # the n of a written out \n
    match = _CORE_PATTERN.match(data, start)
    end = core_end = match.end() if match else start
    while data[end : end + 1] and data[end] in _IN_NAME:
        end += 1
    return _Name(data[at:end], data[start:core_end], data[core_end:end], data[max(0, at - 2) : at])


def _value_start(data: bytes, separator_end: int) -> int | None:
    """Return where the value after a separator begins; None if it separates no name from its value."""
    around = data[separator_end - 1 : separator_end + 1]
    if around in (b"==", b"::", b"=~", b":/") or data[separator_end - 2 : separator_end] == b"*=":
        return None
    at = skip_blanks(data, separator_end + 1 if around in (b"=>", b":=") else separator_end)
    if closes_text(data, at, _line_start(data, at)):
        return None
    if data[at : at + 1] not in (b"\r", b"\n"):
        return at
    is_json = data[separator_end - 2 : separator_end - 1] in _QUOTES
    at = skip_blanks(data, at, lines=True)
    return (
        at if is_json and data[at : at + 1] in _QUOTES else None
    )  # DB_PASSWORD= and on the next line PORT=1


def _line_start(data: bytes, at: int) -> int:
    """Return where the line of a place begins, or a place 200 bytes before."""
    first = max(0, at - LONGEST_HARMLESS)
    return max(first, data.rfind(b"\n", first, at) + 1)


def _after_scheme(data: bytes, scheme: re.Match[bytes], value: Value) -> Value:
    if value.quoted:
        return Value(scheme.end(), max(scheme.end(), value.end), quoted=True, certain=value.certain)
    found = value_at(data, scheme.end())
    is_list = scheme[0].lower().startswith(b"digest") or _PARAMETER.fullmatch(data, found.start, found.end)
    return rest_of_line(data, found) if is_list else found  # Digest username="…", response="…"


def _credential(data: bytes, value: Value, *, numbers: bool) -> Credential | None:
    first = data[value.start : min(value.end, value.start + LONGEST_HARMLESS + 1)]
    if is_harmless(first, quoted=value.quoted, numbers=numbers):
        return None
    return Credential(value.start, value.end, Shown.ENDS if value.certain else Shown.NOTHING)
