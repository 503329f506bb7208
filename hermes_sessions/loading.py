"""Names of a package that are imported when they are first used, so that a start loads only what it needs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def load_on_use(package: str, names: Mapping[str, str]) -> Callable[[str], Any]:
    """Return the `__getattr__` of a package that imports its modules when their names are used.

    `names` holds the names of each module, separated by blanks; those of the key "" are modules themselves.
    For type checkers the package imports the same names under `TYPE_CHECKING`.
    """
    module_of = {name: module for module, each in names.items() for name in each.split()}

    def load(name: str) -> Any:
        if name not in module_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module = import_module(f".{module_of[name] or name}", package)
        value = getattr(module, name) if module_of[name] else module
        setattr(sys.modules[package], name, value)
        return value

    return load
