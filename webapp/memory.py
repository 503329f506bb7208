"""What a server's process does with memory that it has freed: it goes back to the system.

By default the allocator of Linux keeps a heap for each of many threads, and large blocks in them once one was
freed: after some long lists and searches a server holds half as much again as it needs.
"""

import ctypes
import sys
from contextlib import suppress

# Of mallopt(3), in bytes but the last. Setting a threshold ends its growth with the largest block.
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
OPTIONS = {_ARENA_MAX: 2, _MMAP_THRESHOLD: 131_072, _TRIM_THRESHOLD: 131_072}


def give_back_freed() -> None:
    """Let the allocator return what is freed, where it can be told: before the process has threads."""
    if sys.platform == "linux":
        with suppress(AttributeError):  # another C library than glibc
            set_option = ctypes.CDLL(None).mallopt
            for option, value in OPTIONS.items():
                set_option(option, value)
