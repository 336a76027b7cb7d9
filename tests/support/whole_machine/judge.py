"""What was acknowledged, against what was found after the next start."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from whole_machine import workload
from whole_machine.programs import Program, named


@dataclass
class Account:
    """What the host knows of one program, and counts.

    Attributes:
        generation: The number of its pool; a program makes a new pool after the life of one.
        promised: The last commit that no power cut may lose; -1 for none, not even the pool itself.
        acknowledged: The last commit that was acknowledged.
        retired: Whether the program has said that it removes the pool.
        broken: Whether the pool could not be opened; nothing more is expected of it then.
        looks: How often its state was compared after a cut.
        commits: How many commits were acknowledged.
        lost: How many of the acknowledged ones were gone although the mode promises them.
        dropped: How many of the acknowledged ones were gone as the mode allows it.
        recoveries: How often the power was cut while the pool was being checked or opened.
        looking: Whether it has begun to look, and not told what it found.
    """

    generation: int = 0
    promised: int = -1
    acknowledged: int = -1
    retired: bool = False
    broken: bool = False
    looks: int = 0
    commits: int = 0
    lost: int = 0
    dropped: int = 0
    recoveries: int = 0
    looking: bool = False


class Judge:
    """Hears what the guest says, and keeps what is wrong.

    Args:
        strict: Whether relaxed pools are judged as if they promised everything: a mistake that must be found.
    """

    def __init__(self, strict: bool = False) -> None:
        self._strict = strict
        self.accounts: dict[Program, Account] = {}
        #: What is wrong, in words.
        self.violations: list[str] = []
        self._round = 0

    def expect(self, programs: Iterable[Program]) -> None:
        """Open an account for each program."""
        for program in programs:
            self.accounts.setdefault(program, Account())

    def begin_round(self, number: int) -> None:
        """The power was cut; the machine starts again."""
        self._round = number
        for account in self.accounts.values():
            account.recoveries += account.looking
            account.looking = False

    def hear(self, line: list[Any]) -> None:
        """Take in one line of the guest; `guest` describes them."""
        word, *rest = line
        if word in ("ready", "ended"):
            return
        program = named(rest[0])
        account = self.accounts[program]
        if not account.broken:
            getattr(self, f"_{word}")(program, account, *rest[1:])

    def _looking(self, program: Program, account: Account) -> None:
        account.looking = True

    def _ack(self, program: Program, account: Account, generation: int, n: int) -> None:
        account.commits += 1
        self._enter(account, generation)
        account.acknowledged = n
        if self._strict or not program.may_lose_the_last:
            account.promised = n

    def _synced(self, program: Program, account: Account, generation: int, n: int) -> None:
        account.promised = n

    def _retired(self, program: Program, account: Account, generation: int) -> None:
        account.retired = True

    def _failed(self, program: Program, account: Account, message: str) -> None:
        self._complain(program, f"failed at work: {message}")

    def _broken(self, program: Program, account: Account, message: str) -> None:
        account.broken, account.looking = True, False
        self._complain(program, f"its pool is broken after {account.acknowledged} acknowledged commits: {message}")

    def _nothing(self, program: Program, account: Account) -> None:
        account.looking = False
        account.looks += 1
        if not program.survives:
            self._forget(account, account.generation)
        elif account.retired:
            self._forget(account, account.generation + 1)
        elif account.promised >= 0:
            account.lost += account.promised + 1
            self._complain(program, f"its pool is gone, with {account.promised + 1} promised commits")
            self._forget(account, account.generation)
        else:
            account.dropped += account.acknowledged + 1
            self._forget(account, account.generation)

    def _found(
        self, program: Program, account: Account, generation: int, n: int, state: str, problems: list[str], medium: str
    ) -> None:
        account.looking = False
        account.looks += 1
        if not program.survives:
            self._complain(program, f"RAM has survived a power cut, with {n} commits")
        elif medium.lower() != program.medium:
            self._complain(program, f"its pool is said to be on {medium}")
        if generation != account.generation and not (account.retired and generation == account.generation + 1):
            self._complain(program, f"found generation {generation}, expected {account.generation}")
        self._enter(account, generation)
        if n < account.promised:
            account.lost += account.promised - n
            self._complain(program, f"lost commits {n + 1} to {account.promised}, which were promised")
        account.dropped += max(account.acknowledged - max(n, account.promised), 0)
        if state != expected(n, program.kind):
            self._complain(program, f"a commit is there in part: not the state after commit {n}")
        for problem in problems:
            self._complain(program, f"a check says: {problem}")
        account.acknowledged = n
        account.promised = min(account.promised, n)  # Complain once of what is lost.

    def _enter(self, account: Account, generation: int) -> None:
        if generation != account.generation:
            self._forget(account, generation)

    def _forget(self, account: Account, generation: int) -> None:
        account.generation, account.promised, account.acknowledged, account.retired = generation, -1, -1, False

    def _complain(self, program: Program, text: str) -> None:
        self.violations.append(f"round {self._round}, {program.name}: {text}")


@functools.lru_cache(maxsize=4096)
def expected(n: int, kind: str) -> str:
    """The digest of the state after commit number n; of a pool without a root for -1."""
    return workload.expected(n, kind) if n >= 0 else ""
