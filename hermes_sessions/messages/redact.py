"""Masks credentials in text that leaves the store, in the same way for titles, messages and exports.

RE2 searches a text for the places where a rule of `credential_rules` could apply. Most texts have none and
cost 2 ms per MB. Elsewhere the rules decide, each at its own places, and what they look at is bounded or
masked: a text takes linear time, whatever it holds.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import cache
from typing import Any, NamedTuple

from .credential import Credential, Match, Rule, Shown
from .credential_names import is_credential_name, named_value
from .credential_rules import NAMES, TOKENS

SHORTEST_WITH_ENDS = 18  # characters; of a shorter credential nothing stays
FIRST, LAST = 6, 4
SHORTEST_TEXT = 7  # characters of the shortest text in which there is something to mask: `TOKEN=a`
SHORTEST_PAYLOAD = 100  # bytes of base64 in a `data:` address, from which on they are not searched
LONGEST_MEDIA_TYPE = 100  # bytes
MASK = "***"
LONGEST_CUT_CREDENTIAL = 8_192  # characters behind a cut in which the end of a credential is looked for


def mask(text: str) -> str:
    """Return a text with each credential replaced by `***`, or by its first 6 and last 4 characters.

    The latter from 18 characters on, and only where it is certain where the credential ends.
    """
    if len(text) < SHORTEST_TEXT:
        return text
    data = text.encode("utf-8", "surrogatepass")
    found = _credentials(data)
    masked = _replaced(data, _merged(found)) if found else text
    return text if masked == text else masked  # what was masked before stays


def cut(text: str, longest: int) -> str:
    """Return the first `longest` characters of a text, or fewer where a credential would be cut in two.

    What is left of such a credential would not be recognised by `mask`.
    """
    if len(text) <= longest:
        return text
    data = text[: longest + LONGEST_CUT_CREDENTIAL].encode("utf-8", "surrogatepass")
    end = len(text[:longest].encode("utf-8", "surrogatepass"))
    for start, stop, _ in _merged(_credentials(data)):
        if start < end < stop:
            return data[:start].decode("utf-8", "surrogatepass")
    return text[:longest]


def may_hold_credential(text: str | bytes) -> bool:
    """Whether `mask` could change a text, given as text, as UTF-8 or as JSON in UTF-8; false for most."""
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    return _may_hold(data, _searched_parts(data))


def mask_all(
    value: Any, kept: Callable[[Mapping[str, Any]], AbstractSet[str]] = lambda _: frozenset()
) -> Any:
    """Return a JSON value with credentials masked in every text in it, keys of objects included.

    A text beside a key such as `password` is masked as a whole. `kept` returns the keys of an object whose
    values stay as they are. The value is not changed, and returned itself if it holds nothing to mask.
    """
    if isinstance(value, str):
        return mask(value)
    return _mask_containers(value, kept) if may_hold_credential("\n".join(_texts(value))) else value


def is_shown_as(shown: str, text: str) -> bool:
    """Whether what a form sends back is the mask that was shown of a text: then nothing was typed."""
    return shown != text and shown.strip() == mask(text).strip()


# ---- searching ------------------------------------------------------------------------------------------


class _Search(NamedTuple):
    """Rules that are searched for together: RE2 finds a place for any, and `which` says for which.

    `steps_over` says to go on behind a place at which no rule found anything; else, one byte further.
    """

    rules: Sequence[Rule]
    places: Any
    which: Any
    steps_over: bool


@cache
def _searches() -> tuple[_Search, _Search]:
    """Return the searches for tokens and for names: apart, because the value of a name can hold a token."""
    return _search(TOKENS, steps_over=False), _search(NAMES, steps_over=True)


def _search(rules: Sequence[Rule], *, steps_over: bool) -> _Search:
    import re2  # type: ignore[import-untyped]  # noqa: PLC0415  # 8 ms, which most commands do not need

    which = re2.Set.FullMatchSet(_options())
    for rule in rules:
        which.Add(rule.begins)
    which.Compile()
    return _Search(rules, _compiled(rules), which, steps_over)


@cache
def _any_place() -> Any:
    return _compiled((*TOKENS, *NAMES))


def _compiled(rules: Iterable[Rule]) -> Any:
    import re2  # noqa: PLC0415

    return re2.compile(b"|".join(b"(?:" + rule.begins + b")" for rule in rules), _options())


def _options() -> Any:
    import re2  # noqa: PLC0415

    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1  # each byte a character: UTF-8 is ASCII where rules look
    options.never_capture = True
    return options


def _may_hold(data: bytes, parts: Iterable[tuple[int, int]]) -> bool:
    places = _any_place()
    return any(places.search(data, first, last) for first, last in parts)


def _credentials(data: bytes) -> list[Credential]:
    """Return what the rules find in a text, in no order; it may overlap."""
    parts = list(_searched_parts(data))
    if not _may_hold(data, parts):
        return []
    return [each for search in _searches() for each in _find(search, data, parts)]


def _searched_parts(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield from where to where a text is searched: without the payloads of `data:` addresses."""
    first = 0
    marker = data.find(b";base64,")
    while marker >= 0:
        start = marker + len(b";base64,")
        end = _end_of_base64(data, start)
        address = data.rfind(b"data:", max(first, marker - LONGEST_MEDIA_TYPE), marker)
        if address >= 0 and end - start >= SHORTEST_PAYLOAD:
            yield first, start
            first = end
        marker = data.find(b";base64,", end)
    yield first, len(data)


@cache
def _after_base64() -> Any:
    import re2  # noqa: PLC0415

    return re2.compile(b"[^A-Za-z0-9+/=]", _options())  # `re` takes 4 times as long


def _end_of_base64(data: bytes, start: int) -> int:
    match = _after_base64().search(data, start)
    return int(match.start()) if match else len(data)


def _find(search: _Search, data: bytes, parts: Iterable[tuple[int, int]]) -> Iterator[Credential]:
    at = 0
    for first, last in parts:
        at = max(at, first)
        while match := search.places.search(data, at, last):
            start, end = match.span()
            credential = _decide(search, data, start, end)
            if credential:
                yield credential
                at = max(credential.end, end)
            else:
                at = end if search.steps_over else start + 1


def _decide(search: _Search, data: bytes, start: int, end: int) -> Credential | None:
    """Return what the first rule that applies to a place finds there."""
    for number in search.which.Match(data[start:end]) or ():
        rule: Rule = search.rules[number]
        if credential := rule.find(data, Match(start, end)):
            return credential
    return None


# ---- masking --------------------------------------------------------------------------------------------


def _merged(found: Iterable[Credential]) -> list[Credential]:
    """Return credentials in the order of the text, those that overlap as one."""
    merged: list[Credential] = []
    for each in sorted(found, key=lambda credential: (credential.start, -credential.end)):
        if not merged or each.start >= merged[-1].end:
            merged.append(each)
        elif each.end > merged[-1].end:
            merged[-1] = Credential(merged[-1].start, each.end, Shown.NOTHING)
    return merged


def _replaced(data: bytes, credentials: Iterable[Credential]) -> str:
    pieces, at = [], 0
    for start, end, shown in credentials:
        secret = data[start:end].decode("utf-8", "surrogatepass")
        pieces += [data[at:start], _masked(secret, shown).encode("utf-8", "surrogatepass")]
        at = end
    pieces.append(data[at:])
    return b"".join(pieces).decode("utf-8", "surrogatepass")


def _masked(secret: str, shown: Shown = Shown.ENDS) -> str:
    if shown is Shown.FRAME:
        return secret if secret.strip() == MASK else f" {MASK} "
    if _is_masked(secret):
        return secret
    if shown is Shown.NOTHING or len(secret) < SHORTEST_WITH_ENDS:
        return MASK
    return f"{secret[:FIRST]}...{secret[-LAST:]}"


def _is_masked(secret: str) -> bool:
    with_ends = len(secret) == FIRST + 3 + LAST and secret[FIRST : FIRST + 3] == "..."
    return secret == MASK or with_ends


# ---- JSON -----------------------------------------------------------------------------------------------


def _texts(value: Any) -> Iterator[str]:
    """Yield every text in a JSON value; after a key a colon, with which the name of a credential is found."""
    to_read = [value]
    while to_read:
        each = to_read.pop()
        if isinstance(each, str):
            yield each
        elif isinstance(each, list):
            to_read.extend(each)
        elif isinstance(each, dict):
            for key, item in each.items():
                yield f"{key}:"
                if isinstance(item, str):
                    yield item
                elif isinstance(item, dict | list):
                    to_read.append(item)


def _mask_containers(value: Any, kept: Callable[[Mapping[str, Any]], AbstractSet[str]]) -> Any:
    whole = [value]
    to_mask: list[Any] = [whole]
    while to_mask:
        container = to_mask.pop()
        if isinstance(container, list):
            container[:] = [_masked_item(item, to_mask) for item in container]
            continue
        items, kept_keys = list(container.items()), kept(container)
        container.clear()
        for key, item in items:
            if key in kept_keys:
                container[key] = item
            else:
                container[_unused(mask(key), container)] = _masked_member(key, item, to_mask)
    return whole[0]


def _masked_member(key: str, item: Any, to_mask: list[Any]) -> Any:
    if isinstance(item, str) and is_credential_name(key):
        return _masked_value(key, item)
    return _masked_item(item, to_mask)


def _masked_item(item: Any, to_mask: list[Any]) -> Any:
    """Return a text masked, or a copy of a container, which is added to `to_mask`."""
    if isinstance(item, str):
        return mask(item)
    if isinstance(item, dict | list):
        item = item.copy()
        to_mask.append(item)
    return item


def _masked_value(key: str, value: str) -> str:
    """Return a text masked as the value of a credential's name."""
    credential = named_value(key, value)
    if credential is None:
        return mask(value)
    return _replaced(value.encode("utf-8", "surrogatepass"), [credential])


def _unused(key: str, container: dict[str, Any]) -> str:
    """Return a key that an object does not have: two credentials can look alike when they are masked."""
    number, unused = 1, key
    while unused in container:
        number += 1
        unused = f"{key} ({number})"
    return unused
