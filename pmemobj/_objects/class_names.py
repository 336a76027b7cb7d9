"""Classes by the names that pools know them by.

A pool stores of a class its name, ``module:qualname``, and never code. Which class of this process
that name means is decided here, when the object is fetched: what `alias` says, else the latest
definition, else what the module, which is imported, has under that name.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from typing import Any

from pmemobj._engine.heap import Handle
from pmemobj._former_names import current_name
from pmemobj._public_names import public_in
from pmemobj.errors import ClassNotFoundError, a_or_an

#: The Persistent classes of this process by stored name; the latest definition counts.
_definitions: dict[str, type] = {}
#: What `alias` was told, by the old name with dots only.
_aliases: dict[str, type] = {}

#: Where no program defines classes.
_NOBODYS = ("builtins", "pmemobj")

#: Called with a stored name, with dots only, when it has got another class.
on_definition: list[Callable[[str], None]] = []


def stored_name(cls: type) -> str:
    """The name under which a pool knows a class: ``module:qualname``."""
    return f"{cls.__module__}:{cls.__qualname__}"


def register(cls: type) -> None:
    """From now on `cls` is the class with its stored name."""
    name = stored_name(cls)
    _definitions[name] = cls
    _tell(_dotted(name))


@public_in("pmemobj")
def alias(old_name: str, cls: type) -> None:
    """Let objects that were stored under an old name of a class be found as `cls`.

    For a class that was renamed or has moved to another module. It holds for this process, so it
    belongs beside the class. Objects keep the old name in the pool; new ones get the new.

    Args:
        old_name: ``module:qualname`` or ``module.qualname``, as the class was called.
        cls: The class that takes its place.

    Raises:
        TypeError: `cls` is no class derived from PersistentObject or Persistent, or the old name is known to be
            that of a class which is derived from the other of the two.
        ValueError: `old_name` has no module, or no program's class can have had it.

    Durability: none, the pool does not change.

    Example::

        import pmemobj

        class Player(pmemobj.PersistentObject):
            pass

        pmemobj.alias("game:Guesser", Player)  # what was stored as Guesser of the module game
    """
    if cls not in _definitions.values():
        raise TypeError(
            f"cannot give {cls!r} the alias {old_name}: it is no Persistent class of one's own "
            "(derive it from PersistentObject or Persistent)"
        )
    if not isinstance(old_name, str):
        raise TypeError(
            f"cannot give {cls.__qualname__} the alias {old_name!r}: it is no name "
            "(write the old name as the pool knows it, 'module:name')"
        )
    name = _dotted(old_name)
    if "." not in name.strip("."):
        raise ValueError(f"cannot give {cls.__qualname__} the alias {old_name!r}: it has no module (write module:name)")
    if name.partition(".")[0] in _NOBODYS:
        raise ValueError(
            f"cannot give {cls.__qualname__} the alias {old_name!r}: no class of a program was ever stored under it "
            "(write the old name of the class, as 'module:name')"
        )
    known: Any = next((known for stored, known in _definitions.items() if _dotted(stored) == name), cls)
    own: Any = cls
    if known._p_kind != own._p_kind:
        raise TypeError(
            f"cannot give {cls.__qualname__} the alias {old_name!r}: objects of one have attributes, of the other "
            "fields (derive both from PersistentObject, or both from Persistent)"
        )
    _aliases[name] = cls
    _tell(name)


def _dotted(name: str) -> str:
    return name.replace(":", ".")


def _tell(name: str) -> None:
    for listener in on_definition:
        listener(name)


def defined_class(name: str) -> type | None:
    """The class with a stored name, if it is defined already; nothing is imported."""
    found = (_aliases.get(_dotted(name)) if _aliases else None) or _definitions.get(name)
    return found or _definitions.get(current_name(name))


def is_alias(name: str) -> bool:
    """Whether `alias` decides what a stored name means."""
    return _dotted(name) in _aliases


def find_class(name: str) -> Any:
    """What has a stored name: a class already defined, or what its module, which is imported, has there.

    Returns:
        Not more than a candidate, which may be anything; None if there is none.
    """
    found: Any = defined_class(name)
    if found is None:
        module, _, qualname = name.partition(":")
        found = _import(module, qualname)
    return found


def _import(module: str, qualname: str) -> Any:
    try:
        found: Any = sys.modules.get(module) or importlib.import_module(module)
        for part in qualname.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError, ValueError):
        return None
    return found


def shown_name(name: str) -> str:
    """How pictures call a class: by its qualified name, with a note if it is not defined."""
    cls = defined_class(name)
    return cls.__qualname__ if cls is not None else f"class {name.partition(':')[2]} (not defined yet)"


def class_missing(what: str, pool: str, name: str) -> ClassNotFoundError:
    """The error for a change of an object whose class, with a stored name, is not defined."""
    module, _, qualname = name.partition(":")
    return ClassNotFoundError(
        f"{what} of {a_or_an(qualname)} of {pool}",
        f"class {qualname} of module {module} is not defined, so this is a read-only stand-in",
        "define or import the class, or name its successor with pmemobj.alias, then fetch the object again",
    )


def is_own(cls: Any, base: type) -> bool:
    """Whether `cls` is a class whose objects may be what a pool stores for `base`."""
    return isinstance(cls, type) and issubclass(cls, base) and issubclass(cls, Handle)
