"""The web front end: a thin Flask application over one repository, and the server that runs it.

Once installed it is `hermes_sessions.webapp`; in a checkout it is `webapp` too. A process that uses both
names still has one copy of each module.
"""

import sys

INSTALLED, CHECKOUT = "hermes_sessions.webapp", "webapp"


def _share_modules(loaded_as: str, also_as: str) -> None:
    """Give each module that was imported as `loaded_as` or below it a second name, `also_as`."""
    shared = {
        also_as + name.removeprefix(loaded_as): module
        for name, module in sys.modules.items()
        if name == loaded_as or name.startswith(f"{loaded_as}.")
    }
    sys.modules.update(shared)
    for name, module in shared.items():
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], child, module)


if __name__ == CHECKOUT:
    _share_modules(INSTALLED, CHECKOUT)

from .app import create_app
from .security.passwords import set_password
from .server import serve

if __name__ == CHECKOUT and sys.modules[CHECKOUT].__name__ == CHECKOUT:
    _share_modules(CHECKOUT, INSTALLED)

__all__ = ["create_app", "serve", "set_password"]
