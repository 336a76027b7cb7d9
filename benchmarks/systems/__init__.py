"""The systems that are measured, in the order in which they stand in the tables.

A peer whose package is missing is left out, and the results say why; so its module is imported only when it is asked
for.
"""

from __future__ import annotations

import importlib

from benchmarks.systems.base import System, Unavailable

__all__ = ["ALL", "load", "title_of"]

#: Name, title, module and class.
ALL: dict[str, tuple[str, str, str]] = {
    "builtins": ("builtins", "builtin", "Builtins"),
    "pmemobj": ("pmemobj", "pmem", "Pmemobj"),
    "pmemobj-relaxed": ("pmemobj, relaxed", "pmem", "PmemobjRelaxed"),
    "pmemobj-in-place": ("pmemobj, in place", "pmem", "PmemobjInPlace"),
    "pmemobj-pure": ("pmemobj, uncompiled", "pmem", "PmemobjUncompiled"),
    "floor": ("libpmemobj, C", "machine", "Floor"),
    "fdatasync": ("write + fdatasync", "machine", "Fdatasync"),
    "zodb": ("ZODB", "zodb", "ZodbLists"),
    "zodb-btrees": ("ZODB, BTrees", "zodb", "ZodbTrees"),
    "sqlite-normal": ("SQLite, NORMAL", "sqlite", "SqliteNormal"),
    "sqlite-full": ("SQLite, FULL", "sqlite", "SqliteFull"),
    "lmdb": ("LMDB", "lmdb", "Lmdb"),
    "shelve": ("shelve", "shelf", "Shelve"),
    "diskcache": ("diskcache", "disk_cache", "Diskcache"),
}


def title_of(name: str) -> str:
    """The title of a system, as tables show it."""
    return ALL[name][0]


def load(name: str) -> type[System]:
    """The class of a system.

    Raises:
        Unavailable: a package that it needs is not installed.
    """
    _, module, cls = ALL[name]
    try:
        loaded = importlib.import_module(f"benchmarks.systems.{module}")
    except ModuleNotFoundError as error:
        raise Unavailable(f"the package {error.name} is not installed (pip install 'pmemobj[bench]')") from None
    except ImportError as error:
        raise Unavailable(str(error)) from None
    found: type[System] = getattr(loaded, cls)
    return found
