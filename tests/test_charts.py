"""The chart of the documentation: every figure is drawn where its value says, in both themes."""

import re
from xml.etree import ElementTree as ET

from benchmarks.beside.charts import Panel, chart

SVG = "{http://www.w3.org/2000/svg}"
PANELS = [
    Panel("list", {"ours": {1000: 1.0, 5000: 1.0, 20_000: 10.0}, "floor": {1000: 0.1}, "a <b>": {5000: 1e4}}),
    Panel("save", {"ours": {1000: 2.0, 5000: 2.0}, "floor": {1000: 1.0, 5000: 1.0}}),
]


def test_every_figure_has_a_point_on_the_same_axes_in_all_panels() -> None:
    root = ET.fromstring(chart("Times & sizes", PANELS))
    titles = [each.text for each in root.iter(f"{SVG}text") if each.get("class") in ("title", "name")]
    assert titles == ["Times & sizes", "list", "save"]
    lines = [each.get("points", "").split() for each in root.iter(f"{SVG}polyline")]
    assert [len(points) for points in lines] == [3, 1, 1, 2, 2]
    ours, floor, theirs, other, _ = [[tuple(map(float, each.split(","))) for each in line] for line in lines]
    assert ours[0][1] == ours[1][1] > ours[2][1] > theirs[0][1]
    decade = (ours[1][1] - theirs[0][1]) / 4
    assert round(floor[0][1] - ours[0][1], 1) == round(decade, 1)
    assert other[0][0] == ours[0][0]
    assert other[1][0] == theirs[0][0]


def test_axes_are_labelled_and_both_themes_have_colours() -> None:
    text = chart("Times", PANELS)
    for label in ("100 µs", "1 ms", "10 s", "1,000", "20,000"):
        assert f">{label}<" in text
    assert "@media(prefers-color-scheme:dark)" in text
    assert not re.search(r"(?:href|src)=|url\(|@import", text)
