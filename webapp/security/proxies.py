"""Whose request it is, if it came through a proxy: only what a trusted proxy says about that is believed."""

import ipaddress
from collections.abc import Callable, Collection, Iterable
from typing import Any

from hermes_sessions.errors import InvalidValue

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class BehindProxies:
    """A WSGI application behind proxies: corrects `REMOTE_ADDR` and the scheme of what they pass on."""

    def __init__(self, application: Application, trusted: Collection[str]) -> None:
        """Believe the proxies with these addresses or in these networks; raise `InvalidValue`."""
        self._application, self._trusted = application, [parse_network(each) for each in trusted]

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer a request as if its client had connected itself."""
        sender = str(environ.get("REMOTE_ADDR", ""))
        if _believes_scheme(sender, self._trusted):
            scheme = environ.get("HTTP_X_FORWARDED_PROTO", "").rpartition(",")[2].strip().lower()
            if scheme in ("http", "https"):
                environ["wsgi.url_scheme"] = scheme
        if self._trusted:
            forwarded = environ.get("HTTP_X_FORWARDED_FOR", "")
            environ["REMOTE_ADDR"] = client_address(sender, forwarded, self._trusted)
        return self._application(environ, start_response)


def parse_network(text: str) -> Network:
    """Return an IP network, of one address if the text is an address; raise `InvalidValue`."""
    try:
        return ipaddress.ip_network(text.strip(), strict=False)
    except ValueError as error:
        raise InvalidValue(
            f"a trusted proxy must be an address, like 10.0.0.1, or a network, like 10.0.0.0/8, not {text!r}"
        ) from error


def client_address(sender: str, forwarded: str, trusted: Collection[Network]) -> str:
    """Return the last address in the chain of proxies that is not trusted: what is before it can be made up.

    `sender` is who connected, and `forwarded` the header ``X-Forwarded-For``, to which each proxy appends who
    connected to it. If every address is trusted, the first one is the client. The chain ends at a text that
    is no address.
    """
    address = sender
    for each in reversed(forwarded.split(",")):
        if not _is_in(address, trusted):
            break
        parsed = parse_address(each)
        if parsed is None:
            break
        address = str(parsed)
    return address


def parse_address(text: str) -> Address | None:
    """Return an IP address, which may have a port or a zone; None for any other text."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        parsed = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = parsed.ipv4_mapped if parsed.version == 6 else None
    return mapped or parsed


def _is_in(address: str, networks: Iterable[Network]) -> bool:
    parsed = parse_address(address)
    return parsed is not None and any(parsed in network for network in networks)


def _believes_scheme(sender: str, trusted: Collection[Network]) -> bool:
    """Whether a proxy says truly if its connection is encrypted: a trusted one, or one on this machine."""
    parsed = parse_address(sender)
    return parsed is not None and (parsed.is_loopback or _is_in(sender, trusted))
