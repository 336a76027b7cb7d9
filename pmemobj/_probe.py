"""Tries a pool in a child process before the process of the user opens it.

libpmemobj may end or hang a process over a damaged file. A pool that was closed in good order is
trusted; one that was not is opened here first, copy-on-write, so that its file stays as it is, and
walked from end to end. Run as ``python -m pmemobj._probe PATH PARENT``, with the process id of the parent.
"""

from __future__ import annotations

import os
import subprocess
import sys

from pmemobj import _file, _lib, _storage
from pmemobj._base import kind_at, resurrect
from pmemobj._gc import containers, root_words
from pmemobj._heap import Heap
from pmemobj._layout import ROOT_SIZE
from pmemobj._object import ClassTable
from pmemobj.errors import PmemError, PoolBusyError, PoolDamagedError

#: Seconds that the trial may take: a base, and more for every GiB.
_PATIENCE, _PATIENCE_PER_GIB = 60, 60

_FINE, _DAMAGED, _BUSY = 0, 3, 4


def run(path: str) -> None:
    """Open and walk the pool at `path` in a child process.

    Raises:
        PoolDamagedError: that failed, killed the child, or took too long.
        PoolBusyError: the pool is open somewhere.
    """
    what = f"open pool {path}"
    patience = _PATIENCE + _PATIENCE_PER_GIB * _file.identify(path).size // (1 << 30)
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path))
    command = [sys.executable, "-P", "-m", "pmemobj._probe", path, str(os.getpid())]
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=patience, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired:
        raise PoolDamagedError(
            what, f"libpmemobj did not finish with it in {patience} s", "restore the pool from a copy"
        ) from None
    if done.returncode == _FINE:
        return
    complaint = (done.stderr.strip().splitlines() or ["no message"])[-1]
    if done.returncode == _BUSY:
        raise PoolBusyError(what, complaint, "close it there first")
    if done.returncode < 0:
        complaint = f"a trial process died of signal {-done.returncode} while libpmemobj opened it"
    raise PoolDamagedError(what, complaint, "restore the pool from a copy")


def _try(path: str) -> None:
    """What the child does."""
    found = _file.identify(path)
    try:
        pop = _storage.at(path, found.max_size).open(copy_on_write=True)
    except OSError as error:
        raise _file.translate(f"open pool {path}", error, path) from None
    heap = Heap(os.path.basename(path))
    heap.resurrect = resurrect
    heap.bind(pop, found.size, ROOT_SIZE, found.max_size)
    heap.types = ClassTable(heap)
    for offset in containers(heap, root_words(heap)):
        kind_at(heap, offset)._p_type_name(heap, offset)
    heap.allocations()


def main() -> int:
    """Try the pool that the command line names; the exit code tells what came of it."""
    path, parent = sys.argv[1:]
    # A trial that outlived its parent would keep the pool busy.
    _lib.die_with_parent()
    if os.getppid() != int(parent):
        return _DAMAGED
    try:
        _try(path)
    except PmemError as error:
        print(error.why, file=sys.stderr)
        return _BUSY if isinstance(error, PoolBusyError) else _DAMAGED
    return _FINE


if __name__ == "__main__":
    code = main()
    # Without the finalizers: what a damaged pool left behind in this process must not run.
    os._exit(code)
