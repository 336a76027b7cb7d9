"""The base of all persistent classes: how an object is created, found again, and walked.

An object is created once, by `create`: the class allocates its memory (`_p_allocate`), and then ``__init__`` runs. An
object is resurrected, at most once while a handle for it lives, by `resurrect`: the kind in its header leads to the
class, and the handle is made without ``__init__``.

Walkers (the garbage collection, `inspect`, the checks) work on offsets and make no handles, since a class may be
missing and a handle costs time. They call static methods of each class, which are given a heap and an offset and trust
nothing that they read:

* `_p_words` - every value word of the object, for tracing and for finding its leaves;
* `_p_bodies` - the further allocations that are part of the object;
* `_p_entries` - words with labels, for people to see;
* `_p_rows` - texts with labels, for contents that are no words.

A program may derive classes from the containers. The objects of such a class have the number of the class in their
headers, and are walked by the class that `own_kinds` has for their kind (see `_objects.own_containers`).

Programs also have `_p_oid`, `_p_traverse` and `_p_substructures` of every object, which are derived from these methods;
and a class may define `_p_new` and `_p_resurrect`, which are called when an object is created and when it is found
again. No walker ever calls a method that a program has defined.
"""

from __future__ import annotations

import threading
import types
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, TypeVar

from pmemobj import _display
from pmemobj._containers.invariants import demand_allocation, demand_words, dump
from pmemobj._engine.consistent_reads import read_consistently
from pmemobj._engine.heap import Handle, Heap, attach
from pmemobj._format import (
    ABSENT,
    ALIGNMENT,
    FEATURE_LATER_KINDS,
    FIRST_LATER_KIND,
    HEADER_MARK,
    KEYED_KINDS,
    ROOT_STATE,
    WORD,
    kind_of,
    new_header,
    parse_root_identity,
    root_identity,
)
from pmemobj._public_names import public_in
from pmemobj._values.words import decode
from pmemobj.errors import NotPersistableError, PmemError, PoolDamagedError, a_or_an

try:
    import cython
except ImportError:
    from pmemobj import _nocython as cython

P = TypeVar("P", bound="Persistent")

#: What `Persistent.to_python` calls.
_to_plain: Callable[[Any], Any] | None = None


def register_plain_form(function: Callable[[Any], Any]) -> None:
    """From now on `function` makes the plain form of a persistent object."""
    global _to_plain
    _to_plain = function


#: What is called with each class that a program derives from a persistent class.
_derived: Callable[[Any], None] | None = None


def register_derivation(function: Callable[[Any], None]) -> None:
    """From now on `function` is called with each class that a program derives from a persistent class."""
    global _derived
    _derived = function


#: Held while a handle is looked for and made, so that two threads never make two handles for one object.
_reviving = threading.RLock()


@public_in("pmemobj")
class Oid(NamedTuple):
    """The name of an object among the objects of all pools.

    Attributes:
        pool: The number of its pool.
        offset: Its offset in the pool, in bytes.
    """

    pool: int
    offset: int


class Persistent(Handle):
    """A Python object whose state lies in a pool. It is made with `pool.new`, never by calling the class."""

    __slots__ = ()

    #: The kind in the header of its objects.
    _p_kind = 0
    #: The words of a new, empty object behind its header, where their number is fixed.
    _p_empty: tuple[int, ...] | None = None
    #: What finds the class of an object that the class walks, if this is a class of the program.
    _p_finder: Callable[[Heap, int], type[Persistent]] | None = None
    #: For a stand-in the stored name of the missing class.
    _p_missing = ""

    @property
    def _p_mm(self) -> Any:
        """The `MemoryManager` of the pool that the object lives in."""
        heap = self._p_heap
        if heap.manager is None:
            heap.refuse()
        return heap.manager

    def to_python(self) -> Any:
        """The plain form of this object and of all objects that it refers to; see `pmemobj.to_python`.

        Cost: proportional to the objects that are reached.

        Example::

            plain = pool.root.to_python()
        """
        assert _to_plain is not None
        return _to_plain(self)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """What a notebook shows: the repr, and a small tree below it that can be unfolded."""
        return _display.thing(self)

    @property
    def _p_oid(self) -> Oid:
        """The name of the object, with which `MemoryManager.resurrect` finds it for as long as it exists."""
        self._p_heap.read(self._p_offset)
        return Oid(self._p_heap.pool_uuid, self._p_offset)

    def _p_traverse(self) -> Iterator[Any]:
        """Every value that the object holds, itself or in its blocks, as of the moment when the first one is asked for.
        """
        # All values are read at once, since a caller may change the object between two values, and this frees leaves.
        yield from read_consistently(self, _values_in, self)

    def _p_substructures(self) -> Iterator[int]:
        """The offsets of the further allocations that are part of the object and of no other."""
        heap, offset = self._p_heap, self._p_offset
        yield from kind_at(heap, offset)._p_bodies(heap, offset)

    def _p_new(self) -> None:
        """Called once, when the object is created, before ``__init__`` and in the same transaction."""

    def _p_resurrect(self) -> None:
        """Called whenever an existing object is found again and a new Python object has been made for it."""

    @staticmethod
    def _p_allocate(heap: Heap, cls: type) -> int:
        """Allocate and fill the memory of a new, empty object; return its offset."""
        kind, words = cls._p_kind, cls._p_empty  # type: ignore[attr-defined]
        assert words is not None, f"{cls.__qualname__} has a kind but no layout"
        offset = heap.alloc(WORD * (1 + len(words)), kind)
        heap.init(offset, [new_header(kind), *words])
        return offset

    @staticmethod
    def _p_make(heap: Heap, cls: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
        """Allocate the memory of a new object. A class whose size depends on the arguments defines it anew."""
        offset: int = cls._p_allocate(heap, cls)
        return offset

    @staticmethod
    def _p_words(heap: Heap, offset: int) -> Iterable[int]:
        """Every value word that the object at `offset` holds."""
        return ()

    @staticmethod
    def _p_bodies(heap: Heap, offset: int) -> Iterable[int]:
        """The offsets of the further allocations that are part of the object at `offset`."""
        return ()

    @staticmethod
    def _p_entries(heap: Heap, offset: int, limit: int) -> tuple[int, list[tuple[str, int, int]]]:
        """How many entries there are, and up to `limit` of them: label, key word or 0, and value word."""
        return 0, []

    @staticmethod
    def _p_rows(heap: Heap, offset: int, limit: int) -> tuple[int, list[tuple[str, str]]]:
        """How many rows of text show all bytes or numbers, and up to `limit` of them: label and text."""
        return 0, []

    @staticmethod
    def _p_type_name(heap: Heap, offset: int) -> str:
        """The name of the type of the object at `offset`, for pictures."""
        return "Persistent"

    @staticmethod
    def _p_summary(count: int) -> str:
        """A few words about an object that has `count` entries."""
        return f"{count} entries"

    @staticmethod
    def _p_verify(heap: Heap, offset: int) -> None:
        """Assert the invariants of this class, beyond those that hold for all classes."""

    def _check(self) -> None:
        """Assert that the bytes of the object are consistent; for tests.

        Raises:
            AssertionError: with the first thing that is wrong, and the state of the object.
        """
        heap, offset = self._p_heap, self._p_offset
        try:
            kind = kind_of(heap.read(offset))
            assert kind == self._p_kind, f"the header at {offset:#x} names kind {kind}, not {self._p_kind}"
            demand_allocation(heap, offset, kind, WORD)
            walker = kind_at(heap, offset)
            walker._p_verify(heap, offset)
            demand_words(heap, walker._p_words(heap, offset), has_keys=kind in KEYED_KINDS)
        except (AssertionError, PmemError) as error:
            raise AssertionError(f"a {type(self).__name__} is not whole: {error}\n{dump(heap, offset)}") from error

    def _p_revive(self) -> None:
        """Called when the handle of an existing object has been made."""

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise NotPersistableError(
            f"pickle or copy a {type(self).__name__}",
            "its state is in a pool, not in this process",
            "copy its contents into a plain object first",
        )


def _init_subclass(cls: Any, /, **kwargs: Any) -> None:
    super(Persistent, cls).__init_subclass__(**kwargs)
    if _derived is not None and not cls._p_missing and not cls.__module__.startswith("pmemobj."):
        _derived(cls)


# An extension type cannot define this method itself.
if cython.compiled:
    set_in_type(Persistent, "__init_subclass__", classmethod(_init_subclass))  # type: ignore[name-defined]  # noqa: F821
else:
    Persistent.__init_subclass__ = classmethod(_init_subclass)  # type: ignore[assignment]


# ---- kinds ---------------------------------------------------------------------------------------

#: The class of every kind of container; `_objects.registry` fills it.
kinds: dict[int, type[Persistent]] = {}

#: The classes that walk the objects of a program's own classes, by the kind from which these are derived.
own_kinds: dict[int, type[Persistent]] = {}

#: What finds the Python class of an object whose kind has more than one, by kind.
class_finders: dict[int, Callable[[Heap, int], type[Persistent]]] = {}


def register_kind(cls: type[Persistent]) -> None:
    """From now on objects with the kind of `cls` in their header are walked with `cls`."""
    kinds[int(cls._p_kind)] = cls


def kind_at(heap: Heap, offset: int) -> type[Persistent]:
    """The class that walks the container at `offset`.

    Raises:
        PoolDamagedError: there is no container at `offset`.
    """
    if offset % ALIGNMENT == 0:
        head = heap.read(offset)
        if (head >> 8) & 0xFF == HEADER_MARK:
            found = own_kinds.get(head & 0xFF) if (head >> 16) & 0xFFFFFF else None
            if found is None:
                found = kinds.get(head & 0xFF)
            if found is not None:
                return found
    raise PoolDamagedError(
        f"follow offset {offset:#x} in {heap.name}", "there is no object", "restore the pool from a copy"
    )


def _values_in(self: Persistent) -> list[Any]:
    heap, offset = self._p_heap, self._p_offset
    return [decode(heap, word) for word in kind_at(heap, offset)._p_words(heap, offset) if word != ABSENT]


def demand_storable(cls: type) -> None:
    """Refuse a class of a program whose objects cannot lie in a pool.

    Raises:
        NotPersistableError: it has ``__slots__``, or its base classes have different layouts in a pool.
    """
    _demand_no_slots(cls)
    _demand_one_form(cls)


def _demand_no_slots(cls: type) -> None:
    """Refuse ``__slots__``, except for volatile names, since slots lie in ordinary memory."""
    slots = [name for name, value in cls.__dict__.items() if isinstance(value, types.MemberDescriptorType)]
    lost = [name for name in slots if not name.startswith("_v_")]
    if lost:
        raise NotPersistableError(
            f"define class {cls.__qualname__}",
            f"its __slots__ ({', '.join(lost)}) would keep attributes in ordinary memory, not in the pool",
            "leave __slots__ out",
        )


def _demand_one_form(cls: type) -> None:
    """Refuse a class whose base classes have different layouts in a pool."""
    bases = {int(base._p_kind): base for base in cls.__bases__ if getattr(base, "_p_kind", 0)}  # type: ignore[attr-defined]
    if len(bases) > 1:
        first, second = [base.__qualname__ for base in bases.values()][:2]
        raise NotPersistableError(
            f"define class {cls.__qualname__}",
            f"an object lies in a pool as {a_or_an(first)} or as {a_or_an(second)}, not as both",
            "derive it from one of the two, and keep an object of the other as an attribute",
        )


def demand_feature(heap: Heap) -> None:
    """Note in the pool, inside a transaction, that releases which know no later kinds cannot open it any more."""
    at = heap.root_offset
    found = parse_root_identity(heap.read_bytes(at, ROOT_STATE))
    if found is not None and not found[1] & FEATURE_LATER_KINDS:
        identity = root_identity(found[1] | FEATURE_LATER_KINDS)
        heap.write_words(at, [int.from_bytes(identity[i : i + WORD], "little") for i in range(0, ROOT_STATE, WORD)])


# ---- life ----------------------------------------------------------------------------------------


def create(heap: Heap, cls: type[P], args: tuple[Any, ...], kwargs: dict[str, Any]) -> P:
    """Make a new persistent object, in one transaction with its ``__init__``.

    Raises:
        NotPersistableError: `cls` is no persistent class.
        PoolFullError: there is no room in the pool.
    """
    origin = getattr(cls, "__origin__", None)
    if isinstance(origin, type):
        cls = origin  # of a generic class with arguments, such as Index[int]
    if not (isinstance(cls, type) and issubclass(cls, Persistent)):
        raise NotPersistableError(
            f"create a {getattr(cls, '__qualname__', cls)!s} in {heap.name}",
            "it is no Persistent class",
            "use PersistentList, PersistentDict, or a class derived from PersistentObject",
        )
    maker: Any = cls
    kind = int(cls._p_kind)
    if kinds.get(kind) is not cls and kind not in class_finders:
        maker = own_kinds.get(kind)
        if maker is None:
            raise NotPersistableError(
                f"create a {cls.__qualname__} in {heap.name}",
                f"the pool would forget that it is more than a {kinds[kind].__name__}"
                if kind
                else "the class has no form in persistent memory",
                "derive the class from PersistentObject and give it a container as an attribute",
            )
    with heap.statement:
        if maker is not cls or kind >= FIRST_LATER_KIND:
            demand_feature(heap)
        self = cls.__new__(cls)
        _attach(self, heap, maker._p_make(heap, cls, args, kwargs))
        self._p_new()
        self._p_revive()
        self.__init__(*args, **kwargs)  # type: ignore[misc]
    return self


def resurrect(heap: Heap, offset: int) -> Persistent:
    """The handle for the existing object at `offset`, which has none.

    Raises:
        PoolDamagedError: there is no object.
        ClassRefusedError: the name of its class means something that cannot be the class.
    """
    walker = kind_at(heap, offset)
    finder = walker._p_finder or class_finders.get(int(walker._p_kind))
    cls = walker if finder is None else finder(heap, offset)
    self = cls.__new__(cls)
    attach(self, heap, offset)
    with _reviving:
        # Another thread may have made a handle meanwhile.
        found: Any = heap.handles.find(offset)
        if found is not None:
            return found  # type: ignore[no-any-return]
        heap.handles.enter(offset, self)
    try:
        self._p_revive()
        self._p_resurrect()
    except BaseException:
        heap.handles.remove(offset)
        raise
    return self


def _attach(self: Persistent, heap: Heap, offset: int) -> None:
    attach(self, heap, offset)
    heap.handles.enter(offset, self)


# ---- texts ---------------------------------------------------------------------------------------

_being_shown = threading.local()


def guarded_repr(self: Persistent, render: Callable[[], str]) -> str:
    """The result of `render()`; ``...`` if the object is already being rendered further out."""
    shown: set[int] = _being_shown.__dict__.setdefault("objects", set())
    key = id(self)  # Not the offset, since an object of another pool may have the same.
    if key in shown:
        return "..."
    shown.add(key)
    try:
        return f"{type(self).__name__}({render()})"
    finally:
        shown.discard(key)
