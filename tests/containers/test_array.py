"""PersistentArray against array.array: every method and type code, shapes, and NumPy where it is installed."""

from __future__ import annotations

import io
import math
import operator
import random
import struct
import subprocess
import sys
import threading
from array import array
from collections.abc import Callable, Iterator, MutableSequence
from typing import Any

import pytest
from forks import in_child
from soundness import assert_sound

import pmemobj
from pmemobj import (
    NotPersistableError,
    PersistentArray,
    PersistentByteArray,
    PersistentDict,
    PersistentList,
    PersistentObjectPool,
    PersistentSet,
    PersistentTuple,
)

Pool = PersistentObjectPool
CODES = "bBhHiIlLqQfd"
VALUES = [3, 1, 4, 1, 5, 9, 2, 6]
has_protocol = pytest.mark.skipif(
    not pmemobj.compiled and sys.version_info < (3, 12),
    reason="before Python 3.12 only compiled classes have the buffer protocol (PEP 688)",
)


def outcome(action: Callable[[Any], Any], target: Any) -> Any:
    """What an action returns, or its exception, as something that can be compared."""
    try:
        found = action(target)
    except Exception as error:
        # Compiled classes say where they are from.
        text = str(error).replace("pmemobj.", "").replace("array.array", "array")
        return type(error), text.replace("PersistentArray", "array")
    if isinstance(found, str):
        return found.replace("PersistentArray", "array")
    return "itself" if found is target else (type(found), found)


def same(items: PersistentArray, code: str, action: Callable[[Any], Any]) -> None:
    """The action must do with the persistent one exactly what it does with an array.array."""
    model = array(code, VALUES)
    items[:] = model
    assert outcome(action, items) == outcome(action, model), code
    assert items.tobytes() == model.tobytes() and len(items) == len(model)


SLICES = [slice(*bounds) for bounds in ((None,), (2, 5), (5, 2), (-4, None), (3, 3), (0, 99), (None, None, 2))] + [
    slice(None, None, -1),
    slice(7, 1, -3),
]
READS: list[Callable[[Any], Any]] = [
    *(lambda a, at=at: a[at] for at in (0, 5, -1, 99, -99, True, "a", 1.5, *SLICES)),
    len,
    bool,
    repr,
    hash,
    lambda a: list(a) + list(reversed(a)),
    lambda a: (1 in a, 7 in a, "a" in a, 1.0 in a),
    *(lambda a, value=value: (a.count(value), a.index(value)) for value in (1, 4.0, 7, "a")),
    lambda a: a.index(1, 2),
    lambda a: a.index(1, 4, 99),
    lambda a: a.index(1, -7, -4),
    lambda a: (a.tolist(), a.tobytes(), a.typecode, a.itemsize),
    lambda a: a + array(a.typecode, [1]),
    lambda a: array(a.typecode, [1]) + a,
    lambda a: a + [1],  # noqa: RUF005 - the operator is meant
    lambda a: (a * 2, 3 * a, a * -1),
    *(
        lambda a, relation=relation, other=other: relation(a, other)
        for relation in (operator.eq, operator.ne, operator.lt, operator.ge)
        for other in (array("d", VALUES), array("b", VALUES), array("i", [3, 2]), array("f"), VALUES, None)
    ),
    lambda a: array("i", VALUES) == a,
]
CHANGES: list[Callable[[Any], Any]] = [
    *(lambda a, value=value: a.__setitem__(2, value) for value in (7, -1, 300, 1 << 70, 1.5, "a", None, True)),
    lambda a: a.__setitem__(99, 1),
    lambda a: a.__setitem__(-8, 1),
    *(
        lambda a, at=at, new=new: a.__setitem__(at, array(a.typecode, new))
        for at in SLICES
        for new in ([], [7], [8] * 30, [1, 2, 3])
    ),
    lambda a: a.__setitem__(slice(0, 8, 2), array(a.typecode, [7, 7, 7, 7])),
    lambda a: a.__setitem__(slice(1, 2), a),
    lambda a: a.__setitem__(slice(1, 2), 5),
    lambda a: a.__setitem__("a", 1),
    *(lambda a, at=at: a.__delitem__(at) for at in (0, -1, 99, *SLICES)),
    *(lambda a, value=value: a.append(value) for value in (7, -1, 1 << 70, 1.5, "a")),
    *(lambda a, new=new: a.extend(new) for new in ([], [1, 2], 5, "ab", range(30))),
    lambda a: a.extend(a),
    lambda a: a.extend(array(a.typecode, [9])),
    lambda a: a.extend(iter([1, 2])),
    *(lambda a, at=at: a.insert(at, 7) for at in (0, 3, -1, 99, -99, "a")),
    *(lambda a, at=at: a.pop(at) for at in (-1, 0, 5, 99, "a")),
    lambda a: a.pop(),
    *(lambda a, value=value: a.remove(value) for value in (1, 7, "a")),
    lambda a: a.reverse(),
    lambda a: a.byteswap(),
    lambda a: a.__iadd__(array(a.typecode, [1, 2])),
    lambda a: a.__iadd__([1]),
    *(lambda a, count=count: a.__imul__(count) for count in (0, 1, 3, -2, "a")),
    lambda a: a.frombytes(bytes(range(16))),
    lambda a: a.frombytes(array(a.typecode, [1])),
    lambda a: a.fromlist([1, 2]),
    lambda a: a.fromlist((1, 2)),
    lambda a: a.fromlist([1, "a"]),
    lambda a: a.fromfile(io.BytesIO(bytes(20)), 2),
    lambda a: a.fromfile(io.BytesIO(bytes(20)), 99),
]


# ---- as array.array --------------------------------------------------------------------------------


def test_everything_that_reads(pool: Pool) -> None:
    for code in CODES:
        items = pool.new(PersistentArray, code)
        for action in READS:
            same(items, code, action)
    assert repr(pool.new(PersistentArray, "i")) == "PersistentArray('i')"


@pytest.mark.parametrize("code", ["b", "H", "i", "Q", "f", "d"])
def test_everything_that_changes(pool: Pool, code: str) -> None:
    items = pool.root = pool.new(PersistentArray, code)
    for action in CHANGES:
        same(items, code, action)
    items._check()
    items[:] = array(code, VALUES)
    with pytest.raises(TypeError), pool.transaction():
        items.append(1)
        try:
            items.extend([1, "a"])
        finally:
            assert items.tolist() == [*VALUES, 1], "all or none, where array.array keeps those before the wrong one"
    assert items.tolist() == VALUES
    with pytest.raises(TypeError, match="same kind"):
        items.extend(array("l" if code != "l" else "i"))
    with pytest.raises(TypeError, match="same type code"):
        items[:] = array("l" if code != "l" else "i")
    assert_sound(pool)


def test_nothing_of_array_is_missing() -> None:
    missing = {name for name in dir(array) if not hasattr(PersistentArray, name)}
    # An address is nothing to give away, and there is no type code of characters.
    left_out = {"buffer_info", "fromunicode", "tounicode"}
    assert missing <= left_out | {"__copy__", "__deepcopy__", "__buffer__", "__release_buffer__", "__class_getitem__"}


def test_bools(pool: Pool) -> None:
    flags = pool.root = pool.new(PersistentArray, "?", [1, "", 3, None])
    assert flags.tolist() == [True, False, True, False] == list(flags) == flags[:] and flags[0] is True
    flags.append("yes")
    flags[1] = 5
    flags[2:3] = [0, 0]
    assert flags == pool.new(PersistentArray, "bool", [True, True, False, False, False, True])
    assert flags[::2] == [True, False, False] and flags.index(True) == 0 and flags.count(False) == 3
    assert operator.add(flags, [True]) == [*flags, True] and flags.tobytes() == b"\1\1\0\0\0\1" and flags.pop() is True
    assert flags.view().format == "?" and flags.view().tolist() == flags.tolist()
    del flags[::2]
    flags += flags
    assert flags == pool.new(PersistentArray, "?", [1, 0, 1, 0])
    flags._check()


def test_how_one_is_made(pool: Pool) -> None:
    new = pool.new
    for code in CODES:
        for values in (VALUES, iter(VALUES), tuple(VALUES), array("h", VALUES), array(code, VALUES).tobytes()):
            assert new(PersistentArray, code, values).tolist() == VALUES
        assert new(PersistentArray, code, 3) == array(code, [0, 0, 0])
        for values in ([1 << 70], [-1], "text", ["a"], b"abc", [1.5]):
            ours = outcome(lambda _, code=code, values=values: new(PersistentArray, code, values).tobytes(), None)
            assert ours == outcome(lambda _, code=code, values=values: array(code, values).tobytes(), None)
    names = {"int8": "b", "uint16": "H", "int32": "i", "int64": "q", "float32": "f", "float64": "d", "bool": "?"}
    for name, code in {**names, "<f8": "d", "u1": "B", "f4": "f", "|b1": "?"}.items():
        assert new(PersistentArray, name).typecode == code
    for wrong in ("u", "x", "", "float16", ">f8", "complex128", "dd"):
        with pytest.raises(ValueError, match="bad typecode"):
            new(PersistentArray, wrong)
    for wrong in (None, 5, b"i"):
        with pytest.raises(TypeError):
            new(PersistentArray, wrong)
    with pytest.raises(ValueError, match="negative count"):
        new(PersistentArray, "i", -1)
    for code in "BH":
        assert new(PersistentArray, code, new(PersistentByteArray, b"abcd")) == array(code, bytearray(b"abcd"))
    assert isinstance(new(PersistentArray, "i"), MutableSequence)
    again = new(PersistentArray, "i", shape=(2, 2))
    again.__init__("d", [1, 2, 3])
    assert again == array("d", [1, 2, 3]) and again.shape == (3,)
    again._check()
    pool.gc(keep_handles=False)
    assert_sound(pool, no_garbage=True)


def test_alignment_and_formats(pool: Pool) -> None:
    for code in CODES + "?":
        items = pool.new(PersistentArray, code, VALUES)
        view = items.view()
        assert (view.format, view.itemsize, view.readonly) == (code, items.itemsize, True)
        assert view.tolist() == items.tolist()
        assert pool._heap.read(items._p_offset + 24) % 16 == 0
        interface = items.__array_interface__
        assert interface["typestr"][2:] == str(items.itemsize) and interface["shape"] == (8,)


@has_protocol
def test_whatever_wants_a_buffer_gets_one(pool: Pool) -> None:
    items = pool.root = pool.new(PersistentArray, "d", VALUES)
    with memoryview(items) as view:
        assert view.format == "d" and view.tolist() == VALUES and view.readonly
        items[0] = 0.5
        assert view[0] == 0.5
        with pytest.raises(BufferError):
            items.append(1)
        with pytest.raises(BufferError, match="close pool"):
            pool.close()
    assert array("d", items) == items and struct.unpack_from("d", items, 8) == (1.0,)
    file = io.BytesIO()
    items.tofile(file)
    assert file.getvalue() == items.tobytes() == bytes(items)
    items.append(1)


# ---- shapes ----------------------------------------------------------------------------------------


def test_shapes(pool: Pool, reopen: Callable[..., Pool]) -> None:
    grid = pool.root = pool.new(PersistentArray, "int32", range(6), shape=(2, 3))
    assert grid.shape == (2, 3) and len(grid) == 6 and grid.tolist() == list(range(6))
    assert [grid[i, j] for i in range(2) for j in range(3)] == grid.tolist() and grid[-1, -1] == 5
    grid[1, 0] = 77
    assert grid[3] == 77 and grid.view().tolist() == [[0, 1, 2], [77, 4, 5]] and grid.view().shape == (2, 3)
    assert repr(grid) == "PersistentArray('i', [0, 1, 2, 77, 4, 5], shape=(2, 3))"
    for index, error in (((2, 0), IndexError), ((0,), TypeError), ((0, 0, 0), TypeError), ((0, "a"), TypeError)):
        with pytest.raises(error):
            grid[index]
    for resize in (lambda: grid.append(1), grid.pop, grid.clear, lambda: grid.__delitem__(0), lambda: grid.__imul__(2)):
        with pytest.raises(ValueError, match="cannot resize an array of several dimensions"):
            resize()
    grid.reverse()
    with grid.writing() as view:
        assert view.shape == (2, 3)
        view[0, 0] = -5
    with grid.writing(2, 4) as view:
        view[:] = array("i", [8, 9])
    assert grid.tolist() == [-5, 4, 8, 9, 1, 0]
    assert pool.new(PersistentArray, "d", grid.view().cast("B").cast("i"), shape=[3, 2]).shape == (3, 2)
    copied = pool.new(PersistentArray, "i", grid)
    assert copied.shape == (2, 3) and copied == grid
    assert pool.new(PersistentArray, "i", shape=(4,)).append(1) is None
    for shape in ((), (0, 2), (-1, 2), (2, 2), (1,) * 65):
        with pytest.raises(ValueError):
            pool.new(PersistentArray, "i", range(6), shape=shape)
    del copied, view
    pool = reopen(pool)
    assert pool.root.shape == (2, 3) and pool.root[0, 2] == 8
    pool.root._check()
    with pytest.raises(KeyError), pool.transaction():
        pool.root[0, 0] = 1
        pool.root = pool.new(PersistentArray, "d", shape=(1, 2, 3))
        raise KeyError
    assert pool.root[0, 0] == -5
    pool.gc()
    pool.root.__init__("i", range(6), shape=(3, 2))
    assert not pool.gc() and pool.root[2, 1] == 5, "the old shape is freed with the old elements"
    pool.root = None
    assert pool.gc(keep_handles=False)["data"] == 2  # the elements and the shape
    assert_sound(pool, no_garbage=True)


# ---- over transactions and reopening ---------------------------------------------------------------


@pytest.mark.parametrize("code", ["h", "d"])
def test_random_operations(pool: Pool, reopen: Callable[..., Pool], code: str) -> None:
    """Many operations in a row, some of them in transactions that are rolled back."""
    rng = random.Random(7)
    pool.root, model = pool.new(PersistentArray, code), array(code)

    def step(items: Any, choice: int, at: int, other: int, values: list[int]) -> Any:
        size = len(items)
        match choice:
            case 0:
                return items.append(values[0])
            case 1:
                return items.insert(at, values[0])
            case 2 if size:
                return items.pop(at % size)
            case 3 if size:
                items[at % size] = values[0]
            case 4:
                items[at : at + other % 5] = array(code, values)
            case 5:
                del items[at : at + other % 7]
            case 6:
                items.extend(values)
            case 7:
                items.reverse()
            case 8:
                del items[:: other % 5 + 2]
            case 9 if size:
                items[::-1] = items[:]
            case 10 if size > 60:
                del items[:]
        return None

    for turn in range(150):
        choice, at, other = rng.randrange(11), rng.randrange(-5, 40), rng.randrange(100)
        values = [rng.randrange(100) for _ in range(rng.randrange(1, 6))]
        if turn % 9 == 8:
            with pytest.raises(ZeroDivisionError), pool.transaction():
                step(pool.root, choice, at, other, values)
                step(pool.root, 6, 0, 0, values * 10)
                with pool.root.writing() as view:
                    view[0] = 1
                1 / 0  # noqa: B018
        assert step(pool.root, choice, at, other, values) == step(model, choice, at, other, values)
        assert pool.root == model
        pool.root._check()
        if turn % 50 == 49:
            assert not pool.gc(), "areas are freed when they are left"
            pool = reopen(pool)
            assert_sound(pool, no_garbage=True)
    assert list(pool.root) == list(model)


def test_pictures_and_damage(pool: Pool) -> None:
    pool.root = pool.new(PersistentDict)
    pool.root["a"] = items = pool.new(PersistentArray, "d", [1.5, math.inf, 1e300, -1e-300] * 25)
    pool.root["b"] = pool.new(PersistentArray, "Q", [1 << 63])
    graph = pmemobj.inspect.walk(pool)
    node = graph.nodes[items._p_offset]
    assert (node.type, node.text, node.count, node.damage) == ("PersistentArray", "100 elements", 25, "")
    assert [(slot.label, slot.text) for slot in node.slots[:2]] == [
        ("0", "1.5, inf, 1e+300, -1e-300"),
        ("4", "1.5, inf, 1e+300, -1e-300"),
    ]
    assert len(node.slots) == 16 and len(pmemobj.inspect.walk(pool, max_items=2).nodes[items._p_offset].slots) == 2
    assert graph.nodes[pool.root["b"]._p_offset].slots[0].text == str(1 << 63)
    shapes = [("f", [0.1] * 9, [8, 1]), ("B", [200] * 20, [8, 8, 4]), ("b", [1] * 17, [16, 1]), ("d", [1 / 3] * 3, [2, 1])]
    for code, values, wanted in shapes:
        pool.root["b"] = pool.new(PersistentArray, code, values)
        rows = pmemobj.inspect.walk(pool).nodes[pool.root["b"]._p_offset].slots
        assert [len(row.text.split(", ")) for row in rows] == wanted, code
        assert [int(row.label) for row in rows] == [sum(wanted[:at]) for at in range(len(wanted))]
    heap = pool._heap
    for at, wrong in ((32, ord("x")), (24, 1 << 40), (8, 1 << 50), (40, 1 << 40)):
        was = heap.read(items._p_offset + at)
        heap.store(items._p_offset + at, wrong)
        for use in (items.tolist, items.view, lambda: items[0, 0], items._check, lambda: pmemobj.inspect.walk(pool)):
            try:
                use()
            except (pmemobj.PoolDamagedError, AssertionError, TypeError, IndexError):
                pass  # an error is all that can be wanted; what must not be is a crash
        with pytest.raises((pmemobj.PoolDamagedError, AssertionError)):
            items._check()
        if at in (8, 24):
            with pytest.raises(pmemobj.PoolDamagedError, match=r"outside the pool|things cannot be in"):
                items.view()
        heap.store(items._p_offset + at, was)
    items._check()


def test_handles_refuse_what_is_gone(pool: Pool) -> None:
    with pytest.raises(KeyError), pool.transaction():
        gone = pool.new(PersistentArray, "i", VALUES)
        raise KeyError
    kept = pool.root = pool.new(PersistentArray, "i", VALUES)
    uses: list[Callable[[Any], Any]] = [len, repr, list, lambda a: a[0], lambda a: a.append(1), lambda a: a.view()]
    uses += [lambda a: a.__setitem__(0, 1), lambda a: a == array("i"), lambda a: a.writing().__enter__(), bytes]
    for use in uses:
        with pytest.raises(pmemobj.InvalidHandleError, match="rolled back"):
            use(gone)
    with pytest.raises(NotPersistableError):
        operator.methodcaller("__reduce_ex__", 2)(kept)
    pool.close()
    for use in uses:
        with pytest.raises(pmemobj.PoolClosedError):
            use(kept)


# ---- buffers and other threads and processes -------------------------------------------------------


def test_a_buffer_waits_for_the_transaction_of_another_thread(pool: Pool) -> None:
    items = pool.root = pool.new(PersistentArray, "i", VALUES)
    grown, go_on = threading.Event(), threading.Event()

    def grow() -> None:
        with pool.transaction():
            items.extend([7] * 1000)
            grown.set()
            go_on.wait(20)

    def let_go() -> None:
        go_on.set()

    thread = threading.Thread(target=grow)
    thread.start()
    assert grown.wait(20)
    threading.Timer(0.1, let_go).start()
    view = items.view()  # what that thread might still roll back is not lent
    assert go_on.is_set() and len(view) == 1008
    thread.join()
    items[0] = 99
    assert view[0] == 99, "no copy"


def test_a_forked_child_may_read_its_views_and_nothing_else(pool: Pool) -> None:
    items = pool.root = pool.new(PersistentArray, "i", VALUES)
    views = [items.view()]

    def child() -> None:
        view = views.pop()
        assert view.tolist() == VALUES
        with pytest.raises(pmemobj.ForkedPoolError):
            items.view()
        with pytest.raises(pmemobj.ForkedPoolError):
            items.writing().__enter__()
        pool.close()
        assert view[0] == 3
        view.release()

    in_child(child)
    assert views.pop().tolist() == VALUES and not pool.closed
    items.append(1)
    assert_sound(pool)


def test_a_forked_child_does_not_close_what_waits_for_its_parents_buffers(pool_path: str) -> None:
    with pytest.warns(ResourceWarning), pmemobj.create(pool_path, pool_size=8 << 20) as pool:
        pool.root = pool.new(PersistentArray, "i", VALUES)
        views = [pool.root.view()]
    in_child(views.clear)
    assert views[0].tolist() == VALUES
    views.clear()
    with pmemobj.open(pool_path) as pool:
        assert pool.root.tolist() == VALUES and not pool.recovered


KILLED = """
import sys, pmemobj
from array import array
items = pmemobj.open(sys.argv[1]).root
number = 0
while True:
    number += 1
    with items.writing() as view:
        view[:] = array("q", [number]) * len(view)
    print(number, flush=True)
    items.extend([number] * 10)
"""


def test_killed_at_any_moment(pool: Pool, spawn: Callable[..., subprocess.Popen[str]], reopen: Callable[..., Pool]) -> None:
    pool.root = pool.new(PersistentArray, "q", 500)
    pool.close()
    child = spawn(KILLED, pool.path, PMEMOBJ_CHECK="0")
    for _ in range(40):
        child.stdout.readline()
    child.kill()
    child.wait()
    again = reopen(pool.path)
    assert len(set(again.root)) == 1 and again.root[0] >= 40 and len(again.root) % 10 == 0
    again.root._check()
    assert_sound(again, no_garbage=True)


# ---- NumPy -----------------------------------------------------------------------------------------


@pytest.fixture
def np() -> Iterator[Any]:
    yield pytest.importorskip("numpy", reason="NumPy is optional")


def test_numpy_sees_the_memory_itself(pool: Pool, np: Any) -> None:
    for code in CODES + "?":
        items = pool.new(PersistentArray, code, VALUES)
        seen = np.asarray(items)
        assert seen.dtype == np.dtype(code) and seen.tolist() == items.tolist() and not seen.flags.writeable
        items[0] = 0
        assert seen[0] == 0, "no copy"
        assert seen.ctypes.data == pool._heap.base + pool._heap.read(items._p_offset + 24)
        with pytest.raises(BufferError):
            items.append(1)
        with pytest.raises(ValueError):
            seen.flags.writeable = True
        part = seen[2:4].T
        del seen
        with pytest.raises(BufferError):
            items.append(1)
        with pytest.raises(BufferError):
            pool.close()
        del part
        items.append(1)
    assert np.asarray(pool.new(PersistentArray, "f", shape=(2, 3, 4))).shape == (2, 3, 4)
    data = pool.new(PersistentByteArray, b"bytes")
    assert np.asarray(data).tolist() == list(b"bytes") and np.asarray(data).dtype == np.uint8
    assert np.asarray(pool.new(PersistentArray, "d")).shape == (0,)
    assert float(np.sum(pool.new(PersistentArray, "d", [1, 2.5]))) == 3.5


def test_numpy_writes_inside_of_writing(pool: Pool, np: Any, reopen: Callable[..., Pool]) -> None:
    items = pool.root = pool.new(PersistentArray, np.float64, np.arange(12.0).reshape(3, 4))
    assert items.typecode == "d" and items.shape == (3, 4)
    with items.writing() as view:
        rows = np.asarray(view)
        rows *= 2
        rows[1] = -1
    # `rows` lives on, but it is nobody's memory any more.
    rows[:] = 99
    expected = np.arange(12.0).reshape(3, 4) * 2
    expected[1] = -1
    assert (np.asarray(items) == expected).all()
    with pytest.raises(KeyError), items.writing(0, 4) as view:
        np.asarray(view)[:] = 5
        raise KeyError
    assert (np.asarray(items) == expected).all()
    with items.writing(4, 6) as view:
        np.asarray(view)[:] = np.array([7, 8])
    assert items[1, 0] == 7 and items[1, 1] == 8 and items[1, 2] == -1
    assert pool.new(PersistentArray, np.dtype("int16"), np.array([1, 2], dtype="int16")).tolist() == [1, 2]
    assert pool.new(PersistentArray, "d", np.array([1, 2], dtype="int16")).tolist() == [1, 2]
    assert pool.new(PersistentArray, "q", np.int64(3)).tolist() == [0, 0, 0]
    with pytest.raises(ValueError):
        pool.new(PersistentArray, np.dtype(">i4"))
    pool = reopen(pool)
    assert np.asarray(pool.root)[1].tolist() == [7, 8, -1, -1]


def test_match_takes_an_array_for_a_sequence_and_a_bytearray_for_none(pool: Pool) -> None:
    def kind_of_pattern(value: Any) -> str:
        match value:
            case [1, *rest]:
                return f"sequence of {1 + len(rest)}"
            case {}:
                return "mapping"
            case _:
                return "neither"

    plain: list[Any] = [array("i", [1, 2]), bytearray(b"\1"), [1], (1,), {}, {1}]
    classes = [PersistentArray, PersistentByteArray, PersistentList, PersistentTuple, PersistentDict, PersistentSet]
    for value, cls in zip(plain, classes, strict=True):
        stored = pool.new(cls, *(("i", value) if cls is PersistentArray else (value,)))
        assert kind_of_pattern(stored) == kind_of_pattern(value), cls
        assert isinstance(stored, MutableSequence) == (cls in (PersistentArray, PersistentByteArray, PersistentList))
