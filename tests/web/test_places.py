"""The places of the sidebar without JavaScript: links that filter, counts, and forms that can be undone."""

import re
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from hermes_sessions import Facets, Project, SessionRepository
from hermes_sessions.fields import LONGEST_PROJECT_NAME
from webapp.pages import places

from ..support.make import started
from ..support.web import KEY, error, reply


def shown(client: FlaskClient, address: str = "/") -> dict[str, tuple[str, str, bool]]:
    """Return the places of a page by name: the count, the address and whether it is the chosen one."""
    page = client.get(address).text
    section = page.partition('id="places"')[2].partition('class="side-state"')[0]
    found = re.findall(r'<a (?:class="place-link" )?href="([^"]*)"([^>]*)>(.*?)</a>', section, re.DOTALL)
    named = {}
    for href, more, inside in found:
        count = re.search(r'class="place-count"[^>]*>([\d,]+)<', inside)
        name = re.sub(r"<[^>]+>|\s+", " ", inside.partition('<span class="place-count"')[0]).strip()
        named[name] = (count[1] if count else "", href.replace("&amp;", "&"), "aria-current" in more)
    return named


def test_places_have_counts_and_lead_to_their_conversations_and_back(
    sessions: SessionRepository, client: FlaskClient
) -> None:
    project = sessions.projects.create("Garden", "#15923f")
    ids = [started(sessions, title=f"Talk {number}", project_id=project.project_id) for number in range(2)]
    loose = started(sessions, title="Loose #home")
    started(sessions, title="Old", archived=True)
    sessions.tag(ids[0], "roses & thorns")
    found = shown(client)
    assert {name: count for name, (count, *_) in found.items()} == {
        "All": "3",
        "Interrupted": "0",
        "Archived": "1",
        "No project": "1",
        "Garden": "2",
        "home": "1",
        "roses &amp; thorns": "1",
    }
    assert [name for name, (*_, chosen) in found.items() if chosen] == ["All"]
    for name, (count, href, _) in found.items():
        page = client.get(href)
        assert page.text.count('<li class="row"') == int(count), name
        count_again, back, chosen = shown(client, href)[name]
        assert (count_again, chosen) == (count, True)
        assert back == "/"
    assert f'data-id="{loose}"' in client.get("/?project_id=none").text


def test_the_sidebar_notices_changed_projects_and_tags(
    sessions: SessionRepository, client: FlaskClient
) -> None:
    session_id = started(sessions)
    etag = client.get("/sidebar").headers["ETag"]
    for change in (
        lambda: sessions.projects.create("Garden"),
        lambda: sessions.tag(session_id, "work"),
        lambda: sessions.rename_tag("work", "job"),
        lambda: sessions.projects.rename(sessions.projects.list()[0].project_id, "Attic"),
        lambda: sessions.update(session_id, project_id=sessions.projects.list()[0].project_id),
        lambda: sessions.projects.delete(sessions.projects.list()[0].project_id),
    ):
        assert client.get("/sidebar", headers={"If-None-Match": etag}).status_code == 304
        change()
        answer = client.get("/sidebar", headers={"If-None-Match": etag})
        assert answer.status_code == 200
        etag = answer.headers["ETag"]
    assert 'id="places"' in client.get("/sidebar").text
    assert 'id="places"' not in client.get("/sidebar?offset=50&q=x").text


def test_projects_and_tags_are_changed_and_restored_by_forms(
    sessions: SessionRepository, client: FlaskClient
) -> None:
    page = client.post("/places/projects", data={"name": " Garden "}, follow_redirects=True).text
    assert "Project created." in page
    (garden,) = sessions.projects.list()
    assert garden.color == places.PALETTE[0][1]
    session_id = started(sessions, project_id=garden.project_id, title="Trip")
    address = f"/places/projects/{garden.project_id}"
    assert f'formaction="{address}/delete' in client.get(f"/?project_id={garden.project_id}").text
    client.post(address, data={"name": "Attic", "color": "#aa3366"})
    assert [(each.name, each.color) for each in sessions.projects.list()] == [("Attic", "#aa3366")]
    page = client.post(f"{address}/delete", follow_redirects=True).text
    assert "Project deleted. Its conversations were kept." in page
    assert sessions.summary(session_id).project_id is None
    (undo,) = re.findall(r'action="(/places/projects/[^"]*/restore[^"]*)"', page)
    assert "Restored." in client.post(undo, follow_redirects=True).text
    assert sessions.summary(session_id).project_id == garden.project_id

    sessions.tag(session_id, "work")
    client.post("/places/tags/rename", data={"name": "work", "new": "job"})
    assert sessions.tags() == {"job": 1}
    page = client.post("/places/tags/delete", data={"name": "job"}, follow_redirects=True).text
    assert "Tag deleted." in page
    (undo,) = re.findall(r'<button name="name" value="([^"]*)">Undo', page)
    assert "Restored." in client.post("/places/tags/restore", data={"name": undo}, follow_redirects=True).text
    assert sessions.summary(session_id).tags == ("job",)
    assert client.post("/places/tags/restore", data={"name": "never"}).status_code == 404
    assert client.post("/places/projects", data={"name": "x" * 500}).status_code == 303
    assert len(sessions.projects.list()[-1].name) == LONGEST_PROJECT_NAME


def test_a_bookmark_of_the_projects_leads_to_the_list(client: FlaskClient) -> None:
    answer = client.get("/projects")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")


def test_restoring_over_http(sessions: SessionRepository, client: FlaskClient) -> None:
    project_id = sessions.projects.create("Garden").project_id
    session_id = started(sessions, project_id=project_id)
    sessions.tag(session_id, "work")
    client.post("/api/projects/delete", json={"project_id": project_id})
    client.post("/api/tags/remove", json={"name": "work"})
    answer = reply(client.post("/api/projects/restore", json={"project_id": project_id}))
    assert answer == {"ok": True, "changed": [session_id], "failed": []}
    assert reply(client.post("/api/tags/restore", json={"name": "#Work"}))["changed"] == [session_id]
    summary = sessions.summary(session_id)
    assert (summary.project_id, summary.tags) == (project_id, ("work",))
    assert "no deleted project" in error(client.post("/api/projects/restore", json={"project_id": "x"}), 404)


def test_projects_of_other_profiles_are_among_all(sessions: SessionRepository, client: FlaskClient) -> None:
    sessions.projects.create("Mine")
    other = sessions.projects.create("Theirs", profile="work")
    assert "Theirs" not in str(shown(client).keys())
    assert "Theirs" in str(shown(client, f"/?project_id={other.project_id}").keys())
    assert {"Mine", "Theirs (work)"} <= {" ".join(each.split()) for each in shown(client, "/?places=all")}
    assert "Show all" in client.get("/").text


def test_unreadable_projects_leave_the_other_places(sessions: SessionRepository, client: FlaskClient) -> None:
    started(sessions, title="Loose #home")
    sessions.config.projects_file.write_text("{")
    assert shown(client).keys() >= {"All", "No project", "home"}
    assert "projects.json cannot be read" in client.get("/").text


def test_a_masked_tag_is_no_link(sessions: SessionRepository, client: FlaskClient) -> None:
    sessions.tag(started(sessions), KEY)
    page = client.get("/").text
    assert KEY not in page
    assert "sk-abc...wxyz" in page.partition('aria-label="Tags"')[2]
    assert not any("sk-abc" in name for name in shown(client))


# ---- which are shown ------------------------------------------------------------------------------------


def _project(name: str, created_at: float, profile: str = "default") -> Project:
    return Project(name, name, None, created_at, profile)


@pytest.mark.parametrize(
    ("chosen", "profile", "most", "expected"),
    [
        (None, None, None, ["a", "B", "c", "d"]),
        (None, None, 2, ["a", "d"]),
        ("B", None, 2, ["a", "B"]),
        (None, None, 3, ["a", "B", "c", "d"]),
        (None, "work", None, ["c"]),
        ("a", "work", None, ["a", "c"]),
    ],
)
def test_the_projects_that_were_active_last_are_shown_by_name(
    chosen: str | None, profile: str | None, most: int | None, expected: list[str]
) -> None:
    projects = [_project("d", 4.0), _project("c", 3.0, "work"), _project("a", 1.0), _project("B", 2.0)]
    facets = Facets(projects_active_at={"a": 9.0})
    found = places.shown_projects(projects, facets, chosen, profile, most)
    assert [each.name for each in found] == expected


def test_the_most_frequent_tags_are_shown_by_name() -> None:
    counts = {"z": 5, "y": 4, "x": 3, "w": 2}
    assert places.shown_tags(counts, None, 2) == ["y", "z"]
    assert places.shown_tags(counts, "w", 2) == ["w", "z"]
    assert places.shown_tags(counts, "unknown", None) == ["w", "x", "y", "z"]


def test_every_colour_of_the_palette_can_be_told_from_the_sidebar() -> None:
    tokens = Path("webapp/static/tokens.css").read_text()
    backgrounds = re.findall(r"--sidebar: (#\w{6})", tokens)
    assert len(backgrounds) == 2
    for _, color in places.PALETTE:
        assert all(_contrast(color, each) >= 3 for each in backgrounds), color


def _contrast(one: str, other: str) -> float:
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def _luminance(color: str) -> float:
    channels = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        each / 12.92 if each <= 0.03928 else ((each + 0.055) / 1.055) ** 2.4 for each in channels
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
