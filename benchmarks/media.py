"""The directories in which systems keep their data, and the memory under these directories."""

from __future__ import annotations

import os
import platform
from pathlib import Path

__all__ = ["default_ram", "filesystem_of", "machine"]


def default_ram() -> Path | None:
    """The directory on tmpfs that Linux provides for all users; None if this process cannot write to it."""
    shared = Path("/dev/shm")
    return shared if os.access(shared, os.W_OK) and filesystem_of(shared) == "tmpfs" else None


def filesystem_of(path: Path) -> str:
    """The kind of file system that a directory lies on, as the mount table calls it."""
    real = path.resolve()
    best, kind = "", "unknown"
    try:
        lines = Path("/proc/self/mounts").read_text(errors="surrogateescape").splitlines()
    except OSError:
        return kind
    for line in lines:
        _, point, found, *_ = line.split(" ")
        point = point.encode().decode("unicode_escape")
        if real.is_relative_to(point) and len(point) >= len(best):
            best, kind = point, found
    return kind


def machine() -> dict[str, str]:
    """The facts about this machine that a reader needs to judge the figures."""
    facts = {"Python": platform.python_version(), "system": f"{platform.system()} {platform.release()}"}
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    facts["processor"] = f"{models[0] if models else platform.machine()}, {os.cpu_count()} cores"
    facts["memory"] = f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB"
    # The load of the machine says more about a figure than most other facts.
    facts["load when it began"] = f"{os.getloadavg()[0]:.1f}"
    return facts
