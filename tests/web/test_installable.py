"""What a browser needs to install the pages as an application."""

import json
import re
import struct
from pathlib import Path

from flask.testing import FlaskClient

from hermes_sessions import SessionRepository
from webapp import create_app

STATIC = Path(__file__).parents[2] / "webapp/static"


def size_of(png: bytes) -> tuple[int, int]:
    """Return the width and the height that a PNG file states."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", png[16:24])
    return width, height


def fetched(client: FlaskClient, address: str, kind: str) -> bytes:
    """Return a file that is served with this type, on a site that allows a manifest."""
    with client.get(address) as answer:
        assert (answer.status_code, answer.mimetype) == (200, kind)
        assert "manifest-src 'self'" in answer.headers["Content-Security-Policy"]
        content: bytes = answer.data
    return content


def test_the_manifest_and_its_icons_are_served_without_a_login(sessions: SessionRepository) -> None:
    client = create_app(sessions, password="correct horse").test_client()
    page = client.get("/login").get_data(as_text=True)
    address = re.search(r'<link rel="manifest" href="([^"]+)">', page)
    assert address
    answer = fetched(client, address[1], "application/manifest+json")
    manifest = json.loads(answer)
    assert manifest["name"]
    assert manifest["display"] == "standalone"
    for icon in manifest["icons"]:
        file = fetched(client, f"/static/{icon['src']}", icon["type"])
        if icon["type"] == "image/png":
            assert "{}x{}".format(*size_of(file)) == icon["sizes"]
    assert {(icon["sizes"], icon.get("purpose")) for icon in manifest["icons"]} >= {
        ("192x192", None),
        ("512x512", None),
        ("512x512", "maskable"),
    }
    touch = re.search(r'<link rel="apple-touch-icon" href="([^"]+)">', page)
    assert touch
    assert size_of(fetched(client, touch[1], "image/png")) == (180, 180)


def test_the_colour_around_the_page_is_the_page_s_own(client: FlaskClient) -> None:
    page = client.get("/").get_data(as_text=True)
    stated = re.findall(r'<meta name="theme-color" content="(#[0-9a-f]{6})"', page)
    tokens = (STATIC / "tokens.css").read_text("utf-8")
    assert stated == re.findall(r"--background: (#[0-9a-f]{6});", tokens)
