"""The page "What is masked", generated from the table of rules."""

from collections.abc import Iterator

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from hermes_sessions.messages.credential import Rule
from hermes_sessions.messages.credential_rules import NAMES, ORDINARY, TOKENS

INTRODUCTION = """# What is masked

Titles, messages and other texts are masked where they are shown, searched for or exported. What is stored
does not change. A credential of 18 characters or more keeps its first 6 and its last 4. A shorter one is
hidden completely, and so is one whose end is uncertain, for example before a `;`.

Every example below is tested: {rules} rules, {masks} texts that are masked, and {leaves} that are not.
Control characters are written as escapes.

"""
LIMITS = """## Limits

- A secret without a name and without a beginning of its own cannot be recognised.
- Without quotes, a value ends at a blank, a quote, a comma or a closing bracket, and at an `&` that begins
  the next field (`&name=`).
- Without quotes, what looks like a call, a look-up or the name of a variable is left: `get_password()`,
  `config.token`, `access_token`.
- After a colon, a lower-case word that is followed by more words is taken for a sentence: "password: the
  user's own".
- In JSON inside a text, a line break that is written out (`\\n`) does not end a value without quotes: what
  follows it, up to the next blank or quote, is masked too.

"""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the page."""
    rules = (*TOKENS, *NAMES)
    introduction = INTRODUCTION.format(
        rules=len(rules),
        masks=sum(len(rule.masks) for rule in rules),
        leaves=sum(len(rule.leaves) for rule in rules) + len(ORDINARY),
    )
    sections = [introduction, *(line for rule in rules for line in describe(rule)), *ordinary(), LIMITS]
    files.append(File.generated(config, "reference/redaction.md", content="\n".join(sections)))
    return files


def describe(rule: Rule) -> Iterator[str]:
    """Yield the Markdown of one rule: what it masks, and what it leaves."""
    yield f"## {rule.name}\n"
    yield f"{len(rule.masks)} masked, {len(rule.leaves)} not masked.\n"
    yield "| text | becomes |"
    yield "|---|---|"
    yield from (f"| {code(text)} | {code(masked)} |" for text, masked in rule.masks)
    yield from (f"| {code(text)} | stays |" for text in rule.leaves)
    yield ""


def ordinary() -> Iterator[str]:
    """Yield the Markdown of the texts that no rule touches."""
    yield "## Texts that no rule touches\n"
    yield from (f"- {code(text)}" for text in ORDINARY if text)
    yield ""


def code(text: str) -> str:
    """Return a text as code in a cell of a table, on one line."""
    shown = "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
    fence = "``" if "`" in shown else "`"
    pad = " " if fence == "``" else ""
    return f"{fence}{pad}{shown}{pad}{fence}".replace("|", "\\|")
