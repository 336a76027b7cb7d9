"""The trial of a pool in a child process, before the process of the user opens it.

libpmemobj may end or hang a process over a damaged file. A pool that was closed in good order is trusted if its heap
looks as it should. A pool that was not closed is first opened and walked in a child process. The child opens it
copy-on-write, so that the file stays as it is. `pmemobj.check` examines pools in the same way.

The child runs ``python -m pmemobj._lifecycle.trial PATH PARENT TASK``, with the process id of its parent.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass

from pmemobj._containers.base import kind_at, resurrect
from pmemobj._engine.heap import Heap
from pmemobj._files import pool_file, storage
from pmemobj._format import ROOT_SIZE
from pmemobj._inspection.walk import image
from pmemobj._objects.class_table import ClassTable
from pmemobj._objects.gc import containers, root_words
from pmemobj._pmdk import library
from pmemobj._verify.examination import ERROR, Examination, Finding
from pmemobj.errors import PmemError, PoolBusyError, PoolDamagedError

#: Seconds that a trial may take: a fixed time, and more for every GiB.
_PATIENCE, _PATIENCE_PER_GIB = 60, 60

#: The command that starts a child; the path, the process id of the parent and the task follow.
_COMMAND = [sys.executable, "-P", "-m", "pmemobj._lifecycle.trial"]

_FINE, _DAMAGED, _BUSY = 0, 3, 4


@dataclass(frozen=True, slots=True)
class Trial:
    """How a child ended.

    Attributes:
        complaint: Why it failed; empty if it did not.
        busy: Whether it failed because some process has the pool open.
        lines: The lines that it wrote to its standard output, up to its end.
    """

    complaint: str
    busy: bool
    lines: list[str]


def run(path: str, size: int, name: str) -> None:
    """Open and walk the pool at `path`, of `size` bytes, in a child process.

    Args:
        path: The pool; its files stay as they are.
        size: Bytes of its files.
        name: How errors call it.

    Raises:
        PoolDamagedError: the child failed, died, or took too long.
        PoolBusyError: some process has the pool open.
    """
    what = f"open pool {name}"
    trial = in_child(path, "open", patience(size))
    if trial.busy:
        raise pool_file.busy_error(what, path)
    if trial.complaint:
        raise PoolDamagedError(what, trial.complaint, "restore the pool from a copy")


def patience(size: int) -> float:
    """Seconds that a child may take with a pool of `size` bytes."""
    return _PATIENCE + _PATIENCE_PER_GIB * size // (1 << 30)


def in_child(path: str, task: str, seconds: float) -> Trial:
    """Do one of `TASKS` with the pool at `path` in a child process.

    Args:
        path: The pool; its file stays as it is.
        task: The name of the task.
        seconds: How long the child may take.
    """
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path), PYTHONIOENCODING="utf-8:surrogateescape")
    child = subprocess.Popen(
        [*_COMMAND, path, str(os.getpid()), task],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        errors="surrogateescape",
    )
    with child:
        try:
            out, err = child.communicate(timeout=seconds)
        except BaseException as error:
            child.kill()
            if not isinstance(error, subprocess.TimeoutExpired):
                raise
            out, _ = child.communicate()
            return Trial(f"libpmemobj did not finish with the pool in {seconds:g} s", False, out.splitlines())
    lines = out.splitlines()
    if child.returncode == _FINE:
        return Trial("", False, lines)
    complaint = (err.strip().splitlines() or ["no message"])[-1]
    if child.returncode < 0:
        complaint = f"a trial process died of signal {-child.returncode} while libpmemobj worked on the pool"
    return Trial(complaint, child.returncode == _BUSY, lines)


# ---- what the child does -----------------------------------------------------------------------------


@contextmanager
def _opened(path: str) -> Iterator[Heap]:
    """A heap on the pool, recovered in memory only. It is never closed, since the process ends anyway."""
    found = pool_file.identify(path)
    # A directory that is not tidy must not be changed here. Then its parts are named one by one, and it cannot grow.
    may_grow_to = found.max_size if found.tidy else 0
    overlay = storage.overlay_of(found.files, found.pages)
    try:
        if found.tidy:
            pop = storage.at(path, may_grow_to).open(copy_on_write=True, overlay=overlay)
        else:
            pop = storage.open_parts(found.files, overlay=overlay)
    except OSError as error:
        raise pool_file.translate(f"open pool {path}", error, path) from None
    heap = Heap(os.path.basename(path))
    heap.resurrect = resurrect
    heap.bind(pop, found.size, ROOT_SIZE, may_grow_to)
    yield heap


def _open(path: str) -> None:
    """Open and walk the pool. The first thing that is wrong raises its error, and ends the trial."""
    with _opened(path) as heap:
        heap.types = ClassTable(heap)
        for offset in containers(heap, root_words(heap)):
            kind_at(heap, offset)._p_type_name(heap, offset)
        heap.allocations()


def _examine(path: str) -> None:
    """Report everything that is wrong, after libpmemobj has recovered what it could."""
    with _opened(path) as heap:
        _report_all(heap)


def _examine_bytes(path: str) -> None:
    """Report what is wrong in the bytes of the file, for a pool that libpmemobj would not survive."""
    with image(path) as heap:
        _report_all(heap)


def _report_all(heap: Heap) -> None:
    allocations = None
    try:
        allocations = heap.allocations()
    except PoolDamagedError as error:
        print(json.dumps(astuple(Finding(ERROR, "heap", None, error.why))), flush=True)
    examination = Examination(heap, allocations)
    for finding in examination.run():
        print(json.dumps(astuple(finding)), flush=True)
    print(json.dumps(examination.objects), flush=True)


#: The tasks of a child, by their names.
TASKS: dict[str, Callable[[str], None]] = {
    "open": _open,
    "examine": _examine,
    "examine-bytes": _examine_bytes,
}


def findings_of(lines: list[str]) -> tuple[list[Finding], int]:
    """Read the output of a child that examined a pool: its findings, and how many objects it reached."""
    findings, objects = [], 0
    for line in lines:
        try:
            found = json.loads(line)
        except ValueError:
            continue  # the child died in the middle of a line
        if isinstance(found, int):
            objects = found
        else:
            findings.append(Finding(*found))
    return findings, objects


def main() -> int:
    """Do the task that the command line names, and return the exit code for it."""
    path, parent, task = sys.argv[1:]
    # A trial that outlived its parent would keep the pool locked.
    library.die_with_parent()
    if os.getppid() != int(parent):
        return _DAMAGED
    try:
        TASKS[task](path)
    except PmemError as error:
        print(error.why, file=sys.stderr)
        return _BUSY if isinstance(error, PoolBusyError) else _DAMAGED
    return _FINE


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    # _exit runs no finalizers, which might use what a damaged pool left in this process.
    os._exit(code)
