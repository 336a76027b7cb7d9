"""Crash a cell on purpose: kill its process, at one change or at each, or cut the power."""

from __future__ import annotations

import ast
import builtins
import linecache
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from IPython.display import display
from tqdm.auto import tqdm

import pmemobj.crash
from pmemobj import PersistentObjectPool, TransactionError
from pmemobj.crash import CrashReport, PowerModeError
from pmemobj_magics.cell import CellCode, Shell
from pmemobj_magics.errors import ExpressionError
from pmemobj_magics.progress import BAR_AFTER
from pmemobj_magics.session import Session
from pmemobj_magics.views.crash import CrashResult, Places, PowerResult, SweepResult

__all__ = ["Limits", "compile_check", "cut_power", "kill", "sweep"]

Check = Callable[[PersistentObjectPool], object]

_CHECK = "<check>"


@dataclass(frozen=True)
class Limits:
    """How long and how far to go, and how much to draw.

    Attributes:
        cell: Seconds that the cell may run.
        exploring: Seconds that all crashes may take together.
        budget: How many crashes to try at the most.
        max_nodes, max_items: Limits of the pictures.
        progress: Whether to show a bar where it takes longer.
    """

    cell: float
    exploring: float
    budget: int
    max_nodes: int
    max_items: int
    progress: bool


def kill(session: Session, code: CellCode, name: str | None, at: int | None, limits: Limits) -> CrashResult:
    """Run a cell in a transaction in a child process, kill it there, and recover the pool.

    Args:
        session: The session.
        code: The cell; what it does to variables happens in the child only.
        name: The pool.
        at: Die after this change, counted from 1; None for just before the commit.
        limits: How long, and how much to draw.

    Raises:
        TransactionError: a transaction is open.
        PmemError: recovery failed.
    """
    pool = _pool(session, name)
    with _called_off(session, pool):
        report = pmemobj.crash.kill(pool, _action(session, code), at, seconds=limits.cell)
    return CrashResult(report, code.filename, limits.max_nodes, limits.max_items)


def sweep(session: Session, code: CellCode, name: str | None, limits: Limits) -> SweepResult:
    """The same at every change, and just before the commit; within the limits.

    Where there are more changes than the budget allows, those that are tried are spread evenly. It is the real pool
    that is killed, so a kill that recovery cannot undo is the last one.
    """
    pool = _pool(session, name)
    action = _action(session, code)
    deadline = time.monotonic() + limits.exploring
    with _called_off(session, pool):
        last = pmemobj.crash.kill(pool, action, seconds=limits.cell)
        points = _spread(last.changes, limits.budget - 1)
        stopped = ""
        if len(points) < last.changes:
            stopped = f"for a budget of {limits.budget} kills, {len(points)} changes were tried, spread evenly"
        reports: list[CrashReport] = []
        if not last.ok:
            points, stopped = [], "the sweep ended there: the pool is no longer as it was before"
        with tqdm(points, "killing", delay=BAR_AFTER, leave=False, disable=not limits.progress) as bar:
            for at in bar:
                if time.monotonic() >= deadline:
                    stopped = f"the time was up: {len(reports)} changes were tried (--seconds gives more)"
                    break
                reports.append(pmemobj.crash.kill(pool, action, at, seconds=limits.cell))
                if not reports[-1].ok:
                    stopped = f"the sweep ended at change {at}: the pool is no longer as it was before"
                    break
    return SweepResult([*reports, last], code.filename, limits.max_nodes, limits.max_items, stopped)


def cut_power(
    session: Session,
    code: CellCode,
    name: str | None,
    *,
    model: str,
    check: str,
    seed: int,
    limits: Limits,
    interactive: bool,
) -> PowerResult:
    """Record a cell, cut the power at its every moment, and let libpmemobj recover.

    Args:
        session: The session.
        code: The cell. It makes its own transactions.
        name: The pool.
        model: What a power cut may leave.
        check: An expression that must be true of the recovered pool, or a function of it; or an empty string.
        seed: What chooses images where there are too many.
        interactive: Whether the result shows itself with a slider.
        limits: How long and how far to go.

    Raises:
        PowerModeError: this machine or installation cannot record stores.
        ExpressionError: the check is no expression.
        TransactionError: a transaction is open.
    """
    pool = _pool(session, name)
    demanded = compile_check(session, check) if check else None
    with _called_off(session, pool), _explained():
        recording = pmemobj.crash.record(pool, _action(session, code), seconds=limits.cell, seed=seed)
        with tqdm(desc="recovering", delay=BAR_AFTER, leave=False, disable=not limits.progress) as bar:

            def progress(done: int, total: int) -> None:
                bar.total = total
                bar.update(done - bar.n)

            report = recording.explore(
                demanded,
                model=model,
                budget=limits.budget,
                seconds=limits.exploring,
                seed=seed,
                progress=progress,
            )
        places = Places(code.filename, lambda filename: _cell_name(session.shell, filename))
        sizes = limits.max_nodes, limits.max_items
        return PowerResult(recording, report, code.filename, places, check, sizes, interactive)


def _cell_name(shell: Shell, filename: str) -> str | None:
    found: tuple[str, str] | None = shell.compile.format_code_name(filename)
    return " ".join(found).replace("Cell ", "cell ") if found else None


def compile_check(session: Session, text: str) -> Check:
    """A check from an expression, which sees the user's variables, with ``pool`` for the recovered pool.

    Raises:
        ExpressionError: it is none.
    """
    try:
        code = compile(text, _CHECK, "eval")
    except SyntaxError as error:
        todo = "write one expression: --check sum(pool.root.values()) == 100"
        raise ExpressionError(f"understand --check {text}", f"{error.msg}", todo) from None
    # For tracebacks, which show the line.
    linecache.cache[_CHECK] = (len(text), None, [text], _CHECK)

    def check(pool: PersistentObjectPool) -> object:
        answer = eval(code, {**session.namespace, "pool": pool})
        return answer(pool) if callable(answer) and not isinstance(answer, type) else answer

    return check


def unquoted(words: list[str]) -> str:
    """The expression in the words of a line: as it stands, or in quotes as a whole."""
    text = " ".join(words)
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
    return value if isinstance(value, str) else text


def _spread(count: int, budget: int) -> list[int]:
    """Numbers from 1 to `count`: all, or so many that are spread evenly, the last one with them."""
    if count <= budget:
        return list(range(1, count + 1))
    return sorted({count - number * count // budget for number in range(budget)})


def _pool(session: Session, name: str | None) -> PersistentObjectPool:
    pool = session.find(name)
    if pool.in_transaction:
        raise TransactionError(
            f"crash a cell on {session.title(pool)}",
            "a transaction is open",
            session.how_to_end(pool),
        )
    return pool


@contextmanager
def _called_off(session: Session, pool: PersistentObjectPool) -> Iterator[None]:
    """Tell an interrupt in one line."""
    try:
        yield
    except KeyboardInterrupt as interrupt:
        said = f"KeyboardInterrupt: the cell was called off and its changes undone; {session.title(pool)} is open"
        if not pool.closed:
            interrupt._render_traceback_ = lambda: [said]  # type: ignore[attr-defined]
        raise


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except PowerModeError as error:
        # What it says of the function `kill` is said of our options here.
        todo, _, rest = error.todo.partition(", or use")
        install = f"{todo}; " if rest else ""
        raise PowerModeError("cut the power", error.why, f"{install}--kill and --sweep work everywhere") from None


def _action(session: Session, code: CellCode) -> Callable[[], None]:
    show: Callable[[Any], Any] = display

    def action() -> None:
        _cut_off(session.shell)
        value = code.run(session.namespace)
        if value is not None and not code.quiet:
            show(value)

    return action


# ---- in the child -------------------------------------------------------------------------------


def _cut_off(shell: Shell) -> None:
    """Keep the child away from the sockets that it inherited from the kernel: the front end is the parent's."""
    shell.display_pub = _Printer()
    builtins.input = _no_input


class _Printer:
    """Stands in for the display publisher: prints the plain text of what is displayed."""

    is_publishing = False

    def publish(self, data: dict[str, Any], *_args: Any, **_options: Any) -> None:
        print(data.get("text/plain", ""))

    def clear_output(self, wait: bool = False) -> None:
        """Nothing that was printed can be taken back."""


def _no_input(prompt: object = "") -> str:
    raise EOFError("input() is not possible in a cell that is going to crash")
