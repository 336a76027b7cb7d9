"""What pmemobj should reach: one row for each figure, with the limits that its value must not exceed.

A limit is a number, or a factor of the time that another system took for the same or a comparable operation in the same
run. If the other system was not measured, the limit is unknown, and the row is neither reached nor missed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.results import Results
from benchmarks.systems import title_of
from benchmarks.workloads import WORKLOADS

__all__ = ["ROWS", "Limit", "Row", "Verdict", "judge"]

SUBJECT = "pmemobj"


@dataclass(frozen=True, slots=True)
class Limit:
    """`factor` times what a system took; without a system, the number itself.

    Attributes:
        workload: The workload of that system, if it is another one than that of the row.
    """

    factor: float
    system: str = ""
    workload: str = ""

    def value(self, results: Results, row: Row) -> float | None:
        """The limit in the unit of the row; None if the other system was not measured."""
        if not self.system:
            return self.factor
        other = results.find(self.system, self.workload or row.workload, row.medium)
        return None if other is None else self.factor * other.median

    def text(self) -> str:
        """What the column "reach" says."""
        if not self.system:
            return f"{self.factor:g}"
        return f"{self.factor:g} × {title_of(self.system)}"


@dataclass(frozen=True, slots=True)
class Row:
    """A figure: a workload on a medium, and all limits that it has to keep."""

    workload: str
    medium: str
    limits: tuple[Limit, ...]

    def title(self, batch: int) -> str:
        """What people read."""
        title = next(workload.title for workload in WORKLOADS if workload.key == self.workload)
        return f"{self.medium}: {title.format(batch=f'{batch:,}')}"

    @property
    def unit(self) -> str:
        """Seconds or bytes."""
        return next(workload.unit for workload in WORKLOADS if workload.key == self.workload)


def _rows() -> Iterator[Row]:
    def row(workload: str, *limits: Limit, medium: str = "tmpfs") -> Row:
        return Row(workload, medium, limits)

    for workload, factor in (
        ("list_get_int", 2.0),
        ("list_get_str", 4.0),
        ("list_iterate", 3.0),
        ("dict_get_str", 1.5),
        ("dict_get_int", 1.5),
        ("dict_in", 1.5),
        ("attribute_get", 1.25),
    ):
        yield row(workload, Limit(factor, "builtins"))
    for workload in ("list_set", "list_append", "dict_set", "attribute_set"):
        yield row(workload, Limit(0.5, "lmdb"))
    yield row("dict_new", Limit(1.0, "lmdb"))
    for workload in ("list_set", "dict_set", "attribute_set"):
        yield row(workload, Limit(1.1, "fsync", "list_set"), medium="disk")
    for workload in ("list_append", "dict_new"):
        yield row(workload, Limit(1.1, "floor"), medium="disk")
    for workload in ("batch_list_set", "batch_list_append", "batch_dict_set", "batch_dict_new"):
        yield row(workload, Limit(1.0, "lmdb"))
    yield row("batch_attribute_set", Limit(1.0, "zodb"))
    for workload in (
        "batch_list_set", "batch_list_append", "batch_dict_set", "batch_attribute_set", "batch_dict_new",
    ):  # fmt: skip
        yield row(workload, Limit(1.5, "floor"), medium="disk")
    for workload in ("build_list", "build_dict"):
        yield row(workload, Limit(10.0, "builtins"), Limit(1.0, "lmdb"))
    yield row("bytes_list", Limit(9.0))
    yield row("bytes_dict", Limit(64.0))
    for medium in ("tmpfs", "disk"):
        for workload in ("open_read", "close_read"):
            yield row(workload, Limit(1.5, "floor"), medium=medium)
    yield row("collect", Limit(1.0))
    yield row("inspect_walk", Limit(0.2))
    yield row("graph", Limit(0.5))


ROWS = tuple(_rows())


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict on a row.

    Attributes:
        value: What pmemobj took; None if it was not measured.
        limits: The limits that could be told, each with its value.
        best: The best peer that keeps data, and what it took.
    """

    row: Row
    value: float | None
    limits: list[tuple[Limit, float]]
    best: tuple[str, float] | None

    @property
    def excess(self) -> float | None:
        """The value divided by the tightest limit; more than 1 falls short. None if one of the two is unknown."""
        if self.value is None or len(self.limits) < len(self.row.limits):
            return None
        return max(self.value / limit if limit else float("inf") for _, limit in self.limits)

    @property
    def reached(self) -> bool | None:
        """Whether all limits are reached; None if that is unknown."""
        return None if self.excess is None else self.excess <= 1


#: Systems that are no peers: those that keep nothing, those that are no stores of objects, and pmemobj itself.
NO_PEERS = frozenset({"builtins", "floor", "fsync", "pmemobj", "pmemobj-pure"})
#: Peers that wait for the disk before they return. The others are faster on a disk, but a power cut loses data.
WAITING = frozenset({"zodb", "zodb-btrees", "sqlite-full", "lmdb"})
#: Workloads for which waiting for the disk makes no difference.
READING = frozenset({"open_read", "close_read"})


def judge(results: Results) -> list[Verdict]:
    """The verdict on every row, as far as it was measured."""
    verdicts = []
    for row in ROWS:
        own = results.find(SUBJECT, row.workload, row.medium)
        limits = [(limit, value) for limit in row.limits if (value := limit.value(results, row)) is not None]
        peers = [
            (system.title, other.median)
            for system in results.systems
            if system.name not in NO_PEERS
            and (row.medium != "disk" or row.workload in READING or system.name in WAITING)
            and (other := results.find(system.name, row.workload, row.medium))
        ]
        best = min(peers, key=lambda peer: peer[1], default=None)
        verdicts.append(Verdict(row, None if own is None else own.median, limits, best))
    return verdicts
