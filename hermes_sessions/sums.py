"""The sums that `usage` returns, and what they could not be made of."""

from collections.abc import Iterable

from .results import Usage


class Sums(list[Usage]):
    """The sums of each key; `warnings` name what could not be read, whose figures are as it was last read.

    They are those of a list with the same filters, but for changes that another program has overwritten.
    """

    def __init__(self, sums: Iterable[Usage] = (), warnings: Iterable[str] = ()) -> None:
        super().__init__(sums)
        self.warnings = tuple(warnings)
