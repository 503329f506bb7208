"""Masking beside its floors: a bare search by RE2 for what is not there, and `bytes.find`.

python -m benchmarks.redaction [--repetitions N]
"""

import argparse
import base64
import random
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

import re2  # type: ignore[import-untyped]

from hermes_sessions.messages import mask, may_hold_credential

TOP = Path(__file__).parents[1]
MB = 1_000_000
MOST = 5.0  # milliseconds for a megabyte in which no rule could apply
PICTURES = 25
ABSENT = b"no such words are in the text"
PROSE = "We talked about the plan for next week, and then went on to what the others had found. "
ENGLISH_AND_CHINESE = "We talked about the plan 我们讨论了计划, and then went on. "
ASSIGNMENTS = "a=b: c=d; x:y = z:1, k=>v, n == m, p::q\n"
SECRETS = (
    'export OPENAI_API_KEY="sk-abcdefghijklmnopqrstuvwxyz0123"\n'
    '{"password": "correct horse battery", "n": 1}\n'
    "Authorization: Bearer abcdefghijklmnopqrstuvwxyz\n"
    "postgres://me:hunter2@db.example.org/app and ghp_abcdefghijklmnopqrstuvwxyz0123456789\n"
)


def texts() -> Mapping[str, str]:
    """Return texts of about a megabyte, those without a credential first."""
    numbers = random.Random(1)
    code = "".join(path.read_text("utf-8") for path in sorted((TOP / "webapp").rglob("*.py")))
    picture = base64.b64encode(numbers.randbytes(MB * 3 // 4 // PICTURES)).decode()
    page = "\n".join(f"{PROSE}![picture](data:image/png;base64,{picture})" for _ in range(PICTURES))
    return {
        "prose": _filled(PROSE),
        "prose, a fifth of it Chinese": _filled(ENGLISH_AND_CHINESE),
        "Python code": _filled(code),
        "full of = and :": _filled(ASSIGNMENTS),
        f"a page with {PICTURES} pictures": page,
        "full of secrets": _filled(SECRETS),
    }


def milliseconds(action: Callable[[], object], repetitions: int) -> float:
    """Return the median time of an action: of the processor, as other programs share the machine."""
    spent = []
    for _ in range(repetitions + 1):
        started = time.process_time()
        action()
        spent.append((time.process_time() - started) * 1000)
    return statistics.median(spent[1:])


def rows(repetitions: int) -> Iterator[str]:
    """Yield a row for each text: ours, and each floor."""
    for name, text in texts().items():
        data = text.encode()
        per_mb = [
            milliseconds(action, repetitions) * MB / len(data)
            for action in (partial(mask, text), partial(_search, data), partial(data.find, ABSENT))
        ]
        missed = f" (aim: {MOST})" if per_mb[0] > MOST and not may_hold_credential(text) else ""
        ours, bare, find = per_mb
        yield f"| {name} | {ours:.2f}{missed} | {1000 / ours:,.0f} | {bare:.2f} | {find:.2f} |"


def _search(data: bytes) -> object:
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    return re2.compile(b"(?:[A-Z][0-9]){3}" + ABSENT, options).search(data)


def _filled(text: str) -> str:
    whole = text * (MB // len(text.encode()) + 1)
    return whole.encode()[:MB].decode("utf-8", "ignore")


def main() -> None:
    """Print a table in Markdown."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.redaction", description=__doc__)
    parser.add_argument("--repetitions", type=int, default=20)
    print("| text | ms per MB | MB/s | bare search by RE2, ms per MB | `bytes.find` |\n|---|---|---|---|---|")
    for row in rows(parser.parse_args().repetitions):
        print(row, flush=True)


if __name__ == "__main__":
    main()
