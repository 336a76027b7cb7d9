"""Writes the samples of the installed version of pmemobj.

The samples are pools, dumps and pickles, together with a description of what a reader must find in them. Run this
script once at every release, with the version that is released::

    python make_samples.py FOLDER

FOLDER must not exist. It lies beside this script, and its name is that of the version. What is in it is kept for good:
the tests of all later versions read it (see ``test_samples.py``). So they prove that what users have stored stays
readable. The samples of an older version are never written again, because a newer version cannot tell what the older
one has written. The script needs a compiled package on x86-64 Linux, as the crash lab does, and takes half a minute.

FOLDER contains these files:

- ``expected.json`` tells for each pool whether its program had closed it, what an examination finds, all its contents
  as text, the same as plain containers, and its tree. For a pool that must be recovered, it has the tree before that.
- ``NAME.pmem.xz`` is a pool of fixed size, compressed.
- ``NAME.pool`` is the directory of a growing pool. Each file in it is compressed.
- ``NAME.dump.xz`` is what `pmemobj.dump` writes of the pool with this name, compressed.
- ``pickles.json.xz`` has pickles that a program made itself, in base64, and what each must be when it is read. They are
  values of the public classes, and all public classes and functions. The file is compressed.

This script uses only the public interface of the package, so that it runs with every version.
"""

from __future__ import annotations

import base64
import contextlib
import datetime
import decimal
import fractions
import importlib
import json
import math
import multiprocessing
import os
import pickle
import platform
import shutil
import signal
import struct
import sys
import tempfile
import types
import uuid
import zoneinfo
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sample_programs as programs
from sample_reader import (
    LIMITS,
    PACKED,
    PUBLIC_MODULES,
    contents,
    copy,
    pack,
    plain_contents,
    public_name,
    report_of,
    text_of,
    tree,
    unpack,
)

import pmemobj
from pmemobj import (
    PersistentArray,
    PersistentByteArray,
    PersistentDict,
    PersistentList,
    PersistentObject,
    PersistentObjectPool,
    PersistentSet,
    PersistentTuple,
    crash,
    glance,
    inspect,
)

MIB = 1 << 20
#: The smallest pool that there can be, and one with room for runs of many sizes of allocations.
SMALLEST, ROOMY = 8 * MIB, 16 * MIB
#: The smallest limit with which a growing pool does grow.
GROWS = 16 * MIB
#: Seconds that a process may take to make a sample. None needs more than a few.
PATIENCE = 120


# ---- values that are stored directly -------------------------------------------------------------


def _nan(bits: int) -> float:
    number: float = struct.unpack(">d", struct.pack(">Q", bits))[0]
    return number


def _floats() -> list[float]:
    """Floats, those included that have no room in a word and those that are no numbers."""
    ordinary = [0.0, -0.0, 0.1, -1.5, 1e300, -1e300, 1e-300, 5e-324, sys.float_info.max, math.inf, -math.inf]
    return [*ordinary, math.nan, -math.nan, _nan(0x7FF8000000000123)]


def _ints() -> list[int]:
    """Ints around the limits of the forms in which they are stored, and far beyond."""
    limits = [2**62 - 1, -(2**62), 2**62, -(2**62) - 1, 2**63, -(2**63), 2**64, 2**127, -(2**200), 7**5000]
    return [0, 1, -1, 255, 256, -(2**31), *limits]


def _texts() -> list[str]:
    """Texts around the limits of the forms in which they are stored, in several scripts, and half a character."""
    long = ["x" * length for length in (255, 256, 5000)]
    scripts = ["ä", "naïve café", "Привет, мир", "日本語のテキスト", "שלום", "𝒳 and 🐍", "\ud83d", "half \udc0d of one"]
    return ["", "a", "seven b", "eight by", "a\0b", "\n\t\\'\"\u2028", *long, *scripts]


def _bytes() -> list[bytes]:
    return [b"", b"\0", b"1234567", b"12345678", bytes(range(256)), b"long" * 2000]


def _zones() -> list[datetime.tzinfo]:
    hours = datetime.timedelta(hours=5, minutes=45)
    return [
        datetime.UTC,
        datetime.timezone(hours),
        datetime.timezone(-hours, "a named zone"),
        datetime.timezone(datetime.timedelta(microseconds=-1)),
        zoneinfo.ZoneInfo("Europe/Berlin"),
    ]


def _times() -> list[Any]:
    """Dates, times and differences, with each kind of zone, on both sides of an hour that comes twice."""
    plain = [
        datetime.date(1, 1, 1),
        datetime.date(2024, 2, 29),
        datetime.date.max,
        datetime.time(),
        datetime.time(12, 30, 1, 2),
        datetime.time(2, 30, fold=1),
        datetime.datetime(1, 1, 1),
        datetime.datetime(2024, 2, 29, 12, 30, 0, 1),
        datetime.datetime.max,
        datetime.timedelta(),
        datetime.timedelta(microseconds=-1),
        datetime.timedelta.min,
        datetime.timedelta.max,
    ]
    zoned = [datetime.datetime(2024, 10, 27, 2, 30, tzinfo=zone, fold=fold) for zone in _zones() for fold in (0, 1)]
    return [*plain, *zoned, *(datetime.time(23, 59, tzinfo=zone) for zone in _zones())]


def _numbers_of_libraries() -> list[Any]:
    texts = ["0", "-0", "12.30", "1E+1000", "-1E-1000", "Infinity", "NaN", "-NaN123", "3.14159265358979323846264338"]
    thirds = [fractions.Fraction(1, 3), fractions.Fraction(-(10**40), 7), fractions.Fraction(0)]
    return [*map(decimal.Decimal, texts), *thirds]


def _further() -> list[Any]:
    identities = [uuid.UUID(int=1), *(uuid.UUID(int=2**127 + 5, is_safe=safe) for safe in uuid.SafeUUID)]
    return [*identities, range(10), range(0), range(10, -10, -3), range(2**70, 2**80, 2**60)]


def _complex() -> list[complex]:
    return [1 + 2j, -0.5j, complex(-0.0, math.nan), complex(math.inf, -math.nan)]


def direct_values() -> dict[str, list[Any]]:
    """Every kind of value that is stored directly, at the limits of its forms."""
    return {
        "constants": [None, False, True],
        "ints": _ints(),
        "floats": _floats(),
        "complex": _complex(),
        "texts": _texts(),
        "bytes": _bytes(),
        "times": _times(),
        "decimals and fractions": _numbers_of_libraries(),
        "UUIDs and ranges": _further(),
        # Values only: such a NaN has no hash.
        "a NaN that signals": [decimal.Decimal("sNaN7")],
    }


def tuples() -> list[tuple[Any, ...]]:
    """Plain tuples, which can be keys, with all kinds of items."""
    nested: tuple[Any, ...] = (1, ("two", (3.0, (None, (b"four", ())))))
    mixed = ("text of more than eight bytes", 2**100, 0.1, datetime.date(2024, 2, 29), decimal.Decimal("1.50"))
    with_nans = [(math.nan, "NaN"), (_nan(0x7FF8000000000123),)]
    return [(), ("a",), (1, 2), *with_nans, nested, mixed, (range(3), uuid.UUID(int=9))]


def keys() -> list[Any]:
    """Every kind of key, no two of them equal."""
    found: list[Any] = list(tuples())
    seen = set(map(_fingerprint, found))
    for values in direct_values().values():
        for value in values:
            # 1, True and 1.0 are one key; so are the moments of one time in two zones.
            with contextlib.suppress(TypeError):
                if _fingerprint(value) not in seen and (value != value or value not in found):
                    seen.add(_fingerprint(value))
                    found.append(value)
    return found


def _fingerprint(value: Any) -> str:
    hash(value)  # raises TypeError for what can be no key
    return text_of(value)


# ---- the pools -----------------------------------------------------------------------------------


def make_values(path: str) -> None:
    """Every kind of value in every kind of container, what is shared, cycles, and tables with deleted entries."""
    with pmemobj.create(path, ROOMY) as pool:
        root = pool.root = pool.new(PersistentDict)
        for kind, values in direct_values().items():
            root[kind] = pool.new(PersistentList, values)
        root["keys"] = pool.new(PersistentDict, [(key, number) for number, key in enumerate(keys())])
        root["set"] = pool.new(PersistentSet, keys())
        root["tuple"] = pool.new(PersistentTuple, [*_ints(), *_texts(), None, *_floats()])
        lengths = (1, 7, 8, 9, 63, 255, 256, 3000)
        root["keys of all lengths"] = pool.persistent({"k" * length: length for length in lengths})
        _add_containers(root, pool)
        _add_sharing(root, pool)
        _add_deletions(root, pool)


def _add_containers(root: PersistentDict, pool: PersistentObjectPool) -> None:
    empty = pool.persistent([[], {}, set(), (), bytearray()])
    empty.append(pool.new(PersistentArray, "d"))
    root["empty"] = empty
    root["bytearray"] = pool.new(PersistentByteArray, bytes(range(256)) * 3)
    codes = "bBhHiIlLqQ"
    arrays = [pool.new(PersistentArray, code, [0, 1, 100]) for code in codes]
    arrays += [pool.new(PersistentArray, code, _floats()[:4]) for code in "fd"]
    arrays.append(pool.new(PersistentArray, "?", [True, False, True]))
    arrays.append(pool.new(PersistentArray, "q", range(24), shape=(2, 3, 4)))
    arrays.append(pool.new(PersistentArray, "d", 6, shape=(3, 2)))
    root["arrays"] = pool.new(PersistentList, arrays)
    players = [{"name": "Ada", "scores": [1, 2.5, None]}, {"name": "Bob", "scores": []}]
    root["nested"] = pool.persistent({"players": players})
    deep: Any = []
    for depth in range(40):
        deep = [depth, deep]
    root["deep"] = pool.persistent(deep)


def _add_sharing(root: PersistentDict, pool: PersistentObjectPool) -> None:
    shared = pool.persistent(["shared", {"by": "two"}])
    root["shared"] = pool.new(PersistentList, [shared, shared, shared[1]])
    circle = pool.persistent(["a list in itself"])
    circle.append(circle)
    ring = pool.persistent({"a dict": "in a tuple in itself"})
    ring["tuple"] = pool.new(PersistentTuple, [1, ring])
    root["cycles"] = pool.new(PersistentList, [circle, ring])
    key = pool.new(PersistentTuple, ["a persistent tuple", 1, 2**70])
    root["keys that are containers"] = pool.new(PersistentDict, [(key, "found by its value")])
    root["the same as a value"] = key


def _add_deletions(root: PersistentDict, pool: PersistentObjectPool) -> None:
    table = root["big dict with deleted entries"] = pool.persistent({f"key {n} of many": n for n in range(300)})
    for number in range(0, 300, 3):
        del table[f"key {number} of many"]
    table["key 3 of many"] = "once more, and last"
    numbers = root["big dict of ints"] = pool.new(PersistentDict, [(n * n, -n) for n in range(200)])
    for _ in range(20):
        numbers.popitem()
    members = root["big set with deleted entries"] = pool.new(PersistentSet, range(300))
    members -= set(range(50, 200))
    cleared = root["dict that was cleared"] = pool.persistent({n: n for n in range(100)})
    cleared.clear()
    cleared["after"] = "that"
    queue = root["list that was used as a queue"] = pool.new(PersistentList, range(300))
    del queue[:290]
    queue.insert(0, "first")
    grown = root["bytearray that shrank"] = pool.new(PersistentByteArray, 5000)
    del grown[3:]


def make_classes(path: str) -> None:
    """Objects of classes of the program, of the package itself, and of classes that are missing or have changed."""
    with pmemobj.create(path, ROOMY) as pool:
        root = pool.root = pool.new(PersistentDict)
        ada, bob = pool.new(programs.Account, "Ada", 100), pool.new(programs.Savings, "Bob", 2**70, rate=0.25)
        ada.history.extend([bob, -30, "a note that is longer than a word"])
        bob.friend = ada  # an attribute that only some of the objects have
        del bob.history
        first = pool.new(programs.Task, "first")
        root["accounts"] = pool.new(PersistentList, [ada, bob])
        root["tasks"] = pool.new(PersistentList, [first, pool.new(programs.Task, "second", True, after=first)])
        root["bag"] = pool.new(programs.Bag)
        root["inner class"] = pool.new(programs.House.Room, 12.5)
        root["keys that are objects"] = pool.new(PersistentDict, [(ada, "Ada"), (bob, "Bob"), ((1, "a"), first)])
        root["set of objects"] = pool.new(PersistentSet, [ada])
        _add_objects_without_a_class_of_their_own(root, pool)
        _add_classes_of_yesterday(root, pool)
        root["every field"] = pool.new(programs.EveryField)
        ring = root["ring"] = pool.new(programs.RingBuffer, 3)
        for value in (1, "two, which needs memory of its own", ada, ring):
            ring.append(value)


def _add_objects_without_a_class_of_their_own(root: PersistentDict, pool: PersistentObjectPool) -> None:
    # The class of these is stored by the name of the module in which the package defines it.
    plain = root["plain object"] = pool.new(PersistentObject)
    plain.number, plain.text = 7, "a text that needs memory of its own"
    plain.itself = plain
    root["plain object without attributes"] = pool.new(PersistentObject)
    root["plain objects as keys"] = pool.new(PersistentDict, [(plain, "found by its identity")])


def _add_classes_of_yesterday(root: PersistentDict, pool: PersistentObjectPool) -> None:
    """Objects of classes that exist only in this process."""
    hero = root["renamed class"] = pool.new(_class_of_yesterday(programs.OLD_NAME_OF_HERO, PersistentObject))
    hero.name = "Zoë"
    ghost = root["missing class"] = pool.new(_class_of_yesterday("vanished_programs:Ghost", PersistentObject))
    ghost.name, ghost.haunts = "Nobody", pool.persistent(["attic", "cellar"])
    fields = {"age": pmemobj.Field("q"), "name": pmemobj.Field(), "steps": pmemobj.Field("block")}
    spirit = root["missing class with fields"] = pool.new(
        _class_of_yesterday("vanished_programs:Spirit", pmemobj.Persistent, fields)
    )
    spirit.age, spirit.name, spirit.steps = 300, "another nobody", pool.mm.zalloc(4, "h")
    # Its fields were others when it was stored, and it is stored beside one with the fields of today.
    root["class as it is"] = pool.new(programs.Reading, 21.5, "the kitchen of the house")
    fields = {"place": pmemobj.Field(), "fahrenheit": pmemobj.Field("f")}
    old = root["class as it was"] = pool.new(_class_of_yesterday("sample_programs:Reading", pmemobj.Persistent, fields))
    old.place, old.fahrenheit = "the cellar of the house", 50.0


def _class_of_yesterday(name: str, base: type, body: dict[str, Any] | None = None) -> Any:
    module, _, qualname = name.partition(":")
    return type(qualname, (base,), {"__module__": module, "__qualname__": qualname, **(body or {})})


def make_pickled(path: str) -> None:
    """Values that are stored as pickles: of classes of the program, and of every public class of the package."""
    with pmemobj.create(path, ROOMY) as pool:
        root = pool.root = pool.new(PersistentDict)
        programs.nominate(pool)
        own = root["own"] = pool.new(PersistentList, own_immutables())
        ours = root["of the package"] = pool.new(PersistentDict)
        classes = {*programs.PACKAGE_CLASSES, type(pool.medium)}
        for name, value in {**package_values("game.pmem"), **errors()}.items():
            # An `Offsets` is pickled by a function that is not public, of Python's module array.
            if type(value) in classes and getattr(value, "reached", None) is None:
                ours[name] = value
        ours["Oid of an object of this pool"] = own._p_oid
        # The hash of most of these keys is made of the module and the name of their class, among other things.
        can_be_keys = [value for value in (*own, *ours.values()) if _can_be_key(value)]
        root["keys"] = pool.new(PersistentDict, [(key, number) for number, key in enumerate(can_be_keys)])
        root["set"] = pool.new(PersistentSet, can_be_keys)
        inner = [(own[0], number) for number in range(2)] + [(own._p_oid, pool.medium)]
        root["in tuples that are keys"] = pool.new(PersistentDict, [(key, key[-1]) for key in inner])


def own_immutables() -> list[Any]:
    """Instances of each class of the program that is stored as a pickle."""
    money = programs.Money(5, "USD")
    return [
        *programs.Colour,
        programs.Level.HIGH,
        programs.Suit.HEARTS,
        programs.Access.READ,
        programs.Access.READ | programs.Access.WRITE,
        programs.Access(0),
        programs.Mode.A | programs.Mode.B,
        programs.Mode(12),
        programs.Point(1, "two"),
        money,
        programs.Slotted(3, (1, "a", None), frozenset({"x", "y"})),
        programs.Price(money, programs.Colour.RED, programs.Point(1, programs.Level.LOW)),
        programs.Outer.Inner.ONE,
    ]


def _can_be_key(value: Any) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return not isinstance(value, BaseException | pmemobj.Field | inspect.Comparison)


def make_growing(path: str) -> None:
    """A growing pool as it begins."""
    with pmemobj.create(path, "auto", max_size=SMALLEST) as pool:
        pool.root = pool.persistent({"kind": "a pool that may grow, and did not", "numbers": list(range(100))})


def make_grown(path: str) -> None:
    """A growing pool of two files, with objects in both."""
    with pmemobj.create(path, "auto", max_size=GROWS) as pool:
        root = pool.root = pool.persistent({"kind": "a pool that has grown"})
        chunks = root["chunks"] = pool.new(PersistentList)
        while pool.size < GROWS:
            chunks.append(bytes(100_000))
        for number in range(20):
            chunks.append(pool.persistent({"number": number, "text": f"text number {number} of twenty"}))
        chunks.append(b"the last chunk" * 7000)
        del chunks[1:-21]


def _bank(pool: PersistentObjectPool) -> None:
    """What the programs work on that are killed."""
    with pool.transaction():
        pool.root = pool.persistent({"ada": 100, "bob": 100, "log": ["opened"], "note": "a text that needs memory"})
        pool.root["account"] = pool.new(programs.Account, "Ada", 100)
        pool.root["many"] = pool.new(PersistentList, range(2000))


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _transfer(root: Any, pool: PersistentObjectPool) -> None:
    """Change something of each kind: words, a list that moves, memory that is given up, new memory, deleted entries."""
    root["ada"] -= 30
    root["bob"] += 30
    root["log"].extend(["from Ada", "to Bob", *range(100)])
    root["note"] = "another text that needs memory"
    root["account"].balance = 2**80
    root["account"].friend = pool.new(programs.Account, "Bob", 130)
    root["account"].history.append(-30)
    for number in range(30):
        root[f"a key that makes the table grow, {number}"] = pool.persistent([number])
    del root["many"][100:200]


def make_killed_inside(path: str) -> None:
    """A pool whose program is killed in the middle of a transaction. The undo log fits into its lane."""
    pool = pmemobj.create(path, SMALLEST)
    _bank(pool)
    pool.root["bob"] = 99  # committed, so it stays
    with pool.transaction():
        _transfer(pool.root, pool)
        _die()


def make_killed_inside_a_large_one(path: str) -> None:
    """The same in the middle of a transaction that is inside another, and whose undo log needs memory of its own."""
    pool = pmemobj.create(path, SMALLEST)
    _bank(pool)
    with pool.transaction():
        many = pool.root["many"]
        for number in range(0, len(many), 2):
            many[number] = f"a text in place of number {number}"
        with pool.transaction():
            _transfer(pool.root, pool)
            _die()


def make_killed_outside(path: str) -> None:
    """A pool whose program is killed between transactions, and which has garbage: what only variables kept."""
    pool = pmemobj.create(path, SMALLEST)
    _bank(pool)
    with pool.transaction():
        _transfer(pool.root, pool)
    kept = [pool.persistent([f"nothing refers to list {number}", number]) for number in range(50)]
    pool.root["bob"] += len(kept)
    _die()


def make_killed_while_growing(path: str) -> None:
    """A growing pool whose program is killed in a transaction that has made it grow."""
    pool = pmemobj.create(path, "auto", max_size=GROWS)
    _bank(pool)
    with pool.transaction():
        chunks = pool.root["chunks"] = pool.new(PersistentList)
        while pool.size < GROWS:
            chunks.append(bytes(100_000))
        _transfer(pool.root, pool)
        _die()


def make_suspended(path: str) -> None:
    """A pool that a program has lent to others, and never took back; it has garbage."""
    pool = pmemobj.create(path, SMALLEST)
    _bank(pool)
    pool.root["account"].friend = pool.new(programs.Account, "Bob", 2**90)
    kept = pool.persistent(["nothing refers to this list"])
    pool.suspend()
    copy(Path(path), Path("copy"))
    pool.resume()
    assert len(kept) == 1
    pool.close()
    os.replace("copy", path)


# ---- values of the package -----------------------------------------------------------------------

#: The program whose transactions are logged and crashed; its lines are told by the name of its file.
_GAME = """
def play():
    with pool.transaction():
        root["tries"] += 1
        root["guesses"].append(40)
        root["name"] = "a name that needs memory"

def fail():
    with pool.transaction():
        root["tries"] = 0
        raise KeyError("the game was broken off")

def cheat():
    root["tries"] -= 1
    root["wins"] += 1

def single():
    root["guesses"].insert(0, 7)
"""


def _game(pool: PersistentObjectPool) -> dict[str, Any]:
    pool.root = pool.persistent({"tries": 3, "wins": 0, "guesses": [25, "a text that needs memory"], "name": "Ann"})
    names: dict[str, Any] = {"pool": pool, "root": pool.root}
    exec(compile(_GAME, "game.py", "exec"), names)
    return names


def package_values(path: str) -> dict[str, Any]:
    """One value or more of each public class whose instances can be pickled, made by working on a new pool.

    Args:
        path: Of the pool. It is made, and removed at the end.
    """
    with pmemobj.create(path, SMALLEST) as pool:
        names = _game(pool)
        found = {
            "Oid": pool.root._p_oid,
            "Field": pmemobj.Field("q"),
            "PoolStats": pool.stats(),
            "TypeStats": next(iter(pool.stats().types.values())),
            **{f"Medium.{member.name}": member for member in type(pool.medium)},
            **{f"State.{member.name}": member for member in inspect.State},
            **{f"Meaning.{member.name}": member for member in inspect.Meaning},
            **_graph_values(pool),
            **_log_values(pool, names),
            **_crash_values(pool, names),
        }
        pool.suspend()
        copy(Path(path), Path("copy"))
        pool.resume()
    os.remove(path)
    os.replace("copy", path)
    found["Report"] = pmemobj.check(path)
    found["Finding"] = found["Report"].findings[0]
    os.remove(path)
    return found


def _graph_values(pool: PersistentObjectPool) -> dict[str, Any]:
    """What looks into the pool find, inside a transaction, so that there is something that is not committed."""
    unreachable = pool.persistent(["nothing refers to this list"])
    before = pool.graph()
    with contextlib.suppress(KeyError), pool.transaction():
        pool.root["tries"] = 4
        pool.root["new"] = pool.persistent([1])
        pool.root["guesses"] = None
        graph = pool.graph()
        node = graph.nodes[graph.start.target or 0]
        comparison = graph.uncommitted
        assert comparison is not None and {change.kind for change in comparison.changes.values()} == {
            "new",
            "changed",
            "removed",
        }
        memory = inspect.memory(pool.root, max_words=12)
        found = {
            "Graph": graph,
            "Graph that is cut off": pool.graph(max_nodes=1, max_items=1),
            "Graph before": before,
            "Offsets": pool.graph(max_nodes=1).reached,
            "Tree": pool.tree(),
            "Node": node,
            "Slot": node.slots[0],
            "Allocation": node.allocations[0],
            "Edge": graph.edges[0],
            "Comparison": comparison,
            **{f"Change, {change.kind}": change for change in comparison.changes.values()},
            "Memory": memory,
            "Piece": memory.pieces[0],
            "Word": memory.uncommitted[0],
            "Gap": next(row for piece in memory.pieces for row in piece.rows if isinstance(row, inspect.Gap)),
            "Glance": glance.look(pool, max_words=8),
        }
        raise KeyError  # so that the pool is as it was
    assert len(unreachable) == 1
    return found


def _log_values(pool: PersistentObjectPool, names: dict[str, Any]) -> dict[str, Any]:
    pool.log.start()
    names["play"]()
    with contextlib.suppress(KeyError):
        names["fail"]()
    names["cheat"]()
    names["single"]()
    entries = tuple(pool.log.entries)
    pool.log.stop()
    committed = entries[0]
    return {
        **{f"LogEntry {number}": entry for number, entry in enumerate(entries, 1)},
        "LogLine": committed.line,
        "LogStep": committed.steps[0],
        "LogChange": committed.changes[0],
    }


def _crash_values(pool: PersistentObjectPool, names: dict[str, Any]) -> dict[str, Any]:
    """What the crash lab tells of a mistake."""
    expected = pool.root["tries"] + pool.root["wins"]
    recording = crash.record(pool, names["cheat"])
    report = recording.explore(lambda pool: pool.root["tries"] + pool.root["wins"] == expected, workers=1)
    violation, counterexample = report.violations[0], report.counterexample
    assert counterexample is not None
    frame = recording.frame(2)
    event = next(step for step in recording.steps if step.place is not None)
    committed = crash.record(pool, names["play"])
    return {
        "CrashReport": crash.kill(pool, names["play"], at=1),
        **{f"Verdict.{member.name}": member for member in crash.Verdict},
        "Exploration": report,
        "Violation": violation,
        "BrokenInvariant": violation.broken,
        "Moment": violation.moment,
        "Outcome": violation.outcome,
        "Counterexample": counterexample,
        "LineStory": (counterexample.lost or counterexample.kept)[0],
        "Event": event,
        "Place": event.place,
        **{f"What.{member.name}": member for member in crash.What},
        "Frame": frame,
        "CacheLine": frame.lines[0],
        **{f"LineState.{member.name}": member for member in crash.LineState},
        "Snapshot": _snapshot(committed),
        "Picture": recording.pictures([violation.lines()])[0],
    }


def _snapshot(recording: crash.Recording) -> crash.Snapshot:
    """The first entry of an undo log that a recording shows."""
    for frame in recording.frames(range(len(recording.steps))):
        if frame.undo_log:
            return frame.undo_log[0]
    raise AssertionError("the transaction has logged nothing")


def errors() -> dict[str, pmemobj.PmemError]:
    """An error of each class."""
    classes = [getattr(pmemobj.errors, name) for name in pmemobj.errors.__all__]
    parts = "store a set", "it lives in ordinary memory", "use pool.new(pmemobj.PersistentSet, ...)"
    return {cls.__name__: cls(*parts) for cls in (*classes, crash.PowerModeError)}


def references() -> dict[str, Any]:
    """All public classes and functions, which pickle by the name of the module that defines them."""
    found = {}
    for name in PUBLIC_MODULES:
        module = importlib.import_module(name)
        for member in module.__all__:
            item = getattr(module, member)
            if isinstance(item, type | types.FunctionType):
                found[f"{name}:{member}"] = item
    return found


def pickles() -> dict[str, dict[str, dict[str, str]]]:
    """For each name a pickle, and what it must be when it is read."""
    values = {**package_values("game.pmem"), **errors()}
    return {
        "values": {name: {"pickle": _pickle(value), "is": text_of(value)} for name, value in values.items()},
        "references": {name: {"pickle": _pickle(item), "is": public_name(item)} for name, item in references().items()},
    }


def _pickle(value: Any) -> str:
    return base64.b64encode(pickle.dumps(value)).decode()


# ---- all of it -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sample:
    """A pool that is kept.

    Attributes:
        name: The name of its file or directory.
        make: Makes the pool at a path; in a process of its own, whose classes and nominations nobody else sees.
        killed: Whether that process kills itself.
        dumped: Whether a dump of it is kept, too.
    """

    name: str
    make: Callable[[str], None]
    killed: bool = False
    dumped: bool = False


SAMPLES = (
    Sample("values.pmem", make_values, dumped=True),
    Sample("classes.pmem", make_classes, dumped=True),
    Sample("pickled.pmem", make_pickled, dumped=True),
    Sample("growing.pool", make_growing),
    Sample("grown.pool", make_grown, dumped=True),
    Sample("killed_inside.pmem", make_killed_inside, killed=True),
    Sample("killed_inside_a_large_one.pmem", make_killed_inside_a_large_one, killed=True),
    Sample("killed_outside.pmem", make_killed_outside, killed=True),
    Sample("killed_while_growing.pool", make_killed_while_growing, killed=True),
    Sample("suspended.pmem", make_suspended),
)


def make(sample: Sample, folder: Path) -> None:
    """Make the pool of a sample, and pack it.

    Args:
        sample: The sample.
        folder: Where to put it. The pool itself is made in the current directory, and stays there.

    Raises:
        RuntimeError: the process that made it did not end as it should.
    """
    child = multiprocessing.get_context("spawn").Process(target=sample.make, args=(sample.name,))
    child.start()
    child.join(PATIENCE)
    if child.exitcode is None:
        child.kill()
    wanted = -signal.SIGKILL if sample.killed else 0
    if child.exitcode != wanted:
        raise RuntimeError(f"cannot make {sample.name}: its process ended with {child.exitcode}, not with {wanted}")
    pack(Path(sample.name), folder / sample.name)


def expectation(sample: Sample, folder: Path) -> dict[str, Any]:
    """What a reader must find in a sample, told by opening a copy of it; and its dump, if that is kept."""
    path = Path("read", sample.name)
    unpack(folder / sample.name, path)
    found: dict[str, Any] = {"check of the file": report_of(pmemobj.check(path))}
    if sample.killed:
        found["tree before recovery"] = tree(inspect.walk_file(path, **LIMITS))
    with pmemobj.open(path) as pool:
        programs.nominate(pool)
        found["recovered"] = pool.recovered
        found["check"] = report_of(pool.check())
        found["contents"] = contents(pool)
        found["plain"] = plain_contents(pool)
        found["tree"] = tree(pool.graph(**LIMITS))
        if sample.dumped:
            dump = path.with_name(f"{sample.name}.dump")
            pmemobj.dump(pool, dump)
            pack(dump, folder / dump.name)
    if found["recovered"] != sample.killed or not found["check"]["ok"] or not found["check of the file"]["ok"]:
        raise RuntimeError(f"cannot keep {sample.name}: it is not whole, or not what it is to be")
    return found


def demand_no_paths(folder: Path, places: list[Path]) -> None:
    """Refuse samples that name a path of this machine; also where they are compressed, or in base64.

    Args:
        folder: The samples.
        places: Paths that only this machine has; some others are known.

    Raises:
        RuntimeError: one does; the message says which.
    """
    known = [Path(name) for name in (sys.prefix, sys.base_prefix, tempfile.gettempdir(), pmemobj.__file__, __file__)]
    known += [known[-2].parent, known[-1].parent, Path.home()]
    forbidden = [os.fsencode(place.resolve()) for place in (*places, *known)]
    unpacked = Path("unpacked")
    unpacked.mkdir()
    for item in folder.iterdir():
        if item.is_dir() or item.suffix == PACKED:
            unpack(item.with_name(item.name.removesuffix(PACKED)), unpacked / item.name.removesuffix(PACKED))
    files = [file for file in (folder / "expected.json", *unpacked.rglob("*")) if file.is_file()]
    texts = {file.name: file.read_bytes() for file in files}
    for name, entry in json.loads(texts["pickles.json"])["values"].items():
        texts[f"pickle of {name}"] = base64.b64decode(entry["pickle"])
    for name, text in texts.items():
        for path in forbidden:
            if path in text:
                raise RuntimeError(f"cannot keep {name}: it names {os.fsdecode(path)}, a path of this machine")


def main(folder: Path) -> None:
    """Write all samples of the installed version into a new folder; if anything fails, there is none."""
    if not pmemobj.compiled:
        raise SystemExit("cannot make samples: the package is not compiled (build it, as it is for those who use it)")
    target = folder.resolve()
    if target.exists():
        raise SystemExit(f"cannot make samples in {folder}: it is there already (samples are never written again)")
    # A commit takes milliseconds on a disk and microseconds there, and the bytes of the pools are the same.
    fast = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=fast) as scratch, contextlib.chdir(scratch):
        made = Path(scratch, "made")
        made.mkdir()
        Path("read").mkdir()
        for sample in SAMPLES:
            make(sample, made)
        expected = {
            "version": pmemobj.__version__,
            "python": platform.python_version(),
            "samples": {sample.name: expectation(sample, made) for sample in SAMPLES},
        }
        _write(made / "expected.json", expected)
        _write(Path("pickles.json"), pickles())
        pack(Path("pickles.json"), made / "pickles.json")
        demand_no_paths(made, [Path(scratch), target])
        shutil.copytree(made, target)
    total = sum(file.stat().st_size for file in target.rglob("*") if file.is_file())
    print(f"{len(SAMPLES)} pools and what belongs to them: {total:,} bytes")


def _write(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=1, ensure_ascii=True) + "\n", encoding="ascii")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit("usage: python make_samples.py FOLDER")
    main(Path(sys.argv[1]))
