"""Fixtures: fresh homes, copies of the samples, and the rule that CI skips nothing."""

import gc
import os
import shutil
import subprocess
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from hermes_sessions import SessionRepository
from webapp import create_app

from .support import compiled, efforts, figures, hanging, schedule
from .support.postgresql import Server, programs, running

if TYPE_CHECKING:
    from playwright.sync_api import Browser

SAMPLES = Path(__file__).parent / "samples"

efforts.register()
Flask.jinja_options = {"bytecode_cache": compiled.Templates()}
compiled.share_statements()
compiled.share_rules()
compiled.share_migrations()


def pytest_configure(config: pytest.Config) -> None:
    """Let property tests try as hard as the run is long."""
    efforts.choose(config)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Add the property tests to a long run, and order the files for several workers."""
    efforts.add_property_tests(config, items)
    schedule.arrange(items)


@pytest.hookimpl(optionalhook=True, wrapper=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> Generator[None, int, int]:
    """Take more workers than processors for tests that wait."""
    return schedule.workers((yield), config.option.markexpr)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> schedule.Scheduling | None:
    """Give out the files of tests so that a test that kills its worker is run once."""
    return schedule.Scheduling(config, log) if config.option.dist == "loadfile" else None


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take over what a worker of pytest-xdist measured."""
    figures.receive(node.config, getattr(node, "workeroutput", {}))


def pytest_collection_finish() -> None:
    """Let the garbage collector pass over what was collected: 7,000 tests, which live as long as the run.

    And let it look less often at what the tests keep, half a million objects: it took a tenth of their time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """End a test that hangs, and say where, long before the run's own limit."""
    hanging.watch(item)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Let what comes after the tests take its time."""
    hanging.stop(config)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print what the tests measured."""
    for line in figures.told(config):
        terminalreporter.write_line(line)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run under CI that skipped a test: a machine that lacks a tool would otherwise look green."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or not os.environ.get("CI"):
        return
    # Only who develops beside the web UI has a checkout of it.
    skipped = [
        each
        for each in reporter.stats.get("skipped", [])
        if "webui_checkout" not in getattr(each, "keywords", ())
    ]
    if skipped and not session.exitstatus:
        reporter.write_line("")
        reporter.write_line(f"{len(skipped)} skipped, which CI does not allow: see CONTRIBUTING.md", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the indexes of homes that cannot be written, in place of the user's own."""
    folder = tmp_path_factory.getbasetemp() / "cache"
    monkeypatch.setenv("HERMES_SESSIONS_CACHE_DIR", str(folder))
    return folder


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """PostgreSQL, without a database of a home."""
    if programs() is None:
        pytest.skip("PostgreSQL's server is not installed")
    with running() as started:
        yield started


@pytest.fixture(autouse=True)
def database(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The database of the home that a test opens: by default the home's own, in SQLite."""
    if os.environ.get("TEST_DATABASE") == "postgresql" and not request.node.get_closest_marker("sqlite"):
        server: Server = request.getfixturevalue("server")
        with server.index() as url:
            monkeypatch.setenv("HERMES_SESSIONS_DATABASE_URL", url)
            yield
    else:
        yield


@pytest.fixture(params=["may", "aug"])
def sample(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of the Hermes home that the web UI of that month wrote."""
    return copy_sample(request.param, tmp_path)


@pytest.fixture
def may(tmp_path: Path) -> Path:
    """A copy of the Hermes home of May 2026."""
    return copy_sample("may", tmp_path)


@pytest.fixture(scope="session")
def may_to_read(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the Hermes home of May 2026, one for all tests that only read."""
    return copy_sample("may", tmp_path_factory.mktemp("may"))


def copy_sample(month: str, folder: Path) -> Path:
    """Copy a sample's Hermes home into `folder`, and return the copy."""
    home = folder / "hermes-home"
    others = shutil.ignore_patterns("expected")
    shutil.copytree(SAMPLES / f"webui-{month}-2026", home, copy_function=shutil.copyfile, ignore=others)
    return home


@pytest.fixture(scope="session")
def opened_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty home that was opened once. To open a copy takes 6 ms, to open a home without an index 50."""
    home = tmp_path_factory.mktemp("opened") / "home"
    SessionRepository.open(hermes_home=home).close()
    for folder in ("sessions", "trash"):  # long ago, or each opening would scan them for what came just now
        os.utime(home / "webui" / folder, (1.7e9, 1.7e9))
    SessionRepository.open(hermes_home=home).close()
    return home


@pytest.fixture
def sessions(tmp_path: Path, opened_home: Path) -> Iterator[SessionRepository]:
    """A repository over an empty home."""
    shutil.copytree(opened_home, tmp_path / "home", dirs_exist_ok=True)
    with SessionRepository.open(hermes_home=tmp_path / "home") as repository:
        yield repository


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, of one megabyte."""
    if os.geteuid() != 0 or not shutil.which("mount"):
        pytest.skip("mounting a file system takes root")
    folder = tmp_path / "disk"
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip("this machine does not allow mounting a file system")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


@pytest.fixture
def app(sessions: SessionRepository) -> Flask:
    """The application over a new home."""
    return create_app(sessions)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A client of the application over a new home."""
    return app.test_client()


@pytest.fixture
def filled(may: Path) -> Iterator[FlaskClient]:
    """A client of the application over the sample of May."""
    with SessionRepository.open(hermes_home=may) as repository:
        yield create_app(repository).test_client()


@pytest.fixture(scope="session")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    """A client of the application over the sample of May, one for all tests that only read."""
    home = copy_sample("may", tmp_path_factory.mktemp("read"))
    with SessionRepository.open(hermes_home=home) as repository:
        yield create_app(repository).test_client()


@pytest.fixture(scope="session")
def browser() -> Iterator["Browser"]:
    """Debian's Chromium without a window, one for all tests."""
    from playwright.sync_api import expect, sync_playwright  # noqa: PLC0415  # slow, and only the browser's tests need it

    from .support.browsing import CHROMIUM, QUIET  # noqa: PLC0415  # as above

    expect.set_options(timeout=30_000)  # what is waited for, on a machine that does much else
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield chromium
        chromium.close()
