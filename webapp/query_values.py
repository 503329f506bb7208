"""Numbers and choices in a query or a form, read from text; the same for the JSON API and the pages."""

from collections.abc import Mapping
from typing import TypeVar

from hermes_sessions.errors import InvalidValue
from hermes_sessions.fields import LARGEST_INTEGER, check_amount

MOST_DIGITS = 19  # of LARGEST_INTEGER; Python takes minutes to read a number of millions of digits
Choice = TypeVar("Choice")


def parse_whole_number(text: str) -> int:
    """Return the whole number, 0 or more, that `text` consists of; raise `ValueError` for anything else."""
    if not (text.isascii() and text.isdecimal() and len(text) <= MOST_DIGITS):
        raise ValueError(text)
    return int(text)


def parse_any_whole_number(text: str) -> int:
    """Return the whole number, with or without a sign, that `text` consists of; the largest for a larger one.

    Raises `ValueError` for anything else.
    """
    number = text.strip()
    digits = number.removeprefix("-")
    if not (digits.isascii() and digits.isdecimal()):
        raise ValueError(text)
    size = LARGEST_INTEGER if len(digits) > MOST_DIGITS else min(int(digits), LARGEST_INTEGER)
    return -size if number.startswith("-") else size


def whole_number(values: Mapping[str, str], name: str, highest: int = LARGEST_INTEGER) -> int | None:
    """Return the whole number from 0 to `highest` that a field holds, None if the field is missing or empty.

    Raises `InvalidValue` for anything else.
    """
    text = values.get(name, "")
    if not text:
        return None
    try:
        number = parse_whole_number(text)
    except ValueError:
        number = highest + 1
    if number > highest:
        raise InvalidValue(f"{name} must be a whole number from 0 to {highest}")
    return number


def amount(values: Mapping[str, str], name: str) -> float | None:
    """Return the number, 0 or more, that a field holds, None if the field is missing or empty.

    Raises `InvalidValue` for anything else.
    """
    text = values.get(name, "")
    if not text:
        return None
    try:
        return check_amount(name, float(text))
    except ValueError:
        raise InvalidValue(f"{name} must be a number, 0 or more") from None


def choice(values: Mapping[str, str], name: str, choices: Mapping[str, Choice], default: str) -> Choice:
    """Return what `choices` gives for the value of a field, or for `default` if it is missing or empty.

    Raises `InvalidValue` for a value that is not a key of `choices`.
    """
    chosen = values.get(name) or default
    if chosen not in choices:
        raise InvalidValue(f"{name} must be one of {', '.join(choices)}")
    return choices[chosen]
