"""Notebook 5: programs that are killed, a drawing of the state that each kill leaves, and the checks of the exercises.

The kills are real: a process runs the code on the real pool, and sends itself SIGKILL. `stops` chooses the moment:
after the first change or commit, after the second, and so on.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any
from xml.sax.saxutils import escape

import pmemobj
from course.answers import exercise, not_yet, right
from course.stops import run_and_stop
from pmemobj import PersistentObjectPool
from pmemobj.inspect import Graph

LOAVES = 10

Sale = Callable[[PersistentObjectPool, str], Any]
Bakery = tuple[int, list[str]]


def run_program(program: str) -> None:
    """Run a program in a separate process; print its output, and how it ended."""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    print(done.stdout + done.stderr, end="")
    killed = done.returncode < 0
    print(f"killed by {signal.Signals(-done.returncode).name}" if killed else f"ended with code {done.returncode}")


def _bakery(pool: PersistentObjectPool) -> Bakery:
    return pool.root["shelf"], list(pool.root["customers"])


def _whole(bakery: Bakery) -> bool:
    return bakery[0] + len(bakery[1]) == LOAVES


def _told(bakery: Bakery) -> str:
    return f"{bakery[0]} on the shelf, sold to {', '.join(bakery[1]) or 'nobody'}"


# ---- killing ------------------------------------------------------------------------------------


def kill_after(pool: PersistentObjectPool, action: Callable[[], Any], number: int) -> bool:
    """Run `action` in a child process, which is killed after the `number`-th of its changes and commits.

    Returns:
        Whether it was killed; if not, there are fewer changes, and it ended normally.
    """
    pool.suspend()
    child = 0
    try:
        child = os.fork()
        if child == 0:
            _be_the_child(pool, action, number)
        _, status = os.waitpid(child, 0)
        child = 0
    finally:
        if child:  # after an interrupt, the child must not keep the pool
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        pool.resume()
    return os.WIFSIGNALED(status)


def _be_the_child(pool: PersistentObjectPool, action: Callable[[], Any], number: int) -> None:
    try:
        pool.resume()
        # Its output would mix with the output of the notebook.
        with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(Exception):
            run_and_stop(pool, action, lambda: _bakery(pool), number, _die)
        pool.close()
    finally:
        os._exit(0)


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def kill_everywhere(pool: PersistentObjectPool, action: Callable[[], Any]) -> Iterator[Bakery]:
    """The states after recovery when `action` is killed at its first moment, its second, and so on, and not at all."""
    before = _bakery(pool)
    for number in itertools.count(1):
        killed = kill_after(pool, action, number)
        left = _bakery(pool)
        put_back(pool, before)
        yield left
        if not killed:
            return


def put_back(pool: PersistentObjectPool, bakery: Bakery) -> None:
    """Restore the contents of the pool."""
    with pool.transaction():
        pool.root["shelf"] = bakery[0]
        pool.root["customers"][:] = bakery[1]


# ---- as a drawing -------------------------------------------------------------------------------

_WIDTH, _LINE, _PANEL = 520, 30, 40
_FILLS = {"old": "#56b4e9", "torn": "#d55e00", "new": "#009e73"}
_SIGNS = {"old": "✓ as before", "torn": "✗ torn", "new": "✓ sold"}


class Moments:
    """The states that several ways to sell a loaf leave when they are killed after each change and commit."""

    def __init__(self, pool: PersistentObjectPool, *sales: Sale) -> None:
        self._before = _bakery(pool)
        self._left = {
            sale.__name__: list(kill_everywhere(pool, lambda: sale(pool, "Ada")))  # noqa: B023 - called at once
            for sale in sales
        }

    def __repr__(self) -> str:
        lines = []
        for name, left in self._left.items():
            lines.append(f"{name}:")
            lines += [f"  {when:18} {_SIGNS[self._kind(each)]:12} {_told(each)}" for when, each in _moments(left)]
        return "\n".join(lines)

    def _kind(self, bakery: Bakery) -> str:
        if bakery == self._before:
            return "old"
        return "new" if _whole(bakery) else "torn"

    def _repr_svg_(self) -> str:
        parts: list[str] = []
        y = 10
        for name, left in self._left.items():
            parts.append(_text(14, y + 18, name, 13, "#1b2733", "bold"))
            y += 28
            for when, bakery in _moments(left):
                kind = self._kind(bakery)
                parts += [
                    _text(28, y + 16, when, 12, "#1b2733"),
                    f'<rect x="176" y="{y}" width="104" height="24" rx="4" fill="{_FILLS[kind]}"/>',
                    _text(184, y + 16, _SIGNS[kind], 12, "#000000", "bold"),
                    _text(292, y + 16, _told(bakery), 12, "#1b2733"),
                ]
                y += _LINE
            y += _PANEL - _LINE
        size = f'width="{_WIDTH}" height="{y}"'
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {_WIDTH} {y}" role="img" '
            f'font-family="Helvetica,Arial,sans-serif" aria-label="{escape(repr(self))}">'
            f'<rect {size} rx="8" fill="#fbfcfe" stroke="#d0d7e2"/>{"".join(parts)}</svg>'
        )


def _moments(left: list[Bakery]) -> list[tuple[str, Bakery]]:
    *killed, end = left
    return [*((f"killed at moment {number}", each) for number, each in enumerate(killed, 1)), ("not killed", end)]


def _text(x: int, y: int, text: str, size: int, fill: str, weight: str = "normal") -> str:
    return f'<text x="{x}" y="{y}" font-size="{size}" font-weight="{weight}" fill="{fill}">{escape(text)}</text>'


# ---- the exercises ------------------------------------------------------------------------------


@exercise
def check_later(pool: PersistentObjectPool, program: str, answer: Bakery | None) -> None:
    """Run a program, and check that it leaves this state."""
    if answer is None:
        return not_yet("put the loaves and the customers into answer")
    if not isinstance(answer, tuple) or len(answer) != 2:
        return not_yet("answer should be a pair: the number of loaves, and the list of customers")
    if not _whole((answer[0], list(answer[1]))):
        return not_yet("such a state would be torn, but each of the two transactions is whole or undone")
    before = _bakery(pool)
    put_back(pool, (LOAVES, []))
    pool.suspend()
    try:
        subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=60)
    finally:
        pool.resume()
    found = _bakery(pool)
    put_back(pool, before)
    if (answer[0], list(answer[1])) == found:
        return right("what was committed stays, although the pool was never closed; the rest is undone")
    if len(answer[1]) < len(found[1]):
        return not_yet("more sales are stored; when is a transaction safe?")
    return not_yet("fewer sales are stored; which of the two transactions has reached its end?")


@exercise
def check_torn(sweep: Any, answer: set[int] | None) -> None:
    """Check the changes after which the rule is broken, in the states that the killed processes left."""
    if answer is None:
        return not_yet("put numbers of changes into answer, in braces")
    if not isinstance(answer, (set, frozenset)):
        return not_yet("answer should be a set, such as {2, 3}")
    torn = {report.at for report in sweep.report if report.at and not _whole(_in_the_file(report.at_crash))}
    tried = {report.at for report in sweep.report if report.at}
    if unknown := answer - tried:
        return not_yet(f"there is no change {min(unknown)}; there are {len(tried)}")
    if wrong := answer - torn:
        return not_yet(f"after change {min(wrong)} loaves and customers make ten")
    if torn - answer:
        return not_yet("these are right, but some are missing")
    return right(f"{len(torn)} of {len(tried)} states in the middle were torn, and recovery let none through")


def _in_the_file(graph: Graph) -> Bakery:
    root = graph.nodes[graph.start.target or 0]
    slots = {slot.label.strip("'\""): slot for slot in root.slots}
    customers = graph.nodes[slots["customers"].target or 0]
    return int(slots["shelf"].text), [slot.text for slot in customers.slots]


@exercise
def check_sell_many(pool: PersistentObjectPool, sell_many: Callable[[PersistentObjectPool, str, int], Any]) -> None:
    """Check that `sell_many` sells wholly or not at all, wherever it is killed."""
    own = _bakery(pool)
    before: Bakery = (8, ["Ada", "Bob"])
    after: Bakery = (5, ["Ada", "Bob", "Cleo", "Cleo", "Cleo"])
    try:
        put_back(pool, before)
        said = sell_many(pool, "Cleo", 3)
        end = _bakery(pool)
        if end == before:
            return not_yet("sell_many changes nothing")
        if end != after:
            return not_yet(f"three loaves for Cleo turned {_told(before)} into {_told(end)}")
        if said != after[0]:
            return not_yet(f"{after[0]} loaves are left, but sell_many returns {said!r}")
        put_back(pool, before)
        if complaint := _complaint_about_too_many(pool, sell_many, before):
            return not_yet(complaint)
        put_back(pool, before)
        kills = -1  # the last run is not killed
        for left in kill_everywhere(pool, lambda: sell_many(pool, "Cleo", 3)):
            kills += 1
            if left not in (before, after):
                return not_yet(f"sell_many was killed, and left {_told(left)}")
    finally:
        pool.abandon_transaction()
        put_back(pool, own)
    return right(f"sell_many was killed {kills} times, and each time the bakery was whole")


def _complaint_about_too_many(
    pool: PersistentObjectPool, sell_many: Callable[[PersistentObjectPool, str, int], Any], before: Bakery
) -> str:
    try:
        sell_many(pool, "Cleo", LOAVES)
    except ValueError:
        return "" if _bakery(pool) == before else f"with too few loaves, it left {_told(_bakery(pool))}"
    except pmemobj.PmemError as error:
        return f"with too few loaves, it raises {type(error).__name__} and not ValueError"
    return "with too few loaves, it raises no error"
