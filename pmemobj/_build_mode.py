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
from collections.abc import Mapping, Sequence
from importlib.machinery import EXTENSION_SUFFIXES, ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType

__all__ = ["apply", "is_compiled", "stale_extensions"]

_PACKAGE = Path(__file__).parent
_compiled = False


def apply() -> None:
    """Make imports of hot modules follow `PMEMOBJ_PURE` from now on.

    Raises:
        ImportError: `PMEMOBJ_PURE=0`, and a hot module has no extension for this Python.
    """
    global _compiled
    pure = os.environ.get("PMEMOBJ_PURE")
    sources = _hot_sources()
    missing = [name for name, source in sources.items() if not _has_extension(source)]
    if pure == "0" and missing:
        raise ImportError(
            f"cannot import compiled {', '.join(missing)}: PMEMOBJ_PURE=0, but there is no extension "
            f"for {sys.implementation.cache_tag} in {_PACKAGE} (install with a C compiler, "
            "run `make build` in a checkout, or unset PMEMOBJ_PURE)"
        )
    _compiled = bool(sources) and not missing and pure != "1"
    # Python itself prefers an extension to a source, so only the opposite choice needs a finder.
    if not _compiled and not any(isinstance(finder, _SourceFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _SourceFinder(sources))


def is_compiled() -> bool:
    """Whether `apply` chose the compiled modules."""
    return _compiled


def stale_extensions() -> list[str]:
    """The extension files of a checkout that their sources no longer describe.

    Such an extension is older than its .py or than any .pxd (struct layouts cross modules), or has lost
    its .py or .pxd. An installed copy has none, since the times of its files say only when they were unpacked.
    """
    if not all((_PACKAGE.parent / name).is_file() for name in ("pyproject.toml", "setup.py")):
        return []
    sources = _hot_sources()
    pxds = list(_PACKAGE.rglob("*.pxd"))
    stale = []
    for path in sorted(_PACKAGE.rglob("*.so")):
        stem, dot, suffix = path.name.partition(".")
        if dot + suffix not in EXTENSION_SUFFIXES:
            continue  # an extension for another version of Python
        if path.with_name(f"{stem}.c").is_file():
            continue  # written in C by hand
        source = sources.get(_module_name(path.with_name(stem)))
        made = path.stat().st_mtime_ns
        if source is None or any(made < needed.stat().st_mtime_ns for needed in (source, *pxds)):
            stale.append(str(path))
    return stale


class _SourceFinder:
    """Finds the source of a hot module although an extension lies beside it.

    It is not derived from `importlib.abc.MetaPathFinder`, whose import would take as long as that of this package.
    """

    def __init__(self, sources: Mapping[str, Path]) -> None:
        self._sources = sources

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        source = self._sources.get(fullname)
        return None if source is None else spec_from_file_location(fullname, source)


def _hot_sources() -> dict[str, Path]:
    """The .py file of each hot module, by the module's full name."""
    sources = (pxd.with_suffix(".py") for pxd in sorted(_PACKAGE.rglob("*.pxd")))
    return {_module_name(source.with_suffix("")): source for source in sources if source.is_file()}


def _module_name(place: Path) -> str:
    """The full name of the module at a path without its suffix."""
    return ".".join(("pmemobj", *place.relative_to(_PACKAGE).parts))


def _has_extension(source: Path) -> bool:
    return any(source.with_suffix(suffix).is_file() for suffix in EXTENSION_SUFFIXES)
