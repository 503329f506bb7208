"""The health of the home: what is wrong, in words, and the buttons that mend it."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter

from flask import Blueprint, Response, request, url_for

from hermes_sessions.errors import InvalidValue, NotFound, SessionsError
from hermes_sessions.finding_words import FINDING_WORDS, FindingWords, Mending
from hermes_sessions.findings import Finding, FindingKind, repair_text

from .. import actions
from ..query_values import whole_number
from ..request_context import sessions
from . import rendering

blueprint = Blueprint("health", __name__)

FINDINGS_A_KIND = 50


@dataclass(frozen=True, slots=True)
class FoundSession:
    """A finding, and the title of the conversation that it is about; None if that cannot be opened."""

    finding: Finding
    title: str | None


@dataclass(frozen=True, slots=True)
class FindingGroup:
    """The findings of one kind: its words, the first findings, and how many there are."""

    kind: FindingKind
    words: FindingWords
    first: Sequence[FoundSession]
    total: int


@blueprint.get("/check")
def show() -> Response:
    """Show the problems; with `deep=1` every file is read. `mended` is how many a repair has just fixed."""
    deep = request.args.get("deep") == "1"
    fixed = whole_number(request.args, "mended")
    findings = sessions().check(deep=deep)
    automatic = [each for each in findings if _mending(each) is Mending.AUTOMATIC]
    others = [each for each in findings if _mending(each) is not Mending.AUTOMATIC]
    return rendering.page(
        "health.html",
        deep=deep,
        notice=None if fixed is None else rendering.sentence(repair_text(fixed, findings)),
        problems=finding_groups([each for each in others if not each.note]),
        notes=finding_groups([each for each in others if each.note]),
        automatic=finding_groups(automatic),
        looked_at=time.time(),
        count=sessions().count(agent=True, hidden=True),
    )


@blueprint.post("/check/repair")
def repair() -> Response:
    """Fix what needs no decision, then show how much that was and what remains."""
    report = sessions().repair(apply=True)
    return rendering.see_other(url_for("pages.health.show", deep="1", mended=len(report.repaired)))


@blueprint.post("/check/mend")
def mend() -> Response:
    """Do what mends a finding of one conversation, and show what is left and what was done."""
    mending, session_id = (request.form.get(name, "") for name in ("mending", "session_id"))
    if mending not in MENDERS:
        raise InvalidValue(f"mending must be one of {', '.join(MENDERS)}")
    done = MENDERS[mending](session_id)
    undo = session_id if done == "delete-again" else None
    return rendering.see_other(
        url_for("pages.health.show", deep=request.form.get("deep") or None, done=done, undo=undo)
    )


def _restore(session_id: str) -> str:
    try:
        sessions().summary(session_id)
        done = "restore-longer"
    except NotFound:
        done = "restore"
    actions.restore(session_id)
    return done


def _recover(session_id: str) -> str:
    return "recover-nothing" if sessions().recover(session_id) is None else "recover"


def _put_back(session_id: str) -> str:
    return "delete-again" if sessions().lost.put_back(session_id) is None else "put-back"


def _leave_project(session_id: str) -> str:
    actions.move(session_id, None)
    return "leave-project"


# What a button does, and the notice of its outcome.
MENDERS: Mapping[str, Callable[[str], str]] = {
    Mending.RESTORE: _restore,
    Mending.RECOVER: _recover,
    Mending.PUT_BACK: _put_back,
    Mending.LEAVE_PROJECT: _leave_project,
}


def _mending(finding: Finding) -> Mending:
    return FINDING_WORDS[finding.kind].mending


def finding_groups(findings: Sequence[Finding]) -> list[FindingGroup]:
    """Return the findings grouped by kind, each with its words."""
    by_kind = attrgetter("kind")
    groups = [(kind, list(group)) for kind, group in groupby(sorted(findings, key=by_kind), by_kind)]
    return [
        FindingGroup(kind, FINDING_WORDS[kind], [*map(_found, all_[:FINDINGS_A_KIND])], len(all_))
        for kind, all_ in groups
    ]


def _found(finding: Finding) -> FoundSession:
    if finding.session_id is not None:
        with suppress(SessionsError):  # of a file that cannot be read there is only the finding
            return FoundSession(finding, sessions().summary(finding.session_id).title or "Untitled")
    return FoundSession(finding, None)
