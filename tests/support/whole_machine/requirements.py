"""What this machine needs for the test, and how to get what is missing."""

from __future__ import annotations

import platform
import shutil

import fresh_root

#: Programs, and the Debian packages that have them.
PROGRAMS = {
    "qemu-system-x86_64": "qemu-system-x86",
    "nbdkit": "nbdkit nbdkit-plugin-python",
    "debootstrap": "debootstrap",
    "mke2fs": "e2fsprogs",
    "cpio": "cpio",
}


class MachineError(Exception):
    """The machine cannot be made, or did not start; says what failed, why, and what to do.

    Args:
        what: What failed.
        why: The reason.
        remedy: What to do about it.
    """

    def __init__(self, what: str, why: str, remedy: str) -> None:
        super().__init__(f"cannot {what}: {why} ({remedy})")


def demand(*, root_is_made: bool) -> None:
    """Do nothing where everything is there.

    Args:
        root_is_made: Whether the root of the machine is there already, so that nothing has to be downloaded.

    Raises:
        MachineError: something is missing.
    """
    if platform.machine() != "x86_64":
        raise MachineError(
            "run the machine",
            f"this one is {platform.machine()}, and the NVDIMM of QEMU is for x86-64",
            "use another one",
        )
    missing = [package for program, package in PROGRAMS.items() if not _have(program)]
    if missing:
        raise MachineError(
            "run the machine",
            f"there is no {', '.join(program for program in PROGRAMS if not _have(program))}",
            f"apt-get install {' '.join(missing)}",
        )
    if not root_is_made and (reason := fresh_root.missing()):
        raise MachineError("make the root of the machine", reason, "do it as root, with Debian's packages in reach")


def _have(program: str) -> bool:
    return shutil.which(program, path="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin") is not None
