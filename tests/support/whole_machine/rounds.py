"""Many cuts, one after the other; and mistakes that must be found."""

from __future__ import annotations

import contextlib
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from whole_machine.disk import KEEP
from whole_machine.judge import Judge
from whole_machine.machine import Machine
from whole_machine.materials import BUILD, Materials, make_media
from whole_machine.programs import Program, programs
from whole_machine.requirements import MachineError

#: One cut in so many comes while the pools are looked at, not while the programs work.
EARLY = 4
#: Seconds after which the power is cut even if the program that decides has not come far enough.
LONGEST = 45.0

#: Mistakes of the programs, of the disk and of the judge, each with what is wrong; all of them must be found.
MISTAKES = {
    "acknowledged-first": "the programs acknowledge each commit before they make it",
    "no-transaction": "the programs make the changes of a commit without a transaction",
    "lying-disk": "the disk confirms flushes without waiting",
    "relaxed-as-full": "relaxed pools are expected to lose nothing",
}


@dataclass
class Plan:
    """When the power is cut, and what the disk keeps.

    Attributes:
        seed: Everything follows from it.
        keep: One of `disk.KEEP`.
        early: After so many lines about pools that were looked at; None to let the programs work.
        goal: After so many commits of one program, once all have looked.
        chooser: A number that decides which program that is.
        pause: Seconds between that line and the cut.
    """

    seed: int
    keep: str
    early: int | None
    goal: int
    chooser: int
    pause: float

    @staticmethod
    def of(seed: int, keep: str = "", always_late: bool = False) -> Plan:
        """The plan of one round."""
        chance = random.Random(seed)
        chosen = chance.choice(KEEP)
        early = chance.randint(1, 20) if chance.randrange(EARLY) == 0 and not always_late else None
        goal, chooser = chance.randint(1, 20), chance.randrange(1 << 30)
        return Plan(seed, keep or chosen, early, goal, chooser, chance.random() * (0.5 if early else 0.03))


@dataclass
class Run:
    """What a run came to.

    Attributes:
        rounds: How many cuts.
        early: How many of them came before all programs were at work.
        seconds: How long everything took.
        judge: The accounts of the programs, and what is wrong.
        disk: The sums of what `disk.Disk.cut` counted.
        kept: How often the disk kept what, by `disk.KEEP`.
    """

    rounds: int = 0
    early: int = 0
    seconds: float = 0.0
    judge: Judge = field(default_factory=Judge)
    disk: dict[str, int] = field(default_factory=dict)
    kept: dict[str, int] = field(default_factory=dict)


class Laboratory:
    """Cuts the power again and again, with the same media.

    Args:
        materials: What the machine boots from.
        directory: Where the media are made.
        seed: For every choice.
        mistake: A key of `MISTAKES`, or empty.
    """

    def __init__(self, materials: Materials, directory: Path, seed: int, mistake: str = "") -> None:
        self._materials = materials
        self._directory = directory
        self._seed = seed
        self._mistake = mistake
        self.run = Run(judge=Judge(strict=mistake == "relaxed-as-full"))
        make_media(directory)

    def cut_once(self) -> None:
        """Start the machine, let it look and work, and cut its power."""
        number = self.run.rounds
        # The first round makes the pools, so it is not cut before they are there.
        keep = "first" if self._mistake in ("lying-disk", "relaxed-as-full") else ""
        plan = Plan.of(self._seed * 1_000_003 + number, keep, always_late=number == 0 or bool(self._mistake))
        moment = Moment(plan)
        words = f"machine.number={number}" + (" machine.prepare" if number == 0 else "")
        with self._machine(plan, words).running() as machine:
            for line in machine.lines():
                self._take(line)
                if moment.has_come(line):
                    time.sleep(plan.pause)
                    machine.cut()
            self._count(machine, plan, not moment.all_have_looked)
        if not moment.is_over:
            raise MachineError("go on", "the machine went off by itself", f"see {self._directory / 'console.log'}")

    def look(self) -> None:
        """Start the machine once more, only to see what it has."""
        plan = Plan.of(self._seed, keep="all", always_late=True)
        ended = False
        with self._machine(plan, "machine.look").running() as machine:
            for line in machine.lines():
                self._take(line)
                ended = ended or line[0] == "ended"
            machine.off()
        if not ended:
            raise MachineError("look at the pools", "the machine went off", f"see {self._directory / 'console.log'}")

    def _machine(self, plan: Plan, words: str) -> Machine:
        self.run.judge.begin_round(self.run.rounds)
        words += f" machine.mistake={self._mistake}" if self._mistake else ""
        lies = self._mistake == "lying-disk"
        return Machine(self._materials, self._directory, words, plan.keep, plan.seed, lies)

    def _take(self, line: list[Any]) -> None:
        if line[0] == "ready":
            self.run.judge.expect(programs(tuple(line[1])))
        self.run.judge.hear(line)

    def _count(self, machine: Machine, plan: Plan, early: bool) -> None:
        run = self.run
        for name, value in machine.off().items():
            run.disk[name] = run.disk.get(name, 0) + value
        run.kept[plan.keep] = run.kept.get(plan.keep, 0) + 1
        run.rounds += 1
        run.early += early


class Moment:
    """Decides, line by line, when the moment of the cut has come."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._programs: list[Program] = []
        self._about_looks = 0
        self._looked = 0
        self._goal = plan.goal
        self._latest = float("inf")
        self.is_over = False

    @property
    def all_have_looked(self) -> bool:
        """Whether each program has told what it found."""
        return bool(self._programs) and self._looked >= len(self._programs)

    def has_come(self, line: list[Any]) -> bool:
        """Whether the power is to be cut after this line; true once."""
        if self.is_over:
            return False
        word, *rest = line
        if word == "ready":
            self._programs = programs(tuple(rest[0]))
        self._about_looks += word in ("looking", "found", "nothing", "broken")
        self._looked += word in ("found", "nothing", "broken")
        if self.all_have_looked:
            self._latest = min(self._latest, time.monotonic() + LONGEST)
            chosen = self._programs[self._plan.chooser % len(self._programs)]
            self._goal -= word == "ack" and rest[0] == chosen.name
        early = self._plan.early is not None and self._about_looks >= self._plan.early
        self.is_over = early or self._goal <= 0 or time.monotonic() > self._latest or word == "ended"
        return self.is_over


def cut_often(
    materials: Materials,
    rounds: int,
    seed: int,
    say: Callable[[str], object],
    mistake: str = "",
    keep_media: bool = False,
) -> Run:
    """Cut the power `rounds` times, and look once more; with a mistake, end as soon as it is found.

    Raises:
        MachineError: the machine does not start, or hangs.
    """
    begun = time.monotonic()
    with _scratch(keep_media) as directory:
        laboratory = Laboratory(materials, directory, seed, mistake)
        run = laboratory.run
        told = 0
        while run.rounds < rounds and not (mistake and run.judge.violations):
            laboratory.cut_once()
            run.seconds = time.monotonic() - begun
            commits = sum(account.commits for account in run.judge.accounts.values())
            say(
                f"{run.rounds} of {rounds}: {commits} commits acknowledged, {run.disk['lost']} sectors lost, {run.seconds:.0f} s"
            )
            for violation in run.judge.violations[told:]:
                say(f"  WRONG: {violation}")
            told = len(run.judge.violations)
        if not (mistake and run.judge.violations):
            laboratory.look()
            for violation in run.judge.violations[told:]:
                say(f"  WRONG: {violation}")
        run.seconds = time.monotonic() - begun
    return run


@contextlib.contextmanager
def _scratch(keep: bool) -> Iterator[Path]:
    """A directory for media; it stays if the media are to be looked at afterwards."""
    directory = Path(tempfile.mkdtemp(prefix="run-", dir=BUILD))
    try:
        yield directory
    finally:
        if not keep:
            shutil.rmtree(directory, ignore_errors=True)
