"""A chart as SVG: a small panel for each operation, time over the number of sessions, on logarithmic axes.

One file for both themes: its colours follow what the reader's system prefers. All panels have the same axes.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from typing import NamedTuple

WIDTH, COLUMNS = 960, 3
LEFT, TOP, RIGHT, BOTTOM = 62, 40, 14, 30  # around the plot of a panel
PLOT_HEIGHT, HEAD = 170, 62
_UNITS = ((1000.0, "s"), (1.0, "ms"), (0.001, "µs"))
# By place: the colours in the light and in the dark theme, and a shape for readers who see no colours.
_SERIES = (
    ("#1d4ed8", "#8ab4ff", "circle"),
    ("#6b7280", "#9ca3af", "dash"),
    ("#b45309", "#f0a35e", "square"),
    ("#0f766e", "#5eead4", "triangle"),
    ("#9d174d", "#f9a8d4", "circle"),
)
DASHED = 1  # the floor


class Panel(NamedTuple):
    """One plot: its title, and for each line by name the milliseconds by number of sessions."""

    title: str
    lines: Mapping[str, Mapping[int, float]]


class _Axes(NamedTuple):
    """The ranges of all panels: the numbers of sessions, and powers of ten of a millisecond."""

    sizes: Sequence[int]
    lowest: int
    highest: int
    plot: float

    def x(self, sessions: int) -> float:
        first, last = math.log(self.sizes[0]), math.log(self.sizes[-1])
        return 8 + (self.plot - 16) * (math.log(sessions) - first) / ((last - first) or 1)

    def y(self, milliseconds: float) -> float:
        share = (math.log10(milliseconds) - self.lowest) / (self.highest - self.lowest)
        return PLOT_HEIGHT * (1 - share)


def chart(title: str, panels: Sequence[Panel]) -> str:
    """Return the SVG of these panels; a file of text that ends with a line break."""
    names = list(dict.fromkeys(name for panel in panels for name in panel.lines))
    rows = math.ceil(len(panels) / COLUMNS)
    height = HEAD + rows * (TOP + PLOT_HEIGHT + BOTTOM) + 8
    axes = _axes(panels)
    body = [
        f'<rect class="page" width="{WIDTH}" height="{height}"/>',
        f'<text class="title" x="16" y="26">{escape(title)}</text>',
        *_legend(names),
    ]
    for number, panel in enumerate(panels):
        row, column = divmod(number, COLUMNS)
        x, y = column * WIDTH / COLUMNS + LEFT, HEAD + row * (TOP + PLOT_HEIGHT + BOTTOM) + TOP
        body += [f'<g transform="translate({x:g} {y:g})">', *_panel(panel, names, axes), "</g>"]
    size = f'width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">\n<title>{escape(title)}</title>'
    return "\n".join([head, _style(len(names)), *body, "</svg>", ""])


def _axes(panels: Iterable[Panel]) -> _Axes:
    lines = [line for panel in panels for line in panel.lines.values()]
    times = [time for line in lines for time in line.values()]
    sizes = sorted({size for line in lines for size in line})
    lowest, highest = math.floor(math.log10(min(times))), math.ceil(math.log10(max(times)))
    return _Axes(sizes, lowest, max(highest, lowest + 1), WIDTH / COLUMNS - LEFT - RIGHT)


def _style(count: int) -> str:
    light = [f".c{at}{{--c:{_SERIES[at % len(_SERIES)][0]}}}" for at in range(count)]
    dark = [f".c{at}{{--c:{_SERIES[at % len(_SERIES)][1]}}}" for at in range(count)]
    return (
        "<style>\nsvg{--page:#fff;--ink:#1f2937;--quiet:#4b5563;--grid:#e5e7eb;"
        "font:12px system-ui,sans-serif}\n"
        f"{''.join(light)}\n@media(prefers-color-scheme:dark){{svg{{--page:#0f1419;--ink:#e5e7eb;"
        f"--quiet:#a3adba;--grid:#2b333d}}{''.join(dark)}}}\n"
        ".page{fill:var(--page)}text{fill:var(--quiet)}.title{fill:var(--ink);font-size:15px;font-weight:600}"
        ".name{fill:var(--ink);font-weight:600}.grid{stroke:var(--grid)}"
        ".line{stroke:var(--c);stroke-width:2;fill:none}.dashed{stroke-dasharray:5 4}"
        ".mark{fill:var(--c)}\n</style>"
    )


def _legend(names: Sequence[str]) -> Iterator[str]:
    x = 16.0
    for at, name in enumerate(names):
        yield f'<g class="c{at}"><line class="{_line_class(at)}" x1="{x:g}" y1="46" x2="{x + 26:g}" y2="46"/>'
        yield f'{_mark(at, x + 13, 46)}</g><text x="{x + 32:g}" y="50">{escape(name)}</text>'
        x += 52 + 6.6 * len(name)


def _panel(panel: Panel, names: Sequence[str], axes: _Axes) -> Iterator[str]:
    yield f'<text class="name" x="0" y="-12">{escape(panel.title)}</text>'
    for power in range(axes.lowest, axes.highest + 1):
        y = axes.y(10.0**power)
        yield f'<line class="grid" x1="0" y1="{y:.1f}" x2="{axes.plot:.1f}" y2="{y:.1f}"/>'
        yield f'<text x="-6" y="{y + 4:.1f}" text-anchor="end">{_duration(power)}</text>'
    for sessions in axes.sizes:
        place = f'x="{axes.x(sessions):.1f}" y="{PLOT_HEIGHT + 18}"'
        yield f'<text {place} text-anchor="{_anchor(axes, sessions)}">{sessions:,}</text>'
    for name, line in panel.lines.items():
        yield from _drawn(names.index(name), line, axes)


def _anchor(axes: _Axes, sessions: int) -> str:
    ends = {axes.sizes[0]: "start", axes.sizes[-1]: "end"}
    return ends.get(sessions, "middle") if len(axes.sizes) > 1 else "middle"


def _drawn(at: int, line: Mapping[int, float], axes: _Axes) -> Iterator[str]:
    points = [(axes.x(sessions), axes.y(time)) for sessions, time in sorted(line.items())]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    yield f'<g class="c{at}"><polyline class="{_line_class(at)}" points="{path}"/>'
    yield from (_mark(at, x, y) for x, y in points)
    yield "</g>"


def _line_class(at: int) -> str:
    return "line dashed" if at == DASHED else "line"


def _mark(at: int, x: float, y: float) -> str:
    shape = _SERIES[at % len(_SERIES)][2]
    if shape == "circle":
        return f'<circle class="mark" cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>'
    if shape == "square":
        return f'<rect class="mark" x="{x - 3.2:.1f}" y="{y - 3.2:.1f}" width="6.4" height="6.4"/>'
    if shape == "triangle":
        return f'<path class="mark" d="M{x:.1f} {y - 4.2:.1f}l4.2 7.4h-8.4z"/>'
    return f'<rect class="mark" x="{x - 4:.1f}" y="{y - 1.2:.1f}" width="8" height="2.4"/>'


def _duration(power: int) -> str:
    """Return a power of ten of a millisecond in the unit that people read it in."""
    factor, unit = next((each for each in _UNITS if 10.0**power >= each[0] * 0.9999), _UNITS[-1])
    return f"{round(10.0**power / factor):,} {unit}"
