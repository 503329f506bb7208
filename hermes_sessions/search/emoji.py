"""Which characters are emoji: those that people search for as they search for words.

Unicode also gives the property to arrows, shapes, dingbats and signs such as ©. Prompts, tables and lists are
full of these, so they are punctuation here.
"""

import re

EMOJI = (
    "\u231a\u231b\u23cf\u23e9-\u23f3\u23f8-\u23fa\u2600-\u26ff\u2702\u2705\u2708-\u270d\u270f\u2714\u2716\u2728"
    "\u2733\u2734\u2744\u2747\u274c\u274e\u2753-\u2755\u2757\u2763-\u2767\u2795-\u2797\u27b0\u27bf\u2b50\u2b55"
    "\U0001f000-\U0001f77f\U0001f7e0-\U0001f7eb\U0001f90c-\U0001faff"
)
_EMOJI = re.compile(f"[{EMOJI}]")


def has_emoji(text: str) -> bool:
    """Whether a text contains an emoji."""
    return not text.isascii() and _EMOJI.search(text) is not None
