"""Notebook 12: banks that are killed, the state that each kill leaves, and the checks of the exercises.

A bank is a class in a cell of the notebook. `kill` sends the source of that cell to the process `killer`, which forks
and kills. The verdict depends only on the balances before and after each transfer.
"""

from __future__ import annotations

import json
import linecache
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import pmemobj
from course.answers import exercise, not_yet, right
from course.how_fast import directory_in_ram, duration

KILLER = Path(__file__).with_name("killer.py")
COINS = 100
#: The states that a kill can leave, with their signs. The first two are correct.
WHOLE = {"as before": "o", "one transfer further": "n"}
BROKEN = {"coins are missing": "X", "a transfer that had returned is lost": "L", "cannot be read": "?"}
SIGNS = {**WHOLE, **BROKEN}


# ---- results ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Kill:
    """One kill.

    Attributes:
        line: The line of the bank before which it happened; "" for a line of a library, None for a kill from outside.
        left: The state that it left, one of `SIGNS`.
    """

    line: str | None
    left: str

    @property
    def where(self) -> str:
        """When it happened, in words."""
        if self.line is None:
            return "from outside"
        return f"before {self.line}" if self.line else "in a library"


@dataclass(frozen=True, slots=True)
class Killed:
    """A bank that was killed many times.

    Attributes:
        name: The class.
        missing: Why it could not run at all; then there is nothing else.
        lines: Lines of code that the bank takes, without empty ones and comments.
        seconds: What a transfer took.
        kills: All kills, in order.
    """

    name: str
    missing: str
    lines: int
    seconds: float
    kills: tuple[Kill, ...]

    @property
    def whole(self) -> bool:
        """Whether every kill left the bank as before a transfer or as after it."""
        return bool(self.kills) and all(kill.left in WHOLE for kill in self.kills)

    @property
    def broken(self) -> list[Kill]:
        """The kills that left another state."""
        return [kill for kill in self.kills if kill.left in BROKEN]

    @property
    def signs(self) -> str:
        """A letter for each kill."""
        return "".join(SIGNS[kill.left] for kill in self.kills)

    def __repr__(self) -> str:
        if self.missing:
            return f"{self.name}: cannot run here ({self.missing})"
        counts = Counter(kill.left for kill in self.kills)
        found = "\n".join(f"{counts[left]:4} {left}" for left in SIGNS if counts[left])
        first = f"\nfirst broken by a kill {self.broken[0].where}" if self.broken else ""
        return f"{self.name}: {len(self.kills)} kills {self.signs}\n{found}{first}"


def kill(bank: type, *, library: int = 6, outside: int = 6) -> Killed:
    """Kill a bank before each line of its `transfer`, in its libraries, and from outside.

    Args:
        bank: A class that was defined in a cell of its own, with its imports.
        library: Kills before lines of the libraries that it uses, at the most.
        outside: Kills at moments that nobody chose.
    """
    source = "".join(linecache.getlines(bank.__dict__["transfer"].__code__.co_filename))
    root = Path(pmemobj.__file__).parent.parent
    environment = {**os.environ, "PYTHONPATH": f"{root}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    order: dict[str, Any] = {"source": source, "class": bank.__name__, "library": library, "outside": outside}
    # Transfers are timed on the disk of the notebook. The kills happen in RAM, which gives the same states faster.
    with directory_in_ram() as ram, tempfile.TemporaryDirectory(prefix="bank-", suffix=".pmem.d", dir=".") as disk:
        order |= {"directory": ram, "timed": str(Path(disk).resolve())}
        done = subprocess.run(
            [sys.executable, KILLER],
            input=json.dumps(order),
            capture_output=True,
            text=True,
            env={**environment, "PMEMOBJ_CHECK": "0"},
            timeout=300,
        )
    if done.returncode:
        raise RuntimeError(done.stderr)
    answer = json.loads(done.stdout.splitlines()[-1])
    if "missing" in answer:
        return Killed(bank.__name__, answer["missing"], 0, 0.0, ())
    typed = source.splitlines()
    lines = sum(bool(line.strip()) and not line.strip().startswith("#") for line in typed)
    kills = tuple(_judged(each, typed) for each in answer["kills"])
    return Killed(bank.__name__, "", lines, answer["seconds"], kills)


def _judged(answer: Mapping[str, Any], typed: list[str]) -> Kill:
    number, returned, balances = answer["line"], answer["returned"], answer["balances"]
    line = None if number < 0 else typed[number - 1].strip() if number else ""
    if not answer["killed"]:
        raise RuntimeError(f"the bank ended by itself, after {returned} transfers")
    if balances is None:
        left = "cannot be read"
    elif sum(balances) != 2 * COINS:
        left = "coins are missing"
    else:
        # Each transfer moves one coin from Ada to Bob.
        happened = COINS - balances[0]
        left = "as before" if happened == returned else "one transfer further"
        if happened not in (returned, returned + 1):
            left = "a transfer that had returned is lost"
    return Kill(line, left)


# ---- beside each other --------------------------------------------------------------------------


class Comparison:
    """All banks in a table."""

    _HEAD = ("bank", "lines", "a transfer", "kills", "whole", "broken", "what each kill left")

    def __init__(self, *banks: Killed) -> None:
        self.banks = banks

    @property
    def not_whole(self) -> list[str]:
        """The banks that a kill has broken, without the banks that could not run."""
        return [bank.name for bank in self.banks if bank.broken]

    def _rows(self) -> Iterator[tuple[str, ...]]:
        for bank in self.banks:
            if bank.missing:
                yield (bank.name, "", "", "", "", "", "cannot run here: " + bank.missing)
                continue
            broken = len(bank.broken)
            counts = (str(len(bank.kills)), str(len(bank.kills) - broken), str(broken))
            yield (bank.name, str(bank.lines), duration(bank.seconds), *counts, bank.signs)

    def _legend(self) -> str:
        found = {kill.left for bank in self.banks for kill in bank.kills}
        return ", ".join(f"{sign}: {left}" for left, sign in SIGNS.items() if left in found)

    def __repr__(self) -> str:
        rows = [self._HEAD, *self._rows()]
        wide = [max(len(row[at]) for row in rows) for at in range(len(self._HEAD))]
        lines = ["  ".join(f"{cell:{wide[at]}}" for at, cell in enumerate(row)).rstrip() for row in rows]
        return "\n".join((*lines, self._legend()))

    def _repr_html_(self) -> str:
        head = "".join(f'<th style="text-align:left">{name}</th>' for name in self._HEAD)
        rows = "".join(f"<tr>{''.join(self._cells(row))}</tr>" for row in self._rows())
        return f"<div><table><tr>{head}</tr>{rows}</table><p><small>{escape(self._legend())}</small></p></div>"

    def _cells(self, row: tuple[str, ...]) -> Iterator[str]:
        for cell in row[:-1]:
            yield f'<td style="text-align:left">{escape(cell)}</td>'
        signs = row[-1] if row[3] else ""
        marked = "".join(_sign(each) for each in signs) or escape(row[-1])
        yield f'<td style="text-align:left">{marked}</td>'


def _sign(letter: str) -> str:
    ink, paper = ("#000", "#56b4e9") if letter in WHOLE.values() else ("#000", "#e69f00")
    look = "border:1px solid #0006;display:inline-block;min-width:1.1em;text-align:center"
    return f'<code style="color:{ink};background:{paper};{look}">{letter}</code>'


# ---- the exercises ------------------------------------------------------------------------------


@exercise
def check_line(bank: type, answer: str | None) -> None:
    """Check that a kill before this line breaks the bank."""
    if not isinstance(answer, str):
        return not_yet("put a line of transfer into answer, as a text")
    killed = kill(bank, library=0, outside=0)
    lines = {each.line for each in killed.kills}
    if answer.strip() not in lines:
        return not_yet("there is no such line in transfer; copy it from the cell")
    if answer.strip() not in {each.line for each in killed.broken}:
        return not_yet("a kill before this line leaves all coins where they were")
    return right(f"of {len(killed.kills)} kills before a line, {len(killed.broken)} broke the bank")


@exercise
def check_whole(bank: type) -> None:
    """Check that no kill breaks a bank, or say which kill does."""
    try:
        killed = kill(bank, library=20, outside=5)
    except RuntimeError as error:
        return not_yet(str(error).strip().splitlines()[-1])
    if killed.missing:
        return not_yet(f"the bank does not run: {killed.missing}")
    if killed.broken:
        # A line of the learner says more than a line of a library.
        first = max(killed.broken, key=lambda each: bool(each.line))
        return not_yet(f"killed {first.where}: {first.left}")
    return right("every kill left the bank as before a transfer or as after it")
