"""Python objects that live in persistent memory.

A pool is a file that is mapped into the process. Lists, dicts and objects of one's own classes
are stored in it in place, and transactions change them wholly or not at all, whatever moment the
program or the power ends::

    import pmemobj

    with pmemobj.PersistentObjectPool("game.pmem", flag="c") as pool:
        if pool.root is None:
            pool.root = pool.new(pmemobj.PersistentDict, tries=0)
        pool.root["tries"] += 1
"""

from __future__ import annotations

from pmemobj import _build_mode

_build_mode.apply()

from pmemobj import _former_names, errors, glance, inspect
from pmemobj._containers.array import PersistentArray
from pmemobj._containers.base import Oid
from pmemobj._containers.bytearray import PersistentByteArray
from pmemobj._containers.dict import PersistentDict
from pmemobj._containers.list import PersistentList
from pmemobj._containers.set import PersistentSet
from pmemobj._containers.tuple import PersistentTuple
from pmemobj._history.log import LogChange, LogEntry, LogLine, LogStep, TransactionLog
from pmemobj._objects.attributes import PersistentObject
from pmemobj._objects.blocks import Block
from pmemobj._objects.class_names import alias
from pmemobj._objects.convert import to_python
from pmemobj._objects.fields import Field, Persistent
from pmemobj._values.pickles import persist_via_pickle
from pmemobj.check import Finding, Report, check
from pmemobj.dump import dump, resize, restore
from pmemobj.errors import *  # noqa: F403
from pmemobj.pool import (
    DEFAULT_MAX_SIZE,
    DEFAULT_POOL_SIZE,
    MemoryManager,
    PersistentObjectPool,
    PoolStats,
    Transaction,
    create,
    open_pools,
)
from pmemobj.pool import open as open

__version__ = "0.1.0"

# Pickles that programs made with older versions name modules of this package that have moved since.
_former_names.let_imports_find_them()

#: Whether the compiled form of the hot modules is in use.
compiled: bool = _build_mode.is_compiled()

# Without `open`: ``from pmemobj import *`` would put it in place of the builtin, and the next open() of
# a text file would fail in a way that nobody expects. gzip, bz2 and tarfile do export theirs.
__all__ = [
    "DEFAULT_MAX_SIZE",
    "DEFAULT_POOL_SIZE",
    "Block",
    "Field",
    "Finding",
    "LogChange",
    "LogEntry",
    "LogLine",
    "LogStep",
    "MemoryManager",
    "Oid",
    "Persistent",
    "PersistentArray",
    "PersistentByteArray",
    "PersistentDict",
    "PersistentList",
    "PersistentObject",
    "PersistentObjectPool",
    "PersistentSet",
    "PersistentTuple",
    "PoolStats",
    "Report",
    "Transaction",
    "TransactionLog",
    "alias",
    "check",
    "compiled",
    "create",
    "dump",
    "errors",
    "glance",
    "inspect",
    "open_pools",
    "persist_via_pickle",
    "resize",
    "restore",
    "to_python",
    *errors.__all__,
]
