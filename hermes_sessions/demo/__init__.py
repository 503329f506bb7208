"""A made-up home to try things on."""

from . import home

__all__ = [
    "home",
]
