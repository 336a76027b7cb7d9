"""PersistentDict: a dict whose hash table lies in the pool. `_hashtable` is this table, `key_rules` says what can be a
    key.

It differs from dict in these points. `update` and ``|=`` are atomic: if one fails, nothing has changed. `copy()` and
``|`` make plain dicts, since a new persistent object needs a pool, and would be garbage until it is stored. If the
table is rebuilt during an iteration, the iterator raises RuntimeError, where that of dict might skip or repeat keys.
"""

from __future__ import annotations

import types
from collections.abc import ItemsView, Iterable, Iterator, KeysView, MutableMapping, ValuesView
from typing import Any

from pmemobj._containers.base import guarded_repr
from pmemobj._containers.iterators import Walk
from pmemobj._containers.stored_table import StoredTable
from pmemobj._containers.views import Items, Keys, Values
from pmemobj._engine.heap import Heap
from pmemobj._engine.publication import Publication
from pmemobj._format import (
    ABSENT,
    DICT_TABLE,
    ENTRY_HASH,
    ENTRY_KEY,
    ENTRY_SIZE,
    ENTRY_VALUE,
    Kind,
)
from pmemobj._hashtable.additions import add_at_once, add_in_statement, append_entries, prepare_key, put_entry
from pmemobj._hashtable.entries import live_words
from pmemobj._hashtable.hashes import stored_hash
from pmemobj._hashtable.new_entries import NewEntries
from pmemobj._hashtable.search import find_entry, has_entry, look_up
from pmemobj._hashtable.table import exchange_value, store_value
from pmemobj._public_names import public_in
from pmemobj._values.nans import canonical_pairs, with_nans_of
from pmemobj._values.words import decode, describe, encode, immediate, prepare, replace
from pmemobj.errors import NotPersistableError

_NOUN = "dictionary"
_missing: Any = object()


class PersistentDict(StoredTable):
    """A dict in a pool; made with ``pool.new(PersistentDict, ...)``, with the arguments of dict.

    A key is None, a number, a str, bytes, any other value that can be stored and whose equality pmemobj knows (dates,
    Decimals, Enum members, frozen dataclasses, ...), a plain tuple of such values, or a persistent object that compares
    by identity. `copy()` and ``|`` make plain dicts.

    Durability: each method is atomic by itself and durable when it returns; inside a transaction it is durable with the
        commit.

    Cost: a look-up takes constant time on average and calls no C function. Replacing the value of a key is one store if
        the old and the new value fit a word each; a new key is three stores, or one transaction when the table must
        grow, which is amortised constant.

    Example::

        import pmemobj

        with pmemobj.create("ages.pmem", 16 << 20) as pool:
            ages = pool.root = pool.new(pmemobj.PersistentDict, ada=36)
            ages["bob"] = 41
            assert ages.get("eve") is None and list(ages) == ["ada", "bob"]
    """

    __slots__ = ()
    _p_kind = Kind.DICT
    __class_getitem__ = classmethod(types.GenericAlias)  # type: ignore[var-annotated]

    def __init__(self, /, *args: Any, **kwargs: Any) -> None:
        if len(args) > 1:
            raise TypeError(f"PersistentDict expected at most 1 argument, got {len(args)}")
        self._p_heap.read(self._p_offset)  # This raises if the object has no pool, also if there are no pairs.
        self._set_all(_pairs(args, kwargs))

    @classmethod
    def fromkeys(cls, iterable: Iterable[Any], value: Any = None, /) -> Any:
        """Always raises, since a class does not know in which pool to make the dict.

        Raises:
            NotPersistableError: always; it is a TypeError.

        Cost: constant.
        """
        raise NotPersistableError(
            f"make a {cls.__name__} from keys",
            "a class does not know in which pool",
            f"use pool.new({cls.__name__}, dict.fromkeys(keys, value))",
        )

    # ---- reading ----

    def __getitem__(self, key: Any) -> Any:
        value = look_up(self, key, _missing)
        if value is _missing:
            # As with dict, a derived class may say what a missing key means.
            missing = getattr(type(self), "__missing__", None)
            if missing is not None:
                return missing(self, key)
            raise KeyError(key)
        return value

    def get(self, key: Any, default: Any = None, /) -> Any:
        """The value of `key`, or `default`.

        Cost: O(1) on average; no C function is called.

        Example::

            tries = pool.root.get("tries", 0)
        """
        return look_up(self, key, default)

    def __contains__(self, key: Any) -> bool:
        return has_entry(self, ENTRY_SIZE, key)

    def __iter__(self) -> Iterator[Any]:
        return Walk(self, ENTRY_SIZE, ENTRY_KEY, 1, _NOUN)

    def __reversed__(self) -> Iterator[Any]:
        return Walk(self, ENTRY_SIZE, ENTRY_KEY, -1, _NOUN)

    def _walk_values(self, direction: int) -> Iterator[Any]:
        return Walk(self, ENTRY_SIZE, ENTRY_VALUE, direction, _NOUN)

    def _walk_items(self, direction: int) -> Iterator[tuple[Any, Any]]:
        return Walk(self, ENTRY_SIZE, 0, direction, _NOUN)

    def keys(self) -> KeysView[Any]:
        """A set-like view of the keys.

        Cost: O(1); O(n) to iterate over it.
        """
        return Keys(self)

    def values(self) -> ValuesView[Any]:
        """A view of the values.

        Cost: O(1); O(n) to iterate over it.
        """
        return Values(self)

    def items(self) -> ItemsView[Any, Any]:
        """A set-like view of the pairs of key and value.

        Cost: O(1); O(n) to iterate over it.
        """
        return Items(self)

    def copy(self) -> dict[Any, Any]:
        """A shallow copy, as a plain dict.

        Cost: O(n).
        """
        return dict(self._walk_items(1))

    def __repr__(self) -> str:
        return guarded_repr(self, lambda: repr(dict(self._walk_items(1))))

    def __eq__(self, other: Any) -> Any:
        if not isinstance(other, (PersistentDict, dict)):
            return NotImplemented
        return self.copy() == _alike(other)

    def __ne__(self, other: Any) -> Any:
        if not isinstance(other, (PersistentDict, dict)):
            return NotImplemented
        return self.copy() != _alike(other)

    __hash__ = None  # type: ignore[assignment]

    def __or__(self, other: Any) -> Any:
        if not isinstance(other, (PersistentDict, dict)):
            return NotImplemented
        mine = self.copy()
        return mine | with_nans_of(mine, _plain(other))

    def __ror__(self, other: Any) -> Any:
        if not isinstance(other, (PersistentDict, dict)):
            return NotImplemented
        mine = self.copy()
        return with_nans_of(mine, _plain(other)) | mine

    # ---- changing ----

    def __setitem__(self, key: Any, value: Any) -> None:
        self._set(key, value)

    def _set(self, key: Any, value: Any) -> None:
        heap = self._p_heap
        offset = self._p_offset
        key_hash = stored_hash(heap, key)
        lock = heap.lock
        lock.acquire()
        try:
            if not heap.in_transaction():
                if self._set_at_once(key, key_hash, value):
                    return
                word = ABSENT
            else:
                word = immediate(heap, value)
                if word != ABSENT:
                    entry = find_entry(heap, offset, ENTRY_SIZE, key, key_hash)
                    if not entry:
                        add_in_statement(heap, offset, ENTRY_SIZE, key, key_hash, word)
                        return
                    if store_value(heap, offset, entry, word):
                        return
            with heap.statement:
                if word == ABSENT:
                    word = encode(heap, value)
                put_entry(heap, offset, ENTRY_SIZE, key, key_hash, word)
        finally:
            lock.release()

    def _set_at_once(self, key: Any, key_hash: int, value: Any) -> bool:
        """Set a key outside a transaction. Return False if this takes a transaction."""
        heap = self._p_heap
        offset = self._p_offset
        entry = find_entry(heap, offset, ENTRY_SIZE, key, key_hash)
        if entry:
            replace(heap, entry + ENTRY_VALUE, value)
            return True
        publication = Publication(heap)
        try:
            word = prepare(heap, publication, value)
            if word == ABSENT:
                return False
            texts = bytearray()
            key_word = prepare_key(heap, publication, key, texts)
            if key_word == ABSENT:
                return False
            return add_at_once(heap, publication, offset, ENTRY_SIZE, key_hash, key_word, word, texts)
        finally:
            publication.cancel()

    def __delitem__(self, key: Any) -> None:
        heap = self._p_heap
        key_hash = stored_hash(heap, key)
        with heap.lock:
            entry = find_entry(heap, self._p_offset, ENTRY_SIZE, key, key_hash)
            if not entry:
                raise KeyError(key)
            self._remove(entry)

    def setdefault(self, key: Any, default: Any = None, /) -> Any:
        """The value of `key`. If the key is missing, it is first set to `default`.

        Durability: one transaction; inside a transaction with its commit.
        Cost: O(1) on average if the key is there; else one transaction, amortised O(1).

        Example::

            scores = pool.root.setdefault("scores", pool.new(pmemobj.PersistentList))
        """
        heap = self._p_heap
        key_hash = stored_hash(heap, key)
        with heap.lock:
            entry = find_entry(heap, self._p_offset, ENTRY_SIZE, key, key_hash)
            if entry:
                return decode(heap, heap.read(entry + ENTRY_VALUE))
            with heap.statement:
                put_entry(heap, self._p_offset, ENTRY_SIZE, key, key_hash, encode(heap, default))
            return default

    def pop(self, key: Any, default: Any = _missing, /) -> Any:
        """Remove `key` and return its value. If it is missing, return `default`.

        Raises:
            KeyError: the key is missing, and there is no `default`.

        Durability: one transaction; inside a transaction with its commit.
        Cost: O(1) amortised.
        """
        heap = self._p_heap
        key_hash = stored_hash(heap, key)
        with heap.lock:
            while True:
                entry = find_entry(heap, self._p_offset, ENTRY_SIZE, key, key_hash)
                if not entry:
                    break
                changes = heap.changes
                value = decode(heap, heap.read(entry + ENTRY_VALUE))
                if heap.changes == changes:  # Else reading a pickle has run foreign code.
                    self._remove(entry)
                    return value
        if default is _missing:
            raise KeyError(key)
        return default

    def popitem(self) -> tuple[Any, Any]:
        """Remove the pair that was added last, and return its key and value.

        Raises:
            KeyError: the dict is empty.

        Durability: one transaction; inside a transaction with its commit.
        Cost: O(1) amortised.
        """
        pair = self._pop_last(ENTRY_SIZE)
        if pair is None:
            raise KeyError("popitem(): dictionary is empty")
        return pair

    def update(self, /, *args: Any, **kwargs: Any) -> None:
        """Set all pairs of a mapping, of an iterable of pairs, and of keyword arguments; or none of them if one cannot
        be stored.

        Durability: one transaction; inside a transaction with its commit.
        Cost: O(k) amortised for k pairs.

        Example::

            pool.root.update({"name": "Ada"}, tries=3)
        """
        if len(args) > 1:
            raise TypeError(f"update expected at most 1 argument, got {len(args)}")
        self._set_all(_pairs(args, kwargs))

    def __ior__(self, other: Any) -> PersistentDict:
        self.update(other)
        return self

    def _set_all(self, pairs: dict[Any, Any]) -> None:
        """Set all of `pairs`, or none of them."""
        heap = self._p_heap
        offset = self._p_offset
        if not pairs:
            heap.read(offset)  # This raises if there is no object.
            return
        with heap.statement:
            # All words come first, since a value that cannot be stored must not leave half an update.
            changes = heap.changes
            new = NewEntries(ENTRY_SIZE)
            if not heap.read(offset + DICT_TABLE):
                for key, value in pairs.items():
                    word = immediate(heap, value) or encode(heap, value)
                    new.add(heap, key, stored_hash(heap, key), word)
                if heap.changes == changes:
                    append_entries(heap, offset, new)
                    return
                # Pickling has run foreign code, which may have added entries meanwhile.
                new.free_keys(heap)
                for number, key in enumerate(pairs):
                    key_hash, word = new.word(number, ENTRY_HASH), new.word(number, ENTRY_VALUE)
                    put_entry(heap, offset, ENTRY_SIZE, key, key_hash, word)
                return
            hashes = [stored_hash(heap, key) for key in pairs]
            words = [immediate(heap, value) or encode(heap, value) for value in pairs.values()]
            replaced: list[tuple[int, int]] = []
            for key, key_hash, word in zip(pairs, hashes, words, strict=True):
                entry = find_entry(heap, offset, ENTRY_SIZE, key, key_hash)
                if entry:
                    replaced.append((entry, word))
                else:
                    new.add(heap, key, key_hash, word)
            if heap.changes != changes:
                # Comparing or pickling has run foreign code, which may have removed the entries that were found.
                new.free_keys(heap)
                for key, key_hash, word in zip(pairs, hashes, words, strict=True):
                    put_entry(heap, offset, ENTRY_SIZE, key, key_hash, word)
                return
            for entry, word in replaced:
                exchange_value(heap, offset, entry, word)
            if len(new):
                append_entries(heap, offset, new)

    # ---- for walkers ----

    @staticmethod
    def _p_entries(heap: Heap, offset: int, limit: int) -> tuple[int, list[tuple[str, int, int]]]:
        words = live_words(heap, offset, ENTRY_SIZE)
        shown = zip(words[1 : 3 * limit : 3], words[2 : 3 * limit : 3], strict=True)
        return len(words) // 3, [(describe(heap, key, 24), key, value) for key, value in shown]

    @staticmethod
    def _p_summary(count: int) -> str:
        return f"{count} key" if count == 1 else f"{count} keys"

    @staticmethod
    def _p_type_name(heap: Heap, offset: int) -> str:
        return "PersistentDict"


def _plain(mapping: PersistentDict | dict[Any, Any]) -> dict[Any, Any]:
    return mapping.copy() if isinstance(mapping, PersistentDict) else mapping


def _alike(mapping: PersistentDict | dict[Any, Any]) -> dict[Any, Any]:
    """The mapping as a plain dict for a comparison, in which each NaN is the canonical object."""
    return mapping.copy() if isinstance(mapping, PersistentDict) else canonical_pairs(mapping)


def _pairs(args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[Any, Any]:
    """The arguments of dict() or update() as a plain dict. If they are wrong, dict() itself raises."""
    if args and isinstance(args[0], PersistentDict):
        args = (args[0].copy(),)
    pairs = dict(*args)
    pairs.update(kwargs)
    return canonical_pairs(pairs)


public_in("pmemobj")(PersistentDict)
MutableMapping.register(PersistentDict)
