"""How many of our own functions and modules a title change and a list pass from HTTP to SQL.

python -m benchmarks.walks [CHECKOUT] [--functions]

Counts every call of a function that is defined in `hermes_sessions/` or `webapp/`, on the thread that answers
the request. To compare two versions, name the checkout of the other.
"""

import argparse
import importlib
import importlib.util
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

HERE = Path(__file__).parent.parent
OURS = ("hermes_sessions", "webapp")
SESSIONS = 60


class Walk:
    """The calls of one request, by module in the order in which the modules were entered."""

    def __init__(self, checkout: Path) -> None:
        self.calls: Counter[tuple[str, str]] = Counter()
        self._roots = tuple(f"{checkout / name}/" for name in OURS)
        self._above = len(str(checkout)) + 1

    @property
    def modules(self) -> dict[str, int]:
        """How many calls each module got."""
        found: dict[str, int] = {}
        for (module, _), count in self.calls.items():
            found[module] = found.get(module, 0) + count
        return found

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Count the calls of this thread."""
        sys.setprofile(self._profile)
        try:
            yield
        finally:
            sys.setprofile(None)

    def _profile(self, frame: FrameType, event: str, _: object) -> None:
        file = frame.f_code.co_filename
        if event == "call" and file.startswith(self._roots):
            module = file[self._above :].removesuffix(".py").replace("/", ".")
            self.calls[module.removeprefix("hermes_sessions."), frame.f_code.co_name] += 1


def main() -> None:
    """Print the walks of a title change and of a list."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.walks", description=__doc__)
    parser.add_argument("checkout", type=Path, nargs="?", default=HERE, help="where to count (default: here)")
    parser.add_argument("--functions", action="store_true", help="also print the calls of each function")
    asked = parser.parse_args()
    for name, walk in measured(asked.checkout.resolve()).items():
        print(f"{name}: {walk.calls.total()} calls, {len(walk.modules)} modules")
        print("  " + " ".join(f"{module}:{count}" for module, count in walk.modules.items()))
        if asked.functions:
            for (module, function), count in walk.calls.most_common():
                print(f"    {count:4} {module}.{function}")


def measured(checkout: Path) -> dict[str, Walk]:
    """Return the walks of requests to the application of a checkout, over a made-up home of its own."""
    library, webapp, demo = _imported(checkout)
    with tempfile.TemporaryDirectory(prefix="walks-") as name:
        home = Path(name, "home")
        demo.write_home(home, sessions=SESSIONS)
        with library.SessionRepository.open(hermes_home=home) as sessions:
            client = webapp.create_app(sessions).test_client()
            session_id = sessions.list(limit=1).items[0].session_id

            def rename(title: str) -> Any:
                return client.post("/api/session/rename", json={"session_id": session_id, "title": title})

            requests: dict[str, Callable[[], Any]] = {
                "title change": lambda: rename("A new title"),
                "list of 50": lambda: client.get("/api/sessions?limit=50"),
            }
            for warm in (lambda: rename("An earlier title"), *requests.values()):
                _expect_answer(warm())
            rename("An earlier title")
            return {name: _walk(checkout, request) for name, request in requests.items()}


def _walk(checkout: Path, request: Callable[[], Any]) -> Walk:
    walk = Walk(checkout)
    with walk.counting():
        response = request()
    _expect_answer(response)
    return walk


def _expect_answer(response: Any) -> None:
    if response.status_code != 200:
        raise SystemExit(f"{response.request.path}: {response.status}")


def _imported(checkout: Path) -> tuple[Any, Any, Any]:
    """Import the library, the application and the demo of a checkout, not those that are installed."""
    sys.path.insert(0, str(checkout))
    library = importlib.import_module("hermes_sessions")
    if not Path(str(library.__file__)).is_relative_to(checkout):
        raise SystemExit(f"another hermes_sessions was imported already: {library.__file__}")
    _import_migrations(checkout)
    demo = importlib.import_module("hermes_sessions.demo")
    return library, importlib.import_module("webapp"), getattr(demo, "home", demo)


def _import_migrations(checkout: Path) -> None:
    """Import the migrations, which an editable installation would take from its own checkout."""
    name, folder = "hermes_sessions.migrations", checkout / "migrations"
    spec = importlib.util.spec_from_file_location(
        name, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    if spec is None or spec.loader is None:
        raise SystemExit(f"no migrations in {checkout}")
    sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules[name])


if __name__ == "__main__":
    main()
