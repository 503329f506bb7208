"""The shapes of the API's answers: `openapi` describes them, and the tests check the server against them."""

from typing import Any, Literal, NotRequired, TypedDict

from hermes_sessions.webui_values import LineageRole


class Error(TypedDict):
    """Why a request failed, in words for people."""

    error: str


class SessionEntry(TypedDict):
    """A session as a list shows it. Times are in seconds since the epoch.

    Sessions that have tags, further small keys, or lineage, have those keys too.
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
    tags: NotRequired[list[str]]
    parent_session_id: NotRequired[str | None]
    relationship_type: NotRequired[str | None]
    parent_title: NotRequired[str | None]
    parent_source: NotRequired[str | None]
    _lineage_root_id: NotRequired[str | None]
    _lineage_tip_id: NotRequired[str | None]
    _parent_lineage_root_id: NotRequired[str | None]
    _compression_segment_count: NotRequired[int | None]


class WholeSession(SessionEntry):
    """A session with its messages, unless the request asked for none.

    `_messages_offset` is the index of the first message, `_messages_truncated` whether there are earlier
    ones, and `_msg_limit_max` the most visible messages of a page. `continuation_session_id` is the latest
    session that continues one which the web UI set aside when it compressed the conversation.
    """

    pending_attachments: list[Any]
    pending_started_at: float | None
    messages: NotRequired[list[Any]]
    tool_calls: NotRequired[list[Any]]
    _messages_truncated: NotRequired[bool]
    _messages_offset: NotRequired[int]
    _msg_limit_max: NotRequired[int]
    continuation_session_id: NotRequired[str]


# ---- reading --------------------------------------------------------------------------------------------


class SessionList(TypedDict):
    """A page of the list. `warnings` name what cannot be shown; `next_cursor` is null on the last page.

    The sidebar of the web UI of August has counts too: of its two lists without the choice of one of them, of
    what is archived, and of the sessions of profiles other than the `active_profile`.
    `sidebar_reference_sessions` are archived parents of sessions in the list.
    """

    sessions: list[SessionEntry]
    cli_count: int
    server_time: float
    server_tz: str
    next_cursor: str | None
    total: int
    warnings: list[str]
    sidebar_reference_sessions: NotRequired[list[SessionEntry]]
    webui_session_count: NotRequired[int]
    cli_session_count: NotRequired[int]
    archived_count: NotRequired[int]
    archived_webui_count: NotRequired[int]
    archived_cli_count: NotRequired[int]
    all_profiles: NotRequired[bool]
    active_profile: NotRequired[str]
    other_profile_count: NotRequired[int]
    include_archived: NotRequired[bool]
    archived_limit: NotRequired[int]
    archived_offset: NotRequired[int]


class OneSession(TypedDict):
    """One session."""

    session: WholeSession


class SessionStatus(TypedDict):
    """The metadata of a session, and whether its agent is running. `hermes_home` is the profile's name."""

    session_id: str
    title: str
    workspace: str | None
    model: str | None
    model_provider: str | None
    profile: str
    hermes_home: str
    personality: str | None
    created_at: float
    updated_at: float
    last_message_at: float
    message_count: int
    active_stream_id: str | None
    pending_user_message: str | None
    agent_running: bool
    input_tokens: int
    output_tokens: int
    total_tokens: int
    estimated_cost: float | None


class LineageSegment(TypedDict):
    """One of the agent's sessions in the lineage of a session."""

    session_id: str
    role: LineageRole
    title: str | None
    source: str | None
    started_at: float | None
    updated_at: float | None
    end_reason: str | None
    active: bool
    archived: bool


class LineageReport(TypedDict):
    """Which of the agent's sessions a session continues, latest first, and which were begun from them.

    `manual_review` is true if another session continues one of them too.
    """

    mutation: Literal[False]
    found: Literal[True]
    session_id: str
    lineage_key: str
    tip_session_id: str
    total_segments: int
    materialized_segments: int
    segments: list[LineageSegment]
    children: list[LineageSegment]
    manual_review: bool


class RecoveryItem(TypedDict):
    """A session that is not as its file, its backup or the index says; counts are -1 if they are unknown."""

    session_id: str
    kind: str
    category: Literal["repairable", "unsafe_to_repair"]
    recommendation: str
    live_messages: int
    bak_messages: int


class RecoverySummary(TypedDict):
    """How many sessions have a file, and how many items there are of each category."""

    ok: int
    repairable: int
    unsafe_to_repair: int


class RecoveryAudit(TypedDict):
    """What could be recovered."""

    status: Literal["ok", "warn", "needs_manual_review"]
    summary: RecoverySummary
    items: list[RecoveryItem]


class SessionUsage(TypedDict):
    """The tokens and the cost of one session."""

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


class Success(TypedDict):
    """The change was made."""

    ok: Literal[True]


class ChangedSession(TypedDict):
    """The session after the change."""

    session: SessionEntry


class RenamedSession(ChangedSession):
    """The session after the change, and its title before; null for one that holds a credential."""

    title_before: str | None


class ChangedWholeSession(TypedDict):
    """The session after the change, with its messages."""

    session: WholeSession


class SuccessWithSession(Success):
    """The change was made; the session after it."""

    session: SessionEntry


class PutBack(Success):
    """The change was made; the session after it, null if it was deleted again."""

    session: SessionEntry | None


class UndoneChange(Success):
    """The change was taken back; the session after that, null if it did not exist before the change."""

    session: SessionEntry | None


class SuccessWithWholeSession(Success):
    """The change was made; the session after it, with its messages."""

    session: WholeSession


class ImportedDocument(SuccessWithWholeSession):
    """An exported session was stored; `warnings` says what of it does not exist here."""

    warnings: list[str]


class Toolsets(Success):
    """The toolsets that the session may use; null means all."""

    enabled_toolsets: list[str] | None


class Recovery(Success):
    """Whether there was an interrupted turn to close, and the session after it was closed."""

    recovered: bool
    session: SessionEntry | None


class NewFork(TypedDict):
    """The new session, and the session that it was forked from."""

    session_id: str
    title: str
    parent_session_id: str


class RemovedTurn(TypedDict, total=False):
    """How many messages were removed, and the text of the user's message, to send it again.

    If there was no turn to remove, only an `error`.
    """

    ok: Literal[True]
    removed_count: int
    last_user_text: str
    error: str


class UndoneTurn(TypedDict, total=False):
    """How many messages were removed, and the beginning of the user's message.

    If there was no turn to remove, only an `error`.
    """

    ok: Literal[True]
    removed_count: int
    removed_preview: str
    error: str


class ImportedSession(TypedDict):
    """The session that was stored. `imported` is false if it had been imported before."""

    session: WholeSession
    imported: bool


# ---- projects, trash, health ----------------------------------------------------------------------------


class Project(TypedDict):
    """A named group of sessions; `color` is `#` and hex digits."""

    project_id: str
    name: str
    color: str | None
    created_at: float
    profile: str


class Projects(TypedDict):
    """The projects of a profile, or of all; how many there are in profiles that are not listed."""

    projects: list[Project]
    all_profiles: bool
    active_profile: str
    other_profile_count: int


class SuccessWithProject(Success):
    """The change was made; the project after it."""

    project: Project


class Tag(TypedDict):
    """A tag, and how many sessions have it."""

    name: str
    count: int


class Tags(TypedDict):
    """All tags, the most frequent first."""

    tags: list[Tag]


class FailedSession(TypedDict):
    """A session that was not changed, and why."""

    session_id: str
    error: str


class ManyChanged(Success):
    """The ids of the sessions that changed, and those that could not be changed."""

    changed: list[str]
    failed: list[FailedSession]


class TrashedVersion(TypedDict):
    """A version of a session in the trash; `deleted_at` in seconds since the epoch, `size` in bytes."""

    session_id: str
    title: str
    message_count: int
    deleted_at: float
    why: str
    size: int


class Trash(TypedDict):
    """What is in the trash, latest first; a page of it also says how to go on."""

    trash: list[TrashedVersion]
    next_cursor: NotRequired[str | None]
    total: NotRequired[int]


class Purged(Success):
    """How many files were deleted permanently."""

    purged: int


class Cleaned(Success):
    """How many sessions were moved to the trash."""

    cleaned: int


class Finding(TypedDict):
    """A problem, or with `note` something worth knowing: what it means, and what fixes it.

    Of a lost update, `field` is what another program has overwritten: `deleted` if it wrote the session anew.
    `title` is that of the session as lists show it, null if they do not know it. `name` is the title, or
    else the name of the file; it is null of what is about no session.
    """

    kind: str
    session_id: str | None
    meaning: str
    remedy: str
    note: bool
    field: str | None
    title: str | None
    name: str | None


class Findings(TypedDict):
    """The problems of the home."""

    findings: list[Finding]


class RepairResult(Findings):
    """What a repair would fix. If it was `applied`: how many problems were fixed, and which remain."""

    applied: bool
    mended: int


class UsageSums(TypedDict):
    """The sums over the sessions of one key; the key is null for sessions that have none.

    `keys` has the key too, and that of `then`; it is empty in the total.
    `priced` counts the sessions whose cost is known, and `estimated_cost` is their sum in US dollars.
    """

    key: str | None
    sessions: int
    messages: int
    input_tokens: int
    output_tokens: int
    total_tokens: int
    estimated_cost: float | None
    priced: int
    keys: list[str | None]
    calls: int | None
    failed_calls: int | None


class Usage(TypedDict):
    """Sums for each key, and over all of them. `warnings` name what could not be read."""

    by: str
    then: str | None
    since: float | None
    usage: list[UsageSums]
    total: UsageSums
    warnings: list[str]


class Settings(TypedDict):
    """The settings of the web UI that are followed here."""

    show_cli_sessions: bool
    api_redact_enabled: bool


class Health(TypedDict):
    """The server is running. `active_streams` is how many pages and programs are following the list."""

    status: Literal["ok"]
    sessions: int
    uptime_seconds: float
    active_streams: int
