"""A sample home to try things on."""

from .home import write_home

__all__ = ["write_home"]
