"""Writes ``docs/methods.md``: which methods of Python's own types the containers have, found out by calling them.

``python docs/make_methods.py`` writes the page; ``--check`` compares the page with what is found, and says what to do
if they differ. No method is listed here: the methods are those of the builtin types of the running Python. Each is
called with many arguments on a plain and on a persistent object; then results, exceptions and the contents of the
objects are compared. Only the reasons for differences are written down, in `REASONS`, and each reason must belong to a
difference that was found.
"""

from __future__ import annotations

import array
import collections
import itertools
import sys
import tempfile
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pmemobj
from pmemobj import (
    PersistentArray,
    PersistentByteArray,
    PersistentCounter,
    PersistentDefaultDict,
    PersistentDeque,
    PersistentDict,
    PersistentFrozenSet,
    PersistentList,
    PersistentOrderedDict,
    PersistentSet,
    PersistentTuple,
    to_python,
)

PAGE = Path(__file__).parent / "methods.md"
OLDEST = (3, 11)

#: A type, the builtin type that it imitates, and the arguments with which instances of both are made.
TYPES: list[tuple[Any, Any, list[tuple[Any, ...]]]] = [
    (PersistentList, list, [([3, 1, 2],), ([],)]),
    (PersistentTuple, tuple, [((3, 1, 2),), ((),)]),
    (PersistentDeque, collections.deque, [([3, 1, 2],), ([],), ([3, 1, 2], 4)]),
    (PersistentDict, dict, [({"a": 1, "b": 2},), ({},)]),
    (PersistentSet, set, [([3, 1, 2],), ([],)]),
    (PersistentFrozenSet, frozenset, [([3, 1, 2],), ([],)]),
    (PersistentDefaultDict, collections.defaultdict, [(list, {"a": 1, "b": 2}), (None, {})]),
    (PersistentCounter, collections.Counter, [({"a": 1, "b": 2},), ({},)]),
    (PersistentOrderedDict, collections.OrderedDict, [({"a": 1, "b": 2},), ({},)]),
    (PersistentByteArray, bytearray, [(b"ab b",), (b"",)]),
    (PersistentArray, array.array, [("q", [3, 1, 2]), ("q",)]),
]

#: Methods that belong to the machinery of classes and buffers, in which there is nothing to compare.
MACHINERY = {
    *("__new__", "__getattribute__", "__doc__", "__class__", "__subclasshook__", "__init_subclass__", "__module__"),
    *("__buffer__", "__release_buffer__"),
    "__rmod__",  # bytearray has it only because it has %, and it does nothing.
}

#: Methods that came after `OLDEST`. They are on the page, whichever Python writes it, and are compared if they exist.
LATER = {("array", "__class_getitem__"): (3, 12), ("array", "clear"): (3, 13), ("bytearray", "resize"): (3, 14)}

_NO_PICKLE = "the state is in a pool, not in the object; `to_python()` makes a plain one that can be pickled"
_SIZE = "the size of the Python object means little; `pool.stats()` tells what lies in the pool"
_REPR = "the text says that it is a persistent object"
_ATOMIC = "if it fails, the old contents stay"
_NO_COPY = "`copy` refuses all containers, since a new one needs a pool; `a[:]` is a plain copy"
_UNICODE = "there are no arrays of type `u`, which Python is going to remove; a `str` can be stored as a value"
_COUNTERS = "with an operand that is no counter it is a TypeError, where Counter raises whatever it comes to"
_NO_POOL = "a class alone has no pool; make it with `pool.new`"
_OF_COLLECTIONS = ("defaultdict", "Counter", "OrderedDict", "deque")
REASONS: dict[tuple[str, str], str] = {
    **{(kind, "__repr__"): _REPR for kind in _OF_COLLECTIONS},
    **{(kind, "__sizeof__"): _SIZE for kind in _OF_COLLECTIONS},
    **{(kind, "__reduce__"): _NO_PICKLE for kind in _OF_COLLECTIONS},
    **{(kind, "pop"): "an unhashable key is a TypeError in an empty dict, too" for kind in ("defaultdict", "Counter")},
    **{("Counter", name): _COUNTERS for name in ("__iadd__", "__isub__", "__ior__", "__iand__")},
    **{("Counter", name): "it compares with a dict by itself, where Counter lets dict do it"
       for name in ("__eq__", "__ne__")},
    ("Counter", "__ror__"): "a plain dict on the left is a TypeError",
    ("Counter", "__weakref__"): "it has weak references, but not as an attribute",
    ("Counter", "_keep_positive"): "it is a part of the implementation",
    ("defaultdict", "__copy__"): "`copy` refuses containers, since a new one needs a pool; `d.copy()` is plain",
    ("deque", "__copy__"): "`copy` refuses containers, since a new one needs a pool; `d.copy()` is plain",
    ("deque", "__init__"): _ATOMIC,
    ("defaultdict", "__init__"): _ATOMIC,
    ("defaultdict", "__missing__"): "called by hand for a key that is there, it keeps the value",
    ("defaultdict", "fromkeys"): _NO_POOL,
    ("OrderedDict", "fromkeys"): _NO_POOL,
    ("OrderedDict", "move_to_end"): "an unhashable key is a TypeError in an empty dict, too",
    **{(kind, "__repr__"): _REPR for kind in ("list", "tuple", "dict", "set", "frozenset", "bytearray", "array")},
    **{(kind, "__sizeof__"): _SIZE for kind in ("list", "dict", "set", "frozenset", "bytearray", "array")},
    **{(kind, "__init__"): _ATOMIC for kind in ("list", "set", "bytearray")},
    ("tuple", "__getnewargs__"): _NO_PICKLE,
    ("set", "__reduce__"): _NO_PICKLE,
    ("frozenset", "__reduce__"): _NO_PICKLE,
    ("bytearray", "__reduce__"): _NO_PICKLE,
    ("bytearray", "__reduce_ex__"): _NO_PICKLE,
    ("array", "__reduce_ex__"): _NO_PICKLE,
    ("dict", "fromkeys"): "a class alone has no pool; use `pool.new(PersistentDict, dict.fromkeys(keys, value))`",
    ("dict", "pop"): "an unhashable key is a TypeError in an empty dict, too",
    ("set", "__iter__"): "the order is that of insertion",
    ("frozenset", "__iter__"): "the order is that of insertion",
    ("set", "pop"): "it removes the item that was added last, where set removes any item",
    ("bytearray", "__alloc__"): _SIZE,
    ("bytearray", "__str__"): _REPR,
    ("bytearray", "fromhex"): "a class alone has no pool; use `pool.new(PersistentByteArray, bytes.fromhex(text))`",
    ("bytearray", "resize"): "use slices, which change the length in all versions of Python",
    ("array", "__copy__"): _NO_COPY,
    ("array", "__deepcopy__"): _NO_COPY,
    ("array", "__setitem__"): "a value of the wrong type is reported before a wrong index",
    ("array", "buffer_info"): "an address would be used after the pool is closed; `view()` is a safe buffer",
    ("array", "extend"): "if it fails, it has added nothing",
    ("array", "fromunicode"): _UNICODE,
    ("array", "tounicode"): _UNICODE,
    ("array", "tofile"): "the file needs a method `write` even if the array is empty",
}


# ---- trying --------------------------------------------------------------------------------------

_ONE: list[Callable[[], Any]] = [
    *(lambda value=value: value for value in (0, 1, 2, -1, 99, 1.5, "a", "b", "zz", b"b", b"", None, True)),
    lambda: [1],
    lambda: [1, "b"],  # In this order, so that a method that fails has done something before.
    lambda: [("a", 1)],
    lambda: {"a": 5},
    lambda: {1, "b"},
    lambda: frozenset((1,)),
    lambda: (3, 1, 2),
    lambda: [3, 1, 2],
    lambda: bytearray(b"b"),
    lambda: array.array("q", [1]),
    lambda: slice(0, 1),
    lambda: slice(None, None, 2),
    lambda: iter([1, 2]),
    lambda: object(),
]
_TWO: list[Callable[[], Any]] = [
    *(lambda value=value: value for value in (0, 1, "a", b"b", None)),
    lambda: [1],
    lambda: slice(0, 1),
    lambda: array.array("q", [1]),
]


def arguments() -> Iterator[tuple[Callable[[], Any], ...]]:
    """The arguments with which every method is called; they are made anew for each call."""
    yield ()
    yield from ((one,) for one in _ONE)
    yield from itertools.product(_TWO, repeat=2)


def outcome(obj: Any, name: str, args: tuple[Any, ...]) -> tuple[str, Any, Any]:
    """How a call ended, its result, and the contents of the object, in a form that can be compared."""
    try:
        ended, result = "result", plainly(getattr(obj, name)(*args), obj)
    except Exception as error:
        ended, result = "error", type(error).__mro__
    return ended, result, comparable(obj)


_VIEWS = {
    *(f"{kind}_{what}" for kind in ("dict", "odict") for what in ("keys", "values", "items")),
    *("Keys", "Values", "Items"),
}


def plainly(value: Any, obj: Any) -> Any:
    if value is obj and not isinstance(value, (tuple, frozenset, PersistentTuple, PersistentFrozenSet)):
        return "itself"
    if isinstance(value, types.GenericAlias):
        return "alias"
    if hasattr(value, "__next__"):
        return "iterator", [comparable(one) for one in itertools.islice(value, 20)]
    if type(value).__name__ in _VIEWS:
        return "view", list(value)
    return comparable(value)


def comparable(value: Any) -> Any:
    """A value with its type, since 1, 1.0 and True are equal."""
    plain = to_python(value) if isinstance(value, pmemobj.Persistent) else value
    return type(plain).__name__, sorted(map(repr, plain)) if isinstance(plain, (set, frozenset)) else repr(plain)


def alike(stored: tuple[str, Any, Any], plain: tuple[str, Any, Any]) -> bool:
    if stored[0] == "error":
        if pmemobj.NotPersistableError in stored[1]:
            return True  # Another page says what cannot be stored.
        # An exception of pmemobj's own is accepted if it is also derived from the builtin one.
        return plain[0] == "error" and plain[1][0] in stored[1] and stored[2] == plain[2]
    if plain[:1] == ("error",) and plain[1][0] is TypeError and stored[1][0] == "NotImplementedType":
        return True  # With the operator it is a TypeError, too.
    return stored == plain


class Found:
    """What was found about one method."""

    def __init__(self) -> None:
        self.differs = ""
        self.makes_plain = False


def try_method(pool: Any, cls: Any, model: Any, starts: list[tuple[Any, ...]], name: str) -> Found:
    """Call a method of both objects with all arguments."""
    found = Found()
    worked = {True: 0, False: 0}
    if not hasattr(cls, name):
        found.differs = "is not there"
        return found
    if getattr(model, name) is None or getattr(cls, name) is None:
        if getattr(model, name) is not getattr(cls, name):
            found.differs = "is None in one of them"
        return found
    for start in starts:
        for makers in arguments():
            plain = model(*start)
            expected = outcome(plain, name, tuple(make() for make in makers))
            if len(makers) == 2 and expected[0] == "error" and expected[1][0] is TypeError:
                continue
            stored = pool.new(cls, *start)
            args = tuple(make() for make in makers)
            got = outcome(stored, name, args)
            worked[True] += got[0] == "result"
            worked[False] += expected[0] == "result"
            if not alike(got, expected):
                if "--show" in sys.argv and not found.differs:
                    print(name, start, args, got, expected)
                found.differs = found.differs or "differs"
            elif got[0] == "result" and got[1][0] == model.__name__ and name not in ("__repr__", "__str__"):
                found.makes_plain = True
    if worked[False] and not worked[True]:
        found.differs = "is always refused"
    return found


def methods_of(model: Any) -> list[str]:
    """The names of the methods that a builtin type has, without those that every object has."""
    return [
        name
        for name in sorted(dir(model))
        if name not in MACHINERY and getattr(model, name) is not getattr(object, name, model)
    ]


def find_out() -> dict[tuple[str, str], Found]:
    """What was found about all types, by the name of the builtin type and of the method."""
    with (
        tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as directory,
        pmemobj.create(Path(directory, "pool"), pool_size=128 << 20) as pool,
    ):
        return {
            (model.__name__, name): try_method(pool, cls, model, starts, name)
            for cls, model, starts in TYPES
            for name in methods_of(model)
        }


# ---- the page ------------------------------------------------------------------------------------

HEAD = """# The methods of the containers

This page is written by `docs/make_methods.py`, which calls every method of Python's own types with many arguments on
a plain and on a persistent object, and compares the results, the exceptions and the contents of the objects. A method
without a remark did the same on both with all of these arguments; the end of the page says what such arguments do not
show. "Plain" means that the result is a container in ordinary memory and not a new persistent object: a persistent
object is made only where a program asks for one, since it would be garbage until it is stored. An exception may be of
a class of pmemobj that is derived from the builtin one.
"""


#: The differences that the arguments above do not show, with the reasons. `tests/project/test_methods.py` tries them.
BEYOND = """## What such arguments do not show

**All or nothing.** Iterables are read to their end before anything changes. So `extend`, `+=`, slice assignment,
`update` and similar methods change nothing if they fail in the middle of an iterable, where `list.extend`,
`set.update`, `dict.update` and `array.extend` keep the items before. An iterable that reads the container itself sees
the old contents: `x.extend(item for item in x)` doubles `x`, where list never comes to an end.

**`sort`.** If it raises, the old order stays, where list has some order in between. While it runs, the items stay
visible, where list seems to be empty. If a key function or comparison changes the list, both raise ValueError; the
change stays in a PersistentList and is lost in list.

**Comparisons that change the list.** `==`, `<` and the like compare the contents at the moment when they begin. Those
of list read the list again after each item, so that an `__eq__` that clears the list changes their result. (`index`,
`count`, `remove` and `in` read it again in both.)

**Which error comes first.** If two things are wrong with a call, such as the index and the value of `b[2**70] = 'x'`,
or a slice step of 0 and a value of the wrong type, the persistent object may raise the other of the two errors.
"""


def rows(found: dict[tuple[str, str], Found], cls: Any, model: Any) -> list[str]:
    """The rows of the table of one type: method and remark."""
    kind = model.__name__
    names = {name for type_name, name in found if type_name == kind}
    names |= {name for type_name, name in LATER if type_name == kind}
    lines = []
    for name in sorted(names):
        remark = REASONS.get((kind, name), "")
        one = found.get((kind, name))
        if remark:
            there = "differs" if hasattr(cls, name) else "is not there"
            remark = f"{there}: {remark}"
        elif one is not None and one.makes_plain:
            remark = "plain"
        if (kind, name) in LATER:
            version = ".".join(map(str, LATER[kind, name]))
            remark = f"{remark} (in Python {version} and later)" if remark else f"in Python {version} and later"
        lines.append(f"| `{name}` | {remark} |")
    return lines


def page(found: dict[tuple[str, str], Found]) -> str:
    """The text of the page."""
    parts = [HEAD]
    for cls, model, _ in TYPES:
        name = "array.array" if model is array.array else model.__name__
        parts.append(f"## {cls.__name__} and {name}\n\n| of {name} | remark |\n|---|---|")
        parts.append("\n".join(rows(found, cls, model)) + "\n")
        known = {name for kind, name in LATER if kind == model.__name__}
        extra = [name for name in dir(cls) if name[0] != "_" and not hasattr(model, name) and name not in known]
        parts.append(f"Beyond these: {', '.join(f'`{name}`' for name in sorted(extra))}.\n")
    return "\n".join([*parts, BEYOND])


def complaints(found: dict[tuple[str, str], Found]) -> list[str]:
    """What must be changed in `REASONS` or on the page, given what was found."""
    wrong = []
    for key, one in found.items():
        name = ".".join(key)
        if one.differs and key not in REASONS:
            wrong.append(f"{name} {one.differs}: make it behave as the builtin one, or give a reason in REASONS")
        if key in REASONS and not one.differs:
            wrong.append(f"{name} has a reason in REASONS, but no difference was found: take the reason out")
        if key in LATER and sys.version_info[:2] < LATER[key]:
            wrong.append(f"{name} is in LATER, but this Python has it: correct the version there")
        if key not in LATER and sys.version_info[:2] > OLDEST and f"| `{key[1]}` |" not in PAGE.read_text("utf-8"):
            wrong.append(f"{name} is new in this Python: put it into LATER, and write the page anew")
    wrong += [
        f"{'.'.join(key)} is in REASONS, but the builtin type has no such method: take it out"
        for key in REASONS
        if key not in found and key not in LATER
    ]
    return wrong


def main() -> int:
    """The command line."""
    found = find_out()
    wrong = complaints(found)
    text = page(found)
    if "--check" not in sys.argv:
        PAGE.write_text(text, encoding="utf-8")
    else:
        there = PAGE.read_text("utf-8").splitlines() if PAGE.exists() else []
        wrong += [f"docs/methods.md lacks the line {line!r}" for line in text.splitlines() if line not in there]
        if sys.version_info[:2] == OLDEST and not wrong and text.splitlines() != there:
            wrong.append("docs/methods.md has lines for methods that were not found")
        if any("docs/methods.md" in one for one in wrong):
            wrong.append("write the page anew: python docs/make_methods.py")
    print("\n".join(wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
