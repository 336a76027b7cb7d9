"""Every kind of change of the containers, which `test_crash_mutators` and `crash_figures` explore.

A mutator is a name, what it starts from, and what is recorded. Each makes one statement (or one transaction, or one
garbage collection), so that after every crash the pool must be as before or as after, and sound.
"""

from __future__ import annotations

import contextlib
import functools
import io
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from sample_structures import RingBuffer, SkipList
from scratch import scratch_parent

import pmemobj
from pmemobj import Field, Persistent, PersistentObject, PersistentObjectPool, PoolFullError, crash
from pmemobj._dumping.builder import fill, plan_for
from pmemobj._format import DICT_USED
from pmemobj.crash import Exploration
from pmemobj.dump import _contents_of_dump, dump

Pool = PersistentObjectPool
TEXT = "a text that needs memory of its own"


class Mutator(NamedTuple):
    """One change.

    Attributes:
        kind: What is changed: list, dict, set, object, ...
        name: How.
        change: The change, given the root object; of "restore" the pool.
    """

    kind: str
    name: str
    change: Callable[[Any], object]


class Card(PersistentObject):
    def __init__(self) -> None:
        self.front, self.back = 1, TEXT


class Shelf(pmemobj.PersistentDict):
    """A container of a class of its own, with an attribute."""

    def __init__(self, place: str, **items: Any) -> None:
        super().__init__(**items)
        self.place = place


class Frame(Persistent):
    """An object with fields of every sort, and blocks."""

    number = Field("q")
    small = Field("H")
    value = Field("value")
    numbers = Field("block")
    values = Field("block")

    def __init__(self) -> None:
        self.numbers = self._p_mm.zalloc(12, "q")
        self.values = self._p_mm.alloc(4, "value")
        self.values[0] = TEXT


#: For each kind, the root with which a mutator begins.
ROOTS: dict[str, Callable[[Pool], Any]] = {
    "list": lambda pool: pool.persistent([1, 2, TEXT, 4, TEXT, 6]),
    "dict": lambda pool: pool.persistent({"one": 1, "two": TEXT, 3: "three", TEXT: 4}),
    "list with room": lambda pool: _shorter(pool.persistent([1, 2, TEXT, 4, TEXT, 6, *range(8)])),
    "dict with room": lambda pool: _shorter(pool.persistent({"one": 1, "two": TEXT, TEXT: 4, **_keys(9)})),
    "set": lambda pool: pool.persistent({1, "two", TEXT}),
    "object": lambda pool: pool.new(Card),
    "bytearray": lambda pool: pool.persistent(bytearray(range(100))),
    "array": lambda pool: pool.new(pmemobj.PersistentArray, "d", [1.5, 2.5, 3.5] * 4),
    "fields": lambda pool: pool.new(Frame),
    "structures": lambda pool: pool.persistent([_ring(pool), _skip_list(pool)]),
    "dict after a crash": lambda pool: _with_leftovers(
        pool.persistent({"one": 1, "two": TEXT}), lambda made: made.setdefault("left", 5)
    ),
    "set after a crash": lambda pool: _with_leftovers(pool.persistent({1, TEXT}), lambda made: made.add("left")),
    "deque": lambda pool: _turned(pool.new(pmemobj.PersistentDeque, [*range(9), 1, TEXT, 4, TEXT])),
    "deque with maxlen": lambda pool: pool.new(pmemobj.PersistentDeque, [TEXT, 2, TEXT], 3),
    "own class": lambda pool: pool.new(Shelf, TEXT, one=1, two=TEXT),
    "default dict": lambda pool: pool.new(pmemobj.PersistentDefaultDict, list, a=1),
    "ordered dict": lambda pool: pool.new(pmemobj.PersistentOrderedDict, one=1, two=TEXT, three=TEXT),
    "full pool": lambda pool: _full(pool),
    "restore": lambda pool: _dump() and None,  # the dump is made before the recording
    "gc": lambda pool: pool.persistent([[1, TEXT], {"a": TEXT}, {2}, TEXT]),
}


def _keys(count: int) -> dict[str, int]:
    return {f"k{at}": at for at in range(count)}


def _shorter(made: Any) -> Any:
    """A container with fewer items than it has room for."""
    for _ in range(8):
        made.popitem() if isinstance(made, pmemobj.PersistentDict) else made.pop()
    return made


def _turned(made: Any) -> Any:
    """A deque that has room, and whose items begin in the middle of its area."""
    for _ in range(9):
        made.popleft()
    return made


def _ring(pool: Pool) -> RingBuffer:
    ring = pool.new(RingBuffer, 3)
    for value in (1, TEXT, 3):
        ring.append(value)
    return ring


def _skip_list(pool: Pool) -> SkipList:
    made = pool.new(SkipList)
    for key in (1, 3, 5):
        made[key] = TEXT
    return made


def _with_leftovers(made: Any, add: Callable[[Any], object]) -> Any:
    """A table as it is after a crash before the last of the three stores of an insertion."""
    heap, count = made._p_heap, made._p_offset + DICT_USED
    used = heap.read(count)
    add(made)
    assert heap.read(count) == used + 1
    heap.store(count, used)
    return made


@functools.cache
def _dump() -> bytes:
    with scratch_pool() as pool:
        pool.root = pool.persistent([1, TEXT, {"a": {1, TEXT}, "b": bytearray(50)}, [[TEXT]]])
        pool.root.append(pool.new(Card))
        text = io.BytesIO()
        dump(pool, text)
        return text.getvalue()


def _full(pool: Pool) -> Any:
    """Some containers in a pool that has no room left."""
    root = pool.persistent([[TEXT] * 60, {f"{TEXT}{at}": at for at in range(30)}, [], list(range(2000))])
    pool.root = root
    size = 400_000
    while size > 64:
        try:
            root[2].append(bytes(size))
        except PoolFullError:
            size //= 4
    return root


def _restore(pool: Pool) -> None:
    """What `dump.restore` does between making a file without a name and naming it: several transactions.

    The root reaches nothing before the last, so until then the pool is as it was. That the file gets its name only
    when it is whole is for the file system, and not for a crash lab that knows cache lines.
    """
    contents = _contents_of_dump(io.BytesIO(_dump()))
    pool._heap.reclaim = None
    fill(pool, contents, plan_for(contents, None), None)


def _delete_slice(root: Any, *of: int | None) -> None:
    del root[slice(*of)]


def _augment(root: Any, operator: str, other: Any) -> None:
    getattr(root, operator)(other)


def _several(root: Any) -> None:
    """A transaction with several statements, of which some change the same words."""
    with root._p_mm.transaction():
        root[0] = TEXT
        root[0] = 1
        root.append(TEXT)
        root.pop(1)
        root.extend([root, 2])


def _nested(root: Any) -> None:
    with root._p_mm.transaction():
        root["new"] = root._p_mm.persistent({})
        with root._p_mm.transaction():
            root["new"]["deep"] = TEXT
        del root["two"]


def _rolled_back(root: Any) -> None:
    try:
        with root._p_mm.transaction():
            root.append(TEXT)
            root[0] = TEXT
            raise LookupError
    except LookupError:
        pass


def _many_leaves(root: Any) -> None:
    """So many allocations that they are flushed together."""
    with root._p_mm.transaction():
        for at in range(14):
            root.append(f"{TEXT} {at}")


def _behind_the_end(root: Any, fails: bool) -> None:
    """Places of items that are logged where a roll-back needs them, and not where it does not."""
    with contextlib.suppress(LookupError), root._p_mm.transaction():
        root.append(1)
        root.append(2)
        del root[-4:]
        root.extend([3, 4, 5])
        root.append(6)
        root.append(TEXT)
        if fails:
            raise LookupError


def _many_keys(root: Any) -> None:
    with root._p_mm.transaction():
        for at in range(14):
            root[f"{TEXT} {at}"] = at


def _behind_the_last_key(root: Any, fails: bool) -> None:
    with contextlib.suppress(LookupError), root._p_mm.transaction():
        root["a"] = 1
        root.popitem()
        root.popitem()
        root["b"] = 1
        root["c"] = TEXT
        if fails:
            raise LookupError


def _by_hand(root: Any) -> None:
    mm = root._p_mm
    with mm.transaction():
        mm.snapshot(root.numbers)
        mm.store(root.numbers, slice(None), range(12))


def _add_and_roll_back(root: Any) -> None:
    with contextlib.suppress(LookupError), root._p_mm.transaction():
        root.update({"other": TEXT, "third": 3})
        root.pop("third")
        raise LookupError


def _refused(root: Any) -> None:
    """Not even after collecting the garbage, and taking back what libpmemobj keeps, there is room."""
    with contextlib.suppress(PoolFullError):
        root[2].append(bytes(500_000))
        raise AssertionError("there was room")


def _other_size(root: Any) -> None:
    """What is freed here serves another size only when libpmemobj gives up the chunk that it keeps for the old one."""
    with root._p_mm.transaction():
        root[2].clear()
        root[0].clear()
    root[2].append(bytes(300_000))


def _writing(root: Any) -> None:
    with root.writing() as view:
        view[3] = view[40] = 9


def _make_garbage_and_collect(root: Any) -> None:
    pool_gc, mm = root._p_heap.reclaim, root._p_mm
    with mm.transaction():
        root[:] = [None]
    pool_gc(root._p_heap)


MUTATORS = [
    Mutator("list", "append", lambda root: root.append(7)),
    Mutator("list", "append a leaf", lambda root: root.append(TEXT)),
    Mutator("list", "insert", lambda root: root.insert(0, TEXT)),
    Mutator("list", "extend", lambda root: root.extend(range(20))),
    Mutator("list", "pop", lambda root: root.pop()),
    Mutator("list", "pop the first", lambda root: root.pop(0)),
    Mutator("list", "remove", lambda root: root.remove(TEXT)),
    Mutator("list", "item", lambda root: root.__setitem__(0, 9)),
    Mutator("list", "item that is a leaf", lambda root: root.__setitem__(2, TEXT + "!")),
    Mutator("list", "slice", lambda root: root.__setitem__(slice(1, 4), [TEXT])),
    Mutator("list", "slice with a step", lambda root: root.__setitem__(slice(0, None, 2), "abc")),
    Mutator("list", "delete slice", lambda root: _delete_slice(root, 1, 3)),
    Mutator("list", "delete every second", lambda root: _delete_slice(root, None, None, 2)),
    Mutator("list", "clear", lambda root: root.clear()),
    Mutator("list", "reverse", lambda root: root.reverse()),
    Mutator("list", "sort", lambda root: root.sort(key=str)),
    Mutator("list", "+=", lambda root: _augment(root, "__iadd__", [TEXT, 2])),
    Mutator("list", "*=", lambda root: _augment(root, "__imul__", 3)),
    Mutator("list", "several in a transaction", _several),
    Mutator("list", "rolled back", _rolled_back),
    Mutator("list", "many leaves in a transaction", _many_leaves),
    Mutator("dict", "new key, no memory", lambda root: root.__setitem__("new", 5)),
    Mutator("dict", "new key, a leaf", lambda root: root.__setitem__(TEXT + "!", TEXT)),
    Mutator("dict", "other value", lambda root: root.__setitem__("one", 2)),
    Mutator("dict", "other value, a leaf", lambda root: root.__setitem__("two", TEXT + "!")),
    Mutator("dict", "two keys, one behind the other", lambda root: (root.setdefault("a", 1), root.setdefault("b", 2))),
    Mutator("dict", "table rebuilt", lambda root: root.update({f"k{at}": at for at in range(8)})),
    Mutator("dict", "delete", lambda root: root.__delitem__("one")),
    Mutator("dict", "delete the last, add", lambda root: (root.popitem(), root.setdefault("new", 1))),
    Mutator("dict", "pop", lambda root: root.pop("two")),
    Mutator("dict", "popitem", lambda root: root.popitem()),
    Mutator("dict", "update", lambda root: root.update(one=TEXT, new=2)),
    Mutator("dict", "|=", lambda root: _augment(root, "__ior__", {"one": 5, "x": TEXT})),
    Mutator("dict", "clear", lambda root: root.clear()),
    Mutator("dict", "nested transactions", _nested),
    Mutator("dict", "many keys in a transaction", _many_keys),
    Mutator("list with room", "behind the end", lambda root: _behind_the_end(root, False)),
    Mutator("list with room", "behind the end, rolled back", lambda root: _behind_the_end(root, True)),
    Mutator("dict with room", "behind the last", lambda root: _behind_the_last_key(root, False)),
    Mutator("dict with room", "behind the last, rolled back", lambda root: _behind_the_last_key(root, True)),
    Mutator("set", "add, no memory", lambda root: root.add(7)),
    Mutator("set", "add a leaf", lambda root: root.add(TEXT + "!")),
    Mutator("set", "discard", lambda root: root.discard(TEXT)),
    Mutator("set", "pop", lambda root: root.pop()),
    Mutator("set", "update", lambda root: root.update(range(10, 20))),
    Mutator("set", "^=", lambda root: _augment(root, "__ixor__", {1, 9})),
    Mutator("set", "&=", lambda root: _augment(root, "__iand__", {1})),
    Mutator("set", "clear", lambda root: root.clear()),
    Mutator("object", "attribute", lambda root: setattr(root, "front", 2)),
    Mutator("object", "attribute, a leaf", lambda root: setattr(root, "back", TEXT + "!")),
    Mutator("object", "new attribute", lambda root: setattr(root, "third", TEXT)),
    Mutator("object", "delete attribute", lambda root: delattr(root, "back")),
    Mutator("bytearray", "append", lambda root: root.append(7)),
    Mutator("bytearray", "byte", lambda root: root.__setitem__(0, 9)),
    Mutator("bytearray", "slice", lambda root: root.__setitem__(slice(3, 9), b"other bytes")),
    Mutator("bytearray", "delete slice", lambda root: _delete_slice(root, 2, 90)),
    Mutator("bytearray", "insert", lambda root: root.insert(0, 9)),
    Mutator("bytearray", "extend", lambda root: root.extend(bytes(200))),
    Mutator("bytearray", "reverse", lambda root: root.reverse()),
    Mutator("bytearray", "pop", lambda root: root.pop(0)),
    Mutator("bytearray", "clear", lambda root: root.clear()),
    Mutator("bytearray", "writing", _writing),
    Mutator("array", "append", lambda root: root.append(7.5)),
    Mutator("array", "item", lambda root: root.__setitem__(0, 9.5)),
    Mutator("array", "extend", lambda root: root.extend([0.5] * 20)),
    Mutator("array", "pop", lambda root: root.pop(0)),
    Mutator("array", "byteswap", lambda root: root.byteswap()),
    Mutator("array", "*=", lambda root: _augment(root, "__imul__", 2)),
    Mutator("fields", "number", lambda root: setattr(root, "number", 5)),
    Mutator("fields", "half a word", lambda root: setattr(root, "small", 5)),
    Mutator("fields", "value, a leaf", lambda root: setattr(root, "value", TEXT)),
    Mutator("fields", "element", lambda root: root.values.__setitem__(0, TEXT + "!")),
    Mutator("fields", "elements", lambda root: root.numbers.__setitem__(slice(2, 11), range(9))),
    Mutator("fields", "block replaced", lambda root: setattr(root, "numbers", root._p_mm.zalloc(3, "q"))),
    Mutator("fields", "block freed", lambda root: root._p_mm.free(root.values)),
    Mutator("fields", "block of another size", lambda root: root._p_mm.realloc(root.values, 9)),
    Mutator("fields", "by hand", _by_hand),
    Mutator("structures", "ring buffer", lambda root: root[0].append(TEXT + "!")),
    Mutator("structures", "ring buffer, popleft", lambda root: root[0].popleft()),
    Mutator("structures", "skip list, insert", lambda root: root[1].__setitem__(4, TEXT)),
    Mutator("structures", "skip list, delete", lambda root: root[1].__delitem__(3)),
    Mutator("dict after a crash", "another key", lambda root: root.setdefault("other", 1)),
    Mutator("dict after a crash", "the same key", lambda root: root.setdefault("left", 1)),
    Mutator("dict after a crash", "a leaf", lambda root: root.setdefault("other", TEXT)),
    Mutator("dict after a crash", "several keys", lambda root: root.update(other=TEXT, left=2)),
    Mutator("dict after a crash", "delete the last", lambda root: root.popitem()),
    Mutator("dict after a crash", "rolled back", _add_and_roll_back),
    Mutator(
        "dict after a crash", "rolled back, then added", lambda root: (_add_and_roll_back(root), root.update(o=TEXT))
    ),
    Mutator("dict after a crash", "table rebuilt", lambda root: root.update({f"k{at}": at for at in range(6)})),
    Mutator("set after a crash", "another", lambda root: root.add(2)),
    Mutator("set after a crash", "the same", lambda root: root.add("left")),
    Mutator("set after a crash", "a leaf", lambda root: root.add(TEXT + "!")),
    Mutator("set after a crash", "several", lambda root: root.update({TEXT + "!", "left", 9})),
    Mutator("own class", "attribute", lambda root: setattr(root, "place", 2)),
    Mutator("own class", "attribute, a leaf", lambda root: setattr(root, "place", TEXT + "!")),
    Mutator("own class", "new attribute", lambda root: setattr(root, "note", TEXT)),
    Mutator("own class", "attribute deleted", lambda root: delattr(root, "place")),
    Mutator("own class", "made", lambda root: root.__setitem__("new", root._p_mm.new(Shelf, TEXT, a=1))),
    Mutator("own class", "item", lambda root: root.__setitem__("one", TEXT)),
    Mutator("default dict", "missing key", lambda root: root["new"].append(TEXT)),
    Mutator("ordered dict", "to the front", lambda root: root.move_to_end("three", last=False)),
    Mutator("ordered dict", "to the end", lambda root: root.move_to_end("one")),
    Mutator("ordered dict", "pop the first", lambda root: root.popitem(last=False)),
    Mutator("deque", "append", lambda root: root.append(7)),
    Mutator("deque", "append a leaf", lambda root: root.append(TEXT)),
    Mutator("deque", "append left a leaf", lambda root: root.appendleft(TEXT + "!")),
    Mutator("deque", "pop", lambda root: root.pop()),
    Mutator("deque", "pop left", lambda root: root.popleft()),
    Mutator("deque", "rotate", lambda root: root.rotate(2)),
    Mutator("deque", "insert", lambda root: root.insert(2, TEXT)),
    Mutator("deque", "delete", lambda root: root.__delitem__(3)),
    Mutator("deque", "extend into a larger area", lambda root: root.extend([TEXT, *range(20)])),
    Mutator("deque", "extend left", lambda root: root.extendleft([TEXT, 2])),
    Mutator("deque", "reverse", lambda root: root.reverse()),
    Mutator("deque", "clear", lambda root: root.clear()),
    Mutator("deque with maxlen", "append", lambda root: root.append(TEXT + "!")),
    Mutator("deque with maxlen", "append left", lambda root: root.appendleft(5)),
    Mutator("deque with maxlen", "extend", lambda root: root.extend([1, TEXT, 2])),
    Mutator("full pool", "refused", _refused),
    Mutator("full pool", "clear a list", lambda root: root[0].clear()),
    Mutator("full pool", "delete keys", lambda root: [root[1].popitem() for _ in range(3)]),
    Mutator("full pool", "memory of another size", _other_size),
    Mutator("full pool", "taken back", lambda root: root._p_heap._recycle()),
    Mutator("restore", "the contents of a dump", _restore),
    Mutator("gc", "drop everything and collect", _make_garbage_and_collect),
]


@contextmanager
def scratch_pool() -> Iterator[Pool]:
    """An empty pool of the smallest size, in memory where there is room."""
    with (
        tempfile.TemporaryDirectory(prefix="pmemobj-mutators-", dir=scratch_parent()) as directory,
        pmemobj.create(os.path.join(directory, "mutators.pmem"), pool_size=8 << 20) as pool,
    ):
        yield pool


def explored(pool: Pool, mutator: Mutator, budget: int, recovery: int) -> Exploration:
    """Prepare a pool for a mutator, record it, and cut the power everywhere, in the recovery of some images too."""
    pool.root = None
    pool.gc()
    pool.root = ROOTS[mutator.kind](pool)
    pool.gc()
    recording = crash.record(pool, lambda: mutator.change(pool if mutator.kind == "restore" else pool.root))
    assert recording.returned, f"{mutator.kind}, {mutator.name}: it {recording.ending}\n{recording.output}"
    return recording.explore(budget=budget, recovery=recovery)
