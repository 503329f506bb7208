"""Says where a test hangs, at a price that 6,000 tests can pay.

pytest's own `faulthandler_timeout` starts and ends a thread for each test: a millisecond of the processor's
time, and on a busy machine six more of waiting.
"""

import faulthandler
import time

import pytest
from _pytest.faulthandler import fault_handler_stderr_fd_key

LIMIT_SECONDS = 300.0
LATEST_SECONDS = 30.0  # one timer serves all tests that begin within this time
_started = pytest.StashKey[float]()


def watch(config: pytest.Config) -> None:
    """Print where every thread is `LIMIT_SECONDS` from now, or up to `LATEST_SECONDS` sooner."""
    now = time.monotonic()
    errors = config.stash.get(fault_handler_stderr_fd_key, None)  # none without pytest's plugin
    if errors is not None and now - config.stash.get(_started, float("-inf")) > LATEST_SECONDS:
        faulthandler.dump_traceback_later(LIMIT_SECONDS, file=errors)
        config.stash[_started] = now


def stop() -> None:
    """Print nothing any more."""
    faulthandler.cancel_dump_traceback_later()
