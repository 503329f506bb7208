"""Masks credentials in text that leaves the store, in the same way for titles, messages and exports."""

import re
from typing import Any

SHORTEST_WITH_ENDS = 18  # characters; of a shorter credential nothing stays
FIRST, LAST = 6, 4

# Credentials that are recognised by how they begin. Arguments of tools are JSON inside a text: there, a
# credential at the beginning of a line follows the n of \n.
_TOKEN = re.compile(
    r"""
    (?: (?<![A-Za-z0-9_-]) | (?<=\\[bfnrt]) | (?<=\\u[0-9a-fA-F]{4}) )
    (?: sk-[A-Za-z0-9_-]{10,}
      | gh[pousr]_[A-Za-z0-9]{10,}
      | github_pat_[A-Za-z0-9_]{10,}
      | AKIA[A-Z0-9]{12,}
      | xox[a-z]-[A-Za-z0-9-]{8,}
      | hf_[A-Za-z0-9]{10,}
      | SG\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]+)?
    )
    """,
    re.VERBOSE,
)
# Credentials that are recognised by what stands before them. The quantifiers are possessive (`*+`): to
# backtrack over a megabyte of blanks or of TOKENTOKEN takes minutes.
_BEARER = re.compile(
    r"(Authorization[\"']?\s*+[:=]\s*+[\"']?\s*+(?:Bearer|Basic|Token)\s++)([^\s\"',;]+)", re.IGNORECASE
)
# Not `==`, which compares, nor MAX_TOKENS or TOKENIZERS_PARALLELISM, which hold no credential.
_ASSIGNED = re.compile(
    r"""
    ((?:\b|(?<=\\[bfnrt]))(?=[A-Z0-9_]*(?:API_?KEY|SECRET|ACCESS_KEY|TOKEN(?![A-Z])|PASSWORD|PASSWD))
     [A-Z0-9_]++\s*+=(?!=)\s*+["']?)
    ([^\s"',;&]+)
    """,
    re.VERBOSE,
)
_PRIVATE_KEY = re.compile(
    r"(-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----)(.*?)(-----END [A-Z0-9 ]*PRIVATE KEY-----|\Z)", re.DOTALL
)
_MASKED = re.compile(r"\*\*\*|.{6}\.\.\..{4}")
# Every match of `_HINT` contains one of these, which are found in a fifth of its time: 30 ms less for
# 20,000 titles.
_RARE = ("=", ":", "_", "sk-", "AKIA", "xox", "SG.", "PRIVATE KEY")
_HINT = re.compile(r"sk-|gh[pousr]_|github_pat_|AKIA|xox|hf_|SG\.|(?i:authoriz)|=|PRIVATE KEY")


def mask(text: str) -> str:
    """Return a text with each credential replaced by `***`, or by its first 6 and last 4 characters.

    The latter from 18 characters on.
    """
    if not may_hold_credential(text):
        return text
    text = _PRIVATE_KEY.sub(r"\1 *** \3", text)
    text = _BEARER.sub(lambda match: match[1] + _masked(match[2]), text)
    text = _ASSIGNED.sub(lambda match: match[1] + _masked(match[2]), text)
    return _TOKEN.sub(lambda match: _masked(match[0]), text)


def may_hold_credential(text: str) -> bool:
    """Whether `mask` has to look closer at a text, or at any part of it; false for most texts."""
    for rare in _RARE:  # a loop takes half the time of `any`
        if rare in text:
            return _HINT.search(text) is not None
    return False


def mask_all(value: Any) -> Any:
    """Return a copy of a JSON value with credentials masked in every text in it; keys are not masked."""
    if isinstance(value, str):
        return mask(value)
    whole = [value]
    to_mask: list[Any] = [whole]
    while to_mask:
        container = to_mask.pop()
        for key in range(len(container)) if isinstance(container, list) else list(container):
            item = container[key]
            if isinstance(item, str):
                container[key] = mask(item)
            elif isinstance(item, dict | list):
                container[key] = item.copy()
                to_mask.append(container[key])
    return whole[0]


def _masked(secret: str) -> str:
    if _MASKED.fullmatch(secret):
        return secret
    return f"{secret[:FIRST]}...{secret[-LAST:]}" if len(secret) >= SHORTEST_WITH_ENDS else "***"
