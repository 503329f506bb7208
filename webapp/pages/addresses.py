"""Addresses of pages, of which one page has hundreds that differ only in ids and numbers.

Flask takes longer to build one than the page takes for all else of a line. So one of each kind is built, and
the others are filled in.
"""

import re
import secrets
from functools import lru_cache
from typing import Any, NamedTuple

from flask import request, url_for

from .. import static_files

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
    pattern = _pattern(_Kind(endpoint, tuple(in_common)), request.script_root, static_files.version_of_now())
    return pattern.format(*plain.values())


def _is_plain(value: object) -> bool:
    if type(value) is str:
        return _PLAIN.fullmatch(value) is not None
    return type(value) is int and value >= 0


@lru_cache(maxsize=2_000)
def _pattern(kind: _Kind, _root: str, _version: str) -> str:
    """Return an address of a kind with numbered fields for what differs.

    The path below which the server is reached and the version of the static files are part of it.
    """
    differing = [(name, of) for name, of in kind.values if isinstance(of, type)]
    fields = {name: _stands_for(of, at) for at, (name, of) in enumerate(differing)}
    given: dict[str, Any] = {**dict(kind.values), **fields}
    built = url_for(kind.endpoint, **given).replace("{", "{{").replace("}", "}}")
    for at, field in enumerate(fields.values()):
        built = built.replace(field, f"{{{at}}}")
    return built


def _stands_for(of: type, at: int) -> str:
    return f"{_NUMBER}{at:02}" if of is int else f"{_TEXT}{at:02}"
