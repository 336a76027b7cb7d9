"""Dumps pools as text, restores pools from dumps, and copies pools into files of another size.

`dump` writes everything that the root reaches, one line of JSON for each object, those nearest to the root first.
`restore` makes a pool out of a dump, and `resize` makes it out of another pool, without the text in between. None of
them imports a class or unpickles anything. docs/dump_format.md describes the text; in `_dumping`, `json_values` has
the values, `records` and `forms` have the objects, and `builder` makes the pool.
"""

from __future__ import annotations

import builtins
import contextlib
import json
import os
import shutil
import stat
import struct
import tempfile
from collections.abc import Callable, Iterator
from typing import IO, Any

from pmemobj._containers.base import kind_at
from pmemobj._dumping.builder import Contents, built
from pmemobj._dumping.forms import write_record
from pmemobj._dumping.json_plain import plain_to_json
from pmemobj._dumping.json_values import from_json, to_json
from pmemobj._dumping.records import ClassKey, Record
from pmemobj._engine.heap import Heap
from pmemobj._files import pool_file, poolset, storage
from pmemobj._files.sizes import PoolSize, bytes_of, demand_max_size
from pmemobj._format import ROOT_VALUE
from pmemobj._progress import Progress, demand_progress
from pmemobj._values.leaves import BadPayload
from pmemobj._values.words import is_container
from pmemobj.errors import (
    BadPoolSizeError,
    DumpFormatError,
    PmemError,
    PoolDamagedError,
    PoolExistsError,
    PoolIsDirectoryError,
    PoolNotFoundError,
    TransactionError,
    a_or_an,
)
from pmemobj.pool import Path, PersistentObjectPool

__all__ = ["DUMP_VERSION", "dump", "resize", "restore"]

DUMP_VERSION = 1
#: To recognize a dump, at most this many bytes of its first line are read.
_LONGEST_HEADER = 1 << 16
_FORMAT = "pmemobj dump"
_MOVE = "dump it, and restore the dump under another name"
#: `progress` is called after each batch of this many objects.
_BATCH = 1000


# ---- out -----------------------------------------------------------------------------------------


def dump(pool: PersistentObjectPool, file: Path | IO[Any], *, progress: Progress | None = None) -> int:
    """Write everything that the root of a pool reaches as text.

    Shared objects, cycles and the order of dicts are preserved. Objects whose class is missing and pickles of any
    class are written like all others.

    Args:
        pool: An open pool.
        file: A path, or an open text or binary file. At a path there is the whole dump afterwards; if the dump fails,
            the file there stays as it was.
        progress: Called now and then as ``progress(done, total)``, with numbers of objects.

    Returns:
        How many objects were written.

    Raises:
        TransactionError: a transaction is open in this thread; a dump holds a committed state only.
        PoolDamagedError: an object cannot be read; `check` finds everything that is wrong.

    Cost: proportional to the contents. Other threads can read the pool meanwhile, but not change it.

    Example::

        import pmemobj

        with pmemobj.create("notes.pmem", 16 << 20) as pool:
            pool.root = pool.persistent(["a note"])
            assert pmemobj.dump(pool, "notes.dump") > 0
    """
    if not isinstance(pool, PersistentObjectPool):
        noun = a_or_an(type(pool).__name__)
        raise TypeError(f"cannot dump {noun}: it is no pool (open it with pmemobj.open() first)")
    _demand_file("write a dump to", file, "write")
    heap = pool._heap
    what = f"dump pool {pool.path}"
    demand_progress(what, progress)
    with heap.lock:
        heap.read(heap.root_offset)
        if heap.in_transaction():
            raise TransactionError(what, "a transaction is open in this thread", "commit or abort it first")
        before = heap.changes
        contents = contents_of(heap)
        lines = _lines(contents, heap, progress)
        if isinstance(file, (str, os.PathLike)):
            _write_file(pool, os.fspath(file), lines)
        else:
            _write_to(file, lines)
        if heap.changes != before:
            raise TransactionError(what, "it was changed meanwhile, by this thread", "let progress only look")
    return contents.count


def contents_of(heap: Heap) -> Contents:
    """Everything that the root of a pool reaches, as records.

    Raises:
        PoolDamagedError: an object cannot be read.
    """
    root = heap.read(heap.root_offset + ROOT_VALUE)
    numbers: dict[int, int] = {}
    order: list[int] = []

    def number_of(offset: int) -> int:
        number = numbers.get(offset)
        if number is None:
            order.append(offset)
            number = numbers[offset] = len(order)
        return number

    def records() -> Iterator[tuple[str, Record]]:
        for number, offset in enumerate(order, 1):
            where = f"the object at offset {offset:#x} of {heap.name}"
            with _readable(where):
                yield where, {"object": number, **write_record(heap, offset, number_of)}

    with _readable(f"the root of {heap.name}"):
        root_form = to_json(heap, root, number_of)
    for offset in order:  # the loop itself appends to this list
        for word in kind_at(heap, offset)._p_words(heap, offset):
            if is_container(word):
                number_of(word)
    classes = {}
    with _readable(f"the classes of {heap.name}"):
        for number in range(heap.types.count):
            shape = heap.types.layout(number)
            fields = None if shape.fields is None else shape.fields.decode()
            classes[ClassKey(shape.name, fields)] = list(shape.slots)
    return Contents(root_form, classes, len(order), records)


@contextlib.contextmanager
def _readable(where: str) -> Iterator[None]:
    try:
        yield
    except (BadPayload, UnicodeDecodeError, struct.error) as error:
        raise PoolDamagedError(f"read {where}", str(error), "restore the pool from a copy") from None


def _lines(contents: Contents, heap: Heap, progress: Progress | None) -> Iterator[str]:
    yield _line(
        {
            "format": _FORMAT,
            "version": DUMP_VERSION,
            "pool_size": heap.limit,
            "classes": len(contents.classes),
            "objects": contents.count,
            "root": contents.root,
        }
    )
    for key, attributes in contents.classes.items():
        line = {"class": plain_to_json(key.name)}
        if key.fields is None:
            line["attributes"] = [plain_to_json(each) for each in attributes]
        else:
            line["fields"] = plain_to_json(key.fields)
        yield _line(line)
    for done, (_, record) in enumerate(contents.records(), 1):
        yield _line(record)
        if progress is not None and (done % _BATCH == 0 or done == contents.count):
            progress(done, contents.count)
    yield _line({"end": True, "classes": len(contents.classes), "objects": contents.count})


def _line(record: Record) -> str:
    text = json.dumps(record, ensure_ascii=False, allow_nan=False)
    # Some Unicode characters in strings end a line for some readers; then everything is escaped.
    return (text if len(text.splitlines()) == 1 else json.dumps(record, allow_nan=False)) + "\n"


def _write_file(pool: PersistentObjectPool, path: str, lines: Iterator[str]) -> None:
    for taken in (path, os.path.dirname(os.path.abspath(path))):
        # A growing pool is a directory, and a file inside of it would damage it as well.
        if os.path.exists(taken) and os.path.exists(pool.path) and os.path.samefile(taken, pool.path):
            raise ValueError(f"cannot dump pool {pool.path} into itself (choose another file)")
    try:
        if os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path):
            # Write to a device or a pipe, instead of replacing it by a file.
            with builtins.open(path, "w", encoding="utf-8") as file:
                file.writelines(lines)
        else:
            _replace_file(path, lines)
    except OSError as error:
        if isinstance(error, PmemError):
            raise
        raise pool_file.translate(f"dump pool {pool.path} into {path}", error, path) from None


def _replace_file(path: str, lines: Iterator[str]) -> None:
    directory = os.path.dirname(os.path.abspath(path))
    unfinished = storage.temporary_name(directory, "dumping")
    with storage.creating_in(directory):
        try:
            with builtins.open(unfinished, "x", encoding="utf-8") as file:
                file.writelines(lines)
                file.flush()
                os.fsync(file.fileno())
            os.replace(unfinished, path)
        finally:
            with contextlib.suppress(OSError):
                os.unlink(unfinished)


def _write_to(file: IO[Any], lines: Iterator[str]) -> None:
    encode: Callable[[str], Any] = str
    try:
        file.write("")
    except TypeError:
        encode = str.encode
    for line in lines:
        file.write(encode(line))


# ---- in ------------------------------------------------------------------------------------------


def restore(
    file: Path | IO[Any],
    path: Path,
    pool_size: PoolSize | None = None,
    *,
    max_size: int | str | None = None,
    mode: int = 0o666,
    progress: Progress | None = None,
) -> None:
    """Make a new pool out of a dump. No `__init__` runs, and nothing is unpickled.

    Args:
        file: A path, or an open text or binary file, which is read to its end.
        path: The path of the pool; the pool appears there when it is complete.
        pool_size: Its size in bytes, or as text (``'64M'``); by default what the contents need and a quarter more.
            ``'auto'`` for a pool that grows.
        max_size: The size in bytes up to which a growing pool may grow; 64 GiB by default.
        mode: Permissions of the pool, without those that the umask takes away.
        progress: Called now and then as ``progress(done, total)``: every object counts twice, when it is checked and
            when it is built.

    Raises:
        BadPoolSizeError: a pool cannot have the size `pool_size` or `max_size`.
        PoolExistsError: (also FileExistsError) there is a file at `path`.
        DumpFormatError: (also ValueError) the file is no complete dump; the message says which line is wrong.
        PoolFullError: `pool_size` or `max_size` is too small; the message says which size would do.

    Durability: durable when it returns. If it fails or is killed, there is no pool.

    Example::

        import pmemobj

        with pmemobj.create("old.pmem", 16 << 20) as pool:
            pool.root = "kept"
            pmemobj.dump(pool, "old.dump")
        pmemobj.restore("old.dump", "new.pmem", 8 << 20)
        with pmemobj.open("new.pmem") as pool:
            assert pool.root == "kept"
    """
    target = pool_file.checked_path("restore pool", path)
    what = f"restore pool {target}"
    demand_progress(what, progress)
    size, limit = bytes_of(what, "pool_size", pool_size), bytes_of(what, "max_size", max_size)
    if os.path.lexists(target):
        if is_dump(target):
            raise PoolExistsError(
                what, "that is a dump", "name the dump first and the new pool second: restore(file, path)"
            )
        raise PoolExistsError(what, "there is a file of that name", "remove it, or name another")
    with (
        _reader(file) as text,
        built(what, target, _contents_of_dump(text), size, mode, progress, limit) as finished,
    ):
        try:
            pool_file.give_name(finished, target)
        except FileExistsError:
            raise PoolExistsError(
                f"restore pool {target}", "there is a file of that name now", "name another"
            ) from None


def is_dump(path: str) -> bool:
    """Whether the file at `path` begins like a dump."""
    try:
        if not os.path.isfile(path):
            return False
        with builtins.open(path, "rb") as file:
            return _parse(1, file.readline(_LONGEST_HEADER)).get("format") == _FORMAT
    except (OSError, ValueError):
        return False


def _demand_file(what: str, file: Any, method: str) -> None:
    if not isinstance(file, (str, os.PathLike)) and not hasattr(file, method):
        raise TypeError(
            f"cannot {what} {a_or_an(type(file).__name__)}: it is neither a path nor a file "
            f"(give the path, or a file with the method {method})"
        )


@contextlib.contextmanager
def _reader(file: Path | IO[Any]) -> Iterator[IO[bytes]]:
    """The dump as a binary file that can be read twice."""
    _demand_file("read a dump from", file, "read")
    if isinstance(file, (str, os.PathLike)):
        try:
            opened = builtins.open(file, "rb")  # noqa: SIM115 - the reader closes it
            opened.seek(0)
        except FileNotFoundError:
            raise PoolNotFoundError(
                f"read dump {os.fspath(file)}", "there is no such file", "name a file that dump() has written"
            ) from None
        except IsADirectoryError:
            raise PoolIsDirectoryError(
                f"read dump {os.fspath(file)}", "it is a directory", "name a file that dump() has written"
            ) from None
        except OSError as error:
            raise pool_file.translate(f"read dump {os.fspath(file)}", error, os.fspath(file)) from None
        with opened:
            yield opened
        return
    with tempfile.TemporaryFile() as copy:
        first = file.read(1 << 16)
        while first:
            copy.write(first.encode() if isinstance(first, str) else first)
            first = file.read(1 << 16)
        yield copy


def _contents_of_dump(text: IO[bytes]) -> Contents:
    """The contents of a dump, from its header and classes; its records are read when they are iterated over.

    Raises:
        DumpFormatError: the header or a class cannot be read, or has an unknown version.
    """
    text.seek(0)
    header = _parse(1, text.readline())
    if header.get("format") != _FORMAT:
        raise _bad_line(1, "it is no header of a dump")
    if header.get("version") != DUMP_VERSION:
        raise DumpFormatError(
            "read the dump",
            f"its version is {header.get('version')!r}; this release knows version {DUMP_VERSION}",
            "install the release of pmemobj that made it",
        )
    classes: dict[ClassKey, list[str]] = {}
    number = 1
    try:
        count, class_count, root = header["objects"], header["classes"], header["root"]
        if type(count) is not int or type(class_count) is not int or count < 0:
            raise ValueError("a count is no number")
        for number in range(2, 2 + class_count):
            record = _parse(number, text.readline())
            fields = from_json(record["fields"]) if "fields" in record else None
            names = [from_json(each) for each in record["attributes"]] if fields is None else []
            key = ClassKey(from_json(record["class"]), fields)
            if any(type(each) is not str for each in (key.name, key.fields or "", *names)):
                raise ValueError("a name is no text")
            if key in classes or len(set(names)) != len(names):
                raise ValueError("a name occurs twice")
            classes[key] = names
    except (ValueError, TypeError, KeyError, AttributeError, ArithmeticError, struct.error) as error:
        if isinstance(error, PmemError):
            raise
        raise _bad_line(number, f"{type(error).__name__}: {error}") from None
    begin = text.tell()

    def records() -> Iterator[tuple[str, Record]]:
        text.seek(begin)
        first = 2 + class_count
        for at in range(count):
            record = _parse(first + at, text.readline())
            if record.get("object") != at + 1:
                raise _bad_line(first + at, f"object {at + 1} is expected here")
            yield f"line {first + at} of the dump", record
        end = _parse(first + count, text.readline())
        if end != {"end": True, "classes": class_count, "objects": count}:
            raise _bad_line(first + count, f"the end of a dump of {count} objects is expected here")
        if text.readline().strip():
            raise _bad_line(first + count + 1, "something follows the end of the dump")

    return Contents(root, classes, count, records)


def _parse(number: int, line: bytes) -> Record:
    if not line.endswith(b"\n"):
        raise _bad_line(number, "the dump breaks off here")
    try:
        record = json.loads(line, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise _bad_line(number, f"it is no JSON ({error})") from None
    if not isinstance(record, dict):
        raise _bad_line(number, "it is no JSON object")
    return record


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _bad_line(number: int, why: str) -> DumpFormatError:
    return DumpFormatError(f"read line {number} of the dump", why, "correct it, or make the dump again")


# ---- another size ----------------------------------------------------------------------------------


def resize(
    path: Path, new_size: PoolSize | None = None, *, max_size: int | str | None = None, progress: Progress | None = None
) -> None:
    """Give a pool another size: a new pool is built beside the old one, and then replaces it.

    If the program is killed at any moment, there is a complete pool at `path`, either the old one or the new one. The
    new pool is also free of fragmentation. Permissions are kept, and so is the owner if that is allowed.

    A growing pool grows by itself. Only its limit can be changed, and nothing is moved for that. To turn a pool of
    fixed size into a growing one or the other way round, or to make a growing pool smaller, dump it and restore the
    dump.

    Args:
        path: The pool, which must not be open; a pool that was not closed is recovered first.
        new_size: The size in bytes, or as text (``'64M'``); by default what the contents need and a quarter more.
        max_size: The size in bytes up to which a growing pool may grow from now on.
        progress: As for `restore`.

    Raises:
        PoolFullError: `new_size` is too small for the contents; the message says which size would do.
        BadPoolSizeError: `new_size` is below libpmemobj's minimum, or the pool is of the other sort.
        PmemError: the pool cannot be opened.

    Durability: durable when it returns.
    Cost: proportional to the contents; for a while both files exist.

    Example::

        import pmemobj

        pmemobj.create("tight.pmem", 8 << 20).close()
        pmemobj.resize("tight.pmem", 16 << 20)
    """
    real = os.path.realpath(pool_file.checked_path("resize pool", path))
    demand_progress(f"resize pool {real}", progress)
    size = bytes_of(f"resize pool {real}", "new_size", new_size)
    limit = bytes_of(f"resize pool {real}", "max_size", max_size)
    if poolset.is_growing_pool(real):
        _limit(real, size, limit)
        return
    if limit is not None or isinstance(size, str):
        raise BadPoolSizeError(
            f"let pool {real} grow", "it is a file of fixed size", f"{_MOVE} with pool_size='auto' and a max_size"
        )
    # The old pool stays open, and therefore locked, until it has been replaced.
    with PersistentObjectPool(real) as pool:
        contents = contents_of(pool._heap)
        status = os.stat(real)
        with built(f"resize pool {real}", real, contents, size, 0o600, progress) as finished:
            with contextlib.suppress(PermissionError):
                shutil.chown(finished, status.st_uid, status.st_gid)
            os.chmod(finished, stat.S_IMODE(status.st_mode))
            pool_file.replace(finished, real)


def _limit(path: str, new_size: PoolSize | None, max_size: int | None) -> None:
    """Change the size up to which the growing pool at `path` may grow."""
    what = f"resize pool {path}"
    if new_size is not None or max_size is None:
        raise BadPoolSizeError(
            what, "it grows by itself", f"give the max_size that it may grow to, or {_MOVE} with a pool_size"
        )
    demand_max_size(what, max_size)
    # The pool is open until its limit has been replaced: it is locked, and opening has tidied up and verified it.
    with PersistentObjectPool(path) as pool:
        if max_size < pool.size:
            raise BadPoolSizeError(
                what, f"it has {pool.size} bytes already, more than {max_size}", f"give a larger max_size, or {_MOVE}"
            )
        try:
            poolset.set_max_size(path, max_size)
        except OSError as error:
            raise pool_file.translate(what, error, path) from None
