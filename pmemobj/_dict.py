"""PersistentDict: a table of entries in insertion order, and an index of slots that find them.

Layout: see `_layout`, "dict" and "table". The index is open addressing with CPython's probing
sequence. An entry once used is not used again before the table is rebuilt: a deleted one keeps its
place, with key 0, so that probing goes on past it and the order of the others stays.
"""

from __future__ import annotations

from array import array
from collections.abc import ItemsView, Iterable, Iterator, KeysView, Mapping, MutableMapping, ValuesView
from typing import Any

from pmemobj._base import Persistent, guarded_repr, register_kind
from pmemobj._hashes import stored_hash
from pmemobj._heap import Heap
from pmemobj._layout import ABSENT, DICT_SIZE, ENTRY_SIZE, TABLE_ENTRIES, WORD, Kind, new_header
from pmemobj._values import decode, describe, encode, exchange, free_leaf, immediate, is_container, replace

_LIVE, _USED, _TABLE = 8, 16, 24
_SLOTS, _CAPACITY = 0, 8
_HASH, _KEY, _VALUE = 0, 8, 16
_MIN_SLOTS = 8
_SLOT_SIZE = 4
_SLOT_MAX = 0xFFFFFFFF
_missing: Any = object()


class PersistentDict(Persistent):
    """A dict in a pool; made with ``pool.new(PersistentDict, ...)``, with dict's own arguments.

    Keys are None, numbers, str, bytes, and persistent objects that compare by identity.

    Durability: each method is atomic by itself and durable when it returns; inside a transaction
    it is so together with it.
    Cost: look-ups call no C function; replacing the value of a key is one store where both values
    fit a word; a new key is a transaction, amortised constant.
    """

    __slots__ = ()
    _p_kind = Kind.DICT

    def __init__(self, /, *args: Any, **kwargs: Any) -> None:
        if len(args) > 1:
            raise TypeError(f"PersistentDict expected at most 1 argument, got {len(args)}")
        self._set_all(_pairs(args, kwargs), anew=True)

    # ---- reading ----

    def __len__(self) -> int:
        return self._p_heap.read_count(self._p_offset + _LIVE)

    def __getitem__(self, key: Any) -> Any:
        entry = self._find(key, stored_hash(self._p_heap, key))
        if not entry:
            raise KeyError(key)
        return decode(self._p_heap, self._p_heap.read(entry + _VALUE))

    def get(self, key: Any, default: Any = None) -> Any:
        """The value of `key`, or `default`."""
        entry = self._find(key, stored_hash(self._p_heap, key))
        return decode(self._p_heap, self._p_heap.read(entry + _VALUE)) if entry else default

    def __contains__(self, key: Any) -> bool:
        return self._find(key, stored_hash(self._p_heap, key)) != 0

    def __iter__(self) -> Iterator[Any]:
        return self._walk(_KEY, 1)

    def __reversed__(self) -> Iterator[Any]:
        return self._walk(_KEY, -1)

    def _walk(self, field: int, direction: int) -> Iterator[Any]:
        heap = self._p_heap
        live = len(self)
        used = heap.read(self._p_offset + _USED)
        for number in range(used)[::direction]:
            if len(self) != live:
                raise RuntimeError("dictionary changed size during iteration")
            entry = self._entry(number)
            if heap.read(entry + _KEY) != ABSENT:
                yield decode(heap, heap.read(entry + field))

    def keys(self) -> KeysView[Any]:
        """A set-like view of the keys."""
        return _Keys(self)

    def values(self) -> ValuesView[Any]:
        """A view of the values."""
        return _Values(self)

    def items(self) -> ItemsView[Any, Any]:
        """A set-like view of the pairs of key and value."""
        return _Items(self)

    def copy(self) -> dict[Any, Any]:
        """A shallow copy, as a plain dict."""
        return dict(self.items())

    def __repr__(self) -> str:
        return guarded_repr(self, lambda: repr(dict(self.items())))

    def __eq__(self, other: Any) -> Any:
        if not isinstance(other, (PersistentDict, dict)):
            return NotImplemented
        return dict(self.items()) == dict(other.items())

    def __ne__(self, other: Any) -> Any:
        if not isinstance(other, (PersistentDict, dict)):
            return NotImplemented
        return dict(self.items()) != dict(other.items())

    __hash__ = None  # type: ignore[assignment]

    # ---- changing ----

    def __setitem__(self, key: Any, value: Any) -> None:
        heap = self._p_heap
        key_hash = stored_hash(heap, key)
        with heap.lock:
            entry = self._find(key, key_hash)
            if entry:
                replace(heap, entry + _VALUE, value)
            else:
                with heap.statement:
                    self._insert(key, key_hash, immediate(heap, value) or encode(heap, value))

    def __delitem__(self, key: Any) -> None:
        with self._p_heap.lock:
            entry = self._find(key, stored_hash(self._p_heap, key))
            if not entry:
                raise KeyError(key)
            self._remove(entry)

    def setdefault(self, key: Any, default: Any = None) -> Any:
        """The value of `key`, which is set to `default` first if it is missing."""
        with self._p_heap.lock:
            value = self.get(key, _missing)
            if value is _missing:
                self[key] = value = default
            return value

    def pop(self, key: Any, default: Any = _missing) -> Any:
        """Remove `key` and return its value, or `default`; KeyError without one."""
        with self._p_heap.lock:
            entry = self._find(key, stored_hash(self._p_heap, key))
            if not entry:
                if default is _missing:
                    raise KeyError(key)
                return default
            value = decode(self._p_heap, self._p_heap.read(entry + _VALUE))
            self._remove(entry)
            return value

    def popitem(self) -> tuple[Any, Any]:
        """Remove and return the last pair of key and value; KeyError if there is none."""
        with self._p_heap.lock:
            for key in self._walk(_KEY, -1):
                return key, self.pop(key)
        raise KeyError("popitem(): dictionary is empty")

    def update(self, /, *args: Any, **kwargs: Any) -> None:
        """Set all pairs of a mapping, of an iterable of pairs and of keywords, or none of them."""
        if len(args) > 1:
            raise TypeError(f"update expected at most 1 argument, got {len(args)}")
        self._set_all(_pairs(args, kwargs))

    def clear(self) -> None:
        """Remove all keys."""
        heap = self._p_heap
        with heap.lock:
            table = heap.read(self._p_offset + _TABLE)
            if not table:
                return
            with heap.statement:
                for word in self._p_words(heap, self._p_offset):
                    free_leaf(heap, word)
                heap.write_words(self._p_offset + _LIVE, [0, 0, 0])
                heap.free(table)

    def __ior__(self, other: Any) -> PersistentDict:
        self.update(other)
        return self

    def __or__(self, other: Any) -> Any:
        if not isinstance(other, Mapping):
            return NotImplemented
        return dict(self.items()) | dict(other.items())

    def __ror__(self, other: Any) -> Any:
        if not isinstance(other, Mapping):
            return NotImplemented
        return dict(other.items()) | dict(self.items())

    def _set_all(self, pairs: dict[Any, Any], anew: bool = False) -> None:
        """Set all of `pairs`, or none; `anew` drops what was there."""
        heap = self._p_heap
        if not pairs and not (anew and len(self)):
            return
        with heap.statement:
            # All hashes and words first: what cannot be stored must not leave half an update.
            hashes = [stored_hash(heap, key) for key in pairs]
            words = [immediate(heap, value) or encode(heap, value) for value in pairs.values()]
            if anew:
                self.clear()
            for key, key_hash, word in zip(pairs, hashes, words, strict=True):
                entry = self._find(key, key_hash)
                if entry:
                    exchange(heap, entry + _VALUE, word)
                else:
                    self._insert(key, key_hash, word)

    # ---- the table ----

    def _entry(self, number: int) -> int:
        return self._p_heap.read(self._p_offset + _TABLE) + TABLE_ENTRIES + ENTRY_SIZE * number

    def _find(self, key: Any, key_hash: int) -> int:
        """The offset of the entry of `key`, or 0."""
        heap = self._p_heap
        table = heap.read(self._p_offset + _TABLE)
        if not table:
            return 0
        slots = heap.read(table + _SLOTS)
        index = table + TABLE_ENTRIES + ENTRY_SIZE * heap.read(table + _CAPACITY)
        word = immediate(heap, key)
        for slot in _probe(key_hash, slots):
            number = _read_slot(heap, index, slot)
            if number == 0:
                return 0
            entry = table + TABLE_ENTRIES + ENTRY_SIZE * (number - 1)
            if heap.read(entry + _HASH) == key_hash:
                stored = heap.read(entry + _KEY)
                if stored == ABSENT:
                    continue
                if stored == word:
                    return entry
                if not (is_container(stored) and is_container(word)):
                    candidate = decode(heap, stored)
                    if candidate is key or candidate == key:
                        return entry
        return 0

    def _insert(self, key: Any, key_hash: int, value_word: int) -> None:
        """Add an entry for a key that is not there, inside a statement.

        Snapshotted before: the slot, the entry and the counts. Holds after: the last entry is this one.
        """
        heap = self._p_heap
        key_word = immediate(heap, key) or encode(heap, key)
        used = heap.read(self._p_offset + _USED)
        table = heap.read(self._p_offset + _TABLE)
        if not table or used == heap.read(table + _CAPACITY):
            self._rebuild([key_hash, key_word, value_word])
            return
        slots = heap.read(table + _SLOTS)
        index = table + TABLE_ENTRIES + ENTRY_SIZE * heap.read(table + _CAPACITY)
        for slot in _probe(key_hash, slots):
            if _read_slot(heap, index, slot) == 0:
                _write_slot(heap, index, slot, used + 1)
                break
        heap.write_words(self._entry(used), [key_hash, key_word, value_word])
        heap.write_words(self._p_offset + _LIVE, [len(self) + 1, used + 1])

    def _remove(self, entry: int) -> None:
        """Drop an entry. Its place and its slot stay used, so that probing goes on past them."""
        heap = self._p_heap
        with heap.statement:
            free_leaf(heap, heap.read(entry + _KEY))
            free_leaf(heap, heap.read(entry + _VALUE))
            heap.write_words(entry + _KEY, [ABSENT, ABSENT])
            heap.write(self._p_offset + _LIVE, len(self) - 1)

    def _rebuild(self, added: list[int]) -> None:
        """Move the live entries and one more to a new table with room to grow."""
        heap = self._p_heap
        old = heap.read(self._p_offset + _TABLE)
        entries = self._live_entries()
        entries.extend(added)
        count = len(entries) // 3
        slots = _MIN_SLOTS
        while slots * 2 // 3 <= count + (count >> 1):
            slots *= 2
        capacity = slots * 2 // 3
        table = heap.alloc(TABLE_ENTRIES + ENTRY_SIZE * capacity + _SLOT_SIZE * slots, Kind.DICT_TABLE, zero=True)
        index = array("I", bytes(_SLOT_SIZE * slots))
        for number in range(count):
            for slot in _probe(entries[3 * number], slots):
                if index[slot] == 0:
                    index[slot] = number + 1
                    break
        heap.init(table, [slots, capacity, *entries])
        heap.init_bytes(table + TABLE_ENTRIES + ENTRY_SIZE * capacity, index.tobytes())
        heap.write_words(self._p_offset + _LIVE, [count, count, table])
        if old:
            heap.free(old)

    def _live_entries(self) -> list[int]:
        """Hash, key and value words of the live entries, in order."""
        words = _entry_words(self._p_heap, self._p_offset)
        live: list[int] = []
        for at in range(0, len(words), 3):
            if words[at + 1] != ABSENT:
                live.extend(words[at : at + 3])
        return live

    # ---- for walkers ----

    @staticmethod
    def _p_allocate(heap: Heap, cls: type) -> int:
        offset = heap.alloc(DICT_SIZE, Kind.DICT)
        heap.init(offset, [new_header(Kind.DICT), 0, 0, 0])
        return offset

    @staticmethod
    def _p_words(heap: Heap, offset: int) -> Iterable[int]:
        words = _entry_words(heap, offset)
        return words[1::3] + words[2::3]

    @staticmethod
    def _p_bodies(heap: Heap, offset: int) -> Iterable[int]:
        table = heap.read(offset + _TABLE)
        return (table,) if table else ()

    @staticmethod
    def _p_entries(heap: Heap, offset: int, limit: int) -> tuple[int, list[tuple[str, int, int]]]:
        words = _entry_words(heap, offset)
        live = [at for at in range(0, len(words), 3) if words[at + 1] != ABSENT]
        return len(live), [(describe(heap, words[at + 1], 24), words[at + 1], words[at + 2]) for at in live[:limit]]

    @staticmethod
    def _p_summary(count: int) -> str:
        return f"{count} key" if count == 1 else f"{count} keys"

    @staticmethod
    def _p_type_name(heap: Heap, offset: int) -> str:
        return "PersistentDict"


class _Keys(KeysView[Any]):
    _mapping: PersistentDict

    def __reversed__(self) -> Iterator[Any]:
        return reversed(self._mapping)


class _Values(ValuesView[Any]):
    _mapping: PersistentDict

    def __iter__(self) -> Iterator[Any]:
        return self._mapping._walk(_VALUE, 1)

    def __reversed__(self) -> Iterator[Any]:
        return self._mapping._walk(_VALUE, -1)


class _Items(ItemsView[Any, Any]):
    _mapping: PersistentDict

    def __reversed__(self) -> Iterator[tuple[Any, Any]]:
        for key in reversed(self._mapping):
            yield key, self._mapping[key]


def _entry_words(heap: Heap, offset: int) -> list[int]:
    """The words of all used entries, the deleted ones included, of the dict at `offset`."""
    table = heap.read(offset + _TABLE)
    if not table:
        return []
    return heap.read_words(table + TABLE_ENTRIES, 3 * heap.read(offset + _USED))


def _probe(key_hash: int, slots: int) -> Iterator[int]:
    """The slots to look at, in order; every slot is reached."""
    mask = slots - 1
    perturb = key_hash
    slot = key_hash & mask
    # The perturbation is used up after 13 steps; from then on the recurrence visits every slot.
    for _ in range(slots + 13):
        yield slot
        perturb >>= 5
        slot = (slot * 5 + perturb + 1) & mask


def _read_slot(heap: Heap, index: int, slot: int) -> int:
    """Two slots share a word."""
    word = heap.read(index + WORD * (slot >> 1))
    return word >> 32 if slot & 1 else word & _SLOT_MAX


def _write_slot(heap: Heap, index: int, slot: int, number: int) -> None:
    at = index + WORD * (slot >> 1)
    word = heap.read(at)
    heap.write(at, (word & _SLOT_MAX) | number << 32 if slot & 1 else word >> 32 << 32 | number)


def _pairs(args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[Any, Any]:
    """What the arguments of dict() and update() mean, as a plain dict."""
    pairs = dict(_as_mapping(args[0])) if args else {}
    pairs.update(kwargs)
    return pairs


def _as_mapping(source: Any) -> Any:
    """What dict() takes: anything with keys() is a mapping, else an iterable of pairs."""
    if hasattr(source, "keys"):
        return {key: source[key] for key in source.keys()}  # noqa: SIM118
    return source


register_kind(PersistentDict)
MutableMapping.register(PersistentDict)
