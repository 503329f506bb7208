"""Which results of tools say that the call failed. Pure.

Tools say it in different ways: JSON with an error, `"success": false` or an exit code, or a text that begins
with "Error". The tools of the Anthropic API mark the result itself.
"""

import re

# Characters that are searched at each end of a result: an exit code stands behind the output.
BEGINNING, END = 4_000, 400
_TRACEBACK = "Traceback (most recent call last)"
_FIELDS = ('"error"', '"success"', '"isError"', '"is_error"', '"exit_code"', '"returncode"')
_BEGINS = re.compile(r"\s*(?:Error|Exception|Traceback|fatal|panic)\b")
_FIELD = (
    r"""(?:"error"\s*:\s*+(?!null|false|""|\{\}|\[\])|"success"\s*:\s*false|"is_?[eE]rror"\s*:\s*true"""
    r"""|"(?:exit_code|returncode)"\s*:\s*-?[1-9])"""
)
_HAS_FIELD = re.compile(_FIELD)
_ENDS_WITH_FIELD = re.compile(_FIELD + r"[^{}]*\}\s*\Z")


def says_failure(text: str) -> bool:
    """Whether the text of a tool's result says that the call failed."""
    beginning = text[:BEGINNING]
    return (
        _BEGINS.match(beginning) is not None
        or _has_traceback(beginning)
        # To look for the names alone takes a tenth of the time, and few texts have one.
        or (_names_field(beginning) and _HAS_FIELD.search(beginning) is not None)
        or (len(text) > BEGINNING and _ENDS_WITH_FIELD.search(text[-END:]) is not None)
    )


def _has_traceback(text: str) -> bool:
    return text.startswith(_TRACEBACK) or f"\n{_TRACEBACK}" in text


def _names_field(text: str) -> bool:
    return any(name in text for name in _FIELDS)
