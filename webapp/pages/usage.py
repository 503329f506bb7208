"""The page of tokens and costs, over time and by one key, and the CSV file of its table."""

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime

from flask import Blueprint, Flask, Response, current_app, request

from hermes_sessions.errors import AgentUnavailable, InvalidValue
from hermes_sessions.model import Summary
from hermes_sessions.results import Usage, total_usage

from ..query_values import choice
from ..request_context import sessions
from . import charts, rendering, usage_ranges
from .usage_figures import DEFAULT_KEY, KEY_WORDS, KEYS, Figures, figures_as_csv, names_of, read_figures
from .usage_ranges import UsageRange

blueprint = Blueprint("usage", __name__)

MOST_EXPENSIVE = 10  # conversations
_MONTHS = "hermes_usage_months"


def register(app: Flask) -> None:
    """Give the templates of `app` the formats of figures."""
    app.jinja_env.filters.update(
        tokens=charts.format_tokens,
        money=charts.format_money,
        amount=charts.format_amount,
        day=usage_ranges.day_name,
    )


@blueprint.get("/usage")
def show() -> Response:
    """Show what was used in the range of the query, by the key that it names."""
    today, status, problem, unread = _today(), 200, None, list[str]()
    by = choice(request.args, "by", KEYS, DEFAULT_KEY)
    try:
        chosen = usage_ranges.read_range(request.args, today)
    except InvalidValue as error:
        chosen, status, problem = usage_ranges.default_range(today), 400, str(error)
    try:
        figures = read_figures(by, chosen)
    except AgentUnavailable as error:  # for tools, it must be read: their sums would be too small without it
        figures, unread = read_figures(KEYS[DEFAULT_KEY], chosen), [str(error)]
    warnings = list(dict.fromkeys(map(_sentence, [*unread, *figures.warnings])))
    return rendering.page(
        "usage.html", status, problem=problem, warnings=warnings, **_values(figures, chosen, today)
    )


def _sentence(warning: str) -> str:
    return rendering.sentence(rendering.mask(warning))


def _values(figures: Figures, chosen: UsageRange, today: date) -> Mapping[str, object]:
    spans = charts.spans_of(figures.parts, chosen.first, min(today, chosen.last or today))
    series = charts.series_of(figures.chart_rows, names_of(figures.charted))
    whole = sessions().count(agent=True, hidden=True)
    return {
        "figures": figures,
        "chosen": chosen,
        "key_words": KEY_WORDS,
        "quick": usage_ranges.quick_links(chosen, today),
        "months": usage_ranges.month_links(chosen, _used_months()),
        "months_shown": usage_ranges.MONTHS_SHOWN,
        "spans": spans,
        "series": series,
        "charts": charts.charts_of(spans, series),
        "days": _day_rows(figures.parts, spans),
        "expensive": _expensive(chosen),
        "whole_count": whole,
        "listed_count": sessions().count(agent=True),
    }


@blueprint.get("/usage.csv")
def download() -> Response:
    """Return the table of the page as a CSV file; raise `InvalidValue` for an invalid range.

    What could not be read is named in the header `Hermes-Warnings`, a list in JSON, and the file's name says
    that it is incomplete: a row about it would be one of the figures for whoever adds them up.
    """
    by = choice(request.args, "by", KEYS, DEFAULT_KEY)
    chosen = usage_ranges.read_range(request.args, _today())
    figures = read_figures(by, chosen)
    warnings = [_sentence(each) for each in figures.warnings]
    name = "-".join(["usage", by, *chosen.query.values(), *(["incomplete"] if warnings else [])])
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    if warnings:
        headers["Hermes-Warnings"] = json.dumps(warnings)  # ASCII, as a header must be
    text = figures_as_csv(figures)
    return Response(text.encode("utf-8", "replace"), mimetype="text/csv", headers=headers)


def _today() -> date:
    return datetime.now().astimezone().date()


def _expensive(chosen: UsageRange) -> list[Summary]:
    page = sessions().list(
        agent=True,
        hidden=True,
        since=chosen.since,
        until=chosen.until,
        sort="cost",
        limit=MOST_EXPENSIVE,
    )
    return [each for each in page if each.estimated_cost]


def _used_months() -> Sequence[str]:
    """Return the months with use. They are added up again only when the list has changed: it takes 35 ms."""
    version = sessions().version()
    known = current_app.extensions.get(_MONTHS)
    if known is None or known[0] != version:
        months = [each.key for each in sessions().usage(by="month") if each.key is not None]
        known = current_app.extensions[_MONTHS] = (version, months)
    found: Sequence[str] = known[1]
    return found


def _day_rows(parts: Sequence[Usage], spans: Sequence[charts.Span]) -> list[tuple[str, Usage]]:
    """Return the rows under the charts: newest first, the sessions without a date last."""
    rows = [(span.name, span.usage) for span in reversed(spans) if span.parts]
    undated = [each for each in parts if each.key is None]
    return rows + ([("No date", total_usage(undated))] if undated else [])
