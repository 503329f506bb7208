"""How much an answer may hold: tokens, estimated without a model's own tokenizer."""

from __future__ import annotations

DEFAULT_TOKENS = 4_000
LEAST_TOKENS, MOST_TOKENS = 1_000, 20_000
ASCII_IN_A_TOKEN = 4


def tokens(text: str) -> int:
    """Return about how many tokens a text takes: one for four ASCII characters, and for each other one."""
    others = 0 if text.isascii() else len(text) - len(text.encode("ascii", "ignore"))
    return others + -(-(len(text) - others) // ASCII_IN_A_TOKEN)


class Budget:
    """The tokens that are left for an answer."""

    def __init__(self, most: int) -> None:
        self.left = most

    def take(self, text: str) -> bool:
        """Set the tokens of a text and its line break aside, unless too few are left."""
        fits = tokens(text) < self.left
        if fits:
            self.spend(text)
        return fits

    def spend(self, text: str) -> None:
        """Set the tokens of a text and its line break aside, even if too few are left."""
        self.left -= tokens(text) + 1
