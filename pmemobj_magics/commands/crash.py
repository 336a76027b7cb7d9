"""Crash the open transaction, or a cell, on purpose.

The process of a cell is killed at one change or at every change, or the power is cut at every step.
"""

from __future__ import annotations

import linecache
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pmemobj.crash
from pmemobj import PersistentObjectPool, TransactionError
from pmemobj.crash import CrashReport, PowerModeError, Verdict
from pmemobj_magics.errors import ExpressionError
from pmemobj_magics.shell.cell import CellCode, Shell
from pmemobj_magics.shell.child import in_child
from pmemobj_magics.shell.progress import plain_bar, tell_interrupt, teller
from pmemobj_magics.shell.session import Session
from pmemobj_magics.views.crash import AS_BEFORE, ON_COPY, WRAPPED, CrashResult, Places, PowerResult, SweepResult

__all__ = ["CrashLimits", "How", "compile_check", "cut_power", "kill", "kill_here", "sweep"]

Check = Callable[[PersistentObjectPool], object]

_CHECK = "<check>"


@dataclass(frozen=True)
class CrashLimits:
    """Limits of time, of the number of crashes, and of the pictures.

    Attributes:
        cell: The seconds that the cell may run.
        exploring: The seconds that all crashes may take together.
        budget: The largest number of crashes.
        max_nodes: The largest number of objects in a picture.
        max_items: The largest number of entries of each object.
        progress: Whether to show a bar when the work takes long.
    """

    cell: float
    exploring: float
    budget: int
    max_nodes: int
    max_items: int
    progress: bool


@dataclass(frozen=True)
class How:
    """How a cell that is going to be killed is run.

    Attributes:
        rolled_back: Whether on a copy, as of the beginning of the open transaction; otherwise on the real pool.
        transaction: Whether in a transaction.
    """

    rolled_back: bool
    transaction: bool


def kill_here(session: Session, name: str | None, limits: CrashLimits) -> CrashResult:
    """Kill a child process that is this program in the middle of its open transaction, and recover a copy of the pool.

    Args:
        session: The session.
        name: The pool, which goes on.
        limits: Limits of time and of the pictures.

    Raises:
        PmemError: the pool cannot be copied, or recovery failed.
    """
    pool = session.find(name)
    report = pmemobj.crash.kill_here(pool, seconds=limits.cell)
    is_open = report.verdict is not Verdict.NO_TRANSACTION
    notes = (f"the pool that is open here is as it was{', and its transaction is open' if is_open else ''}",)
    return CrashResult(report, "", limits.max_nodes, limits.max_items, notes)


def kill(
    session: Session, code: CellCode, name: str | None, at: int | None, how: How, limits: CrashLimits
) -> CrashResult:
    """Run a cell in a child process, kill that process, and recover the pool.

    Args:
        session: The session.
        code: The cell; its changes to variables happen in the child only.
        name: The pool.
        at: The change after which the process is killed, counted from 1; None for just before the commit.
        how: On what the cell runs, and whether in a transaction.
        limits: Limits of time and of the pictures.

    Raises:
        TransactionError: a transaction is open, and the cell is to run on the real pool.
        PmemError: recovery failed.
    """
    pool = _pool(session, name, how.rolled_back)
    with _interrupt_explained(session, pool):
        report = _killed(session, code, pool, at, how, limits)
    return CrashResult(report, code.filename, limits.max_nodes, limits.max_items, _notes(pool, how))


def _killed(
    session: Session, code: CellCode, pool: PersistentObjectPool, at: int | None, how: How, limits: CrashLimits
) -> CrashReport:
    return pmemobj.crash.kill(
        pool,
        in_child(session, code),
        at,
        seconds=limits.cell,
        rolled_back=how.rolled_back,
        transaction=how.transaction,
    )


def _notes(pool: PersistentObjectPool, how: How) -> tuple[str, ...]:
    """What the user must know about the way in which the cell was run."""
    on_copy = (AS_BEFORE if pool.in_transaction else ON_COPY,) if how.rolled_back else ()
    return (*on_copy, WRAPPED) if how.transaction else on_copy


def sweep(session: Session, code: CellCode, name: str | None, how: How, limits: CrashLimits) -> SweepResult:
    """Kill a cell after each of its changes, and once more just before the commit, within the limits.

    If there are more changes than the budget allows, the kills are spread evenly over them. The cell may change the
    real pool, so the sweep ends with the first kill that recovery does not undo.
    """
    pool = _pool(session, name, how.rolled_back)
    deadline = time.monotonic() + limits.exploring
    with _interrupt_explained(session, pool):
        last = _killed(session, code, pool, None, how, limits)
        points = _spread(last.changes, limits.budget - 1)
        stopped = ""
        if len(points) < last.changes:
            stopped = f"with a budget of {limits.budget} kills, {len(points)} evenly spread changes were tried"
        reports: list[CrashReport] = []
        if not last.ok:
            points, stopped = [], "the sweep ended with this kill: the pool is no longer as it was before"
        with plain_bar("killing", limits.progress) as bar:
            bar.total = len(points)
            for at in points:
                if time.monotonic() >= deadline:
                    stopped = f"the time limit was reached after {len(reports)} changes; --seconds sets a longer one"
                    break
                reports.append(_killed(session, code, pool, at, how, limits))
                bar.update(1)
                if not reports[-1].ok:
                    stopped = f"the sweep ended at change {at}: the pool is no longer as it was before"
                    break
    notes = _notes(pool, how)
    return SweepResult([*reports, last], code.filename, limits.max_nodes, limits.max_items, stopped, notes)


def cut_power(
    session: Session,
    code: CellCode,
    name: str | None,
    *,
    model: str,
    check: str,
    seed: int,
    rolled_back: bool,
    limits: CrashLimits,
    interactive: bool,
) -> PowerResult:
    """Record a cell, cut the power before each of its steps, and let libpmemobj recover the pool.

    Args:
        session: The session.
        code: The cell, which begins transactions itself.
        name: The pool.
        model: The states that a power cut may leave.
        check: An expression that must be true of the recovered pool, or whose value is a function of the pool; or an
            empty string.
        seed: The seed of the sample, if there are too many states to try all.
        rolled_back: Whether a transaction may be open; then the copy is the pool as of its beginning.
        interactive: Whether the result is also shown as a timeline with a slider.
        limits: Limits of time, crashes and pictures.

    Raises:
        PowerModeError: this machine or this installation cannot record stores.
        ExpressionError: the check is not an expression.
        TransactionError: a transaction is open, without `rolled_back`.
    """
    pool = _pool(session, name, rolled_back)
    demanded = compile_check(session, check) if check else None
    with _interrupt_explained(session, pool), _power_mode_explained():
        recording = pmemobj.crash.record(
            pool, in_child(session, code), seconds=limits.cell, seed=seed, rolled_back=rolled_back
        )
        with plain_bar("recovering", limits.progress) as bar:
            report = recording.explore(
                demanded,
                model=model,
                budget=limits.budget,
                seconds=limits.exploring,
                seed=seed,
                progress=teller(bar),
            )
        places = Places(code.filename, lambda filename: _cell_name(session.shell, filename))
        sizes = limits.max_nodes, limits.max_items
        return PowerResult(recording, report, code.filename, places, check, sizes, interactive)


def _cell_name(shell: Shell, filename: str) -> str | None:
    found: tuple[str, str] | None = shell.compile.format_code_name(filename)
    return " ".join(found).replace("Cell ", "cell ") if found else None


def compile_check(session: Session, text: str) -> Check:
    """Make a check from an expression; in it, ``pool`` is the recovered pool, beside the user's variables.

    Raises:
        ExpressionError: the text is not an expression.
    """
    try:
        code = compile(text, _CHECK, "eval")
    except SyntaxError as error:
        todo = "write one expression: --check sum(pool.root.values()) == 100"
        raise ExpressionError(f"understand --check {text}", f"{error.msg}", todo) from None
    # Tracebacks show this line.
    linecache.cache[_CHECK] = (len(text), None, [text], _CHECK)

    def check(pool: PersistentObjectPool) -> object:
        answer = eval(code, {**session.namespace, "pool": pool})
        return answer(pool) if callable(answer) and not isinstance(answer, type) else answer

    return check


def _spread(count: int, budget: int) -> list[int]:
    """All numbers from 1 to `count`, or `budget` of them, spread evenly, with the last one among them."""
    if count <= budget:
        return list(range(1, count + 1))
    return sorted({count - number * count // budget for number in range(budget)})


def _pool(session: Session, name: str | None, rolled_back: bool) -> PersistentObjectPool:
    pool = session.find(name)
    if pool.in_transaction and not rolled_back:
        raise TransactionError(
            f"crash a cell on {session.title(pool)}",
            "a transaction is open",
            f"{session.how_to_end(pool)}; or run the cell on a copy with --rolled-back; or crash the transaction with "
            "%pmem_crash",
        )
    return pool


@contextmanager
def _interrupt_explained(session: Session, pool: PersistentObjectPool) -> Iterator[None]:
    """Make IPython show an interrupt in one line."""
    try:
        yield
    except KeyboardInterrupt as interrupt:
        if not pool.closed:
            text = f"the cell was stopped and its changes were undone; {session.title(pool)} is open"
            tell_interrupt(interrupt, text)
        raise


@contextmanager
def _power_mode_explained() -> Iterator[None]:
    """Translate the advice of an error from function names to options of the magic."""
    try:
        yield
    except PowerModeError as error:
        todo, _, rest = error.todo.partition(", or use")
        install = f"{todo}; " if rest else ""
        raise PowerModeError("cut the power", error.why, f"{install}--kill and --sweep work everywhere") from None
