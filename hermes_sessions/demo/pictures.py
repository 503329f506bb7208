"""The pictures in the sample conversations: small PNG files that are drawn here, as `data:` addresses."""

from __future__ import annotations

import base64
import math
import zlib
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

Colour = tuple[int, int, int]
_WIDTH, _HEIGHT = 480, 270
_PAPER, _RULE = (248, 250, 252), (226, 232, 240)
_BLUE, _GREEN, _BROWN, _GREY = (59, 130, 246), (74, 160, 96), (166, 124, 82), (100, 116, 139)


class Area(NamedTuple):
    """A rectangle in one colour: its left, top, right and bottom edge in pixels."""

    left: int
    top: int
    right: int
    bottom: int
    colour: Colour


@lru_cache
def picture_address(name: str) -> str:
    """Return the picture of this name as a `data:` address."""
    file = _view() if name == "view" else _areas(_PICTURES[name])
    return f"data:image/png;base64,{base64.b64encode(file).decode()}"


# ---- what is drawn --------------------------------------------------------------------------------------


def _chart(heights: Sequence[int], colour: Colour) -> list[Area]:
    rules = [Area(30, y, _WIDTH - 20, y + 1, _RULE) for y in range(30, 250, 50)]
    step = (_WIDTH - 60) // len(heights)
    bars = (
        Area(40 + step * place, 245 - height, 40 + step * (place + 1) - 8, 245, colour)
        for place, height in enumerate(heights)
    )
    return [*rules, *bars]


_PICTURES: Mapping[str, Sequence[Area]] = {
    "memory": _chart([38 + 11 * minute for minute in range(16)], _BLUE),
    "sizes": [
        *_chart([196, 0, 0, 0], _GREY),
        *_chart([0, 215, 0, 0], _BROWN),
        *_chart([0, 0, 27, 0], _GREEN),
    ],
    "beds": [
        Area(30, 25, 205, 245, _BROWN),
        Area(275, 25, 450, 130, _BROWN),
        Area(275, 150, 365, 245, _BROWN),
        Area(385, 165, 450, 245, _GREY),
        *(Area(45, y, 190, y + 9, _GREEN) for y in range(45, 230, 30)),
        *(Area(x, 40, x + 9, 115, _GREEN) for x in range(295, 440, 28)),
    ],
    "colours": [
        Area(20 + 112 * place, 25, 124 + 112 * place, 245, colour)
        for place, colour in enumerate(((240, 236, 224), (163, 177, 138), (188, 124, 92), (84, 98, 111)))
    ],
}


def _areas(areas: Sequence[Area]) -> bytes:
    """Draw the areas one over the other, on a light ground."""
    palette = [_PAPER, *dict.fromkeys(area.colour for area in areas)]
    rows = [bytearray(_WIDTH) for _ in range(_HEIGHT)]
    for area in areas:
        line = bytes([palette.index(area.colour)]) * (area.right - area.left)
        for row in rows[area.top : area.bottom]:
            row[area.left : area.right] = line
    return _png(rows, palette)


def _view() -> bytes:
    """Draw two ranges of hills in front of an evening sky."""
    sky = [(250 - shade, 214 - 2 * shade, 165 + 3 * shade) for shade in range(20)]
    palette = [*sky, (255, 244, 214), (112, 128, 158), (58, 82, 92)]
    far = [150 + 26 * math.sin(x / 61) + 11 * math.sin(x / 17) for x in range(_WIDTH)]
    near = [205 + 20 * math.sin(x / 83 + 2) + 6 * math.sin(x / 23) for x in range(_WIDTH)]

    def colour(x: int, y: int) -> int:
        if y > near[x]:
            return 22
        if y > far[x]:
            return 21
        return 20 if (x - 350) ** 2 + (y - 90) ** 2 < 900 else 19 - min(19, y // 9)

    return _png((bytes(colour(x, y) for x in range(_WIDTH)) for y in range(_HEIGHT)), palette)


# ---- the file -------------------------------------------------------------------------------------------


def _png(rows: Iterable[bytes | bytearray], palette: Sequence[Colour]) -> bytes:
    size = _WIDTH.to_bytes(4) + _HEIGHT.to_bytes(4)
    colours = b"".join(map(bytes, palette))
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows), 9)
    chunks = ((b"IHDR", size + b"\x08\x03\0\0\0"), (b"PLTE", colours), (b"IDAT", pixels), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4)
