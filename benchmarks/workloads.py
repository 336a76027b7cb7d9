"""What is measured, and how much of it.

A workload is a name that the systems know: a system has a method of that name if it can do the workload. A workload
that is "repeated" is done in one pass as often as fits into its time; the others are done once, or as often as they
say. All times are for one operation. The workloads of one set share the data of a process.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

__all__ = ["FULL", "GROWING", "QUICK", "SETS", "TINY", "WORKLOADS", "Part", "Sizes", "Workload", "parts"]

Amount = Literal["elements", "many", "names", "objects", "pool_objects"]


@dataclass(frozen=True, slots=True)
class Workload:
    """One thing that is measured.

    Attributes:
        key: The name of the method of the systems.
        title: What people read.
        set: The workloads that are measured in one process, with the same data.
        amount: Which of the `Sizes` says how large the data is.
        passes: How many operations a pass has: as many as it should last, the batch, one for each element, or one.
        unit: The unit of the result; bytes are not timed.
        on_disk: Whether the workload is measured on a disk too. Reads are not, since they come from memory anyway.
    """

    key: str
    title: str
    set: str
    amount: Amount
    passes: Literal["repeated", "batch", "elements", "once"]
    on_disk: bool = False
    unit: Literal["s", "bytes"] = "s"


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is measured.

    Attributes:
        name: What people call it.
        elements: Of the lists and dicts that are read and changed.
        many: Of the list that is built, and of the structures whose bytes are counted.
        names: Of the dict that is built.
        objects: In the pool that is opened, and collected.
        pool_objects: In the pool that is drawn and inspected.
        growth: The sizes at which the growth of the cost is measured.
        rounds: How often everything is measured.
        seconds: What a pass of repeated operations should last.
        batch: Operations in one transaction.
        patience: Seconds of passes after which a system does no more of a workload; the results tell how many it did.
    """

    name: str
    elements: int
    many: int
    names: int
    objects: int
    pool_objects: int
    growth: tuple[int, ...]
    rounds: int
    seconds: float
    batch: int = 1000
    patience: float = 60.0


FULL = Sizes(
    "full", 10_000, 1_000_000, 100_000, 1_000_000, 10_000, (1_000, 10_000, 100_000, 1_000_000), rounds=5, seconds=0.1
)
QUICK = Sizes(
    "quick", 10_000, 20_000, 10_000, 20_000, 1_000, (1_000, 10_000), rounds=3, seconds=0.01, batch=100, patience=0.3
)
#: For the tests of the harness itself.
TINY = Sizes("tiny", 100, 200, 100, 100, 50, (100, 200), rounds=2, seconds=0.0002, batch=20)

WORKLOADS = (
    Workload("empty_loop", "the loop around the reads, empty", "read", "elements", "repeated"),
    Workload("list_get_int", "list, random index, int", "read", "elements", "repeated"),
    Workload("list_get_str", "list, random index, short str", "read", "elements", "repeated"),
    Workload("list_iterate", "iterate a list of ints, an element", "read", "elements", "elements"),
    Workload("dict_get_str", "dict get, str key", "read", "elements", "repeated"),
    Workload("dict_get_int", "dict get, int key", "read", "elements", "repeated"),
    Workload("dict_in", "str key in dict", "read", "elements", "repeated"),
    Workload("attribute_get", "attribute read", "read", "elements", "repeated"),
    Workload("list_set", "list set", "write", "elements", "repeated", on_disk=True),
    Workload("list_append", "list append", "write", "elements", "repeated", on_disk=True),
    Workload("dict_set", "dict set", "write", "elements", "repeated", on_disk=True),
    Workload("attribute_set", "attribute set", "write", "elements", "repeated", on_disk=True),
    Workload("dict_new", "dict, new key", "write", "elements", "repeated", on_disk=True),
    Workload("batch_list_set", "list set, {batch} in a transaction", "write", "elements", "batch", on_disk=True),
    Workload("batch_list_append", "list append, {batch} in a transaction", "write", "elements", "batch", on_disk=True),
    Workload("batch_dict_set", "dict set, {batch} in a transaction", "write", "elements", "batch", on_disk=True),
    Workload(
        "batch_attribute_set", "attribute set, {batch} in a transaction", "write", "elements", "batch", on_disk=True
    ),
    Workload("batch_dict_new", "dict, new key, {batch} in a transaction", "write", "elements", "batch", on_disk=True),
    Workload("build_list", "build a list of ints, an element", "build", "many", "elements"),
    Workload("build_dict", "build a dict str → int, an element", "build", "names", "elements"),
    Workload("bytes_list", "list of ints, bytes an element", "space", "many", "once", unit="bytes"),
    Workload("bytes_dict", "dict str → int, bytes an element", "space", "names", "once", unit="bytes"),
    Workload("open_read", "open, and read one object", "open", "objects", "once", on_disk=True),
    Workload("close_read", "close after reading", "open", "objects", "once", on_disk=True),
    Workload("collect", "gc, all objects alive", "collect", "objects", "once"),
    Workload("inspect_walk", "inspect walk", "tools", "pool_objects", "once"),
    Workload("graph", "%pmem_graph, capped", "tools", "pool_objects", "once"),
)

#: The workloads whose cost is measured at several sizes, with data of that size.
GROWING = (
    Workload("list_get_int", "list, random index", "growth", "elements", "repeated"),
    Workload("dict_get_any", "dict get, any key", "growth", "elements", "repeated"),
    Workload("list_append", "list append, durable", "growth", "elements", "repeated"),
    Workload("dict_new", "dict, new key, durable", "growth", "elements", "repeated"),
    Workload("open_read", "open, and read one object", "growth", "elements", "once"),
)

SETS = tuple(dict.fromkeys(workload.set for workload in (*WORKLOADS, *GROWING)))


@dataclass(frozen=True, slots=True)
class Part:
    """What one process measures for a system: some workloads, with data of one size."""

    workloads: tuple[Workload, ...]
    size: int

    @property
    def name(self) -> str:
        """The text that is shown during the measurement."""
        return self.workloads[0].set


def parts(sizes: Sizes, on_disk: bool, only: frozenset[str] = frozenset()) -> Iterator[Part]:
    """The parts that are measured on a medium, one after the other.

    Args:
        sizes: How much is measured.
        on_disk: Whether the medium is a disk.
        only: The keys of workloads or the names of sets to which it is restricted; all if there are none.
    """

    def wanted(workload: Workload) -> bool:
        return (workload.on_disk or not on_disk) and (not only or bool(only & {workload.key, workload.set}))

    groups: dict[tuple[str, int], list[Workload]] = {}
    for workload in filter(wanted, WORKLOADS):
        groups.setdefault((workload.set, getattr(sizes, workload.amount)), []).append(workload)
    for size in sizes.growth:
        for workload in filter(wanted, GROWING):
            groups.setdefault(("growth", size), []).append(workload)
    for (_, size), workloads in groups.items():
        yield Part(tuple(workloads), size)
