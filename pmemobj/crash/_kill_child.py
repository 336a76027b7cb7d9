"""The child process that runs code on a pool and dies by SIGKILL at a change, and how it ended.

The child counts the changes of live memory in memory that the parent can read when the child is dead, and notes there
how it ends.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import signal
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from pmemobj.crash import _child
from pmemobj.crash._kill_report import CrashReport, Verdict
from pmemobj.inspect import Graph
from pmemobj.pool import PersistentObjectPool

_WORD = 8
#: Parent and child share two words: the number of changes, and how the child ends, as it notes itself.
_SHARED_SIZE = 2 * _WORD

_WAITING = "it had other threads: a thread that writes waits for the transaction in which the code runs"


class _End(IntEnum):
    """How a child ends. It notes this itself, since the code may also exit or be killed by itself."""

    UNPLANNED, AT_CHANGE, AT_END, RAISED, FAILED = range(5)


@dataclass(frozen=True)
class Death:
    """How the child ended.

    Attributes:
        at: The change after which it was to die.
        transaction: Whether the code ran in a transaction.
        changes: How many changes it had made.
        verdict: The verdict for a pool that is as before.
        ending: How it ended, in words, unless it was killed as planned.
        output: What the code printed.
        hint: What may be the cause of its end; or an empty string.
        complete: Whether the code had run to its end.
        failed: Whether the child could not even begin.
    """

    at: int | None
    transaction: bool
    changes: int
    verdict: Verdict
    ending: str
    output: str
    hint: str
    complete: bool
    failed: bool

    def report(self, verdict: Verdict, before: Graph, at_crash: Graph, after: Graph) -> CrashReport:
        """The report with these pictures."""
        moment = f"killed after change {self.at}"
        if self.complete:
            moment = f"killed just {'before the commit' if self.transaction else 'after the last statement'}"
        return CrashReport(
            verdict,
            self.at,
            self.changes,
            before,
            at_crash,
            after,
            self.output,
            self.ending,
            self.hint,
            "" if self.ending else moment,
            self.complete,
        )


def run_to_death(
    pool: PersistentObjectPool,
    begin: Callable[[], object],
    action: Callable[[], object],
    at: int | None,
    seconds: float,
    called_off: Callable[[], bool] = lambda: False,
    transaction: bool = True,
) -> Death:
    """Run `action` in a child process that dies after a change, or when the action has ended.

    Args:
        pool: The pool.
        begin: What the child does first, so that the pool is open there.
        action: What to run.
        at: The change; None for the end of the action.
        seconds: How long it may take.
        called_off: Asked now and then whether to kill the child at once.
        transaction: Whether to run the action in a transaction.
    """
    with mmap.mmap(-1, _SHARED_SIZE) as shared:
        child = _Child(pool, begin, action, at, transaction, shared)
        ended = _child.run(child.live, seconds, called_off)
        changes, end = (int.from_bytes(shared[place : place + _WORD], "little") for place in (0, _WORD))
    verdict, ending = _how_it_ended(ended, _End(end), changes)
    hint = _WAITING if verdict is Verdict.TIMED_OUT and ended.threads and transaction else ""
    return Death(
        at,
        transaction,
        changes,
        verdict,
        ending,
        ended.output,
        hint,
        complete=end == _End.AT_END and not ending,
        failed=end == _End.FAILED,
    )


def _how_it_ended(ended: _child.Ended, end: _End, changes: int) -> tuple[Verdict, str]:
    """The verdict for a pool that is as before, and how the child ended unless it was killed as planned."""
    status = ended.status
    if ended.timed_out:
        return Verdict.TIMED_OUT, "killed when its time was up"
    if end in (_End.RAISED, _End.FAILED):
        return Verdict.RAISED, "not killed"
    if os.WIFEXITED(status):
        return Verdict.EXITED, f"exited with code {os.WEXITSTATUS(status)}"
    if end is _End.UNPLANNED:
        return Verdict.SIGNALLED, f"died of {_child.signal_name(os.WTERMSIG(status))}"
    return Verdict.ROLLED_BACK if changes else Verdict.UNCHANGED, ""


class _Child:
    """What happens in the child."""

    def __init__(
        self,
        pool: PersistentObjectPool,
        begin: Callable[[], object],
        action: Callable[[], object],
        at: int | None,
        transaction: bool,
        shared: mmap.mmap,
    ) -> None:
        self._pool, self._begin, self._action, self._at = pool, begin, action, at
        self._transaction, self._shared = transaction, shared
        self._changes = 0

    def live(self, writing: int) -> None:
        """Never returns: the process ends by SIGKILL as planned, or with an exit code."""
        code = 1
        end = _End.FAILED
        try:
            with _child.output_to(writing):
                self._begin()
                end = _End.RAISED
                self._pool._heap.on_change = self._count
                with self._pool.transaction() if self._transaction else contextlib.nullcontext():
                    self._action()
                    self._die(_End.AT_END)
        except SystemExit as system_exit:
            code = _child.exit_code(system_exit, writing)
        except BaseException:
            self._note(end)
            with contextlib.suppress(BaseException):
                os.write(writing, traceback.format_exc().encode(errors="replace"))
        finally:
            # Do not run the finalizers of the caller's program, which this process has inherited.
            os._exit(code)

    def _count(self) -> None:
        """After each change: count it where the parent can read it, and die at the planned one."""
        self._changes += 1
        self._shared[:_WORD] = self._changes.to_bytes(_WORD, "little")
        if self._changes == self._at:
            self._die(_End.AT_CHANGE)

    def _note(self, end: _End) -> None:
        self._shared[_WORD:] = end.to_bytes(_WORD, "little")

    def _die(self, end: _End) -> None:
        self._note(end)
        os.kill(os.getpid(), signal.SIGKILL)
