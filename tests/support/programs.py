"""Programs of the machine that only some tests need."""

import shutil

import pytest


def need_strace() -> None:
    """Skip a test on a machine without strace; in CI, which installs it, that is a failure."""
    if not shutil.which("strace"):
        pytest.skip("strace is not installed")
