"""The health of the home: its problems, what fixes them, and the form that repairs."""

from collections.abc import Sequence
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from flask import Blueprint, Response, request, url_for

from hermes_sessions.findings import Finding, repair_text

from ..query_values import whole_number
from ..request_context import sessions
from . import rendering

blueprint = Blueprint("health", __name__)

FINDINGS_A_KIND = 50


class FindingGroup(NamedTuple):
    """The findings of one kind: the first ones, and how many there are."""

    kind: str
    note: bool
    first: Sequence[Finding]
    total: int


@blueprint.get("/check")
def show() -> Response:
    """Show the problems; with `deep=1` every file is read. `mended` is how many a repair has just fixed."""
    deep = request.args.get("deep") == "1"
    fixed = whole_number(request.args, "mended")
    findings = sessions().check(deep=deep)
    groups = finding_groups(findings)
    return rendering.page(
        "health.html",
        deep=deep,
        notice=None if fixed is None else rendering.sentence(repair_text(fixed, findings)),
        problems=[group for group in groups if not group.note],
        notes=[group for group in groups if group.note],
    )


@blueprint.post("/check/repair")
def repair() -> Response:
    """Fix what needs no decision, then show how much that was and what remains."""
    report = sessions().repair(apply=True)
    return rendering.see_other(url_for("pages.health.show", deep="1", mended=len(report.repaired)))


def finding_groups(findings: Sequence[Finding]) -> list[FindingGroup]:
    """Return the findings grouped by kind, problems before notes."""
    by_kind = attrgetter("note", "kind")
    groups = [(key, list(group)) for key, group in groupby(sorted(findings, key=by_kind), by_kind)]
    return [FindingGroup(kind, note, all_[:FINDINGS_A_KIND], len(all_)) for (note, kind), all_ in groups]
