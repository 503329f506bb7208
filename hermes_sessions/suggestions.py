"""What an unknown name may have been meant to be: one rule for fields, filters and other keywords."""

import inspect
from collections.abc import Callable, Iterable
from difflib import get_close_matches


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """Return the end of an error about an unknown name: ` Did you mean title?`, "" if no known name is close.

    An error reads, for example, `There is no filter sorce. Did you mean source?`.
    """
    close = get_close_matches(name.lower(), known, 1) if isinstance(name, str) else []
    return f" Did you mean {close[0]}?" if close else ""


def no_such_argument(call: Callable[..., object], name: str, others: Iterable[str] = ()) -> str:
    """Return the error about an argument that a call does not have.

    `others` are the names that the call takes beside those of its signature.
    """
    own = [each for each in inspect.signature(call).parameters.values() if each.kind is not each.VAR_KEYWORD]
    known = sorted({each.name for each in own if each.name != "self"} | set(others))
    hint = did_you_mean(name, known) or f" It takes {', '.join(known)}."
    return f"{call.__name__}() has no argument {name}.{hint}"
