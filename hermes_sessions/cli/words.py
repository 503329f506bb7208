"""A verb that takes words, which may begin with a minus: ``hermes-sessions search budget -draft``."""

from __future__ import annotations

from collections.abc import Sequence

import click


class WordsCommand(click.Command):
    """A command whose arguments are words. One dash before what is no short option excludes a word."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the command line, with all words at its end, where click takes none for an option."""
        valued, flags = self._options(ctx)
        options, words = _divided(args, valued, flags)
        return super().parse_args(ctx, [*options, "--", *words] if words else options)

    def _options(self, ctx: click.Context) -> tuple[frozenset[str], frozenset[str]]:
        """Return the names of the options that take a value, and of the others."""
        options = [each for each in self.get_params(ctx) if isinstance(each, click.Option)]
        valued = frozenset(name for each in options if not each.is_flag for name in each.opts)
        every = frozenset(name for each in options for name in (*each.opts, *each.secondary_opts))
        return valued, every - valued


def _divided(
    args: Sequence[str], valued: frozenset[str], flags: frozenset[str]
) -> tuple[list[str], list[str]]:
    """Return the options with their values, and the words; behind ``--`` are words alone."""
    options: list[str] = []
    words: list[str] = []
    rest = iter(args)
    for arg in rest:
        if arg == "--":
            words += rest
        elif arg in valued:
            value = next(rest, None)
            if value is None:
                return [arg], []  # click says what is missing
            options += [arg, value]
        elif arg.startswith("--") or arg in flags:
            options.append(arg)  # click refuses those that there are not
        else:
            words.append(arg)
    return options, words
