"""Program crashes: a child process runs the code on the real pool and dies by SIGKILL.

The parent suspends the pool and forks, and the child resumes the pool. So the code sees the variables of the caller
and the caller's persistent objects, and what it does is real. What it stored until it died is in the file (the page
cache outlives a process), together with libpmemobj's undo log. The parent reads these bytes as they are, then opens
the pool again, and libpmemobj rolls back.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import signal
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, IntEnum

from pmemobj import inspect
from pmemobj.crash import _child
from pmemobj.crash._interrupts import Interrupts, deferred
from pmemobj.errors import SandboxError, TransactionError
from pmemobj.pool import PersistentObjectPool

_WORD = 8
#: Parent and child share two words: the number of changes, and how the child ends, as it notes itself.
_SHARED_SIZE = 2 * _WORD

_WAITING = "it had other threads: a thread that writes waits for the transaction in which the code runs"


class _End(IntEnum):
    """How a child ends. It notes this itself, since the recorded code may also exit or be killed by itself."""

    UNPLANNED, PLANNED, RAISED = range(3)


class Verdict(Enum):
    """What became of the pool; the value is what people are told."""

    ROLLED_BACK = "rolled back: after recovery the pool is as it was before"
    CHANGED = "the pool is neither as before nor whole: something was stored outside the transaction"
    UNCHANGED = "nothing had been changed when it died"
    RAISED = "the code raised an exception before it could be killed; its transaction was rolled back"
    EXITED = "the code ended its process before it could be killed; after recovery the pool is as it was before"
    SIGNALLED = "a signal ended the process before it could be killed; after recovery the pool is as it was before"
    TIMED_OUT = "the code did not end in time and was killed; after recovery the pool is as it was before"


@dataclass(frozen=True)
class CrashReport:
    """One crash.

    Attributes:
        verdict: What became of the pool.
        at: The change after which the child was to die; None for just before the commit.
        changes: How many changes of live memory it had made when it died.
        before: The pool before.
        at_crash: What the child had stored when it died, read from the file before recovery.
        after: The pool after recovery.
        output: What the code printed, its traceback included.
        ending: How the process ended, in words, if not by the planned kill: ``exited with code 3``.
        hint: What may be the cause of that; or an empty string.
    """

    verdict: Verdict
    at: int | None
    changes: int
    before: inspect.Graph
    at_crash: inspect.Graph
    after: inspect.Graph
    output: str
    ending: str = ""
    hint: str = ""

    @property
    def ok(self) -> bool:
        """Whether the pool came back as it was."""
        return self.before == self.after

    @property
    def frames(self) -> tuple[tuple[str, inspect.Graph], ...]:
        """The three graphs with their titles."""
        return ("before", self.before), ("at the crash", self.at_crash), ("after recovery", self.after)

    def __str__(self) -> str:
        moment = self.ending
        if not moment:
            reached = self.at is not None and self.changes >= self.at
            moment = f"killed after change {self.at}" if reached else "killed just before the commit"
        made = f"{self.changes} change{'' if self.changes == 1 else 's'} made"
        return f"{moment}, {made}: {self.verdict.value}" + (f" ({self.hint})" if self.hint else "")


def kill(
    pool: PersistentObjectPool,
    action: Callable[[], object],
    at: int | None = None,
    *,
    seconds: float = 30.0,
    max_nodes: int | None = 1000,
) -> CrashReport:
    """Run `action` in a transaction in a child process, kill it there, and recover.

    Args:
        pool: An open pool; it is open again, with the same handles, at return.
        action: What to run; it sees everything that the caller sees. What it does to variables happens in the child
            only. If it waits for threads of its own that write, its time runs out, since these threads wait for the
            transaction.
        at: Kill after this change of live memory, counted from 1; None to kill just before the commit. If there are
            fewer changes, the process is killed just before the commit, too.
        seconds: How long it may run; then it is killed wherever it is.
        max_nodes: How many objects to compare and show.

    Raises:
        TransactionError: a transaction is open in this thread.
        SandboxError: the pool is open in a sandbox.
        PoolNotFoundError: its file was moved or removed; the pool stays open.
        ValueError: `at` is below 1.
        PmemError: recovery failed.
        KeyboardInterrupt: once the pool is open again.

    Example::

        import pmemobj
        from pmemobj import crash

        with pmemobj.create("bank.pmem", 16 << 20) as pool:
            money = pool.root = pool.persistent({"ada": 100, "bob": 100})

            def transfer():
                money["ada"] -= 30
                money["bob"] += 30

            crash.kill(pool, transfer, at=1)
            assert sum(money.values()) == 200
    """
    if at is not None and at < 1:
        raise ValueError(f"cannot crash at change {at}: changes are counted from 1")
    if pool.in_transaction:
        raise TransactionError(f"crash pool {pool.path}", "a transaction is open", "commit or abort it first")
    if pool.sandbox:
        raise SandboxError(
            f"crash pool {pool.path}",
            "it is open in a sandbox, where the changes of the child process would be lost",
            "open it without sandbox=True, or crash a copy",
        )
    before = inspect.walk(pool, max_nodes=max_nodes)
    with deferred() as interrupts, mmap.mmap(-1, _SHARED_SIZE) as shared:
        pool.suspend()
        try:
            ended = _child.run(
                lambda writing: _be_the_child(pool, action, at, writing, shared, interrupts),
                seconds,
                lambda: interrupts.waiting,
            )
            changes, end = (int.from_bytes(shared[place : place + _WORD], "little") for place in (0, _WORD))
            at_crash = inspect.walk_file(pool._file, max_nodes=max_nodes)
        finally:
            pool.resume()
    after = inspect.walk(pool, max_nodes=max_nodes)
    verdict, ending = _how_it_ended(ended.status, _End(end), changes, ended.timed_out)
    if before != after:
        verdict = Verdict.CHANGED
    hint = _WAITING if verdict is Verdict.TIMED_OUT and ended.threads else ""
    return CrashReport(verdict, at, changes, before, at_crash, after, ended.output, ending, hint)


def _how_it_ended(status: int, end: _End, changes: int, timed_out: bool) -> tuple[Verdict, str]:
    """The verdict for a pool that is as before, and how the child ended unless it was killed as planned."""
    if timed_out:
        return Verdict.TIMED_OUT, "killed when its time was up"
    if end is _End.RAISED:
        return Verdict.RAISED, "not killed"
    if os.WIFEXITED(status):
        return Verdict.EXITED, f"exited with code {os.WEXITSTATUS(status)}"
    if end is not _End.PLANNED:
        return Verdict.SIGNALLED, f"died of {_child.signal_name(os.WTERMSIG(status))}"
    return Verdict.ROLLED_BACK if changes else Verdict.UNCHANGED, ""


# ---- the child's side -------------------------------------------------------------------------------


def _be_the_child(
    pool: PersistentObjectPool,
    action: Callable[[], object],
    at: int | None,
    writing: int,
    shared: mmap.mmap,
    interrupts: Interrupts,
) -> None:
    """Never returns: the process ends by SIGKILL as planned, or with an exit code."""
    code = 1
    try:
        with _child.output_to(writing):
            interrupts.restore()
            # What the child stores until it dies is to be seen in the file, as libpmemobj itself leaves it there.
            pool._session.forgo_journal()
            pool.resume()
            _count_changes(pool, at, shared)
            with pool.transaction():
                action()
                _die(shared)
    except SystemExit as end:
        code = _child.exit_code(end, writing)
    except BaseException:
        _note(shared, _End.RAISED)
        with contextlib.suppress(BaseException):
            os.write(writing, traceback.format_exc().encode(errors="replace"))
    finally:
        # Do not run the finalizers of the caller's program, which this process has inherited.
        os._exit(code)


def _count_changes(pool: PersistentObjectPool, at: int | None, shared: mmap.mmap) -> None:
    """Count changes in memory that the parent can read after the child is dead, and die at the planned change."""
    changes = 0

    def on_change() -> None:
        nonlocal changes
        changes += 1
        shared[:_WORD] = changes.to_bytes(_WORD, "little")
        if changes == at:
            _die(shared)

    pool._heap.on_change = on_change


def _note(shared: mmap.mmap, end: _End) -> None:
    shared[_WORD:] = end.to_bytes(_WORD, "little")


def _die(shared: mmap.mmap) -> None:
    _note(shared, _End.PLANNED)
    os.kill(os.getpid(), signal.SIGKILL)
