"""SQLite in WAL mode: one table a container, prepared statements, a memory-mapped file.

``synchronous=NORMAL`` syncs at checkpoints only: a transaction survives the program, not a loss of power.
``FULL`` syncs the log at each commit.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from itertools import repeat
from pathlib import Path
from typing import Any, ClassVar

from benchmarks.systems.base import Job, System, allocated, batches, nothing

__all__ = ["SqliteFull", "SqliteNormal"]

CACHE_KIB = 512 * 1024
MAPPED = 4 << 30

SCHEMA = """
CREATE TABLE ints (i INTEGER PRIMARY KEY, v INTEGER);
CREATE TABLE strs (i INTEGER PRIMARY KEY, v TEXT);
CREATE TABLE names (k TEXT PRIMARY KEY, v INTEGER) WITHOUT ROWID;
CREATE TABLE numbers (k INTEGER PRIMARY KEY, v INTEGER);
CREATE TABLE points (id INTEGER PRIMARY KEY, x INTEGER, y INTEGER, z INTEGER);
INSERT INTO points VALUES (1, 1, 1, 1);
"""


class Sqlite(System):
    """What both settings have in common."""

    synchronous: ClassVar[str]

    def version(self) -> str:
        return f"SQLite {sqlite3.sqlite_version}"

    def connect(self, path: Path) -> sqlite3.Connection:
        """A connection that leaves the beginning of transactions to us."""
        connection = sqlite3.connect(path, isolation_level=None, cached_statements=256)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(f"PRAGMA synchronous={self.synchronous}")
        connection.execute(f"PRAGMA cache_size=-{CACHE_KIB}")
        connection.execute(f"PRAGMA mmap_size={MAPPED}")
        connection.execute("PRAGMA temp_store=MEMORY")
        return connection

    def new(self) -> tuple[sqlite3.Connection, Path]:
        """A database with empty tables."""
        path = self.path("data.sqlite")
        connection = self.connect(path)
        connection.executescript(SCHEMA)
        return connection, path

    def main(self) -> sqlite3.Connection:
        """The database of this process."""
        return self.kept("main", lambda: self.new()[0])

    def finish(self) -> None:
        if "main" in self._kept:
            self.main().close()

    def fill(self, connection: sqlite3.Connection, table: str, rows: Iterable[tuple[Any, Any]]) -> None:
        """Put rows into an empty table."""
        connection.execute("BEGIN")
        connection.executemany(f"INSERT INTO {table} VALUES (?, ?)", rows)
        connection.execute("COMMIT")

    def filled(self, table: str, size: int) -> sqlite3.Connection:
        """The main database with that table filled."""
        rows: dict[str, Callable[[], Iterable[tuple[Any, Any]]]] = {
            "ints": lambda: enumerate(range(size)),
            "strs": lambda: enumerate(self.texts(size)),
            "names": lambda: zip(self.names(size), range(size), strict=True),
            "numbers": lambda: enumerate(range(size)),
        }
        connection = self.main()
        self.kept(f"table {table} {size}", lambda: self.fill(connection, table, rows[table]()))
        return connection

    # ---- reading ----

    def _get(self, table: str, column: str, size: int, keys: list[Any]) -> Job:
        execute = self.filled(table, size).execute
        statement = f"SELECT v FROM {table} WHERE {column} = ?"

        def run() -> None:
            for key in keys:
                execute(statement, (key,)).fetchone()[0]

        return Job(run)

    def list_get_int(self, size: int, count: int) -> Job:
        return self._get("ints", "i", size, self.indices(size, count))

    def list_get_str(self, size: int, count: int) -> Job:
        return self._get("strs", "i", size, self.indices(size, count))

    def list_iterate(self, size: int, count: int) -> Job:
        connection = self.filled("ints", size)

        def run() -> None:
            for _ in connection.execute("SELECT v FROM ints ORDER BY i"):
                pass

        return Job(run)

    def dict_get_str(self, size: int, count: int) -> Job:
        return self._get("names", "k", size, self.hot_names(size, count))

    def dict_get_any(self, size: int, count: int) -> Job:
        return self._get("names", "k", size, self.any_names(size, count))

    def dict_get_int(self, size: int, count: int) -> Job:
        return self._get("numbers", "k", size, self.hot_numbers(size, count))

    def dict_in(self, size: int, count: int) -> Job:
        execute, keys = self.filled("names", size).execute, self.hot_names(size, count)

        def run() -> None:
            for key in keys:
                execute("SELECT 1 FROM names WHERE k = ?", (key,)).fetchone() is not None  # noqa: B015

        return Job(run)

    def attribute_get(self, size: int, count: int) -> Job:
        execute = self.main().execute

        def run() -> None:
            for _ in repeat(None, count):
                execute("SELECT x FROM points WHERE id = ?", (1,)).fetchone()[0]

        return Job(run)

    # ---- changing ----

    def _change(self, connection: Any, statement: str, rows: list[Any], after: Callable[[], object] = nothing) -> Job:
        execute = connection.execute

        def run() -> None:
            for row in rows:
                execute(statement, row)

        return Job(run, after)

    def _batch(self, connection: Any, statement: str, rows: list[Any], after: Callable[[], object] = nothing) -> Job:
        def run() -> None:
            connection.execute("BEGIN")
            connection.executemany(statement, rows)
            connection.execute("COMMIT")

        return Job(run, after)

    def _changed(self, keys: list[Any]) -> list[tuple[int, Any]]:
        return list(zip(self.fresh_values(len(keys)), keys, strict=True))

    def _set(self, how: Callable[..., Job], table: str, column: str, size: int, keys: list[Any]) -> Job:
        connection = self.filled(table, size)
        return how(connection, f"UPDATE {table} SET v = ? WHERE {column} = ?", self._changed(keys))

    def _append(self, how: Callable[..., Job], size: int, count: int) -> Job:
        connection = self.filled("ints", size)
        rows = [(index, 7) for index in range(size, size + count)]
        return how(
            connection, "INSERT INTO ints VALUES (?, ?)", rows,
            lambda: connection.execute("DELETE FROM ints WHERE i >= ?", (size,)),
        )  # fmt: skip

    def _new(self, how: Callable[..., Job], size: int, count: int) -> Job:
        connection = self.filled("names", size)
        rows = [(key, 7) for key in self.fresh_names(count)]
        return how(
            connection, "INSERT INTO names VALUES (?, ?)", rows,
            lambda: connection.execute("DELETE FROM names WHERE k LIKE 'new-%'"),
        )  # fmt: skip

    def _attribute(self, how: Callable[..., Job], count: int) -> Job:
        return how(self.main(), "UPDATE points SET x = ? WHERE id = ?", self._changed([1] * count))

    def list_set(self, size: int, count: int) -> Job:
        return self._set(self._change, "ints", "i", size, self.indices(size, count))

    def batch_list_set(self, size: int, count: int) -> Job:
        return self._set(self._batch, "ints", "i", size, self.indices(size, count))

    def list_append(self, size: int, count: int) -> Job:
        return self._append(self._change, size, count)

    def batch_list_append(self, size: int, count: int) -> Job:
        return self._append(self._batch, size, count)

    def dict_set(self, size: int, count: int) -> Job:
        return self._set(self._change, "names", "k", size, self.hot_names(size, count))

    def batch_dict_set(self, size: int, count: int) -> Job:
        return self._set(self._batch, "names", "k", size, self.hot_names(size, count))

    def dict_new(self, size: int, count: int) -> Job:
        return self._new(self._change, size, count)

    def batch_dict_new(self, size: int, count: int) -> Job:
        return self._new(self._batch, size, count)

    def attribute_set(self, size: int, count: int) -> Job:
        return self._attribute(self._change, count)

    def batch_attribute_set(self, size: int, count: int) -> Job:
        return self._attribute(self._batch, count)

    # ---- building, space, opening ----

    def _build(self, table: str, rows: list[tuple[Any, Any]], measure_space: bool = False) -> Job:
        connection, path = self.new()

        def run() -> float | None:
            self.fill(connection, table, rows)
            if not measure_space:
                return None
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            return allocated(path) / len(rows)

        def after() -> None:
            connection.close()
            path.unlink()

        return Job(run, after)

    def build_list(self, size: int, count: int) -> Job:
        return self._build("ints", list(enumerate(range(size))))

    def build_dict(self, size: int, count: int) -> Job:
        return self._build("names", list(zip(self.names(size), range(size), strict=True)))

    def bytes_list(self, size: int, count: int) -> Job:
        return self._build("ints", list(enumerate(range(size))), measure_space=True)

    def bytes_dict(self, size: int, count: int) -> Job:
        return self._build("names", list(zip(self.names(size), range(size), strict=True)), measure_space=True)

    def fill_objects(self, size: int, count: int) -> Job:
        path = self.path("filled.sqlite")

        def run() -> None:
            connection = self.connect(path)
            connection.execute("CREATE TABLE objects (id INTEGER PRIMARY KEY, a, b, c, d, e)")
            for numbers in batches(size):
                connection.execute("BEGIN")
                connection.executemany("INSERT INTO objects VALUES (?, ?, ?, ?, ?, ?)", ((n,) * 6 for n in numbers))
                connection.execute("COMMIT")
            connection.close()

        return Job(run, path.unlink)

    def _make_objects(self, path: Path, size: int) -> None:
        connection = self.connect(path)
        connection.execute("CREATE TABLE objects (id INTEGER PRIMARY KEY, x INTEGER, y INTEGER, z INTEGER)")
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO objects VALUES (?, 1, 1, 1)", ((index,) for index in range(size)))
        connection.execute("COMMIT")
        connection.close()

    def _objects(self, size: int) -> Path:
        name = f"objects-{size}.sqlite"
        return self.kept(name, lambda: self.from_store(name, lambda path: self._make_objects(path, size)))

    def _open(self, size: int) -> sqlite3.Connection:
        connection = self.connect(self._objects(size))
        connection.execute("SELECT x FROM objects WHERE id = ?", (size // 2,)).fetchone()[0]
        return connection

    def open_read(self, size: int, count: int) -> Job:
        self._objects(size)
        opened: list[sqlite3.Connection] = []
        return Job(lambda: opened.append(self._open(size)), lambda: opened.pop().close())

    def close_read(self, size: int, count: int) -> Job:
        return Job(self._open(size).close)


class SqliteNormal(Sqlite):
    """Syncs at checkpoints."""

    name = "sqlite-normal"
    synchronous = "NORMAL"
    largest = 1_000_000  # beyond this size, the setting FULL says the same

    def durability(self) -> str:
        return "survives the program; synced only at checkpoints"


class SqliteFull(Sqlite):
    """Syncs at each commit."""

    name = "sqlite-full"
    synchronous = "FULL"

    def durability(self) -> str:
        return "each commit: the log is fsynced"
