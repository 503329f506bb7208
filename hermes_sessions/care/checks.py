"""Checks of a home: what is wrong, what it means, and what fixes it. Changes nothing."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property

from .. import lost_words
from ..agent import Agents, mirror_states
from ..changes import Leftovers, Projects, Store, find_leftovers
from ..errors import NotFound, StorageError, Unreadable
from ..files import Aside
from ..findings import Finding, FindingKind
from ..index import database, own_changes, rows, sync, tag_sync, upgrades
from ..results import TrashReason
from ..sidecars import Backup, Loaded, backups, folder, load, outline_of, reading, tags, trash
from . import databases
from .contents import REPAIR, Contents

SYNC = "hermes-sessions sync"


def titled(findings: Iterable[Finding], titles: Mapping[str, str]) -> list[Finding]:
    """Return findings with the titles of their sessions, by id."""
    return [replace(each, title=titles.get(each.session_id or "")) for each in findings]


class Checks:
    """The checks of one home, a method each. What was deleted before `trash_before` (ns) can be purged.

    `check_search` sets a damaged search index aside.
    """

    def __init__(
        self,
        store: Store,
        agents: Agents,
        projects: Projects,
        check_search: Callable[[], None],
        trash_before: int,
    ) -> None:
        self.store, self.mirrored = store, agents
        self._agents, self._projects, self._trash_before = agents, projects, trash_before
        self._check_search = check_search
        self._unread = set[str]()  # the profiles of agents whose databases were to be read to their end

    def all(self, *, deep: bool) -> list[Finding]:
        """Return all findings; `deep` reads and parses every file, and every database."""
        databases = list(self.databases()) if deep else []
        in_folder = [self._folder] if self._folder is not None else list(self._in_folder(deep=deep))
        found = [*databases, *in_folder, *(self.copies() if deep else ()), *self.others()]
        return titled(found, self.titles(found))

    def titles(self, findings: Iterable[Finding]) -> dict[str, str]:
        """Return the titles of the findings' sessions that the index has, by id."""
        ids = {each.session_id for each in findings if each.session_id is not None}
        return {session_id: row.summary.title for session_id, row in self.store.rows_of(ids).items()}

    @cached_property
    def _folder(self) -> Finding | None:
        """What is wrong with the sessions folder as a whole: then nothing in it can be checked."""
        meaning = folder.problem(self.store.sessions_dir)
        try:
            if meaning is None:
                sync.check_folder(self.store.engine, self.store.sessions_dir)
        except StorageError as error:
            meaning = str(error)
        remedy = "give this user access to the sessions folder, or mount its disk"
        return None if meaning is None else Finding(FindingKind.UNREADABLE_FOLDER, None, meaning, remedy)

    @cached_property
    def _trash(self) -> Finding | None:
        """What is wrong with the trash as a whole."""
        meaning = trash.problem(self.store.trash_dir)
        remedy = "give this user access to the folder trash"
        return None if meaning is None else Finding(FindingKind.UNREADABLE_TRASH, None, meaning, remedy)

    def _in_folder(self, *, deep: bool) -> Iterator[Finding]:
        """Compare the files of the sessions folder with the index and the backups, `deep` their contents."""
        contents = Contents(self.store)
        if deep:
            contents.read_all(self.session_ids())
        yield from self.files()
        yield from contents.index_findings()
        yield from contents.findings
        if self._trash is None:
            yield from self.leftovers()
        yield from self.backups(contents)

    def session_ids(self) -> list[str]:
        """Return the names of all files that could be a session's, in order."""
        return sorted(folder.scan(self.store.sessions_dir))

    def databases(self) -> Iterator[Finding]:
        """Read every database to its end; raise `Damaged` for the index of sessions."""
        yield from databases.index_findings(self.store.config, self.store.engine, self._check_search)
        for agent in self._agents.all():
            found = databases.agent_findings(agent)
            if any(each.kind.is_of_agents_file for each in found):
                self._unread.add(agent.profile)
            yield from found

    def copies(self) -> Iterator[Finding]:
        """Compare what the index keeps of the agents, of the trash and of the tags with them."""
        remedy = f"`{REPAIR}` reads it again"
        for agent in self._agents.wrongly_mirrored():
            meaning = f"the index differs from {agent.label}"
            yield Finding(FindingKind.WRONG_MIRROR, None, meaning, remedy)
        with database.reading(self.store.engine) as connection:
            wrong = {
                "the trash": self._trash is None and sync.is_trash_wrong(connection, self.store.trash_dir),
                "tags.json": tag_sync.is_wrong(connection, self.store.config.tags_file),
            }
        for name in (name for name, is_wrong in wrong.items() if is_wrong):
            yield Finding(FindingKind.WRONG_ROW, None, f"the index differs from {name}", remedy)

    # ---- files and rows ---------------------------------------------------------------------------------

    def files(self) -> Iterator[Finding]:
        """Compare the versions of the files with those of the index."""
        files = folder.scan(self.store.sessions_dir)
        with database.reading(self.store.engine) as connection:
            indexed, unreadable = rows.signatures(connection), rows.unreadable(connection)
        for each in unreadable:
            yield Finding(
                FindingKind.UNREADABLE_FILE,
                each.session_id,
                str(each),
                "correct the file by hand, or move it away; it is never overwritten",
            )
        if files and not indexed:
            yield Finding(FindingKind.NO_INDEX, None, f"none of the {len(files)} files is in the index", SYNC)
            return
        for name in sorted(indexed.keys() - files.keys()):
            meaning = "the index lists a session whose file is gone"
            yield Finding(FindingKind.ROW_WITHOUT_FILE, name, meaning, SYNC)
        for name in sorted(files.keys() - indexed.keys()):
            yield Finding(FindingKind.FILE_WITHOUT_ROW, name, "a file is not in the index", SYNC)
        for name in sorted(name for name in indexed.keys() & files.keys() if indexed[name] != files[name]):
            meaning = "the file changed since it was indexed"
            yield Finding(FindingKind.STALE_ROW, name, meaning, SYNC)

    # ---- what interrupted writes left -------------------------------------------------------------------

    def leftovers(self) -> Iterator[Finding]:
        """Look for what interrupted writes and moves left."""
        left: Leftovers = find_leftovers(self.store)
        for path in left.debris:
            meaning = f"{path.name} was left by an interrupted write"
            yield Finding(FindingKind.DEBRIS, None, meaning, f"`{REPAIR}` removes it")
        for aside in left.only_copies:
            yield self._unseen_version(aside)
        for entry in left.moved:
            meaning = "it is in its place, and the same is in the trash: a move was interrupted"
            remedy = f"`{REPAIR}` removes it from the trash"
            yield Finding(FindingKind.COPY_IN_TRASH, entry.session_id, meaning, remedy)

    def _unseen_version(self, aside: Aside) -> Finding:
        meaning = f"{aside.path.name} was written by another program during a write that was interrupted"
        if aside.path.parent == self.store.sessions_dir:
            remedy = f"`{REPAIR}` moves it to the trash"
            return Finding(FindingKind.UNSEEN_VERSION, aside.stem, meaning, remedy)
        remedy = f"compare it with {aside.stem}.json, then remove it"
        is_of_tags = aside.stem == self.store.config.tags_file.stem
        kind = FindingKind.UNSEEN_TAGS if is_of_tags else FindingKind.UNSEEN_PROJECTS
        return Finding(kind, None, meaning, remedy)

    def backups(self, contents: Contents) -> Iterator[Finding]:
        """Compare the backups of shortened sessions with the sessions."""
        for backup in backups.latest(self.store.sessions_dir, self.store.backups_dir):
            yield from self._backup_findings(backup, contents)

    def _backup_findings(self, backup: Backup, contents: Contents) -> Iterator[Finding]:
        session_id, restore = backup.session_id, f"hermes-sessions restore {backup.session_id}"
        try:
            longer = load(backup.path, session_id)
            kept = reading.message_count(longer)
            present = contents.message_count(session_id)
        except NotFound:
            if self._trash is None and trash.newest(session_id, self.store.trash_dir) is None:
                meaning = f"{backup.name} is all that is left of it"
                kind, note = FindingKind.BACKUP_WITHOUT_SESSION, backup.path.parent == self.store.backups_dir
                yield Finding(kind, session_id, meaning, restore, note=note)
        except (Unreadable, ValueError) as error:
            remedy = "correct or remove the file"
            yield Finding(FindingKind.UNREADABLE_BACKUP, session_id, str(error), remedy)
        else:
            if kept > present:
                meaning = f"its backup has {kept} messages, the session {present}"
                remedy = f"if you did not do this on purpose: {restore}"
                note = self._is_on_purpose(backup, longer)
                yield Finding(FindingKind.LONGER_BACKUP, session_id, meaning, remedy, note=note)

    def _is_on_purpose(self, backup: Backup, longer: Loaded) -> bool:
        """Whether a session is shorter than a backup because somebody wanted that.

        This program keeps no other backups. Of those of the web UI, the marks in both files tell.
        """
        if backup.path.parent == self.store.backups_dir:
            return True
        live = load(self.store.path_of(backup.session_id))
        marks = (reading.value_of(outline_of(each), backups.GENERATION) for each in (live, longer))
        return backups.is_superseded(*marks)

    # ---- what needs no file of a session ----------------------------------------------------------------

    def others(self) -> Iterator[Finding]:
        """Check turns, projects, tags, the agents, the trash, and the schema of the index."""
        yield from self.turns()
        yield from self.lost_updates()
        yield from self.projects()
        yield from self.tags()
        yield from self.agents
        yield from self.trash()
        yield from self.schema()

    def turns(self) -> Iterator[Finding]:
        """Look for interrupted turns."""
        with database.reading(self.store.engine) as connection:
            waiting = rows.with_pending_message(connection)
        for summary in waiting:
            if summary.is_interrupted():
                yield Finding(
                    FindingKind.INTERRUPTED_TURN,
                    summary.session_id,
                    "a message waits for an answer that is no longer being written",
                    f"if nothing writes it: hermes-sessions recover {summary.session_id}",
                )

    def lost_updates(self) -> Iterator[Finding]:
        """Look for changes that another program has overwritten."""
        with database.reading(self.store.engine) as connection:
            lost = own_changes.lost(connection)
        if any(each.field == "deleted" for each in lost) and self._folder is None and self._trash is None:
            half_moved = {entry.session_id for entry in find_leftovers(self.store).moved}
            lost = [each for each in lost if each.field != "deleted" or each.session_id not in half_moved]
        for each in lost:
            remedy = f"to {lost_words.remedy(each)}: {lost_words.PUT_BACK} {each.session_id}"
            yield Finding(FindingKind.LOST_UPDATE, each.session_id, each.meaning, remedy, field=each.field)

    def projects(self) -> Iterator[Finding]:
        """Compare the projects of the sessions with `projects.json`."""
        if isinstance(self._known_projects, Finding):
            yield self._known_projects
            return
        with database.reading(self.store.engine) as connection:
            assigned = rows.project_ids(connection)
        for session_id, project_id in assigned:
            if project_id not in self._known_projects:
                yield Finding(
                    FindingKind.UNKNOWN_PROJECT,
                    session_id,
                    f"it is in project {project_id}, which is not in projects.json",
                    f"move it to another project, or to none: hermes-sessions move {session_id} PROJECT",
                )

    def tags(self) -> Iterator[Finding]:
        """Read `tags.json`."""
        try:
            tags.read(self.store.config.tags_file)
        except (Unreadable, StorageError) as error:
            remedy = "correct tags.json by hand; it is never overwritten"
            yield Finding(FindingKind.UNREADABLE_TAGS, None, str(error), remedy)

    @cached_property
    def _known_projects(self) -> set[str] | Finding:
        try:
            return {project.project_id for project in self._projects.list()}
        except (Unreadable, StorageError) as error:
            remedy = "correct projects.json by hand; it is never overwritten"
            return Finding(FindingKind.UNREADABLE_PROJECTS, None, str(error), remedy)

    @cached_property
    def agents(self) -> list[Finding]:
        """What is wrong with the agents' databases, each opened once."""
        with database.reading(self.store.engine) as connection:
            states = mirror_states(connection)
        return [
            finding
            for agent in self._agents.all()
            for finding in databases.quick_findings(agent, states.get(agent.profile))
            if not (finding.kind.is_of_agents_file and agent.profile in self._unread)
        ]

    def trash(self) -> Iterator[Finding]:
        """Look for versions that were rescued, and for what can be purged."""
        if self._trash is not None:
            yield self._trash
            return
        for entry in trash.entries(self.store.trash_dir):
            if entry.why is TrashReason.RESCUED:
                name = f"trash/{entry.path.name}"
                meaning = f"{name} is a version of it that another program wrote during one of our writes"
                remedy = f"if it has what the session lacks: hermes-sessions import {name}"
                yield Finding(FindingKind.RESCUED_VERSION, entry.session_id, meaning, remedy, note=True)
        old = trash.deleted_before(self.store.trash_dir, self._trash_before)
        if old:
            meaning = f"{len(old)} deleted sessions are older than they need be kept"
            yield Finding(FindingKind.OLD_TRASH, None, meaning, "hermes-sessions purge", note=True)

    def schema(self) -> Iterator[Finding]:
        """Compare the revision of the index with the newest."""
        with database.reading(self.store.engine) as connection:
            revision, newest = upgrades.read_revision(connection), upgrades.revisions()[-1]
        if revision != newest:
            meaning = f"the index has revision {revision}, this program needs {newest}"
            yield Finding(FindingKind.OLD_REVISION, None, meaning, "hermes-sessions db upgrade")
