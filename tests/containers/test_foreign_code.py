"""Code of the program that operations call: it raises, is interrupted, or changes the very container.

Whatever it does at whichever of its calls, the operation is then rolled back or complete.
"""

from __future__ import annotations

import io
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sample_classes import Bag
from scratch import scratch_parent
from soundness import assert_sound

import pmemobj
from pmemobj import (
    Field,
    Persistent,
    PersistentArray,
    PersistentByteArray,
    PersistentDict,
    PersistentList,
    PersistentObject,
    PersistentObjectPool,
    PersistentSet,
    PersistentTuple,
    inspect,
)

Pool = PersistentObjectPool
LONG = "a string that is too long for a word"


class Boom(Exception):
    """What foreign code raises."""


class Hook:
    """Is called by all foreign code here, and does something at one of the calls."""

    def __init__(self) -> None:
        self.set(0, lambda: None)

    def set(self, at: int, action: Callable[[], Any]) -> None:
        self.left, self.action = at, action

    def __call__(self) -> None:
        self.left -= 1
        if self.left == 0:
            self.action()


hook = Hook()


class Spring:
    """A nominated value whose pickling, unpickling and comparing is foreign code."""

    def __init__(self, number: int) -> None:
        hook()
        self.number = number

    def __reduce__(self) -> Any:
        hook()
        return Spring, (self.number,)

    def __eq__(self, other: object) -> bool:
        hook()
        return isinstance(other, Spring) and self.number == other.number

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Spring({self.number}) and {LONG}"


class Index:
    def __index__(self) -> int:
        hook()
        return 1


class Hooked(PersistentObject):
    def __init__(self) -> None:
        self.a = LONG
        hook()
        self.b = LONG * 2


class Fielded(Persistent):
    """Its state is there before, between and after calls of foreign code."""

    number = Field("q")
    note = Field()
    row = Field("block")

    def _p_new(self) -> None:
        hook()
        self.note = LONG
        self.row = self._p_mm.alloc(3, "value")
        hook()
        self.row[1] = LONG * 2

    def __init__(self) -> None:
        hook()
        self.number = 5

    def _p_resurrect(self) -> None:
        hook()

    def _p_traverse(self) -> Iterator[Any]:
        hook()
        yield from super()._p_traverse()


pmemobj.persist_via_pickle(Spring)


def stream(*values: Any) -> Iterator[Any]:
    for value in values:
        hook()
        yield value
    hook()


def key(value: Any) -> str:
    hook()
    return repr(value)


#: So that its resurrection is not among the calls of each operation.
kept: list[Any] = []


def fresh(pool: Pool) -> Any:
    """A root with one of each container."""
    hook.set(0, lambda: None)
    pool.root = pool.new(
        PersistentDict,
        items=pool.new(PersistentList, [3, Spring(7), LONG, 1]),
        pair=pool.new(PersistentTuple, (Spring(1), Spring(2))),
        group=pool.new(PersistentSet, [1, LONG, "a"]),
        table=pool.new(PersistentDict, a=1, spring=Spring(3), long=LONG),
        data=pool.new(PersistentByteArray, b"some data"),
        numbers=pool.new(PersistentArray, "q", [3, 1, 2]),
        bag=pool.new(Bag),
        node=pool.new(Fielded),
    )
    kept[:] = [pool.root["node"]]
    kept[0].row[:] = [Spring(1), LONG, Spring(2)]
    return pool.root


def write_through_buffer(root: Any) -> None:
    with root["data"].writing() as view:
        view[0] = 1
        hook()
        view[1] = 2


OPERATIONS: dict[str, Callable[[Any], Any]] = {
    "list extend": lambda root: root["items"].extend(stream(LONG, 5)),
    "list set": lambda root: root["items"].__setitem__(Index(), LONG * 2),
    "list set value": lambda root: root["items"].__setitem__(1, Spring(8)),
    "list slice": lambda root: root["items"].__setitem__(slice(Index(), None), stream(LONG, Spring(1))),
    "list steps": lambda root: root["items"].__setitem__(slice(None, None, 2), [Spring(1), Spring(2)]),
    "list delete": lambda root: root["items"].__delitem__(Index()),
    "list insert": lambda root: root["items"].insert(Index(), Spring(4)),
    "list pop": lambda root: root["items"].pop(Index()),
    "list remove": lambda root: root["items"].remove(Spring(7)),
    "list sort": lambda root: root["items"].sort(key=key),
    "list multiply": lambda root: root["items"].__imul__(Index()),
    "list init": lambda root: root["items"].__init__(stream(Spring(1), LONG)),
    "list search": lambda root: (root["items"].count(Spring(7)), root["items"] == [Spring(1)] * 4),
    "tuple new": lambda root: root.__setitem__("pair", root._p_mm.new(PersistentTuple, stream(Spring(1), LONG))),
    "tuple search": lambda root: root["pair"].index(Spring(2)),
    "set update": lambda root: root["group"].update(stream("b", LONG * 2)),
    "set intersect": lambda root: root["group"].intersection_update(stream(1, 2)),
    "set exclude": lambda root: root["group"].symmetric_difference_update(stream(1, 2, LONG)),
    "set init": lambda root: root["group"].__init__(stream(1, LONG * 2)),
    "dict set": lambda root: root["table"].__setitem__("long", Spring(1)),
    "dict new": lambda root: root["table"].__setitem__("new", Spring(1)),
    "dict update": lambda root: root["table"].update(stream(("a", Spring(1)), ("long", LONG), ("new", Spring(2)))),
    "dict setdefault": lambda root: root["table"].setdefault("new", Spring(1)),
    "dict pop": lambda root: root["table"].pop("spring"),
    "dict popitem": lambda root: (root["table"].pop("long"), root["table"].popitem()),
    "bytes extend": lambda root: root["data"].extend(stream(1, 2, 3)),
    "bytes set": lambda root: root["data"].__setitem__(Index(), Index()),
    "bytes slice": lambda root: root["data"].__setitem__(slice(Index(), 4), stream(1, 2)),
    "bytes insert": lambda root: root["data"].insert(Index(), Index()),
    "bytes pop": lambda root: root["data"].pop(Index()),
    "bytes writing": write_through_buffer,
    "array extend": lambda root: root["numbers"].extend(stream(1, 2)),
    "array set": lambda root: root["numbers"].__setitem__(Index(), Index()),
    "array insert": lambda root: root["numbers"].insert(Index(), Index()),
    "array pop": lambda root: root["numbers"].pop(Index()),
    "attribute": lambda root: setattr(root["bag"], "a", Spring(1)),
    "object": lambda root: root.__setitem__("bag", root._p_mm.new(Hooked)),
    "field": lambda root: setattr(root["node"], "note", Spring(1)),
    "field number": lambda root: setattr(root["node"], "number", Index()),
    "block set": lambda root: root["node"].row.__setitem__(Index(), Spring(3)),
    "block slice": lambda root: root["node"].row.__setitem__(slice(Index(), None), [Spring(3), LONG * 2]),
    "block rows": lambda root: root["node"]._p_mm.write(root["node"].row, None, [LONG, Spring(1), Spring(2)]),
    "block alloc": lambda root: setattr(root["node"], "row", root._p_mm.alloc(Index(), "value")),
    "block realloc": lambda root: root._p_mm.realloc(root["node"].row, Index()),
    "extension": lambda root: root.__setitem__("node", root._p_mm.new(Fielded)),
    "traverse": lambda root: list(root["node"]._p_traverse()),
    "to_python": lambda root: [pmemobj.to_python(root[name]) for name in ("items", "pair", "table", "bag")],
    "convert": lambda root: root.__setitem__("bag", root._p_mm.persistent([Spring(1), {"a": [Spring(2)]}])),
}


def state(root: Any) -> str:
    hook.set(0, lambda: None)
    return repr({name: shown(root[name]) for name in root})


def shown(value: Any) -> Any:
    if isinstance(value, Fielded):
        return value.number, value.note, value.row and value.row[:]
    if isinstance(value, PersistentObject):
        return {name: getattr(value, name) for name in ("a", "b") if hasattr(value, name)}
    return pmemobj.to_python(value)


def raising(error: type[BaseException]) -> Callable[[], Any]:
    def action() -> None:
        raise error("from foreign code")

    return action


def whole(root: Any) -> None:
    for value in (root, *root.values()):
        value._check()


@pytest.mark.parametrize("name", OPERATIONS)
def test_foreign_code_that_raises(shared: Pool, name: str) -> None:
    operation = OPERATIONS[name]
    reached = 0
    errors = (Boom, KeyboardInterrupt, MemoryError)
    for at in range(1, 20):
        root = fresh(shared)
        before = state(root)
        hook.set(at, raising(errors[at % 3]))
        try:
            operation(root)
        except errors:
            pass
        except pmemobj.PmemError as error:
            # What a value raises when it is unpickled: nobody can say whether its bytes are to blame.
            assert isinstance(error.__cause__, errors), error
        if hook.left > 0:
            break
        reached += 1
        done = state(root)
        # Two statements in one operation: the first may be done.
        assert done == before or name == "dict popitem", f"call {at}"
        assert not shared.in_transaction
        whole(root)
    assert 0 < reached < 19, "the operation calls no foreign code, or without end"
    assert_sound(shared)


def test_foreign_code_that_changes_the_container(shared: Pool) -> None:
    """Nobody can say what should come of it; but the containers are whole, and Python's own errors are all."""
    for name, operation in OPERATIONS.items():
        for change in (clear, grow):
            shared.gc()  # the checking mode costs time in proportion to what is used
            for at in (1, 2):
                root = fresh(shared)
                hook.set(at, lambda root=root, change=change: change(root))
                try:
                    operation(root)
                except pmemobj.InvalidHandleError:
                    assert name.startswith("block"), name  # it has been freed
                except (IndexError, KeyError, ValueError, RuntimeError, TypeError, BufferError) as error:
                    assert not isinstance(error, pmemobj.PoolDamagedError) or error.__cause__, (name, at, error)
                assert not shared.in_transaction, (name, at)
                hook.set(0, lambda: None)
                whole(root)
    assert_sound(shared)


def test_an_index_that_empties_what_it_is_for(shared: Pool) -> None:
    """Its place is looked for afterwards; before, it was found in the header of the pool, which was lost by it."""
    head = Path(shared.path).read_bytes()[:4096]
    root = fresh(shared)
    data, numbers, memory = root["data"], root["numbers"], root._p_mm
    grid = shared.new(PersistentArray, "d", range(4), shape=(2, 2))
    row = memory.alloc(3, "q")

    def retype() -> None:
        numbers.__init__("b", [1])

    for action, operation, error in (
        (data.clear, lambda: data.__setitem__(Index(), 5), IndexError),
        (data.clear, lambda: data[Index()], IndexError),
        (data.clear, lambda: data.__delitem__(Index()), IndexError),
        (data.clear, lambda: data.pop(Index()), IndexError),
        (numbers.clear, lambda: numbers.__setitem__(Index(), 5), IndexError),
        (numbers.clear, lambda: numbers[Index()], IndexError),
        (numbers.clear, lambda: numbers.__delitem__(Index()), IndexError),
        (lambda: grid.__init__("d"), lambda: grid.__setitem__((Index(), 1), 5), TypeError),
        (lambda: memory.free(row), lambda: row.__setitem__(Index(), 5), pmemobj.InvalidHandleError),
        (retype, lambda: numbers.append(Index()), RuntimeError),
    ):
        hook.set(0, lambda: None)
        data[:] = b"some data"
        numbers.__init__("q", [3, 1, 2])
        hook.set(1, action)
        with pytest.raises(error):
            operation()
        data._check()
        numbers._check()
    assert Path(shared.path).read_bytes()[:4096] == head
    # The size of the block does not change with the index, though it says something else each time.
    row = memory.alloc(3, "q")

    class Growing:
        at = -1

        def __index__(self) -> int:
            self.at += 1
            return self.at

    row[Growing() :] = [1, 2, 3]
    assert row[:] == [1, 2, 3]


def test_nothing_is_written_before_the_root_object(shared: Pool) -> None:
    """That is libpmemobj's, whichever container, damaged or mistaken, thinks that it has something there."""
    heap = shared._heap
    head = Path(shared.path).read_bytes()[:4096]
    for change in (
        lambda: heap.store(8, 5),
        lambda: heap.write(8, 5),
        lambda: heap.write_words(heap.root_offset - 8, [5]),
        lambda: heap.write_bytes(1, b"x"),
        lambda: heap.move(8, heap.root_offset, 1),
        lambda: heap.append_in(8, 5, heap.root_offset, 8, 16),
        lambda: heap.append_words_in(8, [5], heap.root_offset, 8, 16),
        lambda: heap.append_row_in(8, 5, 5, 5, 24, heap.root_offset, 8, 32),
        lambda: heap.poke(8, b"x"),
        lambda: heap.store_apart([(8, b"\5" * 8)]),
        lambda: heap.append_bytes_in(8, b"\5" * 8, heap.root_offset, 8, 16, 8),
    ):
        with pytest.raises(pmemobj.PoolDamagedError, match="before the root object"), shared.transaction():
            change()
    with pytest.raises(pmemobj.PoolDamagedError, match="before the root object"):
        heap.store(8, 5)
    assert Path(shared.path).read_bytes()[:4096] == head


def test_an_object_that_does_not_want_to_be_found(shared: Pool) -> None:
    """`_p_resurrect` raises, or changes what leads to the object; the next time it is found."""
    fresh(shared)
    kept.clear()
    for error in (Boom, KeyboardInterrupt):
        hook.set(1, raising(error))
        with pytest.raises(error):
            shared.root["node"]
        with shared.transaction():
            shared.root["items"].append(LONG)
            hook.set(1, raising(error))
            with pytest.raises(error):
                shared.root["node"]
            assert shared.in_transaction, "nothing was changed by it"
        assert shared.root["node"].number == 5
    assert shared.root["items"][-2:] == [LONG, LONG]
    found = []

    def fetch_it_and_replace_it() -> None:
        found.append(shared.root["node"])
        shared.root["node"] = None
        shared.gc()

    hook.set(1, fetch_it_and_replace_it)
    node = shared.root["node"]
    # It is what was there before, or after; and who had got hold of the object may keep it.
    assert node in (found[0], None) and found[0].note == LONG and shared.root["node"] is None
    del node
    found.clear()
    shared.gc()
    assert_sound(shared)


def test_a_traversal_shows_what_there_was_when_it_began(shared: Pool) -> None:
    """Though whoever asks for the values takes them away meanwhile, and puts others into their memory."""
    root = fresh(shared)
    node, items = root["node"], root["items"]
    values = node._p_traverse()
    seen = [next(values)]
    clear(root)
    items.extend("?" * len(text) for text in [LONG, LONG * 2, repr(Spring(1))] * 9)
    assert [*seen, *values] == [LONG, Spring(1), LONG, Spring(2)]


def test_no_walk_calls_foreign_code(shared: Pool, scratch: Path) -> None:
    """A collection, a dump, a restored pool, another size, a check and the views of `inspect`: each goes by the bytes."""
    fresh(shared)
    kept.clear()
    hook.set(1, raising(Boom))
    shared.gc(keep_handles=False)
    text = io.StringIO()
    assert pmemobj.dump(shared, text) > 5
    inspect.walk(shared)
    text.seek(0)
    pmemobj.restore(text, scratch / "restored", 8 << 20)
    pmemobj.resize(scratch / "restored", 9 << 20)
    assert pmemobj.check(scratch / "restored").findings == ()
    with pmemobj.open(scratch / "restored") as restored:
        assert_sound(restored)
        assert hook.left == 1, "it was called"
        hook.set(0, lambda: None)
        assert state(restored.root) == state(shared.root)


def clear(root: Any) -> None:
    for name in ("items", "group", "table", "data", "numbers"):
        root[name].clear()
    root["node"]._p_deallocate()


def grow(root: Any) -> None:
    root["items"].extend([LONG] * 50)
    root["group"].update(range(50))
    root["table"].update(dict.fromkeys(range(50), LONG))
    root["data"].extend(bytes(500))
    root["numbers"].extend(range(100))
    root["bag"].new = LONG
    root["node"].note = LONG * 3
    root["node"].row = root._p_mm.alloc(50, "value")


@pytest.fixture(scope="module")
def shared() -> Iterator[Pool]:
    """One pool for all, which each begins with a new root."""
    directory = tempfile.mkdtemp(prefix="pmemobj-test-", dir=scratch_parent())
    with pmemobj.create(f"{directory}/pool", pool_size=8 << 20) as pool:
        yield pool
    shutil.rmtree(directory)
