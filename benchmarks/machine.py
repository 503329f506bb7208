"""What machine the figures are of, in words."""

import os
import platform
import sqlite3
from pathlib import Path


def described(work: Path) -> str:
    """Return processor, cores, memory, disk under `work`, and the versions that matter."""
    cores = os.cpu_count()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return (
        f"{_processor()}, {cores} cores, {memory:.0f} GB of memory; {_disk(work)}; {platform.system()} "
        f"{platform.release()}, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    )


def _processor() -> str:
    for line in _lines("/proc/cpuinfo"):
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _disk(work: Path) -> str:
    mounts = [line.split()[:3] for line in _lines("/proc/mounts")]
    here = str(work.resolve())
    above = [
        (len(point), device, kind)
        for device, point, kind in mounts
        if f"{here}/".startswith(f"{point}/".replace("//", "/"))
    ]
    return "disk unknown" if not above else f"{max(above)[2]} on {max(above)[1]}"


def _lines(path: str) -> list[str]:
    file = Path(path)
    return file.read_text("utf-8", "replace").splitlines() if file.exists() else []
