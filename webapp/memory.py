"""What a server does with its memory: what is freed goes back to the system, what stays is not searched.

By default the allocator of Linux keeps a heap for each of many threads, and large blocks in them once one was
freed: after some long lists and searches a server holds half as much again as it needs.

The garbage collector stops all threads to look at every object, the 100,000 of the libraries too, which live
as long as the process: for 40 ms each time. It passes over what is kept for good.
"""

import ctypes
import gc
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


# New objects before the youngest are looked at, and how often before all are: ten and two times the usual.
_COLLECTED_AFTER = 10_000, 20, 20


def keep_what_is_loaded() -> None:
    """Let the garbage collector pass over all that is held by now, and look less often at the rest."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECTED_AFTER)
