"""The password of a home's servers: stored as a salted hash, and compared with what is typed."""

import hashlib
import hmac
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from werkzeug.security import check_password_hash, generate_password_hash

from hermes_sessions import files, modes
from hermes_sessions.errors import InvalidValue, storing

from .private_files import write_private

PASSWORD_FILE = "web.password"  # noqa: S105  # a file's name
SHORTEST, LONGEST = 8, 1_000
HASHES_AT_ONCE = 2  # each takes 32 MB

_hashing = threading.Semaphore(HASHES_AT_ONCE)


class Password(Protocol):
    """What is known of a password: enough to check one, not enough to show it."""

    @property
    def secret(self) -> bytes:
        """Bytes that change with the password."""
        ...

    def accepts(self, typed: str) -> bool:
        """Whether `typed` is the password."""
        ...


@dataclass(frozen=True, slots=True)
class GivenPassword:
    """A password that was given when the server started, as its SHA-256 digest."""

    secret: bytes

    def accepts(self, typed: str) -> bool:
        """Whether `typed` is the password; takes the same time whatever was typed."""
        return hmac.compare_digest(_digest(typed), self.secret)


@dataclass(frozen=True, slots=True)
class StoredPassword:
    """A password that is stored as a salted scrypt hash."""

    hashed: str

    @property
    def secret(self) -> bytes:
        """Bytes that change with the password."""
        return self.hashed.encode()

    def accepts(self, typed: str) -> bool:
        """Whether `typed` is the password."""
        with _hashing:
            return len(typed) <= LONGEST and check_password_hash(self.hashed, _as_hex(typed))


def set_password(state_dir: Path, password: str) -> None:
    """Store a salted hash of the password that servers of this home ask for; this ends every login.

    Raises `InvalidValue` for a password that is too short or too long, `StorageError`.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        raise InvalidValue(f"the password must have {SHORTEST} to {LONGEST:,} characters")
    hashed = generate_password_hash(_as_hex(password), method="scrypt")
    with storing(f"cannot store the password in {PASSWORD_FILE}"):
        modes.make_folder(state_dir)
        write_private(state_dir / PASSWORD_FILE, hashed.encode())


def stored_password(state_dir: Path) -> StoredPassword | None:
    """Return the password that was set for this home, None if there is none; raise `StorageError`."""
    with storing(f"cannot read the password in {PASSWORD_FILE}"):
        try:
            return StoredPassword(files.read(state_dir / PASSWORD_FILE).decode())
        except FileNotFoundError:
            return None


def password_of(state_dir: Path, given: str | None) -> Password | None:
    """Return the password to ask for: the `given` one, else the stored one if any; raise `StorageError`."""
    return GivenPassword(_digest(given)) if given else stored_password(state_dir)


def _digest(password: str) -> bytes:
    return hashlib.sha256(_as_hex(password).encode()).digest()


def _as_hex(password: str) -> str:
    """Return the password as ASCII: a form can send a lone surrogate, which cannot be encoded."""
    return password.encode("utf-8", "surrogatepass").hex()
