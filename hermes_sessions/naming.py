"""Which conversation a person means: one rule for its id, the beginning of its id, and its title."""

from collections.abc import Mapping

from .errors import InvalidValue, NotFound

LONGEST_TITLE = 60  # characters, in an error
SHORTEST_BEGINNING = 4  # characters of an id
MOST_CANDIDATES = 8  # in an error


def is_named(text: str, session_id: str, title: str) -> bool:
    """Whether `text` is the id or the title of a conversation, or at least four characters of its id."""
    is_beginning = len(text) >= SHORTEST_BEGINNING and session_id.startswith(text)
    return is_beginning or text in (session_id, title)


def only_one(text: str, candidates: Mapping[str, str]) -> str:
    """Return the id of the only candidate; `candidates` has the titles, as they may be shown, by id.

    Raises `NotFound` if there is none, and `InvalidValue` with the candidates if there are several.
    """
    if not candidates:
        raise NotFound(f"no session {text}")
    if len(candidates) > 1:
        named = [f'{session_id} "{_brief(title)}"' for session_id, title in candidates.items()]
        some = ", ".join(named[:MOST_CANDIDATES]) + (", …" if len(named) > MOST_CANDIDATES else "")
        raise InvalidValue(f"{text} can be several sessions: {some}. Use an id, or more of it")
    return next(iter(candidates))


def _brief(title: str) -> str:
    plain = title.replace('"', "'")
    return plain if len(plain) <= LONGEST_TITLE else plain[:LONGEST_TITLE].rstrip() + "…"
