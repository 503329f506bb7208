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

# What addresses have in common: the value of each name, or the type of what differs.
_InCommon: TypeAlias = tuple[tuple[str, str | int | type | None], ...]
_Patterns: TypeAlias = dict[tuple[str, _InCommon], str]
_MOST_PATTERNS = 2_000


def address(endpoint: str, **values: str | int | None) -> str:
    """Return what Flask's `url_for` does of texts and numbers; None leaves a value out."""
    plain: list[str | int] = []
    in_common: list[tuple[str, str | int | type | None]] = []
    for name, value in values.items():
        if (type(value) is str and _PLAIN.fullmatch(value)) or (type(value) is int and value >= 0):
            plain.append(value)
            in_common.append((name, type(value)))
        else:
            in_common.append((name, value))
    patterns, key = _patterns(), (endpoint, tuple(in_common))
    pattern = patterns.get(key)
    if pattern is None:
        if len(patterns) >= _MOST_PATTERNS:
            patterns.clear()
        pattern = patterns[key] = _pattern(endpoint, in_common)
    return pattern.format(*plain)


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


def _pattern(endpoint: str, in_common: Iterable[tuple[str, str | int | type | None]]) -> str:
    """Return an address of a kind with numbered fields for what differs."""
    given: dict[str, Any] = dict(in_common)
    differing = [(name, of) for name, of in given.items() if isinstance(of, type)]
    fields = {name: _stands_for(of, at) for at, (name, of) in enumerate(differing)}
    built = url_for(endpoint, **{**given, **fields}).replace("{", "{{").replace("}", "}}")
    for at, field in enumerate(fields.values()):
        built = built.replace(field, f"{{{at}}}")
    return built


def _stands_for(of: type, at: int) -> str:
    return f"{_NUMBER}{at:02}" if of is int else f"{_TEXT}{at:02}"
