"""Python objects that live in persistent memory.

A pool is a file that is mapped into the process. Lists, dicts and objects of a program's own classes are
stored in it in place. A transaction changes them as a whole or not at all, at whatever moment the program
or the power fails::

    import pmemobj

    with pmemobj.PersistentObjectPool("game.pmem", flag="c") as pool:
        if pool.root is None:
            pool.root = pool.new(pmemobj.PersistentDict, tries=0)
        pool.root["tries"] += 1
"""

from __future__ import annotations

import importlib
import sys
import types
from typing import TYPE_CHECKING, Any

from pmemobj import _build_mode

_build_mode.apply()

from pmemobj import _former_names, errors
from pmemobj._containers.array import PersistentArray
from pmemobj._containers.base import Oid
from pmemobj._containers.bytearray import PersistentByteArray
from pmemobj._containers.deque import PersistentDeque
from pmemobj._containers.dict import PersistentDict
from pmemobj._containers.frozenset import PersistentFrozenSet
from pmemobj._containers.list import PersistentList
from pmemobj._containers.set import PersistentSet
from pmemobj._containers.tuple import PersistentTuple
from pmemobj._engine.transaction import Transaction
from pmemobj._files.sizes import DEFAULT_MAX_SIZE, DEFAULT_POOL_SIZE
from pmemobj._objects.attributes import PersistentObject
from pmemobj._objects.blocks import Block
from pmemobj._objects.class_names import alias
from pmemobj._objects.convert import to_python
from pmemobj._objects.fields import Field, Persistent
from pmemobj._objects.manager import MemoryManager
from pmemobj._objects.special_dicts import PersistentCounter, PersistentDefaultDict, PersistentOrderedDict
from pmemobj._objects.transactional import transactional
from pmemobj._values.pickles import persist_via_pickle
from pmemobj._version import __version__ as __version__
from pmemobj.errors import *  # noqa: F403
from pmemobj.pool import PersistentObjectPool, create, open_pools, remove
from pmemobj.pool import open as open

if TYPE_CHECKING:
    # The names of `_LATER` again, for type checkers and editors; a test compares the two.
    from pmemobj import glance, inspect
    from pmemobj._history.log import LogChange, LogEntry, LogLine, LogStep, TransactionLog
    from pmemobj._inspection.stats import PoolStats
    from pmemobj._verify.examination import Finding, Report
    from pmemobj.check import check
    from pmemobj.dump import dump, resize, restore

#: The public names that most programs do not use, each with the module that has it. They are imported when they are
#: asked for, since they take as long to import as all the others together. Empty: the name is that of a module.
_LATER = {
    "Finding": "pmemobj._verify.examination",
    "LogChange": "pmemobj._history.log",
    "LogEntry": "pmemobj._history.log",
    "LogLine": "pmemobj._history.log",
    "LogStep": "pmemobj._history.log",
    "PoolStats": "pmemobj._inspection.stats",
    "Report": "pmemobj._verify.examination",
    "TransactionLog": "pmemobj._history.log",
    "check": "pmemobj.check",
    "dump": "pmemobj.dump",
    "glance": "",
    "inspect": "",
    "resize": "pmemobj.dump",
    "restore": "pmemobj.dump",
}

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
    "PersistentCounter",
    "PersistentDefaultDict",
    "PersistentDeque",
    "PersistentDict",
    "PersistentFrozenSet",
    "PersistentList",
    "PersistentObject",
    "PersistentObjectPool",
    "PersistentOrderedDict",
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
    "remove",
    "resize",
    "restore",
    "to_python",
    "transactional",
    *errors.__all__,
]


def __getattr__(name: str) -> Any:
    """Import one of the names of `_LATER` (PEP 562); afterwards it is an ordinary name of this module."""
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name, obj=sys.modules[__name__])
    module = importlib.import_module(_LATER[name] or f"{__name__}.{name}")
    found = getattr(module, name) if _LATER[name] else module
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER})


class _Package(types.ModuleType):
    """The type of this module, because two modules have the names of the functions in them: `check` and `dump`.

    When a module is imported, Python makes it an attribute of its package. Here the functions keep these names.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if not (isinstance(value, types.ModuleType) and _LATER.get(name)):
            super().__setattr__(name, value)


_Package.__name__ = types.ModuleType.__name__  # error messages name the type of what they were given
sys.modules[__name__].__class__ = _Package
