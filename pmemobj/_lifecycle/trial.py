"""Tries a pool in a child process before the process of the user opens it.

libpmemobj may end or hang a process over a damaged file. A pool that was closed in good order is
trusted, if its heap looks as it should; one that was not is opened here first, copy-on-write, so
that its file stays as it is, and walked from end to end. `pmemobj.check` looks at pools in the same way.

Run as ``python -m pmemobj._lifecycle.trial PATH PARENT TASK``, with the process id of the parent.
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

#: Seconds that the trial may take: a base, and more for every GiB.
_PATIENCE, _PATIENCE_PER_GIB = 60, 60

#: How a child is started; path, process id of the parent and task follow.
_COMMAND = [sys.executable, "-P", "-m", "pmemobj._lifecycle.trial"]

_FINE, _DAMAGED, _BUSY = 0, 3, 4


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of a child.

    Attributes:
        complaint: Why it did not end well; empty if it did.
        busy: Whether that is because the pool is open somewhere.
        lines: What it had written by then.
    """

    complaint: str
    busy: bool
    lines: list[str]


def run(path: str, size: int) -> None:
    """Open and walk the pool at `path`, of `size` bytes, in a child process.

    Raises:
        PoolDamagedError: that failed, killed the child, or took too long.
        PoolBusyError: the pool is open somewhere.
    """
    what = f"open pool {path}"
    trial = in_child(path, "open", patience(size))
    if trial.busy:
        raise PoolBusyError(what, trial.complaint, "close it there first")
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
        seconds: How long it may take.
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
            return Trial(f"libpmemobj did not finish with it in {seconds:g} s", False, out.splitlines())
    lines = out.splitlines()
    if child.returncode == _FINE:
        return Trial("", False, lines)
    complaint = (err.strip().splitlines() or ["no message"])[-1]
    if child.returncode < 0:
        complaint = f"a trial process died of signal {-child.returncode} while libpmemobj worked on it"
    return Trial(complaint, child.returncode == _BUSY, lines)


# ---- what the child does -----------------------------------------------------------------------------


@contextmanager
def _opened(path: str) -> Iterator[Heap]:
    """A heap on the pool, recovered in memory only; never closed, since the process ends."""
    found = pool_file.identify(path)
    # A directory that is not tidy stays so; then its parts are named one by one, and it cannot grow.
    may_grow_to = found.max_size if found.tidy else 0
    try:
        if found.tidy:
            pop = storage.at(path, may_grow_to).open(copy_on_write=True)
        else:
            pop = storage.open_parts(found.files)
    except OSError as error:
        raise pool_file.translate(f"open pool {path}", error, path) from None
    heap = Heap(os.path.basename(path))
    heap.resurrect = resurrect
    heap.bind(pop, found.size, ROOT_SIZE, may_grow_to)
    yield heap


def _open(path: str) -> None:
    """Open and walk; the first thing that is wrong is enough."""
    with _opened(path) as heap:
        heap.types = ClassTable(heap)
        for offset in containers(heap, root_words(heap)):
            kind_at(heap, offset)._p_type_name(heap, offset)
        heap.allocations()


def _examine(path: str) -> None:
    """Say everything that is wrong, after libpmemobj has recovered what it could."""
    with _opened(path) as heap:
        _say_all(heap)


def _examine_bytes(path: str) -> None:
    """Say what is wrong in the bytes as they are, where libpmemobj must not be let near them."""
    with image(path) as heap:
        _say_all(heap)


def _say_all(heap: Heap) -> None:
    allocations = None
    try:
        allocations = heap.allocations()
    except PoolDamagedError as error:
        print(json.dumps(astuple(Finding(ERROR, "heap", None, error.why))), flush=True)
    examination = Examination(heap, allocations)
    for finding in examination.run():
        print(json.dumps(astuple(finding)), flush=True)
    print(json.dumps(examination.objects), flush=True)


#: What can be asked of a child.
TASKS: dict[str, Callable[[str], None]] = {
    "open": _open,
    "examine": _examine,
    "examine-bytes": _examine_bytes,
}


def findings_of(lines: list[str]) -> tuple[list[Finding], int]:
    """What a child that examined has said: its findings, and how many objects it came to."""
    findings, objects = [], 0
    for line in lines:
        try:
            said = json.loads(line)
        except ValueError:
            continue  # it died in the middle of a line
        if isinstance(said, int):
            objects = said
        else:
            findings.append(Finding(*said))
    return findings, objects


def main() -> int:
    """Do the task that the command line names; the exit code tells what came of it."""
    path, parent, task = sys.argv[1:]
    # A trial that outlived its parent would keep the pool busy.
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
    # Without the finalizers: what a damaged pool left behind in this process must not run.
    os._exit(code)
