"""What the web UI does with the files of sessions, in our words.

It keeps sessions in memory and writes them without a look at their files, and restores backups when it
starts. `HEAD` is the web UI of August 2026, `MAY` that of May 2026.
"""

import json
import os
import re
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

MAY, HEAD = "may", "head"
# The keys that each writes beside messages and calls.
_MAY_KEYS = (
    "session_id title workspace model model_provider created_at updated_at pinned archived project_id "
    "profile input_tokens output_tokens estimated_cost personality active_stream_id pending_user_message "
    "pending_attachments pending_started_at compression_anchor_visible_idx compression_anchor_message_key "
    "context_length threshold_tokens last_prompt_tokens parent_session_id is_cli_session source_tag "
    "session_source source_label enabled_toolsets"
).split()
_HEAD_KEYS = (
    *_MAY_KEYS,
    *("truncation_watermark", "truncation_boundary", "clear_generation", "intentional_shrink_generation"),
    *("manual_title", "message_count"),
)
_KEYS = {MAY: _MAY_KEYS, HEAD: _HEAD_KEYS}
_GENERATION = re.compile("[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}")


class OpenSession:
    """A session that the web UI has open."""

    def __init__(self, path: Path, version: str = HEAD) -> None:
        self.path, self.version = path, version
        document = json.loads(path.read_text())
        self.values: dict[str, Any] = {key: document.get(key) for key in _KEYS[version]}
        self.values |= {key: document.get(key) or [] for key in ("messages", "tool_calls")}

    def save(self, *, touch: bool = True, **values: Any) -> None:
        """Write what is in memory, after setting these values in it."""
        self.values |= values
        if touch:
            self.values["updated_at"] = time.time()
        if self.version == HEAD:
            self.values["message_count"] = len(self.values["messages"])
            self._back_up()
        temporary = self.path.with_suffix(f".tmp.{os.getpid()}.1")
        temporary.write_text(json.dumps(self.values, ensure_ascii=False, indent=2))
        temporary.replace(self.path)

    def _back_up(self) -> None:
        """Keep the file beside itself if it has more messages than what is about to be written."""
        if self.path.exists() and _count(self.path) > len(self.values["messages"]):
            self.path.with_suffix(".json.bak").write_bytes(self.path.read_bytes())

    def delete(self) -> None:
        """Delete the session, and its backup."""
        self.path.unlink(missing_ok=True)
        self.path.with_suffix(".json.bak").unlink(missing_ok=True)


def start_head(state_dir: Path, agent: Path) -> list[str]:
    """Restore backups as the head does when it starts, and return the ids of the sessions it restored.

    A backup replaces a session with fewer messages, unless that says that it was shortened on purpose after
    the backup was made. A session that is gone comes back from its backup if the agent has it.
    """
    restored = []
    for backup in sorted((state_dir / "sessions").glob("*.json.bak")):
        live = backup.with_suffix("")
        if live.name.startswith("_") or not (live.exists() or _agent_has(agent, live.stem)):
            continue
        if _count(backup) > _count(live) and not (live.exists() and _was_shortened(live, backup)):
            live.write_bytes(backup.read_bytes())
            restored.append(live.stem)
    return restored


def shown_by_head(path: Path, agent: Path) -> list[str]:
    """Return the texts that the head shows of a session: its messages, and those that only the agent has.

    Of these it leaves out what is later than `truncation_watermark`, unless it is later than every message
    of the file, and that has one from after the cut.
    """
    document = json.loads(path.read_text())
    texts = [message["content"] for message in document["messages"]]
    cut, newest = (
        document.get("truncation_watermark"),
        max((message["timestamp"] for message in document["messages"]), default=0.0),
    )
    query = "SELECT content, timestamp FROM messages WHERE session_id = ? ORDER BY timestamp"
    with closing(sqlite3.connect(agent)) as db:
        rows = db.execute(query, (path.stem,)).fetchall()
    for text, at in rows:
        removed = cut is not None and at > cut and (at <= newest or newest <= cut)
        if text not in texts and at > newest and not removed:
            texts.append(text)
    return texts


def _count(path: Path) -> int:
    """Return how many messages a file has, -1 if it cannot be read."""
    try:
        messages = json.loads(path.read_text())["messages"]
    except (OSError, ValueError, KeyError):
        return -1
    return len(messages) if isinstance(messages, list) else -1


def _was_shortened(live: Path, backup: Path) -> bool:
    of_live, of_backup = (
        json.loads(path.read_text()).get("intentional_shrink_generation") for path in (live, backup)
    )
    if not _GENERATION.fullmatch(str(of_live)):
        return False
    return of_backup is None or bool(_GENERATION.fullmatch(str(of_backup)) and of_backup != of_live)


def _agent_has(agent: Path, session_id: str) -> bool:
    if not agent.exists():
        return True
    with closing(sqlite3.connect(agent)) as db:
        return bool(db.execute("SELECT 1 FROM sessions WHERE id = ?", (session_id,)).fetchone())
