"""HTML out: the one place that fills templates, and the filters for times, masked texts and colours."""

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from flask import Flask, Response, current_app, render_template
from markupsafe import Markup

from hermes_sessions.fields import LONGEST_PROJECT_NAME, LONGEST_TITLE
from hermes_sessions.repository import RETENTION_SECONDS

from ..masking import masker
from ..request_context import is_admitted, shows_list
from .addresses import address

DEFAULT_COLOR = "#8a8f98"
_COLOR = re.compile(r"#(?:[0-9a-fA-F]{3,4}|[0-9a-fA-F]{6}|[0-9a-fA-F]{8})")
_AGES = (
    (31_557_600, "year"),
    (2_629_800, "month"),
    (604_800, "week"),
    (86_400, "day"),
    (3_600, "hour"),
    (60, "minute"),
)
_WORD = re.compile(r"[a-z]+(?= |$)")  # not `session_id` or `broken.json`


def register(app: Flask) -> None:
    """Give the templates of `app` their filters."""
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters.update(
        moment=moment,
        long_moment=long_moment,
        mask=mask,
        svg_color=svg_color,
        hex_color=hex_color,
        counted=counted,
        folder_name=folder_name,
        sentence=sentence,
    )
    app.jinja_env.globals["icon"] = icon
    app.jinja_env.globals.update(
        is_admitted=is_admitted,
        shows_list=shows_list,
        has_password=lambda: current_app.extensions["hermes_login"] is not None,
        longest_title=LONGEST_TITLE,
        longest_project_name=LONGEST_PROJECT_NAME,
        retention_days=RETENTION_SECONDS // 86_400,
    )


def page(template: str, status: int = 200, **values: Any) -> Response:
    """Return a filled template as a response."""
    text = render_template(template, **values)
    # Titles and messages can hold lone surrogates, which UTF-8 cannot encode.
    return Response(text.encode("utf-8", "replace"), status, mimetype="text/html")


def see_other(target: str) -> Response:
    """Return a redirect after a form: the browser fetches `target`, and a reload sends nothing twice."""
    return Response(status=303, headers={"Location": target})


def found_at(target: str) -> Response:
    """Return a redirect to the page that has what was asked for."""
    return Response(status=302, headers={"Location": target})


def mask(text: object) -> str:
    """Return text with its credentials masked, unless the settings turn that off."""
    return str(masker()(text))


def counted(count: int, noun: str) -> str:
    """Return a number and a regular noun: `1 message`, `1,200 messages`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def folder_name(path: str) -> str:
    """Return the last part of a folder's path, as it is written on any system."""
    return path.replace("\\", "/").rstrip("/").rpartition("/")[2]


def sentence(text: str) -> str:
    """Return a message as a sentence: with a full stop, and a capital letter unless it begins with a name."""
    start = text[:1].upper() if _WORD.match(text) else text[:1]
    return f"{start}{text[1:]}{'' if text.endswith(('.', '!', '?', '…')) else '.'}"


def short_time(when: datetime, now: float) -> str:
    """Return a time in the fewest words that tell it; `now` in seconds since the epoch.

    "14:13" today, "Yesterday", "21 Sep" this year, "21 Sep 2025" before and after that. The clocks of two
    machines differ: a time that is yet to come is told like any other. `times.js` says the same.
    """
    today = datetime.fromtimestamp(now, when.tzinfo)
    age = (today.date() - when.date()).days
    if age == 0:
        return f"{when:%H:%M}"
    if age == 1:
        return "Yesterday"
    return f"{when.day} {when:%b}" if when.year == today.year else f"{when.day} {when:%b} {when.year}"


def long_time(when: datetime, now: float) -> str:
    """Return the day and the minute, and how long ago that was; `now` in seconds since the epoch.

    "14:13 · 2 hours ago", "Yesterday, 09:05 · 1 day ago", "21 Sep, 14:13 · 2 months ago". `times.js` says the
    same.
    """
    short, minute = short_time(when, now), f"{when:%H:%M}"
    return f"{minute if short == minute else f'{short}, {minute}'} · {ago(now - when.timestamp())}"


def ago(seconds: float) -> str:
    """Return an age in words."""
    for size, name in _AGES:
        if seconds >= size:
            return f"{counted(int(seconds // size), name)} ago"
    return "just now"


def icon(name: str) -> Markup:
    """Return an icon by its name. A page has 150, and for each a macro of Jinja takes twice as long."""
    return _picture(address("static", filename="vendor/lucide/icons.svg"), name)


@lru_cache(maxsize=1_000)
def _picture(file: str, name: str) -> Markup:
    return Markup('<svg class="icon" aria-hidden="true"><use href="{}#{}"></use></svg>').format(file, name)


def moment(at: float | None) -> Markup:
    """Return a `time` element with a time in short; the exact time, with its zone, is its tooltip."""
    return _time_element(at, short_time, "short")


def long_moment(at: float | None) -> Markup:
    """Return a `time` element with a time to the minute and its age; the exact time is its tooltip."""
    return _time_element(at, long_time, "long")


def _time_element(at: float | None, words: Callable[[datetime, float], str], form: str) -> Markup:
    known = _written(at, time.tzname)
    if known is None:
        return Markup("")
    when, stamp, exact = known
    text = words(when, time.time())
    return Markup(f'<time datetime="{stamp}" title="{exact}" data-{form}>{text}</time>')  # noqa: S704  # all made here


@lru_cache(maxsize=4_000)  # a page has a hundred times, and the next page mostly the same
def _written(at: float | None, _zone: tuple[str, str]) -> tuple[datetime, str, str] | None:
    """Return a time in the server's zone, its stamp, and the exact time in words; None without one.

    The page's script keeps the words of an element true, in the zone that the stamp names.
    """
    when = local_time(at)
    if when is None:
        return None
    return when, when.isoformat("T", "seconds"), f"{when:%Y-%m-%d %H:%M:%S UTC%z}"


def local_time(at: float | None) -> datetime | None:
    """Return a time in the server's zone, None for one that no calendar has."""
    try:
        return None if at is None else datetime.fromtimestamp(at, UTC).astimezone()
    except (OverflowError, OSError, ValueError):
        return None


def svg_color(color: str | None) -> str:
    """Return a project's colour if it is valid: text from a file must not become markup or CSS."""
    return color if color and _COLOR.fullmatch(color) else DEFAULT_COLOR


def hex_color(color: str | None) -> str:
    """Return a colour as a colour field takes it: six digits, without the transparency."""
    digits = svg_color(color)[1:]
    return "#" + (digits[:6] if len(digits) >= 6 else "".join(2 * digit for digit in digits[:3]))
