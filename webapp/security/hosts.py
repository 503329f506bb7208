"""Which hosts and origins may send requests: protects against DNS rebinding and other sites' pages."""

import ipaddress
import re
from collections.abc import Collection
from typing import NamedTuple
from urllib.parse import urlsplit

from flask import Flask, abort, request

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
OWN_HOSTS = frozenset({"127.0.0.1", "localhost", "[::1]"})
ANY_ADDRESS = frozenset({"0.0.0.0", "[::]"})  # noqa: S104  # compared with names, never bound
DEFAULT_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?")


class Host(NamedTuple):
    """The name and the port of a `Host` header; the name is empty if the header is invalid."""

    name: str
    port: int | None


def register(app: Flask, hosts: Collection[str]) -> None:
    """Let `app` answer only requests to this machine's own names or to `hosts`, and none of other sites."""
    served = OWN_HOSTS | {_bracketed(host) for host in hosts}
    app.before_request(lambda: _check_host(served))
    app.before_request(_check_origin)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _bracketed(host: str) -> str:
    """Return a host as it stands in a URL: an IPv6 address in brackets."""
    name = host.lower()
    return f"[{name}]" if ":" in name and not name.startswith("[") else name


def _check_host(served: Collection[str]) -> None:
    """Refuse unknown names: DNS rebinding makes another site's name point to this machine."""
    name = _parse_host(request.environ.get("HTTP_HOST", "")).name
    if name not in served and not (ANY_ADDRESS.intersection(served) and _is_address(name)):
        abort(403, "This server does not answer to that host name. Add it with `serve --hosts`.")


def _parse_host(host: str) -> Host:
    match = _HOST.fullmatch(host)
    if match is None:
        return Host("", None)
    return Host(match[1].lower(), int(match[2]) if match[2] else None)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def _check_origin() -> None:
    """Refuse what a page of another site sends, except visits to pages; programs send no origin.

    Reads of the API are refused too: another site cannot see the answer, but it could hold all streams open.
    """
    is_visit = request.method in SAFE_METHODS and not request.path.startswith("/api/")
    if not is_visit and request.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none"):
        abort(403, "Another site sent this request.")
    if request.method in SAFE_METHODS:
        return
    origin = request.headers.get("Origin")
    if origin is not None and not _is_own(origin):
        abort(403, "Another site sent this request.")


def _is_own(origin: str) -> bool:
    """Whether an origin is the host of this request; the scheme may differ, behind a proxy that does TLS."""
    try:
        scheme, netloc, *_ = urlsplit(origin)
    except ValueError:
        return False
    if scheme not in DEFAULT_PORTS:
        return False
    sender, own = _parse_host(netloc), _parse_host(request.environ["HTTP_HOST"])
    default = DEFAULT_PORTS[scheme]
    return bool(sender.name) and (sender.name, sender.port or default) == (own.name, own.port or default)
