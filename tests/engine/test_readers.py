"""Threads read without a transaction what other threads change: they get values that were stored, or a clear error.

Each value in the pool tells where it belongs, so that a wrong value is noticed.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sample_classes import Bag
from soundness import assert_sound

import pmemobj
from pmemobj import (
    PersistentArray,
    PersistentByteArray,
    PersistentDict,
    PersistentList,
    PersistentObjectPool,
    PersistentSet,
    PersistentTuple,
)

Pool = PersistentObjectPool
PATIENCE = 60
SECONDS = 0.5


@pytest.fixture(autouse=True)
def switch_often() -> Iterator[None]:
    """Let threads take turns within an operation, too."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def is_list(value: Any) -> bool:
    return isinstance(value, PersistentList) and value[:1] == ["inner"]


def text(kind: str, number: int) -> str:
    return f"{kind} {number} " + "x" * (number % 40)


def is_text(kind: str, value: Any) -> bool:
    return isinstance(value, str) and value == text(kind, int(value.split()[1]))


class Scene:
    """Containers, their changes, and what a reader may find in them."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        new = pool.new
        pool.root = new(
            PersistentDict,
            items=new(PersistentList, [text("items", n) for n in range(10)]),
            table=new(PersistentDict, {text("key", n): text("table", n) for n in range(10)}),
            group=new(PersistentSet, [text("group", n) for n in range(10)]),
            data=new(PersistentByteArray, b"d" * 10),
            numbers=new(PersistentArray, "q", [7] * 10),
            bag=new(Bag),
            pair=new(PersistentTuple, (text("pair", 1),)),
            inner=new(PersistentList, ["inner"]),
        )
        pool.root["bag"].a = text("bag", 1)
        self.turn = 0

    def write(self) -> None:
        """One round of changes: every container grows, moves, shrinks and is freed."""
        pool, root, n = self.pool, self.pool.root, self.turn
        self.turn += 1
        root["items"].extend(text("items", at) for at in range(n % 90))
        root["table"].update({text("key", at): text("table", at) for at in range(n % 70)})
        root["group"].update(text("group", at) for at in range(n % 80))
        root["data"].extend(b"d" * (n * 37 % 900))
        root["numbers"].extend([7] * (n * 31 % 300))
        root["bag"].a = text("bag", n)
        setattr(root["bag"], f"new{n % 200}", text("bag", n))
        root["pair"] = pool.new(PersistentTuple, [text("pair", at) for at in range(n % 9)])
        root["inner"] = pool.new(PersistentList, ["inner", text("inner", n)])
        with pytest.raises(KeyError), pool.transaction():
            root["items"][:] = [text("items", n)] * (n % 50)
            root["table"].clear()
            root["data"][:] = b""
            root["bag"].a = text("bag", n + 1)
            root["inner"] = pool.new(PersistentList, ["inner", 5])
            raise KeyError
        root["items"].sort()
        del root["items"][10:]
        for key in list(root["table"])[10:]:
            del root["table"][key]
        root["group"].intersection_update([text("group", at) for at in range(5)])
        del root["data"][10:], root["numbers"][10:]
        root["items"][0] = text("items", n)
        if n % 8 == 0:
            pool.gc()

    def readers(self) -> dict[str, Callable[[], bool]]:
        """Functions that each read something, and return whether the result was sensible."""
        root = self.pool.root
        items, table, group, bag = root["items"], root["table"], root["group"], root["bag"]
        data, numbers = root["data"], root["numbers"]
        return {
            "list item": lambda: is_text("items", items[3]),
            "list last": lambda: is_text("items", items[-1]),
            "list slice": lambda: all(is_text("items", item) for item in items[2:60]),
            "list all": lambda: all(is_text("items", item) for item in items),
            "dict value": lambda: table.get(text("key", 5)) in (text("table", 5), None),
            "dict in": lambda: (text("key", 3) in table) in (True, False),
            "dict all": lambda: all(is_text("key", k) and is_text("table", v) for k, v in table.items()),
            "dict copy": lambda: all(is_text("key", k) and is_text("table", v) for k, v in table.copy().items()),
            "set in": lambda: text("group", 2) in group,
            "set all": lambda: all(is_text("group", item) for item in group),
            "attribute": lambda: is_text("bag", bag.a),
            "object": lambda: root["bag"] is bag and self.pool.root is root,
            "names": lambda: "a" in dir(bag),
            "tuple": lambda: all(is_text("pair", item) for item in root["pair"]),
            "fresh list": lambda: is_list(root["inner"]),
            "bytes": lambda: set(bytes(data)) <= {ord("d")},
            "byte": lambda: data[0] == ord("d"),
            "array": lambda: set(numbers.tolist()) <= {7},
            "number": lambda: numbers[5] == 7,
            "all of it": lambda: isinstance(self.pool.root.copy(), dict),
        }


#: Errors that a reader may get instead of a value, if a container becomes shorter or is freed at that moment.
ALLOWED = (IndexError, RuntimeError, pmemobj.InvalidHandleError)
#: Reads that always find contents, though perhaps those of a transaction that is rolled back later.
NEVER_GONE = {"attribute", "object", "names", "list item", "all of it", "set in", "dict in", "number"}


def read_while_another_writes(pool: Pool, seconds: float) -> int:
    """How many reads there were, all of which were right."""
    scene = Scene(pool)
    stop = threading.Event()
    wrong: list[str] = []
    count = [0]

    def writing() -> None:
        try:
            while not stop.is_set():
                scene.write()
        except BaseException as error:
            wrong.append(f"writing: {error!r}")
            stop.set()

    def reading(offset: int) -> None:
        readers = list(scene.readers().items())
        while not stop.is_set():
            for name, read in readers[offset:] + readers[:offset]:
                try:
                    if not read():
                        wrong.append(f"{name}: nonsense")
                except ALLOWED as error:
                    if isinstance(error, pmemobj.PoolDamagedError) or (
                        name in NEVER_GONE - {"list item", "number"} and not isinstance(error, RuntimeError)
                    ):
                        wrong.append(f"{name}: {error!r}")
                except BaseException as error:
                    wrong.append(f"{name}: {error!r}")
                count[0] += 1
            if len(wrong) > 5:
                stop.set()

    threads = [threading.Thread(target=writing, daemon=True)]
    threads += [threading.Thread(target=reading, args=(at,), daemon=True) for at in (0, 9)]
    for thread in threads:
        thread.start()
    stop.wait(seconds)
    stop.set()
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive(), "a thread hangs"
    assert not wrong, wrong
    assert scene.turn > 3
    assert_sound(pool)
    return count[0]


def test_readers_beside_a_writer(pool_path: str, run_python: Callable[..., Any]) -> None:
    """In a child, which must survive; without the checking mode, whose commits would take most of the time."""
    done = run_python(
        f"""
import sys, pmemobj, test_readers
from pathlib import Path
sys.setswitchinterval(1e-6)
pool = pmemobj.create(sys.argv[1], pool_size=16 << 20)
count = test_readers.read_while_another_writes(pool, {4 * SECONDS})
pool.close()
with pmemobj.open(sys.argv[1]) as pool:
    assert not pool.recovered
print(count)
""",
        pool_path,
        env={"PMEMOBJ_CHECK": ""},
    )
    assert int(done.stdout) > 100


def test_readers_while_the_pool_grows(scratch: Any) -> None:
    path = str(scratch / "growing")
    with pmemobj.create(path, pool_size="auto", max_size=1 << 30) as pool:
        size = pool.size
        pool.root = pool.new(PersistentList, [text("items", 0)])
        stop = threading.Event()
        wrong: list[str] = []

        def read() -> None:
            while not stop.is_set():
                try:
                    items = pool.root
                    # The newest items lie in the newest part.
                    if not all(is_text("items", item) or isinstance(item, bytes) for item in (items[0], items[-1])):
                        wrong.append("nonsense")
                except BaseException as error:
                    wrong.append(repr(error))

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        while pool.size == size:
            pool.root.append(b"0" * (8 << 20))
        stop.set()
        reader.join(PATIENCE)
        assert not reader.is_alive() and not wrong, wrong[:5]


def test_one_object_has_one_handle_in_all_threads(pool: Pool) -> None:
    pool.root = pool.new(PersistentList, [pool.new(Bag) for _ in range(30)])
    for _ in range(20):
        found: list[list[Any]] = []
        ready = threading.Barrier(3)

        def fetch(ready: threading.Barrier = ready, found: list[list[Any]] = found) -> None:
            ready.wait(PATIENCE)
            found.append(list(pool.root))

        threads = [threading.Thread(target=fetch) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        assert all(one is two is three for one, two, three in zip(*found, strict=True))
        assert not [wrong for wrong in found[0] if wrong._p_heap is not pool.root._p_heap]


def test_a_read_in_the_middle_of_a_statement_of_another_thread_waits_for_its_end(pool: Pool) -> None:
    """A reader between two statements of a transaction does not wait."""
    pool.root = pool.new(PersistentList, [1, 2, 3])
    items, found = pool.root, []
    in_the_middle = threading.Event()

    def half_way() -> None:
        pool._heap.on_change = None
        in_the_middle.set()
        time.sleep(0.05)

    def read() -> None:
        in_the_middle.wait(PATIENCE)
        found.append(list(items))

    reader = threading.Thread(target=read)
    reader.start()
    pool._heap.on_change = half_way
    items.insert(0, 0)
    reader.join(PATIENCE)
    assert found == [[0, 1, 2, 3]]


def test_an_attribute_in_the_middle_of_a_statement_of_another_thread(pool: Pool) -> None:
    bag = pool.root = pool.new(Bag)
    bag.a = 1
    found = [bag.a]
    in_the_middle = threading.Event()

    def read() -> None:
        in_the_middle.wait(PATIENCE)
        found.append(bag.a)

    reader = threading.Thread(target=read)
    reader.start()
    with pool._heap.statement:
        bag.a = 2
        in_the_middle.set()
        time.sleep(0.05)
        bag.a = 3
    reader.join(PATIENCE)
    assert found == [1, 3]
