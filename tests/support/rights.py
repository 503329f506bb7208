"""The rights of this process: tests run as root, for whom no mode of a file is an obstacle."""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

# Of capabilities(7): to read, write and search whatever the modes of files say.
_OVERRIDES = 1 << 1 | 1 << 2
_VERSION_3 = 0x20080522

_libc = ctypes.CDLL(None, use_errno=True)


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Sets(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_uint32) for name in ("effective", "permitted", "inheritable"))


@contextmanager
def modes_count() -> Iterator[None]:
    """Let the modes of files count for this thread too if it is root's."""
    header, sets = _Header(_VERSION_3, 0), (_Sets * 2)()
    _checked(_libc.capget(ctypes.byref(header), sets))
    before = sets[0].effective
    sets[0].effective = before & ~_OVERRIDES
    _checked(_libc.capset(ctypes.byref(header), sets))
    try:
        yield
    finally:
        sets[0].effective = before
        _checked(_libc.capset(ctypes.byref(header), sets))


def _checked(result: int) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), "capset")
