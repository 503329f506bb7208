"""The command line `hermes-sessions`."""

from .main import main

__all__ = ["main"]
