"""Logins: the password, given or kept as a hash, who knew it, and how long a wrong one makes wait.

All of it is in the state folder, so that every server process over it agrees, also after a restart.
"""

import hashlib
import hmac
import ipaddress
import os
import secrets
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec
from filelock import FileLock
from itsdangerous import BadSignature, TimestampSigner
from werkzeug.security import check_password_hash, generate_password_hash

from hermes_sessions.errors import InvalidValue, storing

KEY_FILE, KEY_BYTES = "web.key", 32
PASSWORD_FILE = "web.password"  # noqa: S105  # a file's name
TRIES_FILE = "web.tries"  # its lock beside it
LOGINS_FOLDER = "logins"
LOGIN_SECONDS = 30 * 86_400
SHORTEST, LONGEST = 8, 1_000
HASHED_AT_ONCE = 2  # each takes 32 MB
LOCK_SECONDS = 5.0


# ---- the password ---------------------------------------------------------------------------------------


def set_password(state_dir: Path, password: str) -> None:
    """Keep a salted hash of the password that servers of this folder ask for; it ends every login.

    Raises `InvalidValue` for one that is too short or too long, `StorageError`.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        raise InvalidValue(f"the password must have {SHORTEST} to {LONGEST:,} characters")
    hashed = generate_password_hash(_told_apart(password), method="scrypt")
    with storing("cannot keep the password"):
        state_dir.mkdir(parents=True, exist_ok=True)
        _write(state_dir / PASSWORD_FILE, hashed.encode(), os.replace)


def stored_password(state_dir: Path) -> str | None:
    """Return the hash of the password that was set for this folder, None without; raise `StorageError`."""
    with storing("cannot read the password"):
        try:
            return (state_dir / PASSWORD_FILE).read_text("utf-8")
        except FileNotFoundError:
            return None


def login_of(state_dir: Path, password: str | None) -> "Login | None":
    """Return who is let in: by `password`, else by the one that was set; None if there is neither."""
    if password:
        digest = hashlib.sha256(_told_apart(password).encode()).digest()
        return Login(state_dir, digest, lambda given: _is_digest(given, digest))
    hashed = stored_password(state_dir)
    if hashed is None:
        return None
    return Login(state_dir, hashed.encode(), lambda given: _is_hash(given, hashed))


def _told_apart(password: str) -> str:
    """Return a password as text that has bytes; a form can send half a surrogate pair."""
    return password.encode("utf-8", "surrogatepass").hex()


def _is_digest(given: str, digest: bytes) -> bool:
    return hmac.compare_digest(hashlib.sha256(_told_apart(given).encode()).digest(), digest)


_hashing = threading.Semaphore(HASHED_AT_ONCE)


def _is_hash(given: str, hashed: str) -> bool:
    with _hashing:
        return len(given) <= LONGEST and check_password_hash(hashed, _told_apart(given))


# ---- who is logged in -----------------------------------------------------------------------------------


class Login:
    """Who knew the password: gives out signed tokens, each a file in the folder until it is ended."""

    def __init__(self, state_dir: Path, secret: bytes, accepts: Callable[[str], bool]) -> None:
        """Read or store the signing key of the folder; `secret` changes with the password. `StorageError`."""
        # Another password makes every token that was given out worthless.
        key = hmac.digest(signing_key(state_dir), secret, hashlib.sha256)
        self._signer = TimestampSigner(key, salt="login", digest_method=hashlib.sha256)
        self._folder = state_dir / LOGINS_FOLDER
        self.accepts = accepts
        self.slow = Slow(state_dir)

    def begin(self) -> str:
        """Return a new token; raise `StorageError`."""
        name = secrets.token_urlsafe(24)
        with storing("cannot keep the login"):
            self._folder.mkdir(mode=0o700, exist_ok=True)
            self._forget_old()
            self._file(name).touch(mode=0o600)
        return self._signer.sign(name).decode()

    def knows(self, token: str) -> bool:
        """Whether this token is one of ours, not too old, and not ended."""
        name = self._name(token)
        return name is not None and self._file(name).exists()

    def end(self, token: str) -> None:
        """Make a token worthless, here and in every other process; raise `StorageError`."""
        name = self._name(token)
        if name is not None:
            with storing("cannot end the login"):
                self._file(name).unlink(missing_ok=True)

    def _name(self, token: str) -> str | None:
        with suppress(BadSignature):
            return self._signer.unsign(token, max_age=LOGIN_SECONDS).decode()
        return None

    def _file(self, name: str) -> Path:
        """Return the file of a token; by its name alone nobody could make the token."""
        return self._folder / hashlib.sha256(name.encode()).hexdigest()

    def _forget_old(self) -> None:
        for file in self._folder.iterdir():
            with suppress(FileNotFoundError):  # another process was faster
                if file.stat().st_mtime < time.time() - LOGIN_SECONDS:
                    file.unlink()


def signing_key(state_dir: Path) -> bytes:
    """Return the key that every server of this state folder signs with, made once; raise `StorageError`."""
    path = state_dir / KEY_FILE
    with storing("cannot keep the key that signs logins"):
        with suppress(FileNotFoundError):
            return path.read_bytes()
        with suppress(FileExistsError):  # of two servers that start at once, the first one's key stays
            _write(path, secrets.token_bytes(KEY_BYTES), os.link)
        return path.read_bytes()


def _write(path: Path, content: bytes, put: Callable[[str, Path], None]) -> None:
    """Write a file that only its owner reads, whole or not at all; `put` gives it its name."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.")  # mode 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        put(temporary, path)
    finally:
        Path(temporary).unlink(missing_ok=True)


# ---- wrong passwords ------------------------------------------------------------------------------------


class Slow:
    """How long an address waits after wrong passwords: nothing at first, then twice as long each time.

    Of IPv6, a network of /64 is one address: whoever has one of them has all. Every process over the folder
    counts in its one file.
    """

    FREE, LONGEST, ADDRESSES = 4, 60.0, 1024

    def __init__(self, state_dir: Path, clock: Callable[[], float] = time.time) -> None:
        self._path, self._clock = state_dir / TRIES_FILE, clock

    def attempt(self, address: str) -> float:
        """Return for how many seconds this address is not heard yet; 0 is a try, wrong until `succeeded`.

        Counted before the password is compared: else a hundred at once would all be the first. Raises
        `StorageError`.
        """
        network = _network(address)
        with self._counting() as tries:
            now = self._clock()
            count, until = tries.get(network, (0, 0.0))
            if now < until <= now + self.LONGEST:  # what is later was counted before the clock was set back
                return until - now
            tries.pop(network, None)
            tries[network] = (count + 1, now + self._penalty(count + 1))
            for oldest in list(tries)[: -self.ADDRESSES]:
                del tries[oldest]
            return 0.0

    def succeeded(self, address: str) -> None:
        """Forget the tries of an address; raise `StorageError`."""
        with self._counting() as tries:
            tries.pop(_network(address), None)

    def _penalty(self, count: int) -> float:
        return min(self.LONGEST, 2.0 ** min(count - self.FREE, 10)) if count >= self.FREE else 0.0

    @contextmanager
    def _counting(self) -> Iterator[dict[str, tuple[int, float]]]:
        """Give out the tries and the end of the wait of each network, the last to try last, and keep them."""
        with (
            storing("cannot count wrong passwords"),
            FileLock(self._path.with_name(f"{TRIES_FILE}.lock"), timeout=LOCK_SECONDS),
        ):
            tries = self._read()
            yield tries
            _write(self._path, msgspec.json.encode(tries), os.replace)

    def _read(self) -> dict[str, tuple[int, float]]:
        with suppress(FileNotFoundError, msgspec.DecodeError):  # a spoiled file must not keep the owner out
            return msgspec.json.decode(self._path.read_bytes(), type=dict[str, tuple[int, float]])
        return {}


def _network(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if parsed.version == 6 and parsed.ipv4_mapped is None:
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
