"""Containers of one's own: laid out with fields and blocks, traced and freed without their class."""

from __future__ import annotations

import random
import signal
import subprocess
import types
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sample_structures import RingBuffer, SkipList
from soundness import assert_sound

import pmemobj
from pmemobj import Field, Persistent, PersistentList, PersistentObject, PersistentObjectPool

Pool = PersistentObjectPool
LONG = "a string that is too long for a word"
PAGE = Path(__file__).parents[2] / "docs" / "persistent_classes.md"
CODES = "?bBhHiIqQfd"


class Everything(Persistent):
    """A field of each code, in an order that needs padding."""

    flag = Field("?")
    wide = Field("q")
    byte = Field("b")
    real = Field("d")
    word = Field("H")
    small = Field("f")
    note = Field()
    data = Field("block")
    other = Field("value")
    more = Field("block")


class Hooked(Persistent):
    """Writes down when it is told what."""

    made = Field("q")

    def __init__(self, *_: Any) -> None:
        self._v_told.append("init")

    def _p_new(self) -> None:
        self.made = 1
        self._v_told = ["new"]

    def _p_resurrect(self) -> None:
        self._v_told = ["resurrect"]


def test_the_page_is_right(pool: Pool) -> None:
    parts = PAGE.read_text().split("```python\n")[1:]
    module = types.ModuleType("page")
    module.__dict__["pool"] = pool
    exec("\n".join(part.partition("```")[0] for part in parts), module.__dict__)
    pool.gc(keep_handles=False)
    assert_sound(pool, no_garbage=True)


# ---- fields -------------------------------------------------------------------------------------------


def test_fields_begin_empty_and_hold_what_they_are_given(pool: Pool, reopen: Callable[..., Pool]) -> None:
    item = pool.root = pool.new(Everything)
    assert (item.flag, item.wide, item.byte, item.real, item.word) == (False, 0, 0, 0.0, 0)
    assert item.note is item.other is item.data is item.more is None
    item.flag, item.wide, item.byte, item.real, item.word, item.small = True, -(1 << 62), -3, 0.1, 65535, 0.5
    item.note, item.other = LONG, pool.new(PersistentList, [LONG])
    item.data, item.more = pool.mm.alloc(3, "value"), pool.mm.zalloc(5, "B")
    item.data[1] = item
    pool = reopen(pool)
    item = pool.root
    assert (item.flag, item.wide, item.byte, item.real, item.word) == (True, -(1 << 62), -3, 0.1, 65535)
    assert item.small == 0.5 and item.note == LONG and item.other == [LONG]
    assert list(item.data) == [None, item, None] and list(item.more) == [0] * 5
    assert list(item._p_traverse()) == [LONG, item.other, item] and len(list(item._p_substructures())) == 2
    assert repr(item).startswith("Everything(flag=True, wide=-4611686018427387904, ")
    assert_sound(pool, no_garbage=True)


def test_fields_are_the_only_state(pool: Pool) -> None:
    item = pool.new(Everything)
    with pytest.raises(AttributeError, match="cannot set typo of a Everything: it is no field"):
        item.typo = 1
    item._v_cache = 5
    with pytest.raises(AttributeError, match=r"cannot delete wide.*set it to 0"):
        del item.wide
    with pytest.raises(AttributeError, match=r"cannot delete note.*set it to None"):
        del item.note
    with pytest.raises(TypeError, match="cannot set data to an int"):
        item.data = 1
    with pytest.raises(pmemobj.BadFieldError, match=r"^cannot write 10{59}… \(401 characters\) as 'q'"):
        item.wide = 10**400
    with pytest.raises(pmemobj.BadFieldError, match=r"^cannot write an int of 20001 bits as 'q'"):
        item.wide = 1 << 20000
    with pytest.raises(TypeError, match="cannot set data to a list"):
        item.data = [1]
    with pytest.raises(pmemobj.NotPersistableError):
        pool.new(Persistent)
    with pytest.raises(pmemobj.BadFieldError, match=r"'l'.*no such code"):
        Field("l")
    with pytest.raises(pmemobj.NotPersistableError):
        item.note = [1]
    assert isinstance(item, Persistent) and isinstance(pool.new(PersistentList), Persistent)
    assert not isinstance(5, Persistent) and not isinstance(item, RingBuffer)


@pytest.mark.parametrize("code", CODES)
def test_every_code_by_itself_in_a_row_and_out_of_range(pool: Pool, code: str) -> None:
    block = pool.mm.zalloc(5, code)
    assert block[:] == [0] * 5 and block.code == code and len(block) == 5
    with pool.transaction():
        block[1:4] = [1, 0, 1]
    block[-1] = 1
    assert list(block) == [0, 1, 0, 1, 1] and pool.mm.read(block) == list(block)
    for wrong in ["x", None, 1 << 2000] if code != "?" else ():
        with pytest.raises(pmemobj.BadFieldError, match=f"as '{code}'"):
            block[2] = wrong
    with pytest.raises(pmemobj.BadFieldError, match="3 elements"):
        block[0:3] = [1, 1]
    assert list(block) == [0, 1, 0, 1, 1]


def test_hooks(pool: Pool, reopen: Callable[..., Pool]) -> None:
    pool.root = made = pool.new(Hooked, 1, 2)
    assert made._v_told == ["new", "init"] and made.made == 1
    pool = reopen(pool)
    assert pool.root._v_told == ["resurrect"]


def test_a_class_with_other_fields_by_now(pool: Pool, reopen: Callable[..., Pool]) -> None:
    def define(**fields: Field) -> Any:
        return type("Changing", (Persistent,), {"__module__": __name__, **fields})

    old = pool.new(define(a=Field("q"), b=Field("q")))
    old.a, old.b = 1, 2
    pool.root = pool.new(PersistentList, [old])
    del old
    changed = define(b=Field("q"), c=Field())
    item = pool.root[0]
    assert type(item) is changed and item.b == 2 and repr(item) == "Changing(a=1, b=2)"
    with pytest.raises(AttributeError, match="field 'c' of a Changing: the object was made with the fields a, b"):
        item.c  # noqa: B018
    pool.root.append(pool.new(changed))
    pool.root[1].c = LONG
    pool = reopen(pool)
    assert (pool.root[0].b, pool.root[1].c) == (2, LONG)
    assert len(list(pool._heap.types._records())) == 2


def test_an_object_with_attributes_is_another_thing(pool: Pool) -> None:
    class Mixed(PersistentObject):
        number = Field("q")

    with pytest.raises(TypeError, match="cannot use field number of a Mixed"):
        pool.new(Mixed).number = 1
    with pytest.raises(TypeError, match="neither a Block nor an object with fields"):
        pool.mm.write(pool.new(PersistentList), 0, 1)  # type: ignore[arg-type]


# ---- worked hard ----------------------------------------------------------------------------------------


def test_a_ring_buffer_against_a_deque(pool: Pool, reopen: Callable[..., Pool]) -> None:
    rng = random.Random(5)
    model: deque[Any] = deque(maxlen=7)
    pool.root = pool.new(RingBuffer, 7)
    for turn in range(120):
        value = rng.choice([turn, LONG * rng.randrange(1, 4), None, 0.1])
        if rng.random() < 0.2:
            with pytest.raises(ZeroDivisionError), pool.transaction():
                pool.root.append(LONG)
                pool.root.append(LONG)
                1 / 0  # noqa: B018
        if rng.random() < 0.3 and model:
            assert pool.root.popleft() == model.popleft()
        else:
            pool.root.append(value)
            model.append(value)
        assert list(pool.root) == list(model)
        if turn % 40 == 39:
            pool = reopen(pool)
            assert_sound(pool, no_garbage=True)


def test_a_skip_list_against_a_sorted_dict(pool: Pool, reopen: Callable[..., Pool]) -> None:
    rng = random.Random(3)
    model: dict[int, Any] = {}
    pool.root = pool.new(SkipList)

    def change(target: Any) -> None:
        key = rng.randrange(25)
        if rng.random() < 0.35 and key in target:
            del target[key]
        else:
            target[key] = rng.choice([key, LONG + str(key), 1 << 80])

    for turn in range(60):
        state = rng.getstate()
        if turn % 5 == 4:
            with pytest.raises(ZeroDivisionError), pool.transaction():
                change(pool.root)
                change(pool.root)
                1 / 0  # noqa: B018
            rng.setstate(state)
        change(pool.root)
        rng.setstate(state)
        change(model)
        assert list(pool.root.items()) == sorted(model.items()) and len(pool.root) == len(model)
        if turn % 20 == 19:
            pool.gc()
            assert_sound(pool)
            pool = reopen(pool)
            assert_sound(pool, no_garbage=True)
    with pytest.raises(KeyError):
        pool.root[99]


WORKER = """
import sys, pmemobj
from sample_structures import RingBuffer, SkipList
pool = pmemobj.create(sys.argv[1], pool_size=16 << 20)
pool.root = pool.new(pmemobj.PersistentList, [pool.new(SkipList), pool.new(RingBuffer, 5)])
keys, ring = pool.root
for turn in range(1 << 20):
    with pool.transaction():
        keys[turn] = "value of %d in the pool" % turn
        if turn >= 50:
            del keys[turn - 50]
        ring.append("a value that needs a leaf %d" % turn)
    print(turn, flush=True)
"""


@pytest.mark.parametrize("after", [1, 40, 140])
def test_a_killed_writer_leaves_whole_structures(
    pool_path: str, spawn: Callable[..., subprocess.Popen[str]], after: int
) -> None:
    child = spawn(WORKER, pool_path, PMEMOBJ_CHECK="0")
    assert child.stdout is not None
    for _ in range(after):
        done = int(child.stdout.readline())
    child.send_signal(signal.SIGKILL)
    child.wait(30)
    done = max([done, *map(int, child.stdout.read().split())])
    with pmemobj.open(pool_path) as pool:
        assert pool.recovered
        keys, ring = pool.root
        last = max(keys)
        assert last in (done, done + 1)
        assert list(keys.items()) == [(at, f"value of {at} in the pool") for at in range(max(0, last - 49), last + 1)]
        assert list(ring)[-1] == f"a value that needs a leaf {last}" and ring.total == last + 1
        assert_sound(pool, no_garbage=True)


# ---- without the class -----------------------------------------------------------------------------------


def test_no_walker_calls_what_the_class_defines(pool: Pool) -> None:
    class Liar(Persistent):
        held = Field()
        items = Field("block")

        def _p_traverse(self) -> Any:
            raise AssertionError("called by a walker")

        _p_substructures = _p_deallocate = _p_traverse
        _p_words = _p_bodies = staticmethod(lambda heap, offset: ())
        _p_entries = staticmethod(lambda heap, offset, limit: (0, []))

    liar = pool.root = pool.new(Liar)
    liar.held, liar.items = pool.new(PersistentList, [LONG]), pool.mm.alloc(2, "value")
    liar.items[1] = pool.new(PersistentList, ["in the block" * 3])
    del liar
    assert pool.gc() == {}
    assert pool.root.held == [LONG] and pool.root.items[1] == ["in the block" * 3]
    graph = pmemobj.inspect.walk(pool)
    assert graph.total == 3 and {edge.label for edge in graph.edges} == {"held", "items[1]"}
    assert_sound(pool, no_garbage=True)
    pool.root = None
    freed = pool.gc()
    assert freed["PersistentList"] == 2 and freed["block"] == 1 and pool.gc() == {}


def test_what_an_object_shows(pool: Pool) -> None:
    item = pool.root = pool.new(Everything)
    item.wide, item.data, item.more = (1 << 63) - 1, pool.mm.alloc(1, "value"), pool.mm.alloc(4, "d")
    node = pmemobj.inspect.walk(pool).nodes[item._p_offset]
    shown = {slot.label: slot.text for slot in node.slots}
    assert shown["data[0]"] == "None" and shown["len(more)"] == "4" and shown["byte"] == "0"
    assert shown["wide"].startswith("9.22") and node.type == "Everything" and node.count == len(shown)
    assert node.size > 100


@pytest.mark.parametrize("at", ["counts", "block", "owner", "elements"])
def test_damage_is_met_with_an_error(pool: Pool, at: str) -> None:
    item = pool.root = pool.new(Everything)
    item.data = pool.mm.alloc(2, "value")
    heap, (block,) = pool._heap, item._p_substructures()
    place, word = {
        "counts": (item._p_offset + 8, 0xFFFF | 0xFFFF << 16 | 0xFFFFFFFF << 32),
        "block": (item._p_offset + 16 + 16, item._p_offset),
        "owner": (block + 16, item._p_offset + 16),
        "elements": (block + 8, ord("v") | 1 << 50),
    }[at]
    before = heap.read(place)
    heap.store(place, word)
    with pytest.raises(pmemobj.PoolDamagedError):
        pool.gc()
    assert pmemobj.inspect.walk(pool).total is None
    heap.store(place, before)
    assert pool.gc() == {} and item.data[1] is None


def test_slots_that_would_keep_values_from_the_pool_are_refused() -> None:
    with pytest.raises(pmemobj.NotPersistableError, match="ordinary memory"):

        class Lost(Persistent):
            __slots__ = ("w",)
            a = Field("q")

    class Kept(Persistent):
        __slots__ = ("_v_cache",)
        a = Field("q")

    assert Kept
