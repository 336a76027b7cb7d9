"""Classes found again by name: defined later, renamed, or missing, when a stand-in shows the object."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from soundness import assert_sound

import pmemobj
from pmemobj import Field, Persistent, PersistentList, PersistentObject, PersistentObjectPool
from pmemobj._objects import class_names

Pool = PersistentObjectPool
LONG = "a string that is too long for a word"

WRITER = """
import sys, pmemobj
class Thing(pmemobj.PersistentObject):
    def __init__(self): self.number, self.text, self.items = 5, "long " * 10, self._p_mm.new(pmemobj.PersistentList, [1])
    def method(self): return 1
class Ring(pmemobj.Persistent):
    start, note, items = pmemobj.Field("q"), pmemobj.Field(), pmemobj.Field("block")
    def __init__(self):
        self.start, self.note, self.items = -7, "long " * 10, self._p_mm.alloc(2, "value")
        self.items[:] = ["first", "long " * 10]
with pmemobj.create(sys.argv[1], pool_size=16 << 20) as pool:
    pool.root = pool.new(pmemobj.PersistentList, [pool.new(Thing), "readable", pool.new(Ring)])
"""


@pytest.fixture(autouse=True)
def forget_definitions() -> Iterator[None]:
    """Classes that a test defines under the name of a script's are gone after it, and so are its aliases."""
    tables = class_names._definitions, class_names._aliases
    before = [table.copy() for table in tables]
    yield
    for table, rows in zip(tables, before, strict=True):
        table.clear()
        table.update(rows)


@pytest.fixture
def written(pool_path: str, run_python: Callable[..., Any]) -> Iterator[Pool]:
    """A pool that a script wrote whose classes are not to be had here."""
    run_python(WRITER, pool_path)
    pool = pmemobj.open(pool_path)
    yield pool
    if not pool.closed:
        assert_sound(pool)
        pool.close()


def define(name: str, base: type, **body: Any) -> Any:
    """What a cell of a notebook does that defines a class."""
    return type(name, (base,), {"__module__": "__main__", "__qualname__": name} | body)


def test_a_stand_in_shows_the_attributes(written: Pool) -> None:
    thing, _, ring = written.root
    assert (thing.number, thing.text, thing.items) == (5, "long " * 10, [1])
    assert (ring.start, ring.note, list(ring.items)) == (-7, "long " * 10, ["first", "long " * 10])
    assert written.root[0] is thing and type(thing).__name__ == "Thing" and type(ring).__qualname__ == "Ring"
    assert repr(thing).startswith("<Thing (class not defined) number=5, text='long long ")
    assert repr(ring).startswith("<Ring (class not defined) start=-7, note='long ")
    assert isinstance(thing, Persistent) and isinstance(ring, Persistent)
    assert "number" in dir(thing)
    assert next(thing._p_traverse()) == 5 and list(ring._p_traverse())[1] == "first"
    assert thing._p_mm.resurrect(thing._p_oid) is thing


def test_a_stand_in_has_nothing_of_the_class_and_says_so(written: Pool) -> None:
    thing, _, ring = written.root
    assert not hasattr(thing, "method")
    with pytest.raises(AttributeError, match="cannot read method of a Thing: class Thing of module __main__ is not"):
        thing.method()
    with pytest.raises(AttributeError, match="'missing' of a Ring"):
        ring.missing  # noqa: B018
    assert not hasattr(ring, "_v_cache") and not hasattr(ring, "_p_cache")


@pytest.mark.parametrize(
    "change",
    [
        lambda thing, ring: setattr(thing, "number", 6),
        lambda thing, ring: setattr(thing, "new", 6),
        lambda thing, ring: setattr(thing, "_v_new", 6),
        lambda thing, ring: delattr(thing, "number"),
        lambda thing, ring: setattr(ring, "start", 6),
        lambda thing, ring: ring._p_mm.write(ring, "note", 6),
        lambda thing, ring: ring._p_mm.write(ring, "items", None),
        lambda thing, ring: ring._p_mm.store(ring, "start", 6),
        lambda thing, ring: ring._p_deallocate(),
    ],
)
def test_a_stand_in_refuses_changes(written: Pool, change: Callable[[Any, Any], None]) -> None:
    thing, _, ring = written.root
    with pytest.raises(pmemobj.ClassNotFoundError, match="read-only stand-in") as caught:
        change(thing, ring)
    assert isinstance(caught.value, LookupError) and "pmemobj.alias" in caught.value.todo
    assert (thing.number, ring.start, ring.note, len(ring.items)) == (5, -7, "long " * 10, 2)


BLOCK_CHANGES: list[Callable[[Any, Any], Any]] = [
    lambda mm, block: block.__setitem__(0, 1),
    lambda mm, block: block.__setitem__(slice(None), [1, 2]),
    lambda mm, block: mm.write(block, 0, 1),
    lambda mm, block: mm.snapshot(block),
    lambda mm, block: mm.persist(block),
    lambda mm, block: mm.realloc(block, 5),
    lambda mm, block: mm.free(block),
]


@pytest.mark.parametrize("held", [True, False], ids=["held", "let go"])
def test_so_do_its_blocks(written: Pool, held: bool) -> None:
    ring = written.root[2]
    block = ring.items
    if not held:
        del ring
    for change in BLOCK_CHANGES:
        with pytest.raises(pmemobj.ClassNotFoundError, match=r"change a block of a Ring .*read-only stand-in"):
            change(written.mm, block)
    assert list(block) == ["first", "long " * 10] and not written.in_transaction
    real = define("Ring", Persistent, start=Field("q"), note=Field(), items=Field("block"))
    block[0] = "second"
    assert written.root[2].items[0] == "second" and type(written.root[2]) is real


def test_a_class_lies_in_a_pool_in_one_way() -> None:
    for bases in ((Persistent, PersistentObject), (PersistentObject, Persistent), (PersistentObject, PersistentList)):
        # Compiled, Python itself refuses what has two layouts.
        with pytest.raises(TypeError, match=r"not as both .derive it from one|lay-out conflict"):
            type("Both", bases, {})

    class Mixin:
        pass

    class Fine(PersistentObject):
        pass

    assert type("Finer", (Mixin, Fine, PersistentObject), {})


def test_a_stand_in_may_be_stored_and_is_kept(written: Pool, reopen: Callable[..., Pool]) -> None:
    thing, _, ring = written.root
    written.root = written.new(PersistentList, [ring, thing])
    assert written.gc() == {"PersistentList": 1, "items": 1, "str": 1}
    del thing, ring
    pool = reopen(written)
    assert pool.root[1].items == [1] and pool.root[0].items[1] == "long " * 10
    assert_sound(pool, no_garbage=True)


def test_the_real_class_takes_over_when_it_is_defined(written: Pool) -> None:
    thing, _, ring = written.root
    real = define("Thing", PersistentObject)
    # The stand-in is in nobody's way: the object comes as what it is.
    assert type(written.root[0]) is real and written.root[0].number == 5
    written.root[0].number = 6
    with pytest.raises(pmemobj.InvalidHandleError, match="class has been defined since it was fetched"):
        thing.number  # noqa: B018
    assert ring.start == -7, "its class is still missing"
    again = define("Ring", Persistent, start=Field("q"), note=Field(), items=Field("block"))
    assert type(written.root[2]) is again and written.root[2].items[0] == "first"
    written.root[2].start += 1
    assert written.root[2].start == -6 and written.root[0].number == 6


def test_a_closed_pool_does_not_trouble_a_definition(written: Pool, reopen: Callable[..., Pool]) -> None:
    thing = written.root[0]
    written.suspend()
    define("Thing", PersistentObject)
    written.resume()
    assert written.root[0].number == 5 and written.root[0] is not thing
    ring = written.root[2]
    written.close()
    define("Ring", Persistent)
    with pytest.raises(pmemobj.PmemError):
        ring.start  # noqa: B018


def test_a_class_that_moved_is_found_by_its_alias(written: Pool, reopen: Callable[..., Pool]) -> None:
    stand_in = written.root[0]

    class Renamed(PersistentObject):
        def method(self) -> int:
            return int(self.number) + 1

    class RenamedRing(Persistent):
        start = Field("q")

    pmemobj.alias("__main__:Thing", Renamed)
    pmemobj.alias("__main__.Ring", RenamedRing)
    assert type(written.root[0]) is Renamed and written.root[0].method() == 6
    assert type(written.root[2]) is RenamedRing and written.root[2].start == -7
    with pytest.raises(pmemobj.InvalidHandleError):
        stand_in.number  # noqa: B018
    written.root.append(written.new(Renamed))
    pool = reopen(written)
    assert type(pool.root[0]) is type(pool.root[3]) is Renamed
    names = [node.type for node in pmemobj.inspect.walk(pool).nodes.values()]
    assert sum("Renamed" in name for name in names) == 3 and not any("not defined" in name for name in names)
    # The latest word counts.
    again = define("Other", PersistentObject)
    pmemobj.alias("__main__:Thing", again)
    gc.collect()
    pool = reopen(pool)
    assert type(pool.root[0]) is again and type(pool.root[3]) is Renamed


def test_what_cannot_be_an_alias() -> None:
    class Mine(PersistentObject):
        pass

    for cls in (int, PersistentList, 5, "Mine"):
        with pytest.raises(TypeError, match="no Persistent class of one's own"):
            pmemobj.alias("a:B", cls)  # type: ignore[arg-type]
    for name in ("", "B", ".B", "B."):
        with pytest.raises(ValueError, match="has no module"):
            pmemobj.alias(name, Mine)
    for name in ("builtins:list", "pmemobj:PersistentList", "pmemobj._object:PersistentObject", "pmemobj:PersistentObject"):
        with pytest.raises(ValueError, match=r"no class of a program was ever stored under it \(write"):
            pmemobj.alias(name, Mine)
    with pytest.raises(TypeError, match="alias 5: it is no name"):
        pmemobj.alias(5, Mine)  # type: ignore[arg-type]


def test_an_alias_to_the_other_kind_of_class_is_refused(written: Pool) -> None:
    pmemobj.alias("__main__:Thing", define("Other", Persistent, number=Field("q")))
    pmemobj.alias("__main__:Ring", define("Another", PersistentObject))
    with pytest.raises(pmemobj.ClassRefusedError, match=r"read a Thing .*alias names __main__.Other, whose objects have fields "):
        written.root[0]
    with pytest.raises(pmemobj.ClassRefusedError, match=r"has fields, and pmemobj.alias names __main__.Another"):
        written.root[2]
    assert written.gc() == {} and pmemobj.inspect.walk(written).total == 4
    # Where it is known which kind the old class is, at once; and a class of the name itself may be of the wrong kind.
    define("Ring", Persistent)
    with pytest.raises(TypeError, match="alias '__main__:Ring': objects of one have attributes"):
        pmemobj.alias("__main__:Ring", define("Another", PersistentObject))
    class_names._aliases.clear()
    define("Thing", Persistent)
    with pytest.raises(pmemobj.ClassRefusedError, match=r"and its name now means __main__.Thing"):
        written.root[0]


def test_a_class_that_left_its_module(
    pool_path: str, run_python: Callable[..., Any], tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "thinned_shelf.py").write_text("import pmemobj\nclass Thing(pmemobj.PersistentObject): pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    run_python(
        """
import pmemobj, sys
sys.dont_write_bytecode = True
from thinned_shelf import Thing
with pmemobj.create(sys.argv[1], pool_size=16 << 20) as pool:
    pool.root = pool.new(Thing)
    pool.root.a = 1
""",
        pool_path,
    )
    (tmp_path / "thinned_shelf.py").write_text("import pmemobj\n")
    with pmemobj.open(pool_path) as pool:
        assert pool.root.a == 1
        with pytest.raises(pmemobj.ClassNotFoundError, match="class Thing of module thinned_shelf is not defined"):
            pool.root.a = 2
