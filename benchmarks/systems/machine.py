"""The floors: what the disk can do at best, and what libpmemobj itself takes.

The second is a small C program (``floor.c``) with arrays where pmemobj has containers, and the fewest calls of
libpmemobj that make each change durable and whole. It is compiled when it is needed.
"""

from __future__ import annotations

import functools
import os
import shlex
import shutil
import subprocess
import sysconfig
from pathlib import Path
from typing import ClassVar

from benchmarks.systems.base import Job, Place, System, Unavailable
from benchmarks.workloads import FILL_BATCH

__all__ = ["Fdatasync", "Floor"]

SOURCE = Path(__file__).parent.parent / "floor.c"


class Fdatasync(System):
    """Writes eight bytes into a file whose blocks are there, and calls fdatasync.

    It does so once for each change, and once for all changes of a batch. It does the same for every kind of change, so
    that each is compared with a disk as busy as it was itself.
    """

    name = "fdatasync"

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self._file = os.open(self.path("one-file"), os.O_RDWR | os.O_CREAT)
        os.pwrite(self._file, bytes(1 << 20), 0)
        os.fsync(self._file)

    def finish(self) -> None:
        os.close(self._file)

    def version(self) -> str:
        return "pwrite and fdatasync"

    def durability(self) -> str:
        return "each operation: written and waited for; the floor of any disk"

    def _write(self, size: int, count: int) -> Job:
        positions = [index % (1 << 17) * 8 for index in self.indices(size, count)]
        data = [value.to_bytes(8, "little") for value in self.fresh_values(count)]
        file = self._file

        def run() -> None:
            for position, word in zip(positions, data, strict=True):
                os.pwrite(file, word, position)
                os.fdatasync(file)

        return Job(run)

    list_set = dict_set = attribute_set = list_append = dict_new = _write

    def _write_once(self, size: int, count: int) -> Job:
        return self._write(size, 1)

    batch_list_set = batch_dict_set = batch_attribute_set = batch_list_append = batch_dict_new = _write_once


def build(directory: Path) -> Path:
    """Compile the C program.

    Raises:
        Unavailable: there is no compiler, or no header of libpmemobj.
    """
    compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")
    if not shutil.which(compiler[0]):
        raise Unavailable(f"there is no C compiler {compiler[0]} (install gcc)")
    program = directory / f"floor-{os.getpid()}"
    command = [*compiler, "-O2", "-o", str(program), str(SOURCE), "-lpmemobj"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        first = next((line for line in done.stderr.splitlines() if "error" in line), done.stderr[:200])
        raise Unavailable(f"its C program cannot be compiled: {first.strip()} (install libpmemobj-dev)")
    return program.rename(directory / "floor")


class Floor(System):
    """libpmemobj from C: a child that takes commands and times itself."""

    name = "floor"
    #: On a disk, it waits for each page and each allocation.
    largest_of: ClassVar[dict[str, int]] = {"places": 100_000, "fill": 5_000}

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        program = place.shared / "floor"
        if not program.exists():
            build(place.shared)
        pool = self.path("floor.pool")
        self._child = subprocess.Popen(
            [str(program), str(pool), str(place.size)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._version = self._answer()

    def _answer(self) -> str:
        assert self._child.stdout is not None
        line = self._child.stdout.readline().rstrip("\n")
        if not line or line.startswith("error"):
            raise Unavailable(f"its C program says: {line or f'nothing, and ends with {self._child.wait()}'}")
        return line

    def _ask(self, *command: object) -> float:
        assert self._child.stdin is not None
        print(*command, file=self._child.stdin, flush=True)
        return float(self._answer())

    def finish(self) -> None:
        assert self._child.stdin is not None
        self._child.stdin.close()
        self._child.wait()

    def version(self) -> str:
        return self._version

    def durability(self) -> str:
        return "each operation: msynced, in place"

    def _job(self, command: str, size: int, count: int) -> Job:
        return Job(functools.partial(self._ask, command, size, count))

    def list_get_int(self, size: int, count: int) -> Job:
        return self._job("list_get", size, count)

    def list_iterate(self, size: int, count: int) -> Job:
        return self._job("iterate", size, count)

    def attribute_get(self, size: int, count: int) -> Job:
        return self._job("attribute_get", size, count)

    def list_set(self, size: int, count: int) -> Job:
        return self._job("list_set", size, count)

    def list_append(self, size: int, count: int) -> Job:
        return self._job("append", size, count)

    def dict_set(self, size: int, count: int) -> Job:
        return self._job("dict_set", size, count)

    def dict_new(self, size: int, count: int) -> Job:
        return self._job("dict_new", size, count)

    def attribute_set(self, size: int, count: int) -> Job:
        return self._job("attribute_set", size, count)

    def batch_list_set(self, size: int, count: int) -> Job:
        return self._job("batch_list_set", size, count)

    def batch_list_append(self, size: int, count: int) -> Job:
        return self._job("batch_append", size, count)

    def batch_dict_set(self, size: int, count: int) -> Job:
        return self._job("batch_dict_set", size, count)

    def batch_dict_new(self, size: int, count: int) -> Job:
        return self._job("batch_dict_new", size, count)

    def batch_attribute_set(self, size: int, count: int) -> Job:
        return self._job("batch_attribute_set", size, count)

    def build_list(self, size: int, count: int) -> Job:
        return self._job("build_list", size, count)

    def build_dict(self, size: int, count: int) -> Job:
        return self._job("build_dict", size, count)

    def fill_objects(self, size: int, count: int) -> Job:
        return self._job("fill", size, FILL_BATCH)

    def _objects(self, size: int) -> Path:
        """The very pool that pmemobj opens too."""
        from benchmarks.systems.pmem import make_objects, objects_file

        name = objects_file(size)
        return self.kept(name, lambda: self.from_store(name, lambda path: make_objects(path, size)))

    def open_read(self, size: int, count: int) -> Job:
        return Job(functools.partial(self._ask, "open", self._objects(size)))

    def close_read(self, size: int, count: int) -> Job:
        return Job(functools.partial(self._ask, "close", self._objects(size)))
