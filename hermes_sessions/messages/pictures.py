"""Pictures inside messages: found in texts and in parts of the content, checked to be what they claim."""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

LARGEST_PICTURE = 14_000_000  # characters of base64: 10 MB
MOST_PICTURES = 100
# The types that every browser shows and that hold no script, and how their files begin.
PICTURES: Mapping[str, tuple[bytes, ...]] = {
    "png": (b"\x89PNG\r\n\x1a\n",),
    "jpeg": (b"\xff\xd8\xff",),
    "gif": (b"GIF87a", b"GIF89a"),
    "webp": (b"RIFF",),
}
_DATA_URL = re.compile(r"data:image/(png|jpe?g|gif|webp);base64,([A-Za-z0-9+/]+={0,2})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture inside a message: a type of `PICTURES`, and the file as base64."""

    kind: str
    data: str

    def content(self) -> bytes | None:
        """Return the file; None if it is not of its type, or larger than pages show."""
        if len(self.data) > LARGEST_PICTURE:
            return None
        try:
            content = base64.b64decode(self.data, validate=True)
        except binascii.Error:
            return None
        fits = content.startswith(PICTURES[self.kind])
        return content if fits and (self.kind != "webp" or content[8:12] == b"WEBP") else None


def number_pictures(text: str) -> tuple[str, list[Picture]]:
    """Return a text with each picture in it replaced by `data:image/png;base64,~N`, and the pictures."""
    pictures: list[Picture] = []

    def numbered(match: re.Match[str]) -> str:
        if len(pictures) == MOST_PICTURES:
            return match[0]
        pictures.append(_picture(match))
        return f"data:image/{pictures[-1].kind};base64,~{len(pictures) - 1}"

    return (_DATA_URL.sub(numbered, text), pictures) if "data:" in text else (text, pictures)


def picture_of(part: Mapping[str, Any]) -> Picture | None:
    """Return the picture that a part of a content holds, None if it holds none or only names one."""
    match = _DATA_URL.fullmatch(_address(part))
    return _picture(match) if match else None


def _picture(match: re.Match[str]) -> Picture:
    kind = match[1].lower()
    return Picture("jpeg" if kind == "jpg" else kind, match[2])


def _address(part: Mapping[str, Any]) -> str:
    """Return the address of a part's picture, in any of the forms that models take it in."""
    source = part.get("source")
    if isinstance(source, dict) and source.get("type") == "base64":
        return f"data:{_string(source.get('media_type'))};base64,{_string(source.get('data'))}"
    for value in (part.get("image_url"), source):
        address = value.get("url") if isinstance(value, dict) else value
        if isinstance(address, str):
            return address
    return ""


def _string(value: object) -> str:
    return value if isinstance(value, str) else ""
