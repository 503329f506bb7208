"""Addresses of pages, of which one page has hundreds that differ only in ids and numbers.

Flask takes longer to build one than the page takes for all else of a line. So one of each kind is built, and
the others are filled in.
"""

import re
import secrets
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, TypeAlias

from flask import g, request, url_for

from .. import static_files

# What an address contains as it was given.
_PLAIN = re.compile(r"[A-Za-z0-9_-]+")
# Stand for a text and for a number, and begin what stands for each: nothing else in an address is the same.
_TEXT, _NUMBER = f"text{secrets.token_hex(8)}-", f"1{secrets.randbelow(10**15):015}"

# A name in addresses with the value that they have in common, or with the type of what differs.
_Named: TypeAlias = tuple[str, str | int | type | None]
_Patterns: TypeAlias = dict[tuple[str, tuple[_Named, ...]], str]
_MOST_PATTERNS = 2_000


def address(endpoint: str, **values: str | int | None) -> str:
    """Return what Flask's `url_for` does of texts and numbers; None leaves a value out."""
    plain: list[str | int] = []
    named: list[_Named] = []
    for name, value in values.items():
        if (type(value) is str and _PLAIN.fullmatch(value)) or (type(value) is int and value >= 0):
            plain.append(value)
            named.append((name, type(value)))
        else:
            named.append((name, value))
    return _pattern_of(endpoint, tuple(named)).format(*plain)


def _pattern_of(endpoint: str, named: tuple[_Named, ...]) -> str:
    patterns, key = _patterns(), (endpoint, named)
    pattern = patterns.get(key)
    if pattern is None:
        if len(patterns) >= _MOST_PATTERNS:
            patterns.clear()
        pattern = patterns[key] = _pattern(endpoint, named)
    return pattern


def _patterns() -> _Patterns:
    """Return the patterns of the request's server, looked up once for each request."""
    known: _Patterns | None = g.get("address_patterns")
    if known is None:
        known = g.address_patterns = _patterns_of(request.script_root, static_files.version_of_now())
    return known


@lru_cache(maxsize=8)
def _patterns_of(_root: str, _version: str) -> _Patterns:
    """Return the patterns of one path below which the server is reached, and of one version of its files."""
    return {}


def _pattern(endpoint: str, named: Iterable[_Named]) -> str:
    """Return an address with numbered fields for what differs."""
    given: dict[str, Any] = dict(named)
    differing = [(name, of) for name, of in given.items() if isinstance(of, type)]
    fields = {name: _stands_for(of, at) for at, (name, of) in enumerate(differing)}
    built = url_for(endpoint, **{**given, **fields}).replace("{", "{{").replace("}", "}}")
    for at, field in enumerate(fields.values()):
        built = built.replace(field, f"{{{at}}}")
    return built


def _stands_for(of: type, at: int) -> str:
    return f"{_NUMBER}{at:02}" if of is int else f"{_TEXT}{at:02}"
