"""Characters that a terminal acts on, or that hide text from its reader, as regular expressions."""

import re

# Control characters and bidirectional overrides. Lone surrogates have no encoding.
UNSAFE = "\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff"
UNSAFE_IN_LINE = re.compile(f"[\x00-\x1f{UNSAFE}]")
UNSAFE_IN_TEXT = re.compile(f"[\x00-\x08\x0b-\x1f{UNSAFE}]")
# JSON itself escapes the others.
UNSAFE_IN_JSON = re.compile(f"[{UNSAFE}]")
# And tags: letters that no screen shows and that models read, in which instructions are hidden.
_TAGS = "\U000e0000-\U000e007f"
HIDDEN_IN_TEXT = re.compile(f"[\x00-\x08\x0b-\x1f{UNSAFE}{_TAGS}]")
