"""The measurements, as dataclasses and as JSON, without anything that is derived from them."""

from __future__ import annotations

import json
import statistics
from dataclasses import asdict, dataclass, field
from pathlib import Path

__all__ = ["Measurement", "Medium", "Results", "SystemFacts"]

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Measurement:
    """The passes of one workload of one system.

    Attributes:
        size: Elements of the data.
        count: Operations in a pass.
        values: One for each pass: the seconds that an operation took, or what else the workload's unit is.
    """

    system: str
    medium: str
    workload: str
    size: int
    count: int
    values: list[float]
    growth: bool = False

    @property
    def median(self) -> float:
        """What the tables show."""
        return statistics.median(self.values)

    @property
    def spread(self) -> float:
        """The difference between the largest and the smallest value, divided by the median."""
        return (max(self.values) - min(self.values)) / self.median if self.median else 0.0


@dataclass(slots=True)
class SystemFacts:
    """A system that took part, or the reason why it did not.

    Attributes:
        durability: What holds when an operation that is durable by itself has returned.
        missing: Why it was not measured; empty if it was.
    """

    name: str
    title: str
    durability: str = ""
    version: str = ""
    missing: str = ""


@dataclass(frozen=True, slots=True)
class Medium:
    """A directory in which systems were measured: its role, and the kind of memory under it."""

    name: str
    filesystem: str


@dataclass(slots=True)
class Results:
    """One run.

    Attributes:
        version: Of pmemobj.
        sizes: The name of the sizes.
        batch: Operations in one transaction.
        rounds: Passes that were planned.
        machine: What it ran on, by name.
        failures: What went wrong, in words.
        interrupted: Whether somebody stopped it before its end.
    """

    version: str
    sizes: str
    batch: int
    rounds: int
    machine: dict[str, str] = field(default_factory=dict)
    media: list[Medium] = field(default_factory=list)
    systems: list[SystemFacts] = field(default_factory=list)
    measurements: list[Measurement] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    interrupted: bool = False

    def find(self, system: str, workload: str, medium: str, size: int = 0) -> Measurement | None:
        """The measurement of a workload with data of its main size, or of another size at which growth is measured."""
        for one in self.measurements:
            if (one.system, one.workload, one.medium) == (system, workload, medium) and (
                one.growth and one.size == size if size else not one.growth
            ):
                return one
        return None

    def by_size(self, system: str, workload: str, medium: str) -> dict[int, Measurement]:
        """The measurements of a workload at all sizes, the smallest first; the main size is one of them."""
        found: dict[int, Measurement] = {}
        for one in self.measurements:
            if (one.system, one.workload, one.medium) == (system, workload, medium):
                found.setdefault(one.size, one)
        return dict(sorted(found.items()))

    def measured(self) -> list[SystemFacts]:
        """The systems that have taken part."""
        names = {one.system for one in self.measurements}
        return [system for system in self.systems if system.name in names]

    def save(self, path: Path) -> None:
        """Write the results as JSON, in place of the file that was there."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"format": FORMAT} | asdict(self), indent=1, ensure_ascii=False) + "\n")

    @classmethod
    def load(cls, path: Path) -> Results:
        """Read what `save` wrote.

        Raises:
            ValueError: the file is something else.
        """
        try:
            data = json.loads(path.read_text())
            if data.pop("format") != FORMAT:
                raise ValueError("another format")
            media = [Medium(**one) for one in data.pop("media")]
            systems = [SystemFacts(**one) for one in data.pop("systems")]
            measurements = [Measurement(**one) for one in data.pop("measurements")]
            return cls(media=media, systems=systems, measurements=measurements, **data)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ValueError(f"cannot read {path}: it holds no results of this benchmark ({error!r})") from None
