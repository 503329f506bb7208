"""The shapes of the API's answers, which `openapi` describes and the tests hold the server to."""

from typing import Any, Literal, NotRequired, TypedDict


class Error(TypedDict):
    """What went wrong, in words for people."""

    error: str


class Entry(TypedDict):
    """A session as the list shows it; times are seconds since the epoch.

    One with other small keys, or with lineage, has those as well.
    """

    session_id: str
    title: str
    workspace: str | None
    model: str | None
    model_provider: str | None
    created_at: float
    updated_at: float
    last_message_at: float
    message_count: int
    pinned: bool
    archived: bool
    project_id: str | None
    profile: str
    input_tokens: int
    output_tokens: int
    estimated_cost: float | None
    personality: str | None
    active_stream_id: str | None
    pending_user_message: str | None
    compression_anchor_visible_idx: Any
    compression_anchor_message_key: Any
    context_length: int | None
    threshold_tokens: int | None
    last_prompt_tokens: int | None
    is_cli_session: bool
    source_tag: str | None
    session_source: str | None
    source_label: str | None
    enabled_toolsets: list[str] | None
    is_streaming: bool
    parent_session_id: NotRequired[str | None]
    relationship_type: NotRequired[str | None]
    parent_title: NotRequired[str | None]
    parent_source: NotRequired[str | None]
    _lineage_root_id: NotRequired[str | None]
    _lineage_tip_id: NotRequired[str | None]
    _parent_lineage_root_id: NotRequired[str | None]
    _compression_segment_count: NotRequired[int | None]


class Opened(Entry):
    """A session that is open; without its messages if they were not asked for.

    With a part of them, `_messages_offset` is the index of the first, and `_messages_truncated` whether there
    are earlier ones.
    """

    pending_attachments: list[Any]
    pending_started_at: float | None
    messages: NotRequired[list[Any]]
    tool_calls: NotRequired[list[Any]]
    _messages_truncated: NotRequired[bool]
    _messages_offset: NotRequired[int]


# ---- reading --------------------------------------------------------------------------------------------


class Found(Entry):
    """A conversation that a search found, by its title or by one of its messages.

    In `snippet` each match stands between U+0002 and U+0003. `message_index` is where the message stands in
    the session `segment_id`, None of a title.
    """

    match_type: NotRequired[Literal["title", "content"]]
    snippet: NotRequired[str]
    message_index: NotRequired[int | None]
    segment_id: NotRequired[str]
    score: NotRequired[float]


class Hits(TypedDict):
    """What a search found, the best first; entries of the list alone if nothing was searched for.

    `partial` is whether something was not searched: `missing` sessions are not searchable yet, and
    `warnings` says what could not be.
    """

    sessions: list[Found]
    query: str
    count: int
    partial: bool
    missing: int
    warnings: list[str]


class SessionList(TypedDict):
    """Sessions in the list's order; `warnings` says in words what cannot be shown."""

    sessions: list[Entry]
    cli_count: int
    server_time: float
    server_tz: str
    next_cursor: str | None
    total: int
    warnings: list[str]


class OpenedSession(TypedDict):
    """One session."""

    session: Opened


class Status(TypedDict):
    """Where a session stands."""

    session_id: str
    title: str
    workspace: str | None
    model: str | None
    model_provider: str | None
    profile: str
    created_at: float
    updated_at: float
    last_message_at: float
    message_count: int
    active_stream_id: str | None
    pending_user_message: str | None
    agent_running: bool


class SessionUsage(TypedDict):
    """What one session used."""

    session_id: str
    title: str
    model: str | None
    model_provider: str | None
    profile: str
    message_count: int
    input_tokens: int
    output_tokens: int
    total_tokens: int
    estimated_cost: float | None
    context_length: int | None
    threshold_tokens: int | None
    last_prompt_tokens: int | None
    cache_read_tokens: Any
    cache_write_tokens: Any


# ---- changing -------------------------------------------------------------------------------------------


class Done(TypedDict):
    """It is done."""

    ok: Literal[True]


class Changed(TypedDict):
    """A session after a change."""

    session: Entry


class DoneSession(Done):
    """A session after it was done."""

    session: Entry


class Toolsets(Done):
    """The tools that a session may use; null is all."""

    enabled_toolsets: list[str] | None


class Recovered(Done):
    """Whether there was an interrupted turn to close, and then the session."""

    recovered: bool
    session: Entry | None


class Branched(TypedDict):
    """The new session, and the one that it comes from."""

    session_id: str
    title: str
    parent_session_id: str


class Retried(Done):
    """What was taken away, and the text to send again."""

    removed_count: int
    last_user_text: str


class Undone(Done):
    """What was taken away."""

    removed_count: int
    removed_preview: str


class Imported(TypedDict):
    """An agent's session as one of ours; `imported` is whether it is new."""

    session: Opened
    imported: bool


class Result(TypedDict):
    """What became of one of several: the session (null of a deleted one), or why nothing."""

    session_id: str
    ok: bool
    session: NotRequired[Entry | None]
    error: NotRequired[str]
    status: NotRequired[int]


class Batch(TypedDict):
    """What became of several sessions; `ok` only if all was done."""

    ok: bool
    results: list[Result]


# ---- a home ---------------------------------------------------------------------------------------------


class Project(TypedDict):
    """A named group of sessions; `color` is `#` and hex digits."""

    project_id: str
    name: str
    color: str | None
    created_at: float


class Projects(TypedDict):
    """All projects."""

    projects: list[Project]


class DoneProject(Done):
    """A project after it was done."""

    project: Project


class Trashed(TypedDict):
    """A deleted session; `size` in bytes."""

    session_id: str
    title: str
    message_count: int
    deleted_at: float
    why: str
    size: int


class Trash(TypedDict):
    """What was deleted, the latest first."""

    trash: list[Trashed]


class Purged(Done):
    """How many files were erased."""

    purged: int


class Cleaned(Done):
    """How many sessions went to the trash."""

    cleaned: int


class Finding(TypedDict):
    """Something that is wrong, or with `note` worth knowing: what it means, and what would mend it."""

    kind: str
    session_id: str | None
    meaning: str
    remedy: str
    note: bool


class Findings(TypedDict):
    """What was found."""

    findings: list[Finding]


class Repaired(Findings):
    """What would be mended; if it was `applied`, how many were `mended`, and what is still wrong."""

    applied: bool
    mended: int


class Sums(TypedDict):
    """What the sessions of one key amount to; null is what has no such key."""

    key: str | None
    sessions: int
    messages: int
    input_tokens: int
    output_tokens: int
    total_tokens: int
    estimated_cost: float | None
    priced: int


class Usage(TypedDict):
    """Sums for each key, and over all of them."""

    by: str
    since: float | None
    usage: list[Sums]
    total: Sums


class Health(TypedDict):
    """That the server serves."""

    status: Literal["ok"]
    sessions: int
    uptime_seconds: float


class Probe(TypedDict):
    """Whether the list can be followed, and how often to ask without."""

    ok: Literal[True]
    watcher_running: bool
    fallback_poll_ms: int
