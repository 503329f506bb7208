"""Which results of tools say that the call failed. Pure.

Tools say it in different ways: JSON with an error, `"success": false` or an exit code, or a text that begins
with "Error". The tools of the Anthropic API mark the result itself.
"""

import re

# Characters that are searched at each end of a result: an exit code stands behind the output.
BEGINNING, END = 4_000, 400
_SAYS_FAILURE = re.compile(
    r"""\A\s*(?:Error|Exception|Traceback|fatal|panic)\b|^Traceback \(most recent call last\)"""
    r"""|"error"\s*:\s*+(?!null|false|""|\{\}|\[\])|"success"\s*:\s*false|"is_?[eE]rror"\s*:\s*true"""
    r"""|"(?:exit_code|returncode)"\s*:\s*-?[1-9]""",
    re.MULTILINE,
)
# In the end of a long text, a traceback may be what a tool only read.
_SAYS_FAILURE_AT_END = re.compile(
    r"""("error"\s*:\s*+(?!null|false|""|\{\}|\[\])|"success"\s*:\s*false|"is_?[eE]rror"\s*:\s*true"""
    r"""|"(?:exit_code|returncode)"\s*:\s*-?[1-9][0-9]*)[^{}]*\}\s*\Z"""
)


def says_failure(text: str) -> bool:
    """Whether the text of a tool's result says that the call failed."""
    if _SAYS_FAILURE.search(text, 0, BEGINNING):
        return True
    return len(text) > BEGINNING and _SAYS_FAILURE_AT_END.search(text[-END:]) is not None
