"""The tests, a package so that `from tests.support.make import ...` means one thing to pytest and to mypy."""
