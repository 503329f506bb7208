"""How long an address has to wait after wrong passwords; counted in a file, for all servers of a home."""

import ipaddress
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import msgspec

from hermes_sessions import files
from hermes_sessions.errors import storing
from hermes_sessions.locks import HomeLocks

from .private_files import write_private

TRIES_FILE = "web.tries"  # also the name of its lock
LOCK_SECONDS = 5.0


class Wait(NamedTuple):
    """How often a network tried a password, and until when it has to wait, in seconds since the epoch."""

    tries: int = 0
    until: float = 0.0


class LoginThrottle:
    """Makes an address wait after wrong passwords: not at first, then twice as long each time.

    All addresses of an IPv6 /64 network count as one: whoever has one of them has all. Every process that
    serves the home counts in the same file.
    """

    FREE, LONGEST, ADDRESSES = 4, 60.0, 1024

    def __init__(self, state_dir: Path, locks: HomeLocks, clock: Callable[[], float] = time.time) -> None:
        self._path, self._locks, self._clock = state_dir / TRIES_FILE, locks, clock

    def attempt(self, address: str) -> float:
        """Return for how many seconds this address has to wait; 0 counts as a wrong try until `succeeded`.

        It is counted before the password is compared: a hundred tries at once would otherwise all be the
        first. Raises `StorageError`.
        """
        network = _network(address)
        with self._waits() as waits:
            now = self._clock()
            tries, until = waits.get(network, Wait())
            if now < until <= now + self.LONGEST:  # a later time was stored before the clock was set back
                return until - now
            waits.pop(network, None)
            waits[network] = Wait(tries + 1, now + self._penalty(tries + 1))
            for oldest in list(waits)[: -self.ADDRESSES]:
                del waits[oldest]
            return 0.0

    def succeeded(self, address: str) -> None:
        """Forget the tries of an address; raise `StorageError`."""
        with self._waits() as waits:
            waits.pop(_network(address), None)

    def _penalty(self, tries: int) -> float:
        return min(self.LONGEST, 2.0 ** min(tries - self.FREE, 10)) if tries >= self.FREE else 0.0

    @contextmanager
    def _waits(self) -> Iterator[dict[str, Wait]]:
        """Give out the wait of each network, the latest to try last, and store them when the block ends."""
        with (
            self._locks.held(TRIES_FILE, LOCK_SECONDS),
            storing(f"cannot count wrong passwords in {TRIES_FILE}"),
        ):
            waits = self._read()
            yield waits
            write_private(self._path, msgspec.json.encode(waits))

    def _read(self) -> dict[str, Wait]:
        with suppress(FileNotFoundError, msgspec.DecodeError):  # a damaged file must not lock the owner out
            return msgspec.json.decode(files.read(self._path), type=dict[str, Wait])
        return {}


def _network(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if parsed.version == 6 and parsed.ipv4_mapped is None:
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
