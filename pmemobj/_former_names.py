"""Names of classes and functions of this package that are stored in pools, dumps and pickles, but have changed.

Up to version 0.1.0 what is stored named the module that defined a class. These modules have moved since then. What is
stored stays readable because each of its readers asks here: the look-up of an object's class, the unpickler of
nominated values, and Python's own `pickle`, which imports the former modules by themselves.

A key keeps its hash, and the hash of a dataclass or an Enum member is made of the name of its class, too. So it is made
of the former name for as long as there are pools; see `hashed_name`.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

#: For each former module the module from which its names are imported now, and the names.
_MOVED: dict[str, tuple[str, str]] = {
    "pmemobj._array": ("pmemobj", "PersistentArray"),
    "pmemobj._base": ("pmemobj", "Oid"),
    "pmemobj._blocks": ("pmemobj", "Block"),
    "pmemobj._bytearray": ("pmemobj", "PersistentByteArray"),
    "pmemobj._dict": ("pmemobj", "PersistentDict"),
    "pmemobj._examine": ("pmemobj", "Finding Report"),
    "pmemobj._extension": ("pmemobj", "Field Persistent"),
    "pmemobj._graphs": (
        "pmemobj.inspect",
        "Change Comparison Edge Graph Node Offsets Slot Tree differences",
    ),
    "pmemobj._list": ("pmemobj", "PersistentList"),
    "pmemobj._log": ("pmemobj", "TransactionLog"),
    "pmemobj._log_entries": ("pmemobj", "LogChange LogEntry LogLine LogStep"),
    "pmemobj._manager": ("pmemobj", "MemoryManager"),
    "pmemobj._medium": ("pmemobj._files.medium", "Medium"),
    "pmemobj._memory": ("pmemobj.inspect", "memory"),
    "pmemobj._memory_form": ("pmemobj.inspect", "Gap Memory Piece State Word"),
    "pmemobj._names": ("pmemobj", "alias"),
    "pmemobj._object": ("pmemobj", "PersistentObject"),
    "pmemobj._pickles": ("pmemobj", "persist_via_pickle"),
    "pmemobj._readings": ("pmemobj.inspect", "Meaning"),
    "pmemobj._set": ("pmemobj", "PersistentSet"),
    "pmemobj._stats": ("pmemobj", "PoolStats"),
    "pmemobj._transaction": ("pmemobj", "Transaction"),
    "pmemobj._tree": ("pmemobj.inspect", "slot_note tree_text"),
    "pmemobj._tuple": ("pmemobj", "PersistentTuple"),
    "pmemobj.convert": ("pmemobj", "to_python"),
    "pmemobj.crash._frames": ("pmemobj.crash", "Frame LineState Snapshot"),
    "pmemobj.crash._kill": ("pmemobj.crash", "CrashReport Verdict kill"),
    "pmemobj.crash._pictures": ("pmemobj.crash", "Picture"),
    "pmemobj.crash._power": ("pmemobj.crash", "Recording record"),
    "pmemobj.crash._recorder": ("pmemobj.crash", "PowerModeError acknowledge"),
    "pmemobj.crash._recovery": ("pmemobj.crash", "Outcome"),
    "pmemobj.crash._report": ("pmemobj.crash", "Counterexample LineStory Violation"),
    "pmemobj.crash._states": ("pmemobj.crash", "Moment"),
    "pmemobj.crash._trace": ("pmemobj.crash", "Event Place What"),
}
#: For a former module and a name in it, the module and the name of today, where the table above does not say it.
_RENAMED: dict[tuple[str, str], tuple[str, str]] = {
    ("pmemobj._graphs", "Part"): ("pmemobj.inspect", "Allocation"),
    ("pmemobj.crash._frames", "Line"): ("pmemobj.crash", "CacheLine"),
    ("pmemobj.crash._recovery", "Finding"): ("pmemobj.crash", "BrokenInvariant"),
    ("pmemobj.crash._report", "Report"): ("pmemobj.crash", "Exploration"),
    ("pmemobj._stats", "TypeStats"): ("pmemobj._inspection.stats", "TypeStats"),
}

_CURRENT: dict[tuple[str, str], tuple[str, str]] = {
    (former, name): (module, name) for former, (module, names) in _MOVED.items() for name in names.split()
} | _RENAMED
_FORMER = {current: former for former, current in _CURRENT.items()}
_FORMER_MODULES = {module for module, _ in _CURRENT}


def current(module: str, name: str) -> tuple[str, str]:
    """The module and the name of today for those that are stored; most have not changed."""
    return _CURRENT.get((module, name), (module, name))


def current_name(stored: str) -> str:
    """The same for a name of the form ``module:qualname``."""
    module, _, name = stored.partition(":")
    return ":".join(current(module, name))


def hashed_name(cls: type) -> str:
    """The name of a class, ``module:qualname``, as it enters the hashes of keys: the first that was ever stored."""
    return ":".join(_FORMER.get((cls.__module__, cls.__qualname__), (cls.__module__, cls.__qualname__)))


def attribute_of(module: str, name: str) -> Any:
    """What a former module had under a name.

    A module that is still there, but has lost a name, calls this as its ``__getattr__``.

    Raises:
        AttributeError: the table does not know the name.
    """
    found = _CURRENT.get((module, name))
    if found is None:
        raise AttributeError(f"module {module!r} has no attribute {name!r}", name=name)
    return getattr(importlib.import_module(found[0]), found[1])


class _FormerModules:
    """Lets `import` find the former modules. It is asked last, so it costs the import of other modules nothing.

    It is not derived from the classes of `importlib.abc`, which takes as long to import as half of this package.
    """

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return ModuleSpec(fullname, self) if fullname in _FORMER_MODULES else None  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> None:
        """Let Python create the module, as it does for every other one."""

    def exec_module(self, module: ModuleType) -> None:
        former = module.__name__
        module.__all__ = [name for home, name in _CURRENT if home == former]  # type: ignore[attr-defined]
        module.__getattr__ = lambda name: attribute_of(former, name)  # type: ignore[method-assign]


def let_imports_find_them() -> None:
    """From now on `import`, and so `pickle`, finds the former modules."""
    if not any(type(finder) is _FormerModules for finder in sys.meta_path):
        sys.meta_path.append(_FormerModules())
