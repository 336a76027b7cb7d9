"""Kills programs for notebook 12: a process of its own, which forks, so that the notebook itself never does.

What to kill comes as JSON on stdin: the source of a bank (a class that opens its files when it is made, with
`transfer`, `balances` and `close`), and how many kills. What was left comes back as JSON on stdout. Each kill has a
fresh copy of the same files. A child transfers one coin again and again and tells, through a pipe, when a transfer has
returned. It dies by SIGKILL:

- before a line of Python, its own or one of a library (a trace function counts the lines and sends the signal);
- or at any time, from outside, which may be in the middle of C code.

Then another child opens what is left, as the next program would, and reads the balances.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import linecache
import os
import random
import shutil
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

NAME = "<bank>"
#: Transfers that are timed, and seconds within which a kill from outside comes.
TIMED, WITHIN = 5, 0.02
#: How many read what is left, at a time.
READERS = 4

Order = dict[str, Any]
Told = Callable[[bytes], object]


class Killer:
    """One bank, and what is left of it."""

    def __init__(self, order: Order) -> None:
        self._source: str = order["source"]
        self._class: str = order["class"]
        self._directory = Path(order["directory"])
        self._timed = Path(order["timed"])
        self._fresh = self._directory / "fresh"
        variables: dict[str, Any] = {"__name__": NAME}
        lines = self._source.splitlines(keepends=True)
        linecache.cache[NAME] = (len(self._source), None, lines, NAME)
        exec(compile(self._source, NAME, "exec"), variables)
        self._bank: Callable[[str], Any] = variables[self._class]

    def run(self, library: int, outside: int) -> Order:
        """Make the files, time transfers, and kill."""
        self._fresh.mkdir(parents=True)
        told: list[Any] = []
        for action in (self._make, self._time, self._rehearse):
            text, status = forked(partial(reporting, action))
            if status:
                return {"missing": text.decode()}
            told.append(json.loads(text))
        modules, seconds, moments = told
        for module in modules:
            # Once here, instead of in every child that is still to come.
            with contextlib.suppress(ImportError):
                importlib.import_module(module)
        dead = [self._kill_before(*moment) for moment in chosen(moments, library)]
        generator = random.Random(12)
        dead += [self._kill_within(generator.uniform(0, WITHIN)) for _ in range(outside)]
        return {"seconds": seconds, "kills": list(self._left(dead))}

    # ---- what children do -----------------------------------------------------------------------

    def _copy(self, directory: Path | None = None) -> str:
        copy = tempfile.mkdtemp(dir=directory or self._directory)
        shutil.copytree(self._fresh, copy, dirs_exist_ok=True)
        return copy

    def _make(self, tell: Told) -> None:
        before = set(sys.modules)
        self._bank(str(self._fresh)).close()
        tell(json.dumps(sorted(set(sys.modules) - before)).encode())

    def _time(self, tell: Told) -> None:
        bank = self._bank(self._copy(self._timed))
        times = []
        for _ in range(TIMED):
            start = time.perf_counter()
            bank.transfer(1)
            times.append(time.perf_counter() - start)
        bank.close()
        tell(json.dumps(statistics.median(times)).encode())

    def _rehearse(self, tell: Told) -> None:
        """Tell every line that a transfer runs: its number in the bank's own source, or 0 for lines of libraries."""
        bank = self._bank(self._copy())
        seen: list[int] = []

        def trace(frame: Any, event: str, argument: object) -> Any:
            if event == "line":
                seen.append(frame.f_lineno if frame.f_code.co_filename == NAME else 0)
            return trace

        sys.settrace(trace)
        bank.transfer(1)
        sys.settrace(None)
        bank.close()
        tell(json.dumps(seen).encode())

    def _die_before(self, place: str, moment: int, tell: Told) -> None:
        bank = self._bank(place)
        bank.transfer(1)
        tell(b".")
        left = moment

        def trace(frame: Any, event: str, argument: object) -> Any:
            nonlocal left
            if event == "line":
                if not left:
                    os.kill(os.getpid(), signal.SIGKILL)
                left -= 1
            return trace

        sys.settrace(trace)
        bank.transfer(1)
        sys.settrace(None)
        tell(b".")
        # The second transfer ran fewer lines than the first: dead, but after it.
        os.kill(os.getpid(), signal.SIGKILL)

    def _go_on(self, place: str, tell: Told) -> None:
        bank = self._bank(place)
        tell(b"r")
        while True:
            bank.transfer(1)
            tell(b".")

    def _read(self, place: str, tell: Told) -> None:
        bank = self._bank(place)
        tell(json.dumps(list(bank.balances())).encode())
        bank.close()

    # ---- kills ----------------------------------------------------------------------------------

    def _kill_before(self, moment: int, line: int) -> Order:
        place = self._copy()
        return self._dead(place, line, *forked(lambda tell: self._die_before(place, moment, tell)))

    def _kill_within(self, seconds: float) -> Order:
        place = self._copy()
        return self._dead(place, -1, *forked(lambda tell: self._go_on(place, tell), seconds))

    def _dead(self, place: str, line: int, told: bytes, status: int) -> Order:
        killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        return {"place": place, "line": line, "returned": told.count(b"."), "killed": killed}

    def _left(self, dead: list[Order]) -> Iterator[Order]:
        """What is left after each kill; some readers at a time, since recovery may start a process of its own."""
        for first in range(0, len(dead), READERS):
            some = dead[first : first + READERS]
            readers = [Child(partial(self._read, each["place"])) for each in some]
            for each, reader in zip(some, readers, strict=True):
                read, _ = reader.end()
                yield {**each, "balances": json.loads(read) if read else None}
                shutil.rmtree(each["place"])


def chosen(lines: list[int], library: int) -> list[tuple[int, int]]:
    """The moments of a transfer to kill at: each line of its own, and some of the libraries', evenly spread."""
    own = [at for at, line in enumerate(lines) if line]
    foreign = [at for at, line in enumerate(lines) if not line]
    spread = foreign if len(foreign) <= library else [foreign[len(foreign) * at // library] for at in range(library)]
    return [(at, lines[at]) for at in sorted(own + spread)]


def reporting(action: Callable[[Told], object], tell: Told) -> None:
    """Do something, and tell the error that it ends with."""
    try:
        action(tell)
    except Exception as error:
        tell(f"{type(error).__name__}: {error}".encode())
        raise


class Child:
    """An action in a child of this process."""

    def __init__(self, action: Callable[[Told], object]) -> None:
        self._told, writer = os.pipe()
        self._process = os.fork()
        if not self._process:
            try:
                action(lambda text: os.write(writer, text))
            except BaseException:
                os._exit(1)
            os._exit(0)
        os.close(writer)

    def end(self, seconds: float | None = None) -> tuple[bytes, int]:
        """Wait, or kill it so long after it has told the first byte; what it told, and how it ended."""
        told = b""
        if seconds is not None:
            told = os.read(self._told, 1)
            time.sleep(seconds)
            os.kill(self._process, signal.SIGKILL)
        while piece := os.read(self._told, 65536):
            told += piece
        os.close(self._told)
        return told, os.waitpid(self._process, 0)[1]


def forked(action: Callable[[Told], object], seconds: float | None = None) -> tuple[bytes, int]:
    """Run an action in a child to its end; see `Child.end`."""
    return Child(action).end(seconds)


if __name__ == "__main__":
    order = json.load(sys.stdin)
    result = Killer(order).run(order["library"], order["outside"])
    print(json.dumps(result))
