"""Who may ask: the hosts and origins that are ours, who has logged in; and headers for browsers."""

import ipaddress
import math
import re
from collections.abc import Collection
from urllib.parse import urlsplit

from flask import Blueprint, Flask, Response, abort, current_app, request, url_for
from werkzeug.exceptions import TooManyRequests

from ..pages import rendering as render
from . import logins
from .logins import LOGIN_SECONDS, Login

login = Blueprint("login", __name__)

COOKIE = "hermes_login"
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
    app.extensions["hermes_login"] = logins.login_of(
        app.extensions["hermes_sessions"].config.state_dir, password
    )
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
    """Refuse what a page of another site sends, but a visit to a page of ours; a program names no origin.

    Also reads of the API: another site cannot see the answer, but it could hold all streams open.
    """
    visit = request.method in SAFE and not request.path.startswith("/api/")
    if not visit and request.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none"):
        abort(403, "another site sent this request")
    if request.method in SAFE:
        return
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
    if wait := required.slow.attempt(address):
        raise TooManyRequests(
            "too many wrong passwords; wait a minute and try again", retry_after=math.ceil(wait)
        )
    target = _local(request.form.get("next", ""))
    if not required.accepts(request.form.get("password", "")):
        return render.page("login.html", 401, next=target, wrong=True)
    required.slow.succeeded(address)
    response = render.see_other(target)
    response.set_cookie(
        COOKIE, required.begin(), LOGIN_SECONDS, secure=request.is_secure, httponly=True, samesite="Strict"
    )
    return response


@login.post("/logout")
def leave() -> Response:
    """End the login, in this browser and wherever else the cookie is."""
    required = _login()
    if required is not None:
        required.end(request.cookies.get(COOKIE, ""))
    response = render.see_other(url_for("login.show"))
    response.delete_cookie(COOKIE, httponly=True, samesite="Strict")
    return response


def _local(target: str) -> str:
    """Return a path of this server, `/` for an address of any other."""
    return target if re.fullmatch(r"/(?![/\\])[^\\\x00-\x1f\x7f]*", target) else "/"
