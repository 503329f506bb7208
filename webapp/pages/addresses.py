"""Addresses of pages, of which one page has hundreds that differ only in ids and numbers.

Flask takes longer to build one than the page takes for all else of a line. So each kind of address is built
once in a request, and the others are filled in.
"""

import re
import secrets
from typing import Any, NamedTuple

from flask import g, url_for

# What an address contains as it was given.
_PLAIN = re.compile(r"[A-Za-z0-9_-]+")
# Stand for a text and for a number, and begin what stands for each: nothing else in an address is the same.
_TEXT, _NUMBER = f"text{secrets.token_hex(8)}-", f"1{secrets.randbelow(10**15):015}"


class _Kind(NamedTuple):
    """What addresses have in common: the endpoint, and the value of each name or the type of what differs."""

    endpoint: str
    values: tuple[tuple[str, str | int | type | None], ...]


def address(endpoint: str, **values: str | int | None) -> str:
    """Return what Flask's `url_for` does of texts and numbers; None leaves a value out."""
    plain = {name: value for name, value in values.items() if _is_plain(value)}
    in_common = ((name, type(value) if name in plain else value) for name, value in values.items())
    return _pattern(_Kind(endpoint, tuple(in_common))).format(*plain.values())


def _is_plain(value: object) -> bool:
    if type(value) is str:
        return _PLAIN.fullmatch(value) is not None
    return type(value) is int and value >= 0


def _pattern(kind: _Kind) -> str:
    """Return an address of a kind with numbered fields for what differs."""
    patterns: dict[_Kind, str] = g.setdefault("address_patterns", {})
    if kind not in patterns:
        patterns[kind] = _built(kind)
    return patterns[kind]


def _built(kind: _Kind) -> str:
    differing = [(name, of) for name, of in kind.values if isinstance(of, type)]
    fields = {name: _stands_for(of, at) for at, (name, of) in enumerate(differing)}
    given: dict[str, Any] = {**dict(kind.values), **fields}
    built = url_for(kind.endpoint, **given).replace("{", "{{").replace("}", "}}")
    for at, field in enumerate(fields.values()):
        built = built.replace(field, f"{{{at}}}")
    return built


def _stands_for(of: type, at: int) -> str:
    return f"{_NUMBER}{at:02}" if of is int else f"{_TEXT}{at:02}"
