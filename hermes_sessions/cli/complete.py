"""What the arguments of verbs are completed with, and the scripts that teach a shell to ask for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import click

from .home import SelectedHome

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from ..completions import Completion
    from ..config import Config

PROGRAM = "hermes-sessions"
VARIABLE = "_HERMES_SESSIONS_COMPLETE"  # click looks for it when the program starts

# Click's own script for bash inserts what it is given unquoted: a title would become several words, and what
# stands in it as $(…) a command.
_BASH = """\
_hermes_sessions_completion() {
    local IFS=$'\\n' type value typed=${COMP_WORDS[COMP_CWORD]}
    COMPREPLY=()
    while IFS=, read -r type value; do
        case $type in
            dir) compopt -o dirnames; continue ;;
            file) compopt -o default; continue ;;
        esac
        case $typed in
            \\'*) [[ $value == *\\'* ]] || COMPREPLY+=("$value") ;;
            \\"*) [[ $value == *[\\"\\$\\`\\\\!]* ]] || COMPREPLY+=("$value") ;;
            *) COMPREPLY+=("$(printf '%q' "$value")") ;;
        esac
    done < <(COMP_WORDS="${COMP_WORDS[*]}" COMP_CWORD=$COMP_CWORD VARIABLE=bash_complete "$1" 2>/dev/null)
}
complete -o nosort -F _hermes_sessions_completion hermes-sessions
""".replace("VARIABLE", VARIABLE)

# Click's own script for fish ends a value at its first comma.
_FISH = """\
function _hermes_sessions_completion
    set -lx COMP_WORDS (commandline -cp)
    set -lx COMP_CWORD (commandline -t)
    for completion in (env VARIABLE=fish_complete hermes-sessions 2>/dev/null)
        set -l parts (string split -m 1 "," -- $completion)
        switch $parts[1]
            case dir
                __fish_complete_directories $parts[2]
            case file
                __fish_complete_path $parts[2]
            case plain
                echo $parts[2]
        end
    end
end
complete --no-files --command hermes-sessions --arguments "(_hermes_sessions_completion)"
""".replace("VARIABLE", VARIABLE)


@click.command()
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
def completion(shell: str) -> None:
    """Print a script for completion of verbs, ids and names.

    Put one of these lines where the shell reads it when it starts:

    \b
    bash: eval "$(hermes-sessions completion bash)"    in ~/.bashrc
    zsh:  eval "$(hermes-sessions completion zsh)"     in ~/.zshrc, after compinit
    fish: hermes-sessions completion fish | source     in ~/.config/fish/config.fish
    """
    click.echo(script(shell), nl=False)


def script(shell: str) -> str:
    """Return the script for a shell."""
    if shell == "bash":
        return _BASH
    if shell == "fish":
        return _FISH
    from click.shell_completion import ZshComplete

    return ZshComplete(click.Command(PROGRAM), {}, PROGRAM, VARIABLE).source()


# ---- values -------------------------------------------------------------------------------------------


def complete_ids(context: click.Context, _parameter: click.Parameter, typed: str) -> list[CompletionItem]:
    """Return sessions by their ids, with their titles as help, and by their titles."""
    from .. import completions

    return _items(completions.sessions(_config(context), typed))


def complete_projects(
    context: click.Context, _parameter: click.Parameter, typed: str
) -> list[CompletionItem]:
    """Return the names of projects."""
    from .. import completions

    return _items(completions.projects(_config(context), typed))


def complete_sessions_and_projects(
    context: click.Context, parameter: click.Parameter, typed: str
) -> list[CompletionItem]:
    """Return projects and sessions, for a verb that takes both."""
    return [*complete_projects(context, parameter, typed), *complete_ids(context, parameter, typed)]


def complete_sessions_and_tags(
    context: click.Context, parameter: click.Parameter, typed: str
) -> list[CompletionItem]:
    """Return sessions for the first word of a verb, and tags for the others."""
    has_first = bool(context.params.get("words")) or context.params.get("where") is not None
    return (complete_tags if has_first else complete_ids)(context, parameter, typed)


def _complete_names(kind: str) -> Callable[[click.Context, click.Parameter, str], list[CompletionItem]]:
    def complete(context: click.Context, _parameter: click.Parameter, typed: str) -> list[CompletionItem]:
        from .. import completions

        return _items(completions.names(_config(context), kind, typed))

    return complete


complete_tags = _complete_names("tag")
complete_models = _complete_names("model")
complete_profiles = _complete_names("profile")


def _config(context: click.Context) -> Config:
    """Return the places of the home that the options before the verb select."""
    given: dict[str, Any] = context.find_root().params
    return SelectedHome(**{name: given.get(name) for name in SelectedHome._fields}).config()


def _items(found: Iterable[Completion]) -> list[CompletionItem]:
    """Return what may be shown: a value that a terminal would act on, or with a secret, is left out."""
    from click.shell_completion import CompletionItem

    from ..messages import mask
    from .terminal import visible

    shown = (each for each in found if visible(each.value) == each.value == mask(each.value))
    return [CompletionItem(each.value, help=visible(mask(each.help)) or None) for each in shown]
