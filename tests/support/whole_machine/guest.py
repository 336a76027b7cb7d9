"""Runs in the machine: each program looks at its pool, tells what it found, and goes on committing.

It tells the host by lines on the second serial port; each is a JSON list that begins with a word and, but for the
first two words, the name of a program:

    ["ready", modes]                      Python runs; `modes` are the values of `durability=` that the package has
    ["ended"]                             nothing more will come
    ["looking", name]                     the pool is about to be checked and opened
    ["found", name, generation, n, digest, problems, medium]
                                          what was there: the last commit, the state, and what checks complain of
    ["nothing", name]                     there is no pool
    ["broken", name, message]             the pool could not be opened or read
    ["ack", name, generation, n]          commit n has returned
    ["synced", name, generation, n]       `pool.sync()` or `pool.close()` has returned after commit n
    ["retired", name, generation]         the pool is about to be removed
    ["failed", name, message]             an exception that nobody expected

The command line of the kernel says what to do differently: ``machine.look`` only looks, ``machine.mistake=NAME`` makes
the programs wrong, ``machine.number=N`` is the number of the round.
"""

from __future__ import annotations

import contextlib
import inspect
import json
import os
import shutil
import termios
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pmemobj
from pmemobj._lifecycle import trial
from whole_machine.programs import MODES, MOUNTS, Program, programs
from whole_machine.workload import LIFE, beginning, change, digest, is_statement, number

PORT = "/dev/ttyS1"
POOL_SIZE, MAX_SIZE = 24 << 20, 384 << 20
#: Seconds that the trial of a pool may take: an emulated machine is slow, and that is no damage.
TRIAL = 3000
#: Seconds between two commits of a program. Those on fast media leave the processor to those that wait for the disk.
PAUSE = {"dax": 0.02, "ram": 0.2, "disk": 0.0}
#: A relaxed program waits for its commits after so many of them.
SYNC_EVERY = 15
#: After so many commits a pool is closed and opened again, and a transaction is rolled back.
REOPEN_EVERY, ROLL_BACK_EVERY = 40, 7


class Line:
    """The serial line to the host."""

    def __init__(self) -> None:
        self._port = os.open(PORT, os.O_RDWR | os.O_NOCTTY)
        settings = termios.tcgetattr(self._port)
        settings[1] &= ~termios.OPOST
        settings[3] &= ~(termios.ECHO | termios.ICANON)
        termios.tcsetattr(self._port, termios.TCSANOW, settings)

    def say(self, *words: Any) -> None:
        """Give one line to the kernel, in one piece."""
        os.write(self._port, json.dumps(words).encode() + b"\n")

    def say_and_wait(self, *words: Any) -> None:
        """The same, and wait until the host has it."""
        self.say(*words)
        termios.tcdrain(self._port)


def modes() -> tuple[str, ...]:
    """The values of `durability=` for pools on a disk that this package has."""
    return MODES if "durability" in inspect.signature(pmemobj.create).parameters else MODES[-1:]


class Running:
    """A program that runs.

    Args:
        program: Which one.
        line: The line to the host.
        settings: Words of the kernel's command line.
    """

    def __init__(self, program: Program, line: Line, settings: dict[str, str]) -> None:
        self._program = program
        self._line = line
        self._mistake = settings.get("mistake", "")
        self._look_only = "look" in settings
        # A check of the file before it is opened takes another process, so each round has it for some of the pools.
        self._check_first = self._look_only or (hash_of(program.name) + int(settings.get("number", 0))) % 4 == 0
        self._choice = {"durability": program.mode} if program.mode and len(modes()) > 1 else {}
        self._directory = Path(MOUNTS[program.medium])
        self._generation = 0

    def run(self) -> None:
        """Look, and then work until the power is cut."""
        name = self._program.name
        self._line.say("looking", name)
        try:
            pool = self._look()
        except Exception as error:
            where = " < ".join(
                f"{frame.name}:{frame.lineno}" for frame in reversed(traceback.extract_tb(error.__traceback__))
            )
            self._line.say("broken", name, f"{type(error).__name__}: {error} [{where}]")
            return
        if self._look_only:
            if pool is not None:
                pool.close()
            return
        try:
            while True:
                pool = self._work(pool or self._create())
        except Exception:
            self._line.say("failed", name, traceback.format_exc()[-1500:])

    def _path(self) -> Path:
        return self._directory / f"{self._program.name}.{self._generation}.pmem"

    def _look(self) -> pmemobj.PersistentObjectPool | None:
        """Open what the cut has left, and tell the host what it is."""
        for gone in self._directory.glob(f"{self._program.name}.*.gone*"):
            _remove(gone)
        found = [int(path.name.split(".")[1]) for path in self._directory.glob(f"{self._program.name}.*.pmem")]
        if not found:
            self._line.say("nothing", self._program.name)
            return None
        self._generation = max(found)
        path = self._path()
        problems = []
        if self._check_first:
            problems += [f"before: {finding}" for finding in _problems(pmemobj.check(path, seconds=TRIAL))]
        pool = pmemobj.open(path, **self._choice)
        problems += [f"opened: {finding}" for finding in _problems(pool.check())]
        root = pool.root
        if root is None:  # The cut came between the creation of the pool and its first commit.
            n, state = -1, ""
        else:
            n, state = number(root), digest(root)
        self._line.say("found", self._program.name, self._generation, n, state, problems, pool.medium.short)
        return pool

    def _create(self) -> pmemobj.PersistentObjectPool:
        growing = {"max_size": MAX_SIZE} if self._program.kind == "growing" else {}
        size = "auto" if growing else POOL_SIZE
        return pmemobj.create(self._path(), size, **growing, **self._choice)

    def _work(self, pool: pmemobj.PersistentObjectPool) -> pmemobj.PersistentObjectPool | None:
        """Commit until the end of the life of the pool, or until it is to be opened again."""
        if pool.root is None:
            with self._acknowledged(0):
                pool.root = pool.persistent(beginning())
        for n in range(number(pool.root) + 1, LIFE + 1):
            time.sleep(PAUSE[self._program.medium])
            if n % ROLL_BACK_EVERY == 0:
                self._roll_back(pool, n)
            with self._acknowledged(n):
                self._commit(pool, n)
            if self._program.may_lose_the_last and n % SYNC_EVERY == 0:
                pool.sync()
                self._line.say("synced", self._program.name, self._generation, n)
            if n % REOPEN_EVERY == 0:
                pool.close()
                if self._program.may_lose_the_last:  # What a pool that was closed has, is durable.
                    self._line.say("synced", self._program.name, self._generation, n)
                return pmemobj.open(self._path(), **self._choice)
        self._retire(pool)
        return None

    @contextlib.contextmanager
    def _acknowledged(self, n: int) -> Iterator[None]:
        """Tell the host of the commit once it has returned; or before, which is a mistake that the host must find."""
        words = ("ack", self._program.name, self._generation, n)
        if self._mistake == "acknowledged-first":
            self._line.say_and_wait(*words)
            yield
        else:
            yield
            self._line.say(*words)

    def _commit(self, pool: pmemobj.PersistentObjectPool, n: int) -> None:
        if is_statement(n) or self._mistake == "no-transaction":
            change(pool.root, n, self._program.kind)
        else:
            with pool.transaction():
                change(pool.root, n, self._program.kind)

    def _roll_back(self, pool: pmemobj.PersistentObjectPool, n: int) -> None:
        with contextlib.suppress(pmemobj.TransactionAborted), pool.transaction() as transaction:
            change(pool.root, n, self._program.kind)
            transaction.abort()

    def _retire(self, pool: pmemobj.PersistentObjectPool) -> None:
        pool.close()
        self._line.say_and_wait("retired", self._program.name, self._generation)
        gone = self._path().rename(f"{self._path()}.gone")
        _remove(gone)
        self._generation += 1


def _problems(report: Any) -> list[str]:
    return [str(finding) for finding in report.errors]


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def hash_of(name: str) -> int:
    """A number that follows from the name alone, in every process."""
    return sum(name.encode())


def main() -> None:
    """Run all programs at once, until the power is cut or all of them have ended."""
    line = Line()
    trial._PATIENCE = TRIAL
    words = Path("/proc/cmdline").read_text().split()
    settings = dict(word.removeprefix("machine.").partition("=")[::2] for word in words if word.startswith("machine."))
    line.say("ready", modes())
    children = []
    for program in programs(modes()):
        child = os.fork()
        if not child:
            try:
                Running(program, line, settings).run()
            finally:
                os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)
    line.say_and_wait("ended")


if __name__ == "__main__":
    main()
