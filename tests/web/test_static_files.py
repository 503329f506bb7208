"""Scripts and styles: a browser keeps them until a file changes, and then asks for all of them."""

import re
import shutil
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

ADDRESS = re.compile(r"/static/v/[0-9a-f]{16}/[^\"#]+")


@pytest.fixture
def files(app: Flask, tmp_path: Path) -> Path:
    """A copy of the files, which the application serves."""
    assert app.static_folder
    app.static_folder = str(shutil.copytree(app.static_folder, tmp_path / "static"))
    return Path(app.static_folder)


def addresses(client: FlaskClient) -> dict[str, str]:
    """Return the addresses that the list's page names, by the file's name."""
    found = ADDRESS.findall(client.get("/").text)
    return {address.split("/", 4)[4]: address for address in found}


def kept(client: FlaskClient, address: str) -> str | None:
    with client.get(address) as answer:
        assert answer.status_code == 200
        return answer.headers["Cache-Control"]


def test_what_a_page_names_is_kept_for_a_year(client: FlaskClient) -> None:
    named = addresses(client)
    assert {"app.js", "app.css", "icon.svg", "vendor/lucide/icons.svg"} <= named.keys()
    assert {kept(client, each) for each in named.values()} == {"public, max-age=31536000, immutable"}
    assert not re.search(r'(src|href)="/static/(?!v/)[^"]*\.(js|css)"', client.get("/").text)


@pytest.mark.parametrize("address", ["/static/app.js", "/static/v/0123456789abcdef/app.js"])
def test_without_the_version_of_now_it_is_asked_for_each_time(client: FlaskClient, address: str) -> None:
    assert kept(client, address) == "no-cache"


def test_a_file_that_another_program_writes_gives_all_of_them_another_address(
    files: Path, client: FlaskClient
) -> None:
    before = addresses(client)
    with (files / "dom.js").open("a") as file:
        file.write("// changed")
    after = addresses(client)
    assert after.keys() == before.keys()
    assert not set(after.values()) & set(before.values())
    assert kept(client, after["app.js"]) == "public, max-age=31536000, immutable"
    assert kept(client, before["app.js"]) == "no-cache"
    (files / "dom.js").unlink()
    assert addresses(client)["app.js"] not in (before["app.js"], after["app.js"])


def test_another_process_that_made_no_page_knows_the_version_too(app: Flask, client: FlaskClient) -> None:
    address = addresses(client)["app.js"]
    app.extensions["hermes_static_version"] = ""
    assert kept(client, address) == "public, max-age=31536000, immutable"
