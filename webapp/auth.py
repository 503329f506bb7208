"""Who may ask: the hosts and origins that are ours, the password and its cookie, headers for browsers."""

import hashlib
import hmac
import ipaddress
import math
import os
import re
import secrets
import tempfile
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from flask import Blueprint, Flask, Response, abort, current_app, request, url_for
from itsdangerous import BadSignature, TimestampSigner
from werkzeug.exceptions import TooManyRequests

from hermes_sessions.errors import storing

from . import render

login = Blueprint("login", __name__)

COOKIE = "hermes_login"
LOGIN_SECONDS = 30 * 86_400
KEY_FILE, KEY_BYTES = "web.key", 32
SAFE = ("GET", "HEAD", "OPTIONS")
OPEN_TO_ALL = ("login.show", "login.enter", "care.show_health", "static")
OWN_HOSTS = frozenset({"127.0.0.1", "localhost", "[::1]"})
ANY_ADDRESS = frozenset({"0.0.0.0", "[::]"})  # noqa: S104  # named to be recognised, not bound
DEFAULT_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?")

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def protect(app: Flask, password: str | None, hosts: Collection[str]) -> None:
    """Let `app` answer only who may ask; `password` and `hosts` as of `create_app`."""
    served = OWN_HOSTS | {_bracketed(host) for host in hosts}
    app.before_request(lambda: _check_host(served))
    app.before_request(_check_origin)
    app.extensions["hermes_login"] = Login(password, app) if password else None
    app.before_request(_check_login)
    app.after_request(_add_headers)


def _bracketed(host: str) -> str:
    """Return a host as it stands in a URL: an IPv6 address in brackets."""
    name = host.lower()
    return f"[{name}]" if ":" in name and not name.startswith("[") else name


# ---- hosts and origins ----------------------------------------------------------------------------------


def _check_host(served: Collection[str]) -> None:
    """Refuse a name that is not ours: another site's name may have been pointed at this machine."""
    name, _ = _split_host(request.environ.get("HTTP_HOST", ""))
    if name not in served and not (ANY_ADDRESS.intersection(served) and _is_address(name)):
        abort(403, "this server does not answer to that host name")


def _split_host(host: str) -> tuple[str, int | None]:
    found = _HOST.fullmatch(host)
    if found is None:
        return "", None
    return found[1].lower(), int(found[2]) if found[2] else None


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def _check_origin() -> None:
    """Refuse a write that a page of another site sends; a program that is no browser names no origin."""
    if request.method in SAFE:
        return
    if request.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none"):
        abort(403, "another site sent this request")
    origin = request.headers.get("Origin")
    if origin is not None and not _is_own(origin):
        abort(403, "another site sent this request")


def _is_own(origin: str) -> bool:
    """Whether an origin is where this request went; the scheme may differ, behind a proxy that does TLS."""
    try:
        scheme, netloc, *_ = urlsplit(origin)
    except ValueError:
        return False
    if scheme not in DEFAULT_PORTS:
        return False
    name, port = _split_host(netloc)
    default = DEFAULT_PORTS[scheme]
    own_name, own_port = _split_host(request.environ["HTTP_HOST"])
    return bool(name) and (name, port or default) == (own_name, own_port or default)


def _add_headers(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if request.endpoint != "static":
        response.headers.setdefault("Cache-Control", "private, no-cache")
    return response


# ---- the password ---------------------------------------------------------------------------------------


class Login:
    """The password of an application: compares it, and signs and checks the cookie of who knew it."""

    def __init__(self, password: str, app: Flask) -> None:
        """Read or store the signing key of the state folder; raise `StorageError`."""
        state_dir = app.extensions["hermes_sessions"].config.state_dir
        self._digest = _digest(password)
        # The password is in the key: another one makes every cookie that was given out worthless.
        self._signer = TimestampSigner(
            signing_key(state_dir) + self._digest, salt=COOKIE, digest_method=hashlib.sha256
        )
        self.slow = Slow()

    def accepts(self, password: str) -> bool:
        """Whether this is the password, in a time that does not depend on it."""
        return hmac.compare_digest(_digest(password), self._digest)

    def token(self) -> str:
        """Return a new cookie's value."""
        return self._signer.sign(secrets.token_urlsafe(16)).decode()

    def knows(self, token: str) -> bool:
        """Whether this cookie's value is one of ours and not too old."""
        with suppress(BadSignature):
            self._signer.unsign(token, max_age=LOGIN_SECONDS)
            return True
        return False


def _digest(password: str) -> bytes:
    return hashlib.sha256(password.encode("utf-8", "surrogatepass")).digest()


def signing_key(state_dir: Path) -> bytes:
    """Return the key that every server of this state folder signs with, made once; raise `StorageError`."""
    path = state_dir / KEY_FILE
    with storing("cannot keep the key that signs logins"):
        with suppress(FileNotFoundError):
            return path.read_bytes()
        descriptor, temporary = tempfile.mkstemp(dir=state_dir, prefix=f"{KEY_FILE}.")  # mode 0600
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(secrets.token_bytes(KEY_BYTES))
            with suppress(FileExistsError):  # of two servers that start at once, the first one's key stays
                os.link(temporary, path)
        finally:
            Path(temporary).unlink()
        return path.read_bytes()


class Slow:
    """How long an address waits after wrong passwords: nothing at first, then twice as long each time."""

    FREE, LONGEST, ADDRESSES = 4, 60.0, 1024

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def wait(self, address: str) -> float:
        """Return for how many seconds this address is not heard yet."""
        with self._lock:
            _, until = self._failures.get(address, (0, 0.0))
            return max(0.0, until - self._clock())

    def failed(self, address: str) -> None:
        """Note a wrong password."""
        with self._lock:
            count = self._failures.pop(address, (0, 0.0))[0] + 1
            penalty = min(self.LONGEST, 2.0 ** min(count - self.FREE, 10)) if count >= self.FREE else 0.0
            self._failures[address] = (count, self._clock() + penalty)
            while len(self._failures) > self.ADDRESSES:
                self._failures.popitem(last=False)

    def succeeded(self, address: str) -> None:
        """Forget the wrong ones."""
        with self._lock:
            self._failures.pop(address, None)


def _login() -> Login | None:
    found: Login | None = current_app.extensions["hermes_login"]
    return found


def _check_login() -> Response | None:
    required = _login()
    if required is None or request.endpoint in OPEN_TO_ALL or required.knows(request.cookies.get(COOKIE, "")):
        return None
    if request.path.startswith("/api/"):
        abort(401, "log in first")
    target = request.full_path.rstrip("?") if request.method == "GET" else "/"
    return render.see_other(url_for("login.show", next=target))


@login.get("/login")
def show() -> Response:
    """Ask for the password."""
    if _login() is None:
        return render.see_other("/")
    return render.page("login.html", next=_local(request.args.get("next", "")), wrong=False)


@login.post("/login")
def enter() -> Response:
    """Compare the password and give out the cookie; every wrong one makes the next wait."""
    required = _login()
    if required is None:
        return render.see_other("/")
    address = request.remote_addr or ""
    if wait := required.slow.wait(address):
        raise TooManyRequests(
            "too many wrong passwords; wait a minute and try again", retry_after=math.ceil(wait)
        )
    target = _local(request.form.get("next", ""))
    if not required.accepts(request.form.get("password", "")):
        required.slow.failed(address)
        return render.page("login.html", 401, next=target, wrong=True)
    required.slow.succeeded(address)
    response = render.see_other(target)
    response.set_cookie(
        COOKIE, required.token(), LOGIN_SECONDS, secure=request.is_secure, httponly=True, samesite="Strict"
    )
    return response


@login.post("/logout")
def leave() -> Response:
    """Take the cookie back."""
    response = render.see_other(url_for("login.show"))
    response.delete_cookie(COOKIE, httponly=True, samesite="Strict")
    return response


def _local(target: str) -> str:
    """Return a path of this server, `/` for an address of any other."""
    return target if re.fullmatch(r"/(?![/\\])[^\\\x00-\x1f\x7f]*", target) else "/"
