"""The health of the home: what is wrong, in words, and the buttons that mend it."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from flask import Blueprint, Response, request, url_for

from hermes_sessions.errors import InvalidValue, NotFound, StorageError
from hermes_sessions.finding_words import FindingWords, Mending, by_conversation, is_problem, words_of
from hermes_sessions.findings import Finding, FindingKind, repair_text

from .. import actions
from ..query_values import whole_number
from ..request_context import sessions
from . import notices, rendering

blueprint = Blueprint("health", __name__)

FINDINGS_A_KIND = 50

# What the page says of a mending: the notice, and the session of which its button takes the mending back.
Outcome = Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class FindingGroup:
    """The findings of one kind: its words, the first findings, and how many there are."""

    kind: FindingKind
    words: FindingWords
    first: Sequence[Finding]
    total: int


@blueprint.get("/check")
def show() -> Response:
    """Show the problems; with `deep=1` every file is read. `mended` is how many a repair has just fixed."""
    deep = request.args.get("deep") == "1"
    fixed = whole_number(request.args, "mended")
    findings = by_conversation(sessions().check(deep=deep))
    automatic = [each for each in findings if words_of(each).mending is Mending.AUTOMATIC]
    problems = [each for each in findings if is_problem(each)]
    return rendering.page(
        "health.html",
        deep=deep,
        notice=None if fixed is None else rendering.sentence(repair_text(fixed, problems)),
        problems=finding_groups(problems),
        notes=finding_groups([each for each in findings if not is_problem(each) and each not in automatic]),
        automatic=finding_groups(automatic),
        looked_at=time.time(),
        count=_count(),
    )


def _count() -> int | None:
    """Return how many conversations there are, None while no list can tell: a finding says why."""
    with suppress(StorageError):
        return sessions().count(agent=True, hidden=True)
    return None


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
    return _show(MENDERS[mending](session_id))


@blueprint.post("/check/undo")
def undo() -> Response:
    """Take back what `mend` did, and show the findings again."""
    session_id, project_id, change = (
        request.form.get(name, "") for name in ("session_id", "project_id", "change")
    )
    if change:
        sessions().undo_change(session_id, change)
    elif project_id:
        actions.move_back(session_id, project_id)
    else:
        actions.restore_deleted(session_id, undoing=True)
    return _show({"done": "undo"})


def _show(outcome: Outcome) -> Response:
    query: dict[str, Any] = {"deep": request.form.get("deep") or None, **outcome}
    return rendering.see_other(url_for("pages.health.show", **query))


def _restore(session_id: str) -> Outcome:
    try:
        sessions().summary(session_id)
        done = "restore-longer"
    except NotFound:
        done = "restore"
    _, undo = notices.undoable(session_id, actions.restore)
    return {"done": done, **undo}


def _recover(session_id: str) -> Outcome:
    closed, undo = notices.undoable(session_id, sessions().recover)
    return {"done": "recover" if closed else "recover-nothing", **undo}


def _put_back(session_id: str) -> Outcome:
    put_back, undo = notices.undoable(session_id, sessions().lost.put_back)
    return {"done": "put-back", **undo} if put_back else {"done": "delete-again", "undo_mending": session_id}


def _leave_project(session_id: str) -> Outcome:
    project_id = sessions().summary(session_id).project_id
    actions.move(session_id, None)
    return {"done": "leave-project", "undo_mending": session_id, "left_project": project_id}


# What a button does.
MENDERS: Mapping[str, Callable[[str], Outcome]] = {
    Mending.RESTORE: _restore,
    Mending.RECOVER: _recover,
    Mending.PUT_BACK: _put_back,
    Mending.LEAVE_PROJECT: _leave_project,
}


def finding_groups(findings: Sequence[Finding]) -> list[FindingGroup]:
    """Return the findings grouped by kind, and by what they mean to a person."""
    groups = [list(group) for _, group in groupby(sorted(findings, key=_kind), _kind)]
    return [
        FindingGroup(all_[0].kind, words_of(all_[0]), all_[:FINDINGS_A_KIND], len(all_)) for all_ in groups
    ]


def _kind(finding: Finding) -> tuple[str, str]:
    return finding.kind, words_of(finding).title
