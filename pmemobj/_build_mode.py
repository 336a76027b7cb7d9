"""Choose between the compiled and the uncompiled hot modules, before any of them is imported.

A module of this package is hot if a .pxd lies beside its .py. Either all hot modules are compiled or none:
a compiled module that shares C types with an uncompiled one fails at import.

============== ===========================================================================
`PMEMOBJ_PURE` effect
============== ===========================================================================
`1`            the uncompiled sources, even if there are extensions
`0`            the extensions; ImportError if one is missing
unset, other   the extensions if all of them exist, else the sources
============== ===========================================================================
"""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.machinery import EXTENSION_SUFFIXES, ModuleSpec
from types import ModuleType
from typing import NamedTuple

__all__ = ["apply", "is_compiled", "stale_extensions"]

# Paths are strings here: every program pays for this module, and pathlib takes longer to import than all that it does.
_PACKAGE = os.path.dirname(__file__)
_compiled = False


class HotModule(NamedTuple):
    """A module that can be compiled.

    Attributes:
        name: Its full name.
        source: Its .py file.
        has_extension: Whether there is an extension for this Python.
    """

    name: str
    source: str
    has_extension: bool


def apply() -> None:
    """Make imports of hot modules follow `PMEMOBJ_PURE` from now on.

    Raises:
        ImportError: `PMEMOBJ_PURE=0`, and a hot module has no extension for this Python.
    """
    global _compiled
    pure = os.environ.get("PMEMOBJ_PURE")
    hot = list(_hot_modules())
    missing = [module.name for module in hot if not module.has_extension]
    if pure == "0" and missing:
        raise ImportError(
            f"cannot import compiled {', '.join(missing)}: PMEMOBJ_PURE=0, but there is no extension "
            f"for {sys.implementation.cache_tag} in {_PACKAGE} (install with a C compiler, "
            "run `make build` in a checkout, or unset PMEMOBJ_PURE)"
        )
    _compiled = bool(hot) and not missing and pure != "1"
    # Python itself prefers an extension to a source, so only the opposite choice needs a finder.
    if not _compiled and not any(isinstance(finder, _SourceFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _SourceFinder({module.name: module.source for module in hot}))


def is_compiled() -> bool:
    """Whether `apply` chose the compiled modules."""
    return _compiled


def stale_extensions() -> list[str]:
    """The extension files of a checkout that their sources no longer describe.

    Such an extension is older than its .py or than any .pxd (struct layouts cross modules), or has lost
    its .py or .pxd. An installed copy has none, since the times of its files say only when they were unpacked.
    """
    from pathlib import Path

    package = Path(_PACKAGE)
    if not all((package.parent / name).is_file() for name in ("pyproject.toml", "setup.py")):
        return []
    sources = {module.name: Path(module.source) for module in _hot_modules()}
    pxds = list(package.rglob("*.pxd"))
    stale = []
    for path in sorted(package.rglob("*.so")):
        stem, dot, suffix = path.name.partition(".")
        if dot + suffix not in EXTENSION_SUFFIXES:
            continue  # an extension for another version of Python
        if path.with_name(f"{stem}.c").is_file():
            continue  # written in C by hand
        source = sources.get(".".join((package.name, *path.with_name(stem).relative_to(package).parts)))
        made = path.stat().st_mtime_ns
        if source is None or any(made < needed.stat().st_mtime_ns for needed in (source, *pxds)):
            stale.append(str(path))
    return stale


class _SourceFinder:
    """Finds the source of a hot module although an extension lies beside it.

    It is not derived from `importlib.abc.MetaPathFinder`, whose import would take as long as that of this package.
    """

    def __init__(self, sources: Mapping[str, str]) -> None:
        self._sources = sources

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        source = self._sources.get(fullname)
        if source is None:
            return None  # before the import below, which asks this finder too
        from importlib.util import spec_from_file_location

        return spec_from_file_location(fullname, source)


def _hot_modules() -> Iterator[HotModule]:
    """The modules beside which a .pxd lies, in the order of their names within each folder."""
    folders = [(_PACKAGE, "pmemobj")]
    for folder, package in folders:  # grows during the loop
        with os.scandir(folder) as found:
            entries = {entry.name: entry.is_dir() for entry in found}
        folders += [(os.path.join(folder, name), f"{package}.{name}") for name in entries if entries[name]]
        for name in sorted(entries):
            stem, ending = os.path.splitext(name)
            if ending == ".pxd" and f"{stem}.py" in entries:
                has_extension = any(stem + suffix in entries for suffix in EXTENSION_SUFFIXES)
                yield HotModule(f"{package}.{stem}", os.path.join(folder, f"{stem}.py"), has_extension)
