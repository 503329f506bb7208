"""Readers' privacy: fail the build if a page or a style sheet would fetch anything from another host."""

import logging
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig

log = logging.getLogger("mkdocs.hooks.own_host")

# The attributes whose address a browser fetches by itself. The address of an <a> is fetched only on a click.
FETCHED = {"src", "srcset", "poster", "data"}
NEVER_FETCHED = {"canonical", "prev", "next", "edit"}
ELSEWHERE = re.compile(r"\s*(?:https?:)?//", re.IGNORECASE)
IN_STYLES = re.compile(r"""(?:url\(|@import)\s*["']?([^"')\s]+)""", re.IGNORECASE)


def on_post_build(config: MkDocsConfig) -> None:
    """Warn of each such address, which ends a strict build."""
    site = Path(config.site_dir)
    for path in sorted(site.rglob("*")):
        for address in addresses(path):
            if ELSEWHERE.match(address):
                log.warning("%s makes browsers fetch %s", path.relative_to(site), address)


def addresses(path: Path) -> Iterator[str]:
    """Yield every address that a file of the site makes a browser fetch."""
    if path.suffix == ".html":
        page = Fetches()
        page.feed(path.read_text("utf-8"))
        yield from page.addresses
    elif path.suffix == ".css":
        yield from IN_STYLES.findall(path.read_text("utf-8"))


class Fetches(HTMLParser):
    """Collects the addresses that the elements of a page make a browser fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the addresses of one element."""
        values = {name: value or "" for name, value in attrs}
        self.addresses += [values[name] for name in FETCHED & values.keys()]
        if tag == "link" and values.get("rel") not in NEVER_FETCHED:
            self.addresses.append(values.get("href", ""))
        self.addresses += IN_STYLES.findall(values.get("style", ""))
