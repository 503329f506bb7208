"""Logins: signed tokens in a cookie, each with a file in the state folder until it is ended.

Every server process of the home accepts them, also after a restart.
"""

import hashlib
import hmac
import os
import secrets
import time
from contextlib import suppress
from pathlib import Path

from itsdangerous import BadSignature, TimestampSigner

from hermes_sessions import files, modes
from hermes_sessions.errors import storing

from .passwords import Password
from .private_files import write_private

COOKIE = "hermes_login"
KEY_FILE, KEY_BYTES = "web.key", 32
LOGINS_FOLDER = "logins"
LOGIN_SECONDS = 30 * 86_400


class Logins:
    """The logins of one home: gives out tokens, recognises them, and ends them."""

    def __init__(self, state_dir: Path, password: Password) -> None:
        """Read or create the home's signing key; another password invalidates every token. `StorageError`."""
        key = hmac.digest(signing_key(state_dir), password.secret, hashlib.sha256)
        self._signer = TimestampSigner(key, salt="login", digest_method=hashlib.sha256)
        self._folder = state_dir / LOGINS_FOLDER

    def begin(self) -> str:
        """Return a new token; raise `StorageError`."""
        name = secrets.token_urlsafe(24)
        with storing(f"cannot store the login in {LOGINS_FOLDER}"):
            modes.make_own_folder(self._folder)
            self._delete_expired()
            self._file(name).touch(mode=0o600)
        return self._signer.sign(name).decode()

    def knows(self, token: str) -> bool:
        """Whether a token was given out here, has not expired, and was not ended."""
        name = self._name(token)
        return name is not None and self._file(name).exists()

    def end(self, token: str) -> None:
        """Make a token worthless, in every process; raise `StorageError`."""
        name = self._name(token)
        if name is not None:
            with storing(f"cannot end the login in {LOGINS_FOLDER}"):
                self._file(name).unlink(missing_ok=True)

    def _name(self, token: str) -> str | None:
        with suppress(BadSignature):
            return self._signer.unsign(token, max_age=LOGIN_SECONDS).decode()
        return None

    def _file(self, name: str) -> Path:
        """Return the file of a token. It is named by a digest, from which nobody can make the token."""
        return self._folder / hashlib.sha256(name.encode()).hexdigest()

    def _delete_expired(self) -> None:
        for file in self._folder.iterdir():
            with suppress(FileNotFoundError):  # another process was faster
                if file.stat().st_mtime < time.time() - LOGIN_SECONDS:
                    file.unlink()


def signing_key(state_dir: Path) -> bytes:
    """Return the key that every server of this home signs with, created once; raise `StorageError`."""
    path = state_dir / KEY_FILE
    with storing(f"cannot read or create the key that signs logins, {KEY_FILE}"):
        with suppress(FileNotFoundError):
            return files.read(path)
        with suppress(FileExistsError):  # of two servers that start at once, the first one's key stays
            write_private(path, secrets.token_bytes(KEY_BYTES), os.link)
        return files.read(path)
