"""The base of all persistent classes: how an object comes to be, is found again, and is walked.

An object is created once, by `create`: the class allocates its memory (`_p_allocate`), then runs
`__init__`. It is resurrected, at most once while a handle lives, by `resurrect`: the kind in its
header leads to the class, and the handle is made without `__init__`.

Walkers (garbage collection, `inspect`, the checks) work on offsets, without handles, since a class
may be missing and a handle costs time. Some functions of each class tell them what the object at
an offset holds; they are given a heap and the offset, and trust nothing that they read:

* `_p_words` - every value word that it holds, for tracing and for finding its leaves;
* `_p_bodies` - the further allocations that are part of it;
* `_p_entries` - labelled words, for people to see;
* `_p_rows` - labelled texts, of what is no words.

For people there are further `_p_oid`, `_p_traverse` and `_p_substructures` of every object, derived
from these; and `_p_new` and `_p_resurrect`, which a class may define to be told when an object comes
to be and when it is found again. No walker ever calls what a program defined.
"""

from __future__ import annotations

import threading
import types
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, TypeVar

from pmemobj import _display
from pmemobj._containers.invariants import demand_allocation, demand_words, dump
from pmemobj._engine.heap import Handle, Heap, attach, steady
from pmemobj._format import ABSENT, ALIGNMENT, HEADER_MARK, KEYED_KINDS, WORD, kind_of
from pmemobj._public_names import public_in
from pmemobj._values.words import decode
from pmemobj.errors import NotPersistableError, PmemError, PoolDamagedError, a_or_an

P = TypeVar("P", bound="Persistent")

#: What `Persistent.to_python` calls.
_to_plain: Callable[[Any], Any] | None = None


def register_plain_form(function: Callable[[Any], Any]) -> None:
    """From now on `function` makes the plain form of a persistent object."""
    global _to_plain
    _to_plain = function


#: Held for as long as it takes to make sure that there is one handle of an object, by whatever thread.
_reviving = threading.RLock()


@public_in("pmemobj")
class Oid(NamedTuple):
    """What names an object in all pools: the pool's number and the object's offset in it (bytes)."""

    pool: int
    offset: int


class Persistent(Handle):
    """A Python object whose state lives in a pool. Made with `pool.new`, never by a plain call."""

    __slots__ = ()

    #: The kind in the header of its objects; classes with one of their own set it.
    _p_kind = 0
    #: Of a stand-in, the stored name of the class that is missing.
    _p_missing = ""

    @property
    def _p_mm(self) -> Any:
        """The `MemoryManager` of the pool that the object lives in."""
        heap = self._p_heap
        if heap.manager is None:
            heap.refuse()
        return heap.manager

    def to_python(self) -> Any:
        """The plain form of this object and of all that it refers to; see `pmemobj.to_python`."""
        assert _to_plain is not None
        return _to_plain(self)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """What a notebook shows: the repr, and a small tree to unfold."""
        return _display.thing(self)

    @property
    def _p_oid(self) -> Oid:
        """The object's name, good for `MemoryManager.resurrect` as long as the object exists."""
        self._p_heap.read(self._p_offset)
        return Oid(self._p_heap.pool_uuid, self._p_offset)

    def _p_traverse(self) -> Iterator[Any]:
        """Every value that the object holds, itself or in its substructures; as of when the first is asked for."""
        # All at once, since whoever asks may change the object in between, which frees what a word leads to.
        yield from steady(self, _values_in, self)

    def _p_substructures(self) -> Iterator[int]:
        """The offsets of the further allocations that are part of the object and of no other."""
        heap, offset = self._p_heap, self._p_offset
        yield from kind_at(heap, offset)._p_bodies(heap, offset)

    def _p_new(self) -> None:
        """Called once in an object's life, before ``__init__`` and in the transaction that creates it."""

    def _p_resurrect(self) -> None:
        """Called when an existing object is found again and a Python object has been made for it."""

    @staticmethod
    def _p_allocate(heap: Heap, cls: type) -> int:
        """Allocate and fill the memory of a new, empty object; return its offset."""
        raise AssertionError(f"{cls.__qualname__} has a kind but no layout")

    @staticmethod
    def _p_make(heap: Heap, cls: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
        """Allocate the memory of a new object; for those whose size depends on the arguments."""
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
        """How many entries there are, and up to `limit` of them: label, key word or 0, value word."""
        return 0, []

    @staticmethod
    def _p_rows(heap: Heap, offset: int, limit: int) -> tuple[int, list[tuple[str, str]]]:
        """Of bytes and numbers: how many rows show all of them, and up to `limit` rows: label and text."""
        return 0, []

    @staticmethod
    def _p_type_name(heap: Heap, offset: int) -> str:
        """How pictures call the object at `offset`."""
        return "Persistent"

    @staticmethod
    def _p_summary(count: int) -> str:
        """A few words on an object that has `count` entries."""
        return f"{count} entries"

    @staticmethod
    def _p_verify(heap: Heap, offset: int) -> None:
        """Assert what holds of the objects of this class beyond what holds of all."""

    def _check(self) -> None:
        """Assert that the bytes of the object fit together; for tests.

        Raises:
            AssertionError: with what does not fit, and the state.
        """
        heap, offset = self._p_heap, self._p_offset
        try:
            kind = kind_of(heap.read(offset))
            assert kind == self._p_kind, f"the header at {offset:#x} names kind {kind}, not {self._p_kind}"
            demand_allocation(heap, offset, kind, WORD)
            self._p_verify(heap, offset)
            demand_words(heap, self._p_words(heap, offset), has_keys=kind in KEYED_KINDS)
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


# ---- kinds ---------------------------------------------------------------------------------------

#: The class of every kind of container; `_objects.registry` fills it.
kinds: dict[int, type[Persistent]] = {}

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
        found = kinds.get(head & 0xFF) if (head >> 8) & 0xFF == HEADER_MARK else None
        if found is not None:
            return found
    raise PoolDamagedError(
        f"follow offset {offset:#x} in {heap.name}", "there is no object", "restore the pool from a copy"
    )


def _values_in(self: Persistent) -> list[Any]:
    heap, offset = self._p_heap, self._p_offset
    return [decode(heap, word) for word in kind_at(heap, offset)._p_words(heap, offset) if word != ABSENT]


def demand_no_slots(cls: type) -> None:
    """Refuse ``__slots__``, but for volatile ones: they lie in ordinary memory."""
    slots = [name for name, value in cls.__dict__.items() if isinstance(value, types.MemberDescriptorType)]
    lost = [name for name in slots if not name.startswith("_v_")]
    if lost:
        raise NotPersistableError(
            f"define class {cls.__qualname__}",
            f"its __slots__ ({', '.join(lost)}) would keep attributes in ordinary memory, not in the pool",
            "leave __slots__ out",
        )


def demand_one_form(cls: type) -> None:
    """Refuse a class whose bases lie in a pool in different ways."""
    bases = {int(base._p_kind): base for base in cls.__bases__ if getattr(base, "_p_kind", 0)}  # type: ignore[attr-defined]
    if len(bases) > 1:
        first, second = [base.__qualname__ for base in bases.values()][:2]
        raise NotPersistableError(
            f"define class {cls.__qualname__}",
            f"an object lies in a pool as {a_or_an(first)} or as {a_or_an(second)}, not as both",
            "derive it from one of the two, and keep an object of the other as an attribute",
        )


# ---- life ----------------------------------------------------------------------------------------


def create(heap: Heap, cls: type[P], args: tuple[Any, ...], kwargs: dict[str, Any]) -> P:
    """Make a new persistent object, in one transaction with its `__init__`.

    Raises:
        NotPersistableError: `cls` is no persistent class.
        PoolFullError: no room.
    """
    if not (isinstance(cls, type) and issubclass(cls, Persistent)):
        raise NotPersistableError(
            f"create a {getattr(cls, '__qualname__', cls)!s} in {heap.name}",
            "it is no Persistent class",
            "use PersistentList, PersistentDict, or a class derived from PersistentObject",
        )
    if kinds.get(int(cls._p_kind)) is not cls and cls._p_kind not in class_finders:
        raise NotPersistableError(
            f"create a {cls.__qualname__} in {heap.name}",
            f"the pool would forget that it is more than a {kinds[int(cls._p_kind)].__name__}"
            if cls._p_kind
            else "the class has no form in persistent memory",
            "derive the class from PersistentObject and give it a container as an attribute",
        )
    with heap.statement:
        self = cls.__new__(cls)
        _attach(self, heap, cls._p_make(heap, cls, args, kwargs))
        self._p_new()
        self._p_revive()
        self.__init__(*args, **kwargs)  # type: ignore[misc]
    return self


def resurrect(heap: Heap, offset: int) -> Persistent:
    """The handle for the existing object at `offset`, which has none.

    Raises:
        PoolDamagedError: there is no object.
        ClassRefusedError: its class is not to be had.
    """
    walker = kind_at(heap, offset)
    finder = class_finders.get(int(walker._p_kind))
    cls = walker if finder is None else finder(heap, offset)
    self = cls.__new__(cls)
    attach(self, heap, offset)
    with _reviving:
        # Another thread may have found the same object meanwhile.
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
    """`render()`, or ``...`` where the object is being rendered already further out."""
    shown: set[int] = _being_shown.__dict__.setdefault("objects", set())
    key = id(self)  # not the offset: another pool has it too
    if key in shown:
        return "..."
    shown.add(key)
    try:
        return f"{type(self).__name__}({render()})"
    finally:
        shown.discard(key)
