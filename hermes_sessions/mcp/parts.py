"""Divides the shown text of a long message into parts of equal length, numbered from 1."""

from __future__ import annotations

from .budget import Budget

PART = 400  # characters: few enough for the smallest answer, even where each is a token


def part_count(text: str) -> int:
    """Return how many parts a text has, at least one."""
    return max(1, -(-len(text) // PART))


def parts_within(text: str, first: int, most: int) -> tuple[str, int]:
    """Return the parts from `first` on that fit into `most` tokens, at least one, and the last number."""
    budget, last = Budget(most), first
    budget.spend(_part(text, first))
    while last < part_count(text) and budget.take(_part(text, last + 1)):
        last += 1
    return text[(first - 1) * PART : last * PART], last


def _part(text: str, number: int) -> str:
    return text[(number - 1) * PART : number * PART]
