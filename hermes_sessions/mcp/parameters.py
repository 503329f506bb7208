"""What a tool can be given: a parameter's schema, and how what a model wrote becomes its value."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from ..errors import InvalidValue

Value = str | int | bool | tuple[str, ...] | None
Kind = Literal["text", "whole", "flag", "texts"]

_TYPES: Mapping[Kind, dict[str, Any]] = {
    "text": {"type": "string"},
    "whole": {"type": "integer"},
    "flag": {"type": "boolean"},
    "texts": {"type": "array", "items": {"type": "string"}},
}
_FLAGS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A parameter of a tool. Numbers outside of `least` and `most` become the nearest of these."""

    name: str
    about: str = ""
    kind: Kind = "text"
    default: Value = None
    required: bool = False
    choices: tuple[str, ...] = ()
    least: int = 0
    most: int = 1_000_000_000

    def schema(self) -> dict[str, Any]:
        """Return the parameter as JSON Schema describes it."""
        schema = dict(_TYPES[self.kind])
        if self.choices:
            schema["enum"] = [*self.choices]
        if self.about:
            schema["description"] = self.about
        if self.default is not None:
            schema["default"] = self.default
        return schema

    def read(self, given: object) -> Value:
        """Return the value that a model means; nothing and an empty text are the default.

        Raises `InvalidValue`.
        """
        if given is None or given == "":
            if self.required:
                raise InvalidValue(f"{self.name} is missing: give it")
            return self.default
        return getattr(self, f"_{self.kind}")(given)  # type: ignore[no-any-return]  # one of the four below

    def _text(self, given: object) -> str:
        if isinstance(given, bool) or not isinstance(given, str | int | float):
            raise InvalidValue(f"{self.name} must be text")
        text = str(given).strip()
        if self.choices and text.lower() not in self.choices:
            raise InvalidValue(f"{self.name} must be one of {', '.join(self.choices)}")
        return text.lower() if self.choices else text

    def _whole(self, given: object) -> int:
        try:
            number = float(given) if isinstance(given, str | int | float) else math.nan
        except ValueError:
            number = math.nan
        except OverflowError:  # an integer of hundreds of digits
            number = math.inf if cast(int, given) > 0 else -math.inf
        if isinstance(given, bool) or math.isnan(number):
            raise InvalidValue(f"{self.name} must be a whole number")
        return int(max(self.least, min(self.most, number)))

    def _flag(self, given: object) -> bool:
        flag = _FLAGS.get(str(given).strip().lower())
        if flag is None:
            raise InvalidValue(f"{self.name} must be true or false")
        return flag

    def _texts(self, given: object) -> tuple[str, ...]:
        items = given.split(",") if isinstance(given, str) else given
        if not isinstance(items, list) or not all(isinstance(each, str) for each in items):
            raise InvalidValue(f"{self.name} must be a list of texts")
        return tuple(each.strip() for each in items if each.strip())


def schema(parameters: Iterable[Parameter]) -> dict[str, Any]:
    """Return the JSON Schema of a tool's arguments."""
    listed = list(parameters)
    required = [each.name for each in listed if each.required]
    properties = {each.name: each.schema() for each in listed}
    return {"type": "object", "properties": properties, **({"required": required} if required else {})}


def read_arguments(parameters: Iterable[Parameter], given: Mapping[str, object]) -> dict[str, Value]:
    """Return the value of each parameter; raise `InvalidValue` for wrong ones and for unknown names.

    Where there are no parameters, anything is ignored: some clients give such tools one of their own.
    """
    known = {each.name: each for each in parameters}
    for wrong in sorted(given.keys() - known.keys()) if known else ():
        raise InvalidValue(f"there is no parameter {wrong}. There are {', '.join(known)}")
    return {name: each.read(given.get(name)) for name, each in known.items()}
