"""A copy of an open pool, as of its last commit, while the program goes on using the pool.

The files of a pool that works in place, or in RAM, have every commit. Those of a pool with a journal have them after a
checkpoint. So it is enough to keep everybody from changing the pool while its files are copied: the lock of the pool is
held, outside of transactions. Only the state is another in the copy: that of a pool which was closed, and which needs
no journal.
"""

from __future__ import annotations

import os

from pmemobj._files import copies, pool_file
from pmemobj._format import ROOT_STATE, STATE_CLEAN, STATE_SUSPENDED, WORD
from pmemobj._lifecycle.session import Session
from pmemobj._progress import Progress, demand_progress
from pmemobj.errors import DiskFullError, SandboxError, TransactionError


def back_up(session: Session, path: str, progress: Progress | None) -> None:
    """Copy the pool of an open session; see `PersistentObjectPool.backup`."""
    what = f"back up pool {session.path} to {path}"
    demand_progress(what, progress)
    target = os.path.abspath(path)
    heap = session.heap
    with heap.lock:
        heap.read(heap.root_offset + ROOT_STATE)
        if heap.in_transaction():
            raise TransactionError(what, "a transaction is open in this thread", "commit or abort it first")
        if session.sandbox:
            raise SandboxError(
                what,
                "it is open in a sandbox, whose changes are in no file",
                "dump it with pmemobj.dump(), or open the pool outside of a sandbox",
            )
        session.demand_in_place(what)
        copies.demand_target(what, target, path)
        if heap.journal is not None and not heap.journal.checkpoint(for_others=True):
            raise DiskFullError(
                what,
                "the last commits must be written to its file first, which has holes that the disk has no room for",
                "free space on the disk of the pool",
            )
        heap.follow_growth()
        changes = heap.changes

        def demand_unchanged() -> None:
            if heap.changes != changes:
                raise TransactionError(what, "it was changed meanwhile, by this thread", "let progress only look")

        copies.make_copy(what, _original(session), target, demand_unchanged, progress)


def _original(session: Session) -> copies.Original:
    """The files of the pool, as far as its heap counts them."""
    heap = session.heap
    files, size = [], 0
    for path, length in pool_file.all_files(f"back up pool {session.path}", session.file):
        if size < heap.limit:
            files.append((path, length))
            size += length
    state = STATE_SUSPENDED if heap.may_have_garbage else STATE_CLEAN
    word = (heap.root_offset + ROOT_STATE, state.to_bytes(WORD, "little"))
    return copies.Original(files, session.file if os.path.isdir(session.file) else "", (word,))
