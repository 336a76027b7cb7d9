"""The dicts of the module `collections` in a pool: PersistentDefaultDict, PersistentCounter, PersistentOrderedDict.

Each is a class that is derived from PersistentDict, as a program could derive one (see `own_containers`), and is stored
under its public name. What a plain dict of its kind answers, it answers by a plain copy, so that no rule of
`collections` is written here a second time. What changes the dict is one statement.
"""

from __future__ import annotations

import operator
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Iterator
from typing import Any

from pmemobj._containers.base import Persistent, create
from pmemobj._containers.dict import PersistentDict
from pmemobj._format import ABSENT, DICT_TABLE, DICT_USED, ENTRY_KEY, ENTRY_SIZE, ENTRY_VALUE, TABLE_ENTRIES, Kind
from pmemobj._hashtable.hashes import stored_hash
from pmemobj._hashtable.search import find_entry
from pmemobj._objects.class_names import find_class, is_own, stored_name
from pmemobj._objects.conversion_walk import Conversion
from pmemobj._objects.convert import (
    TO_PERSISTENT,
    TO_PLAIN_OF_CLASS,
    demand_hashable,
    keys_and_values,
    to_persistent,
)
from pmemobj._objects.own_containers import derive, set_stored, stored
from pmemobj._public_names import public_in
from pmemobj._values.words import decode
from pmemobj.errors import ClassRefusedError, NotPersistableError

_missing: Any = object()
#: Plain types that make a first value; what they make is converted as `pool.persistent` does.
_PLAIN_FACTORIES = (int, float, complex, bool, str, bytes, list, dict, set, tuple, frozenset, bytearray)
#: The plain factory that stands for a persistent one in a plain defaultdict, by kind.
_PLAIN_FORMS: dict[int, Any] = {Kind.LIST: list, Kind.DICT: dict, Kind.SET: set, Kind.BYTEARRAY: bytearray}


@public_in("pmemobj")
class PersistentDefaultDict(PersistentDict):
    """A `collections.defaultdict` in a pool; made with ``pool.new(PersistentDefaultDict, factory, ...)``.

    A missing key that is read gets a first value from the factory: what ``int``, ``str``, ``list``, ``dict``, ``set``
    and the like make (a list becomes a PersistentList, and so on), or a new object of a persistent class. A pool holds
    no code, so other functions are refused: derive a class from PersistentDict instead, and define ``__missing__``.

    Args:
        default_factory: The factory, or None.
        args, kwargs: The contents, as for dict.

    Raises:
        NotPersistableError: the factory is none of those.

    Durability: as PersistentDict. Reading a missing key is one transaction.
    Cost: as PersistentDict.

    Example::

        import pmemobj

        with pmemobj.create("index.pmem", 16 << 20) as pool:
            index = pool.root = pool.new(pmemobj.PersistentDefaultDict, list)
            index["a"].append(3)
            assert index == {"a": [3]}
    """

    def __init__(self, default_factory: Any = None, /, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.default_factory = default_factory

    @property
    def default_factory(self) -> Any:
        """What makes the first value of a missing key; None if nothing does.

        Raises:
            ClassRefusedError: the pool names something that cannot be a factory.

        Durability: setting it is one transaction; inside a transaction it is durable with its commit.
        Cost: constant.
        """
        name = stored(self, "default_factory")
        return None if name is None else _factory_named(self, name)

    @default_factory.setter
    def default_factory(self, factory: Any) -> None:
        set_stored(self, "default_factory", None if factory is None else _name_of_factory(factory))

    def __missing__(self, key: Any) -> Any:
        factory = self.default_factory
        if factory is None:
            raise KeyError(key)
        heap = self._p_heap
        with heap.statement:
            is_persistent = issubclass(factory, Persistent)
            value = create(heap, factory, (), {}) if is_persistent else to_persistent(heap, factory())
            return self.setdefault(key, value)

    def copy(self) -> defaultdict[Any, Any]:
        """A shallow copy, as a plain defaultdict. Its factory is the plain one, or None if there is none.

        Cost: O(n).
        """
        return defaultdict(_plain_factory(self.default_factory), super().copy())

    def __repr__(self) -> str:
        factory = self.default_factory
        name = repr(factory) if factory is None else factory.__name__
        return f"{super().__repr__()[:-1]}, default_factory={name})"


def _name_of_factory(factory: Any) -> str:
    if factory in _PLAIN_FACTORIES:
        return f"builtins:{factory.__name__}"
    if isinstance(factory, type) and issubclass(factory, Persistent) and factory._p_kind:
        return stored_name(factory)
    raise NotPersistableError(
        f"take {getattr(factory, '__qualname__', factory)!s} as a default_factory",
        "a pool holds no code, only the names of builtin types and of persistent classes",
        "use one of those, or derive a class from PersistentDict and define __missing__",
    )


def _factory_named(self: PersistentDefaultDict, name: str) -> Any:
    for factory in _PLAIN_FACTORIES:
        if name == f"builtins:{factory.__name__}":
            return factory
    found = PUBLIC_CONTAINERS.get(name) or find_class(name)
    if not is_own(found, Persistent):
        raise ClassRefusedError(
            f"find the default_factory of a PersistentDefaultDict of {self._p_heap.name}",
            f"its name is {name}, and no persistent class with it is defined",
            "define or import the class, name its successor with pmemobj.alias, or set another default_factory",
        )
    return found


#: The containers of pmemobj that can be a factory, by their stored names; `registry` fills it.
PUBLIC_CONTAINERS: dict[str, type[Persistent]] = {}


def _plain_factory(factory: Any) -> Any:
    if factory is None or factory in _PLAIN_FACTORIES:
        return factory
    return _PLAIN_FORMS.get(int(factory._p_kind))


@public_in("pmemobj")
class PersistentCounter(PersistentDict):
    """A `collections.Counter` in a pool; made with ``pool.new(PersistentCounter, iterable_or_mapping)``.

    It has all methods and operators of Counter. Those that make a new counter return a plain one. A missing key counts
    0, and reading it stores nothing.

    Durability: as PersistentDict; each method is one transaction.
    Cost: as PersistentDict. The operators and comparisons take O(n).

    Example::

        import pmemobj

        with pmemobj.create("words.pmem", 16 << 20) as pool:
            words = pool.root = pool.new(pmemobj.PersistentCounter, "abracadabra")
            words.update("aa")
            assert words.most_common(1) == [("a", 7)] and words["z"] == 0
    """

    def __init__(self, iterable: Any = None, /, **kwargs: Any) -> None:
        super().__init__()
        self.update(iterable, **kwargs)

    def __missing__(self, key: Any) -> int:
        return 0

    def __delitem__(self, key: Any) -> None:
        """Remove a key; a key that is missing counts 0 already."""
        self.pop(key, None)

    @classmethod
    def fromkeys(cls, iterable: Any, value: Any = None, /) -> Any:
        """Always raises, as that of Counter does.

        Raises:
            NotImplementedError: always.

        Cost: constant.
        """
        return Counter.fromkeys(iterable, value)

    def copy(self) -> Counter[Any]:
        """A copy, as a plain Counter.

        Cost: O(n).
        """
        return Counter(super().copy())

    def elements(self) -> Iterator[Any]:
        """Each key as often as it counts.

        Cost: O(n), and O(1) for each element.
        """
        return self.copy().elements()

    def most_common(self, n: int | None = None) -> list[tuple[Any, Any]]:
        """The pairs of key and count, the largest counts first; the first `n` of them, or all.

        Cost: O(n log n).
        """
        return self.copy().most_common(n)

    def total(self) -> Any:
        """The sum of all counts.

        Cost: O(n).
        """
        return sum(self.values())

    def update(self, iterable: Any = None, /, **kwargs: Any) -> None:
        """Add to the counts: one for each element of an iterable, or the counts of a mapping; or none if one fails.

        Durability: one transaction; inside a transaction with its commit.
        Cost: O(k) for k elements.
        """
        self._count(_counted(iterable, kwargs), 1)

    def subtract(self, iterable: Any = None, /, **kwargs: Any) -> None:
        """The same as `update`, but subtracts. Counts may become 0 or negative.

        Durability: one transaction; inside a transaction with its commit.
        Cost: O(k) for k elements.
        """
        self._count(_counted(iterable, kwargs), -1)

    def _count(self, changes: dict[Any, Any], sign: int) -> None:
        with self._p_heap.statement:
            # Subtracting is not adding the negative for every type of count.
            apply = operator.add if sign > 0 else operator.sub
            # A count that is there may be of any type, so a first one is not added to 0, as in Counter.
            start = {} if sign > 0 else dict.fromkeys(changes, 0)
            known = {**start, **{key: self[key] for key in changes if key in self}}
            super().update({key: apply(known[key], count) if key in known else count for key, count in changes.items()})

    def _become(self, counts: Counter[Any]) -> Any:
        """Let the contents be those of a plain counter."""
        with self._p_heap.statement:
            for key in [key for key in self if key not in counts]:
                del self[key]
            super().update(counts)
        return self

    def __iadd__(self, other: Any) -> Any:
        return _with_counter(self, other, lambda mine, others: self._become(mine + others))

    def __isub__(self, other: Any) -> Any:
        return _with_counter(self, other, lambda mine, others: self._become(mine - others))

    def __ior__(self, other: Any) -> Any:
        return _with_counter(self, other, lambda mine, others: self._become(mine | others))

    def __iand__(self, other: Any) -> Any:
        return _with_counter(self, other, lambda mine, others: self._become(mine & others))

    def __add__(self, other: Any) -> Any:
        return _with_counter(self, other, lambda mine, others: mine + others)

    def __radd__(self, other: Any) -> Any:
        return _with_counter(self, other, lambda mine, others: others + mine)

    def __sub__(self, other: Any) -> Any:
        return _with_counter(self, other, lambda mine, others: mine - others)

    def __rsub__(self, other: Any) -> Any:
        return _with_counter(self, other, lambda mine, others: others - mine)

    def __or__(self, other: Any) -> Any:
        return _with_counter(self, other, lambda mine, others: mine | others)

    def __ror__(self, other: Any) -> Any:
        return _with_counter(self, other, lambda mine, others: others | mine)

    def __and__(self, other: Any) -> Any:
        return _with_counter(self, other, lambda mine, others: mine & others)

    def __rand__(self, other: Any) -> Any:
        return _with_counter(self, other, lambda mine, others: others & mine)

    def __pos__(self) -> Counter[Any]:
        return +self.copy()

    def __neg__(self) -> Counter[Any]:
        return -self.copy()

    def __lt__(self, other: Any) -> Any:
        return _with_counter(self, other, lambda mine, others: mine < others)

    def __le__(self, other: Any) -> Any:
        return _with_counter(self, other, lambda mine, others: mine <= others)

    def __gt__(self, other: Any) -> Any:
        return _with_counter(self, other, lambda mine, others: mine > others)

    def __ge__(self, other: Any) -> Any:
        return _with_counter(self, other, lambda mine, others: mine >= others)


def _counted(iterable: Any, kwargs: dict[str, Any]) -> dict[Any, Any]:
    """What `Counter.update` would count; wrong arguments raise what it raises."""
    counts: Counter[Any] = Counter()
    counts.update(iterable)
    counts.update(kwargs)
    return counts


def _with_counter(self: PersistentCounter, other: Any, operation: Callable[[Any, Any], Any]) -> Any:
    """The result of an operation with the plain form of both operands, if the other is a counter, too."""
    if isinstance(other, PersistentCounter):
        other = other.copy()
    return operation(self.copy(), other) if isinstance(other, Counter) else NotImplemented


@public_in("pmemobj")
class PersistentOrderedDict(PersistentDict):
    """A `collections.OrderedDict` in a pool; made with ``pool.new(PersistentOrderedDict, ...)``.

    Every PersistentDict keeps its order. This one also moves a key to an end, removes from either end, and equals
    another OrderedDict only if the order is the same.

    Durability: as PersistentDict; each method is one transaction.

    Cost: as PersistentDict. Removing from the front is amortised constant, as at the end; moving a key to the front
        rewrites the whole dict.

    Example::

        import pmemobj

        with pmemobj.create("recent.pmem", 16 << 20) as pool:
            recent = pool.root = pool.new(pmemobj.PersistentOrderedDict, a=1, b=2)
            recent.move_to_end("a")
            assert recent.popitem(last=False) == ("b", 2)
    """

    def copy(self) -> OrderedDict[Any, Any]:
        """A shallow copy, as a plain OrderedDict.

        Cost: O(n).
        """
        return OrderedDict(super().copy())

    def move_to_end(self, key: Any, last: bool = True) -> None:
        """Move a key to the end, or to the front if `last` is false.

        Raises:
            KeyError: the key is missing.

        Durability: one transaction; inside a transaction with its commit.
        Cost: O(1) amortised to the end; O(n) to the front.
        """
        heap = self._p_heap
        key_hash = stored_hash(heap, key)
        with heap.statement:
            entry = find_entry(heap, self._p_offset, ENTRY_SIZE, key, key_hash)
            if not entry:
                raise KeyError(key)
            own_key, value = decode(heap, heap.read(entry + ENTRY_KEY)), decode(heap, heap.read(entry + ENTRY_VALUE))
            if last:
                del self[own_key]
                self[own_key] = value
                return
            pairs = {own_key: value, **{other: held for other, held in self.items() if other != own_key}}
            self.clear()
            self.update(pairs)

    def popitem(self, last: bool = True) -> tuple[Any, Any]:
        """Remove the last pair, or the first if `last` is false, and return its key and value.

        Raises:
            KeyError: the dict is empty.

        Durability: one transaction; inside a transaction with its commit.
        Cost: O(1) amortised.
        """
        if last or not len(self):
            return super().popitem()
        heap = self._p_heap
        with heap.lock:
            number = self._first_entry()
            entry = heap.read(self._p_offset + DICT_TABLE) + TABLE_ENTRIES + ENTRY_SIZE * number
            key = decode(heap, heap.read(entry + ENTRY_KEY))
            value = decode(heap, heap.read(entry + ENTRY_VALUE))
            mark = self._front_mark()
            del self[key]  # If this rebuilds the table, the mark is another one from now on.
            self._v_front = (*mark, number + 1)
            return key, value

    def _first_entry(self) -> int:
        """The number of the first entry that is not deleted.

        The search begins where the last one has ended, unless the table was rebuilt or a roll-back has brought entries
        back since. Otherwise emptying a dict from the front would pass all deleted entries each time.
        """
        heap = self._p_heap
        table, used = heap.read(self._p_offset + DICT_TABLE), heap.read(self._p_offset + DICT_USED)
        known = self.__dict__.get("_v_front")
        number = known[-1] if known is not None and known[:-1] == self._front_mark() else 0
        entry = table + TABLE_ENTRIES + ENTRY_SIZE * number
        while number < used and heap.read(entry + ENTRY_KEY) == ABSENT:
            number += 1
            entry += ENTRY_SIZE
        return number

    def _front_mark(self) -> tuple[Any, ...]:
        """What is another one after every rebuild of a table and after every roll-back."""
        heap = self._p_heap
        return heap.read(self._p_offset + DICT_TABLE), heap.rebuilds, heap.types.found


# ---- conversion --------------------------------------------------------------------------------------


def _fill_plain(new: Any, _labels: list[Any], values: list[Any]) -> None:
    demand_hashable(values[::2])
    for key, value in zip(values[::2], values[1::2], strict=True):
        new[key] = value


def _fill_persistent(new: Any, labels: list[Any], values: list[Any]) -> None:
    PersistentDict.update(new, zip(labels, values, strict=True))


def _factory_of(source: Any) -> tuple[Any, ...]:
    return (source.default_factory,)


def _plain_factory_of(source: Any) -> tuple[Any, ...]:
    return (_plain_factory(source.default_factory),)


#: For each class of `collections`: its persistent class, and the arguments of an empty counterpart, there and back.
_TWINS: dict[Any, Any] = {
    defaultdict: (PersistentDefaultDict, _factory_of, _plain_factory_of),
    Counter: (PersistentCounter, lambda _: (), lambda _: ()),
    OrderedDict: (PersistentOrderedDict, lambda _: (), lambda _: ()),
}


def register_conversions() -> None:
    """Let `pool.persistent` and `to_python` know these classes."""
    for plain, (persistent, there, back) in _TWINS.items():
        TO_PERSISTENT[plain] = Conversion(persistent, dict.items, _fill_persistent, keys=iter, empty=there)
        TO_PLAIN_OF_CLASS[persistent] = Conversion(plain, keys_and_values, _fill_plain, empty=back)


for _cls in (PersistentDefaultDict, PersistentCounter, PersistentOrderedDict):
    derive(_cls)
