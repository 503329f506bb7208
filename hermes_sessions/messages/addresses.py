"""Finds web and mail addresses in the text of a message, in time linear in its length. Pure.

linkify-it-py needs 15 seconds for 25,000 characters of `http://a.`, and links much that is rarely meant as an
address. Only addresses with a scheme are found here.
"""

import re

LONGEST_ADDRESS = 2_048  # characters: to write a longer host name in ASCII takes quadratic time
SCHEMES = ("https", "http", "mailto")
_BEFORE = max(map(len, SCHEMES)) + 1
_SCHEME = re.compile(r"(?:^|[^a-z0-9.+-])(https?|mailto)", re.IGNORECASE)
_WEB = re.compile(
    r"://(?=[\w\[])"
    # A space, a quote, the end of bold text and the punctuation of Chinese and Japanese end an address.
    r"(?:(?!\*\*|~~)[^\s<>\"`|\\^{}\x00-\x1f\x7f、。，；：！？）｜」』】》])"
    rf"{{1,{LONGEST_ADDRESS}}}"
)
_MAIL = re.compile(r":[A-Za-z0-9_][A-Za-z0-9._%+-]{0,63}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}")
_PAIRS = {")": "(", "]": "["}
_TRAILING = ".,:;!?'*~"


def address_at(text: str, colon: int) -> tuple[int, int] | None:
    """Return where the address around the colon at index `colon` begins and ends, None if there is none."""
    start = _start_of_scheme(text, colon)
    if start is None:
        return None
    is_mail = text[start:colon].lower() == "mailto"
    match = (_MAIL if is_mail else _WEB).match(text, colon)
    if match is None or match.end() - start > LONGEST_ADDRESS:
        return None
    return start, colon + len(_without_trailing(match[0]))


def _start_of_scheme(text: str, colon: int) -> int | None:
    window = text[max(0, colon - _BEFORE) : colon]
    for scheme in SCHEMES:
        before = window[: -len(scheme)]
        if window.lower().endswith(scheme) and _SCHEME.fullmatch(before[-1:] + scheme):
            return colon - len(scheme)
    return None


def _without_trailing(address: str) -> str:
    """Return an address without the punctuation after it, and without a bracket that opens before it."""
    surplus = {close: address.count(close) - address.count(start) for close, start in _PAIRS.items()}
    end = len(address)
    while end:
        last = address[end - 1]
        if surplus.get(last, 0) > 0:
            surplus[last] -= 1
        elif last not in _TRAILING:
            break
        end -= 1
    return address[:end]
