"""What an unknown name may have been meant to be: one rule for fields, filters and other keywords."""

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """Return the end of an error about an unknown name: ` Did you mean title?`, "" if no known name is close.

    An error reads, for example, `There is no filter sorce. Did you mean source?`.
    """
    close = get_close_matches(name.lower(), known, 1) if isinstance(name, str) else []
    return f" Did you mean {close[0]}?" if close else ""
