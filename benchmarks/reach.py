"""What pmemobj should reach: one row for each figure, with the limits that its value must not exceed.

A limit is a number, or a factor of the time that another system took for the same or a comparable operation in the same
run, on the same medium or on the other. If the other system was not measured, the limit is unknown, and the row is
neither reached nor missed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.results import Results
from benchmarks.systems import title_of
from benchmarks.workloads import DISK, FULL, RAM, WORKLOADS, Workload

__all__ = ["ROWS", "Limit", "Row", "Verdict", "judge"]

SUBJECT, RELAXED = "pmemobj", "pmemobj-relaxed"
#: The system that waits for the disk once for each change, and once for a batch of them.
ONE_WAIT = "fdatasync"

#: The changes that are durable alone, and the same by the thousand.
ALONE = ("list_set", "dict_set", "attribute_set", "list_append", "dict_new")
BATCHES = tuple(f"batch_{workload}" for workload in ALONE)
#: The workloads that are measured at more than one size, in a transaction.
RANDOM_BATCHES = ("batch_list_set", "batch_dict_set", "batch_dict_new")


@dataclass(frozen=True, slots=True)
class Limit:
    """`factor` times what a system took; without a system, the number itself.

    Attributes:
        workload: The workload of that system, if it is another one than that of the row.
        medium: The medium on which it took that, if it is another one than that of the row.
        and_a_wait: Whether the limit is larger by one wait for the disk, divided by the operations of a batch.
    """

    factor: float
    system: str = ""
    workload: str = ""
    medium: str = ""
    and_a_wait: bool = False

    def value(self, results: Results, row: Row) -> float | None:
        """The limit in the unit of the row; None if the other system was not measured."""
        if not self.system:
            return self.factor
        other = results.find(self.system, self.workload or row.workload, self.medium or row.medium, row.size)
        wait = results.find(ONE_WAIT, row.workload, row.medium, row.size) if self.and_a_wait else None
        if other is None or (self.and_a_wait and wait is None):
            return None
        return self.factor * other.median + (wait.median if wait else 0)

    def text(self) -> str:
        """What the column "reach" says."""
        if not self.system:
            return f"{self.factor:g}"
        where = f" on {self.medium}" if self.medium else ""
        return f"{self.factor:.3g} × {title_of(self.system)}{where}" + (" + one wait" if self.and_a_wait else "")


@dataclass(frozen=True, slots=True)
class Row:
    """A figure: a workload on a medium, and all limits that it has to keep.

    Attributes:
        size: The number of elements, where a workload is measured with several; 0 for the main one.
        subject: The system whose figure it is.
    """

    workload: str
    medium: str
    limits: tuple[Limit, ...]
    size: int = 0
    subject: str = SUBJECT

    def title(self, batch: int) -> str:
        """What people read."""
        mode = ", relaxed" if self.subject == RELAXED else ""
        size = f", {self.size:,} elements" if self.size else ""
        return f"{self.medium}{mode}: {self._described.title.format(batch=f'{batch:,}')}{size}"

    @property
    def unit(self) -> str:
        """Seconds or bytes."""
        return self._described.unit

    @property
    def _described(self) -> Workload:
        return next(workload for workload in WORKLOADS if workload.key == self.workload)

    @property
    def waits(self) -> bool:
        """Whether each operation has to wait for the disk."""
        return self.medium == DISK and self.subject != RELAXED and self.workload not in READING


def _rows() -> Iterator[Row]:
    yield from _reads()
    yield from _in_ram()
    yield from _on_disk()
    for workload in ("build_list", "build_dict"):
        yield Row(workload, RAM, (Limit(10.0, "builtins"), Limit(1.0, "lmdb")))
    yield Row("bytes_list", RAM, (Limit(9.0),))
    yield Row("bytes_dict", RAM, (Limit(64.0),))
    for medium in (RAM, DISK):
        for workload in ("open_read", "close_read"):
            yield Row(workload, medium, (Limit(1.5, "floor"),))
    yield Row("replay", DISK, (Limit(1.0),))
    yield Row("collect", RAM, (Limit(1.0),))
    yield Row("inspect_walk", RAM, (Limit(0.2),))
    yield Row("graph", RAM, (Limit(0.5),))


def _reads() -> Iterator[Row]:
    for workload, factor in (
        ("list_get_int", 2.0),
        ("list_get_str", 4.0),
        ("list_iterate", 3.0),
        ("dict_get_str", 1.5),
        ("dict_get_int", 1.5),
        ("dict_in", 1.5),
        ("attribute_get", 1.25),
    ):
        yield Row(workload, RAM, (Limit(factor, "builtins"),))


def _in_ram() -> Iterator[Row]:
    for workload, factor in zip(ALONE, (0.1, 0.1, 0.1, 0.2, 1 / 3), strict=True):
        yield Row(workload, RAM, (Limit(factor, "lmdb"),))
    for workload in BATCHES:
        also = (Limit(1.0, "zodb"),) if workload == "batch_attribute_set" else ()
        yield Row(workload, RAM, (Limit(1.0, "lmdb"), *also))
    for size in FULL.places:
        for workload in RANDOM_BATCHES:
            yield Row(workload, RAM, (Limit(1.0, "lmdb"),), size)


def _on_disk() -> Iterator[Row]:
    for workload, factor in zip(ALONE, (1.1, 1.1, 1.1, 1.15, 1.15), strict=True):
        yield Row(workload, DISK, (Limit(factor, ONE_WAIT),))
    as_in_ram = Limit(2.0, SUBJECT, medium=RAM, and_a_wait=True)
    for workload in BATCHES:
        yield Row(workload, DISK, (Limit(1.0, "lmdb"), as_in_ram))
    for size in FULL.places:
        for workload in RANDOM_BATCHES:
            yield Row(workload, DISK, (Limit(1.0, "lmdb"), as_in_ram), size)
    yield Row("fill_objects", DISK, (Limit(1.5, SUBJECT, medium=RAM),))
    for workload in ALONE:
        yield Row(workload, DISK, (Limit(0.2, "sqlite-normal"),), subject=RELAXED)


ROWS = tuple(_rows())


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict on a row.

    Attributes:
        value: What the subject of the row took; None if it was not measured.
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
NO_PEERS = frozenset(
    {"builtins", "floor", "fdatasync", "pmemobj", "pmemobj-relaxed", "pmemobj-in-place", "pmemobj-pure"}
)
#: Peers that wait for the disk before they return. The others are faster on a disk, but a power cut loses data.
WAITING = frozenset({"zodb", "zodb-btrees", "sqlite-full", "lmdb"})
#: Workloads for which waiting for the disk makes no difference.
READING = frozenset({"open_read", "close_read", "replay"})


def judge(results: Results) -> list[Verdict]:
    """The verdict on every row, as far as it was measured."""
    verdicts = []
    for row in ROWS:
        own = results.find(row.subject, row.workload, row.medium, row.size)
        limits = [(limit, value) for limit in row.limits if (value := limit.value(results, row)) is not None]
        peers = [
            (system.title, other.median)
            for system in results.systems
            if system.name not in NO_PEERS
            and (not row.waits or system.name in WAITING)
            and (other := results.find(system.name, row.workload, row.medium, row.size))
        ]
        best = min(peers, key=lambda peer: peer[1], default=None)
        verdicts.append(Verdict(row, None if own is None else own.median, limits, best))
    return verdicts
