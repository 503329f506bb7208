"""The login: the page that asks for the password, and the check that every other request is logged in."""

import math
import re
import threading
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Flask, Response, abort, current_app, request, url_for
from werkzeug.exceptions import ServiceUnavailable
from werkzeug.http import parse_cookie

from hermes_sessions import SessionRepository

from .. import request_context
from ..pages import rendering
from .logins import COOKIE, LOGIN_SECONDS, Logins
from .passwords import Password, password_of
from .throttle import LoginThrottle

blueprint = Blueprint("login", __name__)

MOST_AT_ONCE = 16  # logins that are compared or wait for it: each takes about 50 ms, two at once
_comparing = threading.BoundedSemaphore(MOST_AT_ONCE)

WITHOUT_LOGIN = ("login.show", "login.log_in", "api.health.show_health", "static")


@dataclass(frozen=True, slots=True)
class LoginRequired:
    """What a server with a password needs to let visitors in."""

    password: Password
    logins: Logins
    throttle: LoginThrottle


def register(app: Flask, password: str | None) -> None:
    """Let `app` answer only who is logged in, if there is a password; `password` as of `create_app`."""
    repository: SessionRepository = app.extensions["hermes_sessions"]
    known = password_of(repository.config.state_dir, password)
    app.extensions["hermes_login"] = _login(known, repository) if known else None
    app.before_request(_check_login)


def _login(password: Password, repository: SessionRepository) -> LoginRequired:
    folder = repository.own_folder
    return LoginRequired(password, Logins(folder, password), LoginThrottle(folder, repository.locks))


def admits(app: Flask, environ: dict[str, Any]) -> bool:
    """Whether a request, given by its environment, is of somebody who is logged in, or needs not be."""
    required = _required_by(app)
    return required is None or required.logins.knows(parse_cookie(environ).get(COOKIE, ""))


def _required_by(app: Flask) -> LoginRequired | None:
    required: LoginRequired | None = app.extensions["hermes_login"]
    return required


def _login_required() -> LoginRequired | None:
    return _required_by(current_app)


def _check_login() -> Response | None:
    if request.endpoint in WITHOUT_LOGIN:
        return None
    required = _login_required()
    if required is None or required.logins.knows(request.cookies.get(COOKIE, "")):
        request_context.admit()
        return None
    if request.path.startswith("/api/"):
        abort(401, "Log in first.")
    target = request.full_path.rstrip("?") if request.method == "GET" else "/"
    return rendering.see_other(url_for("login.show", next=target))


@blueprint.get("/login")
def show() -> Response:
    """Ask for the password."""
    if _login_required() is None:
        return rendering.see_other("/")
    return rendering.page("login.html", next=_local_path(request.args.get("next", "")), problem=None)


@blueprint.post("/login")
def log_in() -> Response:
    """Compare the password and set the cookie; after several wrong passwords the address has to wait."""
    required = _login_required()
    if required is None:
        return rendering.see_other("/")
    if not _comparing.acquire(blocking=False):  # or visitors who guess could keep every thread busy
        raise ServiceUnavailable("Many visitors are logging in. Try again in a moment.", retry_after=1)
    try:
        return _compare(required)
    finally:
        _comparing.release()


def _compare(required: LoginRequired) -> Response:
    address = request.remote_addr or ""
    target = _local_path(request.form.get("next", ""))
    if wait := required.throttle.attempt(address):
        return _ask_later(target, math.ceil(wait))
    if not required.password.accepts(request.form.get("password", "")):
        return rendering.page("login.html", 401, next=target, problem="Wrong password.")
    required.throttle.succeeded(address)
    response = rendering.see_other(target)
    response.set_cookie(
        COOKIE,
        required.logins.begin(),
        LOGIN_SECONDS,
        secure=request.is_secure,
        httponly=True,
        samesite="Strict",
    )
    return response


def _ask_later(target: str, seconds: int) -> Response:
    problem = f"Too many wrong passwords. Try again in {rendering.counted(seconds, 'second')}."
    response = rendering.page("login.html", 429, next=target, problem=problem)
    response.headers["Retry-After"] = str(seconds)
    return response


@blueprint.post("/logout")
def log_out() -> Response:
    """End the login, in this browser and wherever else its cookie is."""
    required = _login_required()
    if required is not None:
        required.logins.end(request.cookies.get(COOKIE, ""))
    response = rendering.see_other(url_for("login.show"))
    response.delete_cookie(COOKIE, httponly=True, samesite="Strict")
    return response


def _local_path(target: str) -> str:
    """Return a path of this server; `/` for an address of any other."""
    return target if re.fullmatch(r"/(?![/\\])[^\\\x00-\x1f\x7f]*", target) else "/"
