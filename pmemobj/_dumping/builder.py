"""Makes a pool out of records, which is the common part of restoring a dump and resizing a pool.

The records come from a source that can be read more than once. On the first pass they are checked and their memory
is added up. Then the pool is created under a temporary name, and the headers of all objects are made, so that every
object has an offset before another one refers to it. On the second pass the objects get their contents; tuples get
theirs first, since a tuple that is a key is hashed by its items.

All this happens in transactions of moderate size, whose logs are small. These transactions do not have to be atomic
together: the pool gets its name only when it is complete.
"""

from __future__ import annotations

import contextlib
import os
import struct
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from pmemobj._containers.base import create, demand_feature
from pmemobj._containers.list import PersistentList
from pmemobj._dumping.buffer_records import demand_fields
from pmemobj._dumping.forms import kind_named, number_in_header, read_record, size_of
from pmemobj._dumping.json_plain import plain_to_json
from pmemobj._dumping.records import ClassKey, Record, word_of
from pmemobj._engine.heap import Heap
from pmemobj._engine.size_classes import CHUNK, RUN_OVERHEAD, log_space, usable_size
from pmemobj._files import storage
from pmemobj._files.sizes import DEFAULT_MAX_SIZE, PoolSize, demand_sizes
from pmemobj._format import (
    ALLOCATION_HEADER_SIZE,
    DERIVABLE_KINDS,
    FIRST_LATER_KIND,
    IMMUTABLE_KINDS,
    MIN_POOL_SIZE,
    ROOT_CLASSES,
    ROOT_VALUE,
    TAG_LEAF,
    WORD,
    Kind,
    header,
    new_header,
)
from pmemobj._hashtable.word_hashes import hash_of_word
from pmemobj._progress import Progress
from pmemobj._values.words import replace
from pmemobj.errors import DiskFullError, DumpFormatError, PmemError, PoolFullError, PoolPermissionError
from pmemobj.pool import PersistentObjectPool

#: At most this many objects, leaves and bodies are made in one transaction.
_BATCH = 1000
#: At most this many words of one object are written in one transaction.
_PIECE = 8192
_ZONE = 16 << 30
_MIB = 1 << 20
#: What libpmemobj needs of a pool for itself, with some chunks for its logs.
_OVERHEAD = 5 * _MIB


@dataclass(slots=True)
class Contents:
    """What a pool is to hold.

    Attributes:
        root: The value of its root, as it stands in a dump.
        classes: The attribute names of each class, in slot order.
        count: How many objects there are.
        records: Yields the records, beginning with object number 1. With each comes a text for errors, which says
            where the record is from.
    """

    root: Any
    classes: dict[ClassKey, list[str]]
    count: int
    records: Callable[[], Iterator[tuple[str, Record]]]


@dataclass(slots=True)
class _Plan:
    """What the first pass found: the headers to make, and the memory that everything takes."""

    sizes: Counter[int] = field(default_factory=Counter)
    kinds: bytearray = field(default_factory=bytearray)
    class_numbers: array[int] = field(default_factory=lambda: array("Q"))
    header_sizes: array[int] = field(default_factory=lambda: array("Q"))

    @property
    def needed(self) -> int:
        """The smallest size of a pool that holds it, in bytes; every size class has chunks of its own."""
        used = CHUNK * sum(_chunks(size, count) for size, count in self.sizes.items())
        return max(MIN_POOL_SIZE, _round_up(used + log_space(2 * used) + _OVERHEAD + _MIB * (used // _ZONE)))

    @property
    def comfortable(self) -> int:
        """The size of a pool that has room for changes as well, in bytes."""
        return _round_up(self.needed * 5 // 4)


def _round_up(size: int) -> int:
    return (size + _MIB - 1) // _MIB * _MIB


def _chunks(unit: int, count: int) -> int:
    if unit <= CHUNK - RUN_OVERHEAD:
        return -(-count // ((CHUNK - RUN_OVERHEAD) // unit))
    return count * -(-(unit + RUN_OVERHEAD) // CHUNK)


class _Counting:
    """The target of the first pass: it makes nothing, and adds up what it is asked for."""

    def __init__(self, plan: _Plan, contents: Contents, heap: Heap) -> None:
        self.heap = heap
        self.classes = _numbered(contents.classes)
        self._sizes = plan.sizes
        self._count = contents.count

    def take(self, size: int) -> int:
        """Count an allocation; returns some offset that is not 0."""
        self._sizes[usable_size(size) + ALLOCATION_HEADER_SIZE] += 1
        return 16

    def leaf(self, kind: Kind, payload: bytes) -> int:
        return self.take(WORD + len(payload)) | TAG_LEAF

    def block(self, kind: Kind, size: int, words: Iterable[int]) -> int:
        return self.take(size)

    def fill(self, body: int, words: Iterable[int]) -> None:
        pass

    def offset(self, number: int) -> int:
        if not 1 <= number <= self._count:
            raise ValueError(f"there is no object {number}")
        return 16

    def hash_of(self, word: int) -> int | None:
        return 0


class _Building:
    """The target of the second pass: it makes everything in a pool, in transactions of moderate size."""

    def __init__(self, heap: Heap, contents: Contents) -> None:
        self.heap = heap
        self.classes = _numbered(contents.classes)
        self.offsets = array("Q")
        self._made = 0

    def take(self, kind: Kind, size: int) -> int:
        self._made += 1
        if self._made % _BATCH == 0:
            self.commit()
        return self.heap.alloc(size, kind, zero=True)

    def commit(self) -> None:
        """End the transaction and begin another."""
        self.heap.end(None, True)
        self.heap.begin()

    def write(self, offset: int, words: list[int]) -> None:
        """Fill an object whose header was made in another transaction."""
        for at in range(0, len(words), _PIECE):
            if at:
                self.commit()
            self.heap.write_words(offset + WORD * at, words[at : at + _PIECE])

    def leaf(self, kind: Kind, payload: bytes) -> int:
        offset = self.take(kind, WORD + len(payload))
        self.heap.init(offset, [header(kind, len(payload))])
        self.heap.init_bytes(offset + WORD, payload)
        return offset | TAG_LEAF

    def block(self, kind: Kind, size: int, words: Iterable[int]) -> int:
        offset = self.take(kind, size)
        self.fill(offset, words)
        return offset

    def fill(self, body: int, words: Iterable[int]) -> None:
        self.heap.init(body, words)

    def offset(self, number: int) -> int:
        return self.offsets[number - 1]

    def hash_of(self, word: int) -> int | None:
        return hash_of_word(self.heap, word)


def _numbered(classes: dict[ClassKey, list[str]]) -> dict[ClassKey, tuple[int, dict[str, int]]]:
    return {
        key: (number, {attribute: slot for slot, attribute in enumerate(names)})
        for number, (key, names) in enumerate(classes.items())
    }


# ---- the two passes --------------------------------------------------------------------------------


def plan_for(contents: Contents, progress: Progress | None = None) -> _Plan:
    """The first pass: check all records, and find out how much memory they need.

    Raises:
        DumpFormatError: a record cannot be read, or refers to an object that does not exist.
    """
    plan = _Plan()
    target = _Counting(plan, contents, Heap("a dump"))
    for key in contents.classes:
        if key.fields is not None:
            with _located(f"the class {key.name}"):
                demand_fields(key.fields)
    for names in classes_as_lists(contents.classes):
        target.take(WORD * 4)
        target.block(Kind.LIST_ITEMS, WORD * max(4, len(names)), ())
        for name in names:
            word_of(target, plain_to_json(name))
    target.block(Kind.LIST_ITEMS, WORD * max(4, len(contents.classes)), ())
    with _located("the root"):
        word_of(target, contents.root)
    for done, (where, record) in enumerate(contents.records(), 1):
        with _located(where):
            kind = kind_named(record["type"])
            size = size_of(kind, record)
            target.take(size)
            read_record(target, kind, record)
            plan.kinds.append(kind)
            plan.header_sizes.append(size)
            plan.class_numbers.append(number_in_header(target, kind, record))
        _tell(progress, done, 2 * contents.count)
    return plan


def classes_as_lists(classes: dict[ClassKey, list[str]]) -> list[list[Any]]:
    """The records of classes, in the form in which a pool stores them."""
    return [
        [key.name, *attributes] if key.fields is None else [key.name, key.fields.encode()]
        for key, attributes in classes.items()
    ]


@contextlib.contextmanager
def _located(where: str) -> Iterator[None]:
    """Turn an error from a record into one that says where the record stands."""
    try:
        yield
    except PmemError:
        raise
    except KeyError as error:
        raise _unreadable(where, f"{error.args[0]!r} is missing, or unknown") from None
    except (ValueError, TypeError, IndexError, AttributeError, ArithmeticError, struct.error) as error:
        raise _unreadable(where, str(error)) from None


def _unreadable(where: str, why: str) -> DumpFormatError:
    return DumpFormatError(f"read {where}", why, "correct it, or make the dump again")


def _tell(progress: Progress | None, done: int, total: int) -> None:
    if progress is not None and (done % _BATCH == 0 or done == total):
        progress(done, total)


def fill(pool: PersistentObjectPool, contents: Contents, plan: _Plan, progress: Progress | None = None) -> None:
    """The second pass: make all objects in an empty pool. If this fails, the pool is of no use.

    Raises:
        PoolFullError: the pool is too small.
    """
    heap = pool._heap
    target = _Building(heap, contents)
    heap.begin()
    try:
        if any(_is_later(kind, number) for kind, number in zip(plan.kinds, plan.class_numbers, strict=True)):
            demand_feature(heap)
        for kind, number, size in zip(plan.kinds, plan.class_numbers, plan.header_sizes, strict=True):
            offset = target.take(Kind(kind), size)
            heap.init(offset, [new_header(kind, number)])
            target.offsets.append(offset)
        table = [create(heap, PersistentList, (names,), {}) for names in classes_as_lists(contents.classes)]
        if table:
            replace(heap, heap.root_offset + ROOT_CLASSES, create(heap, PersistentList, (table,), {}))
        done = contents.count
        # As keys they are hashed by their contents, so these come first.
        for immutable in (True, False) if IMMUTABLE_KINDS & set(plan.kinds) else (False,):
            for (where, record), kind in zip(contents.records(), plan.kinds, strict=True):
                if (kind in IMMUTABLE_KINDS) is immutable:
                    with _located(where):
                        words = read_record(target, Kind(kind), record)
                    target.write(target.offset(record["object"]) + WORD, words)
                    done += 1
                    _tell(progress, done, 2 * contents.count)
        heap.write(heap.root_offset + ROOT_VALUE, word_of(target, contents.root))
    except BaseException as error:
        heap.end(error, True)
        raise
    heap.end(None, True)
    heap.types.reload()


def _is_later(kind: int, number: int) -> bool:
    """Whether releases that know no later kinds would overlook something in an object."""
    return kind >= FIRST_LATER_KIND or (kind in DERIVABLE_KINDS and number > 0)


# ---- the file ------------------------------------------------------------------------------------


@contextlib.contextmanager
def built(
    what: str,
    beside: str,
    contents: Contents,
    pool_size: PoolSize | None,
    mode: int = 0o666,
    progress: Progress | None = None,
    max_size: int | None = None,
) -> Iterator[str]:
    """The path of a closed pool that holds `contents`; at the end of the block it is removed if it is still there.

    Args:
        what: What is done, for errors.
        beside: The path that the pool will get; it is built in the same directory.
        contents: What the pool is to hold.
        pool_size: Its size in bytes; None for what it needs and some room for changes; 'auto' for a growing pool.
        mode: Its permissions, without those that the umask takes away.
        progress: Called after every thousand objects.
        max_size: The size in bytes up to which a growing pool may grow.

    Raises:
        DumpFormatError: `contents` contradict themselves.
        PoolFullError: `contents` do not fit; the message says which size would do.
        BadPoolSizeError: a pool cannot have this size.
    """
    plan = plan_for(contents, progress)
    demand_sizes(what, pool_size or plan.comfortable, max_size)
    directory = os.path.dirname(os.path.abspath(beside))
    path = storage.temporary_name(directory, "building")
    try:
        # This is inside of the block that removes the pool, since an interrupt may arrive as soon as it exists.
        with storage.creating_in(directory):
            try:
                pool = PersistentObjectPool(path, "x", pool_size or plan.comfortable, mode, max_size=max_size)
            except (DiskFullError, PoolPermissionError) as error:
                raise type(error)(what, error.why, error.todo) from None  # the original message names `path`
            # The root reaches nothing until the end, so a collection would free everything that was made.
            pool._heap.reclaim = None
            try:
                fill(pool, contents, plan, progress)
            except BaseException:
                # The pool will be removed, so closing it need not collect garbage.
                pool._heap.may_have_garbage = False
                raise
            finally:
                pool.abandon_transaction()
                pool.close()
            yield path
    except PoolFullError:
        grows = pool_size == "auto"
        limit = (max_size or DEFAULT_MAX_SIZE) if grows else (pool_size or plan.comfortable)
        raise PoolFullError(
            f"put {contents.count} objects into a pool of {limit} bytes",
            "they do not fit",
            f"choose a {'max_size' if grows else 'pool_size'} of at least {plan.needed} bytes",
        ) from None
    finally:
        storage.remove(path)
