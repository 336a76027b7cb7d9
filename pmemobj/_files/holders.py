"""Who has a pool open: the process that has libpmemobj's lock on its first file, as far as the system tells."""

from __future__ import annotations

import contextlib
import os

#: The most characters of a command, or of the path of a notebook, in a message.
_LONGEST = 60
#: The variable by which a server of Jupyter tells its kernels the path of the notebook.
_NOTEBOOK = b"JPY_SESSION_NAME="


def lock_holders() -> dict[tuple[int, int], int]:
    """The processes that hold locks of the kind that libpmemobj takes, by the device and the number of the file.

    The table of the system is read, since trying to take a lock could make another program find the pool in use.
    """
    try:
        with open("/proc/locks", encoding="ascii", errors="replace") as table:
            lines = table.read().splitlines()
    except OSError:
        return {}
    holders = {}
    for line in lines:
        fields = line.split()
        with contextlib.suppress(ValueError, IndexError):
            if fields[1] == "FLOCK":
                major, minor, file = fields[5].split(":")
                holders[os.makedev(int(major, 16), int(minor, 16)), int(file)] = max(0, int(fields[4]))
    return holders


def holder_of(file: str, holders: dict[tuple[int, int], int] | None = None) -> int:
    """The number of the process that holds the lock of a file; 0 if none does, or the system does not tell.

    Args:
        file: The first file of the pool.
        holders: What `lock_holders` returned, if it was called already.
    """
    try:
        status = os.stat(file)
    except (OSError, ValueError):
        return 0
    return (lock_holders() if holders is None else holders).get((status.st_dev, status.st_ino), 0)


def described(pid: int) -> str:
    """A process in words: its number, its program, and its notebook if Jupyter has told it; empty if it has ended.

    The command line of another process can be read by everybody, its environment by its own user only.
    """
    try:
        command, *arguments = _read(pid, "cmdline").rstrip(b"\0").split(b"\0")
    except OSError:
        return ""
    program = _shortened(b" ".join([os.path.basename(command), *arguments]))
    more = [program] if program else []
    with contextlib.suppress(OSError):
        for variable in _read(pid, "environ").split(b"\0"):
            if variable.startswith(_NOTEBOOK) and len(variable) > len(_NOTEBOOK):
                more.append(f"notebook {_shortened(variable[len(_NOTEBOOK) :], at_the_start=True)}")
    return f"process {pid}" + (f" ({', '.join(more)})" if more else "")


def _read(pid: int, name: str) -> bytes:
    with open(f"/proc/{pid}/{name}", "rb") as file:
        return file.read()


def _shortened(raw: bytes, at_the_start: bool = False) -> str:
    """Bytes of the system as one short line that can be printed."""
    text = " ".join(os.fsdecode(raw).split())
    text = "".join(character if character.isprintable() else "?" for character in text)
    if len(text) <= _LONGEST:
        return text
    return f"...{text[3 - _LONGEST :]}" if at_the_start else f"{text[: _LONGEST - 3]}..."
