"""What is measured, and how much of it.

A workload is a name that the systems know: a system has a method of that name if it can do the workload. A workload
that is "repeated" is done in one pass as often as fits into its time; the others are done once, or as often as they
say. All times are for one operation. The workloads of one set share the data of a process.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

__all__ = [
    "DISK", "FILL_BATCH", "FULL", "GROWING", "QUICK", "RAM", "SETS", "TINY", "WORKLOADS", "Part", "Sizes", "Workload",
    "parts",
]  # fmt: skip

Amount = Literal["elements", "many", "names", "objects", "pool_objects", "filled", "journal", "growth", "places"]

#: The media, as the results call them.
RAM, DISK = "tmpfs", "disk"
BOTH = (RAM, DISK)
#: Objects in one transaction of the workload that fills a store.
FILL_BATCH = 1_000


@dataclass(frozen=True, slots=True)
class Workload:
    """One thing that is measured.

    Attributes:
        key: The name of the method of the systems.
        title: What people read.
        set: The workloads that are measured in one process, with the same data.
        amount: Which of the `Sizes` says how large the data is, or at which sizes the growth of the cost is measured.
        passes: How many operations a pass has: as many as it should last, the batch, one for each element, or one.
        unit: The unit of the result; bytes are not timed.
        media: On which media the workload is measured. Reads are not measured on a disk, since they come from memory
            anyway.
    """

    key: str
    title: str
    set: str
    amount: Amount
    passes: Literal["repeated", "batch", "elements", "once"]
    media: tuple[str, ...] = (RAM,)
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
        filled: Objects with which a store is filled.
        journal: MiB of the journal that an opening has to replay.
        growth: The sizes at which the growth of the cost is measured.
        places: The sizes at which changes at random places are measured, besides `elements`.
        rounds: How often everything is measured.
        seconds: What a pass of repeated operations should last; half of it where growth is measured.
        batch: Operations in one transaction.
        patience: Seconds of passes after which a system does no more of a workload; the results tell how many it did.
    """

    name: str
    elements: int
    many: int
    names: int
    objects: int
    pool_objects: int
    filled: int
    journal: int
    growth: tuple[int, ...]
    places: tuple[int, ...]
    rounds: int
    seconds: float
    batch: int = 1000
    patience: float = 60.0


FULL = Sizes(
    "full",
    elements=10_000,
    many=1_000_000,
    names=100_000,
    objects=1_000_000,
    pool_objects=10_000,
    filled=100_000,
    journal=64,
    growth=(1_000, 10_000, 100_000, 1_000_000),
    places=(100_000, 1_000_000),
    rounds=5,
    seconds=0.1,
    patience=20.0,
)
QUICK = Sizes(
    "quick",
    elements=10_000,
    many=20_000,
    names=10_000,
    objects=20_000,
    pool_objects=1_000,
    filled=2_000,
    journal=4,
    growth=(1_000, 10_000),
    places=(20_000,),
    rounds=3,
    seconds=0.01,
    batch=100,
    patience=0.3,
)
#: For the tests of the harness itself.
TINY = Sizes(
    "tiny",
    elements=100,
    many=200,
    names=100,
    objects=100,
    pool_objects=50,
    filled=100,
    journal=1,
    growth=(100, 200),
    places=(200,),
    rounds=2,
    seconds=0.0002,
    batch=20,
)

WORKLOADS = (
    Workload("empty_loop", "the loop around the reads, empty", "read", "elements", "repeated"),
    Workload("list_get_int", "list, random index, int", "read", "elements", "repeated"),
    Workload("list_get_str", "list, random index, short str", "read", "elements", "repeated"),
    Workload("list_iterate", "iterate a list of ints, an element", "read", "elements", "elements"),
    Workload("dict_get_str", "dict get, str key", "read", "elements", "repeated"),
    Workload("dict_get_int", "dict get, int key", "read", "elements", "repeated"),
    Workload("dict_in", "str key in dict", "read", "elements", "repeated"),
    Workload("attribute_get", "attribute read", "read", "elements", "repeated"),
    Workload("list_set", "list set", "write", "elements", "repeated", BOTH),
    Workload("list_append", "list append", "write", "elements", "repeated", BOTH),
    Workload("dict_set", "dict set", "write", "elements", "repeated", BOTH),
    Workload("attribute_set", "attribute set", "write", "elements", "repeated", BOTH),
    Workload("dict_new", "dict, new key", "write", "elements", "repeated", BOTH),
    Workload("batch_list_set", "list set, {batch} in a transaction", "write", "elements", "batch", BOTH),
    Workload("batch_list_append", "list append, {batch} in a transaction", "write", "elements", "batch", BOTH),
    Workload("batch_dict_set", "dict set, {batch} in a transaction", "write", "elements", "batch", BOTH),
    Workload("batch_attribute_set", "attribute set, {batch} in a transaction", "write", "elements", "batch", BOTH),
    Workload("batch_dict_new", "dict, new key, {batch} in a transaction", "write", "elements", "batch", BOTH),
    Workload("build_list", "build a list of ints, an element", "build", "many", "elements"),
    Workload("build_dict", "build a dict str → int, an element", "build", "names", "elements"),
    Workload("bytes_list", "list of ints, bytes an element", "space", "many", "once", unit="bytes"),
    Workload("bytes_dict", "dict str → int, bytes an element", "space", "names", "once", unit="bytes"),
    Workload(
        "fill_objects",
        f"fill with objects, {FILL_BATCH:,} in a transaction, an object",
        "fill",
        "filled",
        "elements",
        BOTH,
    ),
    Workload("open_read", "open, and read one object", "open", "objects", "once", BOTH),
    Workload("close_read", "close after reading", "open", "objects", "once", BOTH),
    Workload("replay", "open with a journal of 64 MiB to replay", "replay", "journal", "once", (DISK,)),
    Workload("collect", "gc, all objects alive", "collect", "objects", "once"),
    Workload("inspect_walk", "inspect walk", "tools", "pool_objects", "once"),
    Workload("graph", "%pmem_graph, capped", "tools", "pool_objects", "once"),
)

#: The workloads whose cost is measured at several sizes, with data of that size. Those of the set "places" change
#: random places, so a batch of them changes the more pages the larger the data is.
GROWING = (
    Workload("list_get_int", "list, random index", "growth", "growth", "repeated"),
    Workload("dict_get_any", "dict get, any key", "growth", "growth", "repeated"),
    Workload("list_append", "list append, durable", "growth", "growth", "repeated"),
    Workload("open_read", "open, and read one object", "growth", "growth", "once"),
    Workload("list_set", "list set", "places", "places", "repeated", BOTH),
    Workload("dict_set", "dict set", "places", "places", "repeated", BOTH),
    Workload("dict_new", "dict, new key", "places", "places", "repeated", BOTH),
    Workload("batch_list_set", "list set, {batch} in a transaction", "places", "places", "batch", BOTH),
    Workload("batch_dict_set", "dict set, {batch} in a transaction", "places", "places", "batch", BOTH),
    Workload("batch_dict_new", "dict, new key, {batch} in a transaction", "places", "places", "batch", BOTH),
)

SETS = tuple(dict.fromkeys(workload.set for workload in (*WORKLOADS, *GROWING)))


@dataclass(frozen=True, slots=True)
class Part:
    """What one process measures for a system: some workloads, with data of one size.

    Attributes:
        grows: Whether the size is one of several.
    """

    workloads: tuple[Workload, ...]
    size: int
    grows: bool = False

    @property
    def name(self) -> str:
        """The text that is shown during the measurement."""
        return self.workloads[0].set


def parts(sizes: Sizes, media: Sequence[str], only: frozenset[str] = frozenset()) -> Iterator[Part]:
    """The parts that are measured on a medium, one after the other.

    Args:
        sizes: How much is measured.
        media: The roles of the medium: where there is no tmpfs, a disk takes its place too.
        only: The keys of workloads or the names of sets to which it is restricted; all if there are none.
    """

    def wanted(workload: Workload) -> bool:
        return not set(workload.media).isdisjoint(media) and (not only or bool(only & {workload.key, workload.set}))

    groups: dict[tuple[str, int, bool], list[Workload]] = {}
    for workload in filter(wanted, WORKLOADS):
        groups.setdefault((workload.set, getattr(sizes, workload.amount), False), []).append(workload)
    for workload in filter(wanted, GROWING):
        for size in getattr(sizes, workload.amount):
            groups.setdefault((workload.set, size, True), []).append(workload)
    for (_, size, grows), workloads in groups.items():
        yield Part(tuple(workloads), size, grows)
