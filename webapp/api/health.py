"""JSON routes of the home's health: its problems, their repair, and whether the server runs."""

import time
from collections.abc import Iterable
from functools import partial
from typing import cast

from flask import Blueprint, Response

from hermes_sessions.findings import Finding
from hermes_sessions.webui_values import recovery_audit

from ..request_context import open_streams, sessions
from . import routing, schemas, web_ui_schemas
from .encoding import json_response

blueprint = Blueprint("health", __name__)
get, post = partial(routing.get, blueprint), partial(routing.post, blueprint)

STARTED = time.monotonic()


@get("/api/check")
def list_findings(deep: bool = False) -> schemas.Findings:
    """List the problems of the home, and what fixes each. `deep` also reads and parses every file."""
    return {"findings": _entries(sessions().check(deep=deep))}


@get("/api/session/recovery/audit")
def audit_recovery() -> schemas.RecoveryAudit:
    """List the problems of single sessions as the web UI of August names them. `/api/check` says more."""
    audit = recovery_audit(sessions().check(), sessions().count(hidden=True))
    return cast(schemas.RecoveryAudit, audit.as_dict())


@post("/api/session/recovery/repair-safe")
def repair_safely() -> web_ui_schemas.SafeRepair | Response:
    """Repair what can be repaired without a decision, and answer as the web UI of August does.

    If problems are left, the status is 409. No conversation is changed; `/api/repair` says more.
    """
    before = audit_recovery()
    repaired = len(sessions().repair(apply=True).repaired)
    after = audit_recovery()
    clean = after["status"] == "ok"
    answer: web_ui_schemas.SafeRepair = {
        "ok": clean,
        "clean": clean,
        "repaired": repaired,
        "before": before,
        "backup_repair": {
            "scanned": before["summary"]["ok"],
            "restored": 0,
            "orphaned_backups": 0,
            "details": [],
        },
        "sidecar_repair": {"scanned": 0, "materialized": 0, "details": []},
        "after": after,
    }
    if clean:
        return answer
    return json_response({**answer, "error": "Some problems need a decision. See the page Health."}, 409)


@post("/api/repair")
def repair_home(apply: bool = False) -> schemas.RepairResult:
    """List the problems that can be fixed without a decision, or with `apply` fix them and list what remains.

    Only the index and what interrupted writes left behind is changed, never a conversation.
    """
    report = sessions().repair(apply=apply)
    findings = report.left if apply else report.repairable
    return {"applied": report.applied, "mended": len(report.repaired), "findings": _entries(findings)}


def _entries(findings: Iterable[Finding]) -> list[schemas.Finding]:
    return [cast(schemas.Finding, finding.as_dict()) for finding in findings]


@get("/health")
def show_health() -> schemas.Health:
    """Say that the server runs, without a login: how many sessions it lists, and for how long it has run."""
    return {
        "status": "ok",
        "sessions": sessions().count(),
        "uptime_seconds": round(time.monotonic() - STARTED, 1),
        "active_streams": open_streams(),
    }
